"""Trouble with feeds: what passes is tried again, by name; what does not is a sentence.

Libraries tell the same trouble in many ways (fsspec hides an HTTP status behind FileNotFoundError, s3fs a code of S3
behind OSError); here each is looked through to what the server said.
"""

import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
log = logging.getLogger("stormcycle")
PAUSES_S = (0.5, 1.0, 2.0)
"""How long we wait before each further try of what may pass: four tries in all."""
TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
TRANSIENT_CODES = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout"})


class FeedError(RuntimeError):
    """A feed cannot be listed or read: in a sentence, which feed, what it said, what to do."""


class FeedMissing(FeedError):
    """A feed's folder or bucket does not exist."""


class FeedForbidden(FeedError):
    """A feed does not let us in."""


class FeedUnavailable(FeedError):
    """A feed had trouble of the kind that passes, and it did not pass."""


def patiently(call: Callable[[], Result], what: str) -> Result:
    """What a call to a feed returns; trouble that passes is tried again, four times in all. `what` begins the sentence of an error.

    Raises FileNotFoundError where there is no such object, folder or bucket, FeedForbidden, FeedUnavailable when the
    trouble did not pass, FeedError for any other answer of a server. Trouble of this machine (a full disk) is raised as it is.
    """
    pauses = iter(PAUSES_S)
    while True:
        try:
            return call()
        except Exception as error:
            pause = next(pauses, None)
            if pause is None or not is_transient(error):
                told = _told(error, what)
                if told is error:
                    raise
                raise told from error
            log.warning("%s failed (%s); it is tried again in %g s.", what, _said(error), pause)
        time.sleep(pause)


def is_transient(error: BaseException) -> bool:
    """Whether trouble is of a kind that passes: timeouts, connections refused, reset or closed, a busy or broken server."""
    import aiohttp
    from botocore import exceptions as botocore

    error = _seen_through(error)
    status, code = _answer(error)
    if status is not None or code:
        return status in TRANSIENT_STATUS or code in TRANSIENT_CODES
    below = error.kwargs.get("error") if isinstance(error, botocore.BotoCoreError) else error
    if isinstance(below, socket.gaierror) and below.errno == socket.EAI_AGAIN:
        return True  # the resolver itself could not be asked
    if isinstance(below, ssl.SSLError | socket.gaierror | aiohttp.ClientConnectorDNSError):
        return False  # a wrong certificate or host stays wrong
    passing = (
        TimeoutError,
        ConnectionError,
        aiohttp.ClientConnectionError,
        aiohttp.ClientPayloadError,
        botocore.ConnectTimeoutError,
        botocore.ReadTimeoutError,
        botocore.EndpointConnectionError,
        botocore.ConnectionClosedError,
        botocore.ResponseStreamingError,
        botocore.IncompleteReadError,
    )
    return isinstance(error, passing)


def _seen_through(error: BaseException) -> BaseException:
    """What a library hid: fsspec's HTTP says FileNotFoundError whatever happened, s3fs gives errors of S3 other types."""
    import aiohttp
    from botocore.exceptions import BotoCoreError, ClientError

    hidden = error.__cause__
    return hidden if isinstance(hidden, aiohttp.ClientError | TimeoutError | BotoCoreError | ClientError) else error


def _answer(error: BaseException) -> tuple[int | None, str]:
    """The HTTP status and the code of S3 with which a server answered, where it did."""
    import aiohttp
    from botocore.exceptions import ClientError

    if isinstance(error, aiohttp.ClientResponseError):
        return error.status, ""
    if isinstance(error, ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"), str(error.response.get("Error", {}).get("Code", ""))
    return None, ""


def _told(error: Exception, what: str) -> Exception:
    """An error as callers shall see it."""
    import aiohttp
    from botocore.exceptions import BotoCoreError, ClientError

    seen = _seen_through(error)
    status, _ = _answer(seen)
    if is_transient(error):
        return FeedUnavailable(f"{what} failed {len(PAUSES_S) + 1} times: {_said(error)}. Such trouble passes: run again later; nothing is lost.")
    if status in (404, 410) or isinstance(seen, FileNotFoundError):
        return error if isinstance(error, FileNotFoundError) else FileNotFoundError(str(error))
    if status in (401, 403) or isinstance(error, PermissionError):
        return FeedForbidden(f"{what} failed: access is denied ({_said(error)}). Check `storage_options` in the domain's YAML, or who may read the feed.")
    if isinstance(seen, aiohttp.ClientError | BotoCoreError | ClientError):
        return FeedError(f"{what} failed: {_said(error)}. Check `url` and `storage_options` in the domain's YAML.")
    return error


def _said(error: BaseException) -> str:
    """What the feed said, on one line and without a full stop."""
    seen = _seen_through(error)
    return " ".join(str(seen).split()).rstrip(".") or f"no answer in time ({type(seen).__name__})"
