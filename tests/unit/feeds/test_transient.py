"""Trouble with feeds: what is tried again, what is not, and the sentences."""

import errno
import logging
import socket
import ssl

import aiohttp
import botocore.exceptions
import fsspec
import pytest

from stormcycle.feeds import FeedForbidden, FeedUnavailable
from stormcycle.feeds.transient import is_transient, patiently


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of them slept through."""
    made: list[float] = []
    monkeypatch.setattr("stormcycle.feeds.transient.time.sleep", made.append)
    return made


class Caller:
    """A call that fails with the given errors in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_trouble_that_passes_is_tried_four_times_with_growing_pauses_and_said(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("stormcycle").propagate = True  # a command that ran before may have turned it off
    call = Caller(TimeoutError(), ConnectionResetError("reset by peer"), ConnectionRefusedError("refused"))
    with caplog.at_level("WARNING", logger="stormcycle"):
        assert patiently(call, "Listing it") == "answer"
    assert (call.calls, pauses) == (4, [0.5, 1.0, 2.0])
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    assert "Listing it failed (reset by peer); it is tried again in 1 s." in caplog.text


def test_after_the_last_try_it_is_an_error_in_a_sentence_with_its_cause() -> None:
    call = Caller(*[TimeoutError("too slow.")] * 9)
    with pytest.raises(FeedUnavailable, match=r"^Listing it failed 4 times: too slow\. Such trouble passes: run again later; nothing is lost\.$") as caught:
        patiently(call, "Listing it")
    assert call.calls == 4
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_what_does_not_pass_is_tried_once(pauses: list[float]) -> None:
    for error, told in (
        (FileNotFoundError("gone"), FileNotFoundError),
        (PermissionError("no"), FeedForbidden),
        (OSError(errno.ENOSPC, "No space left on device"), OSError),
        (ValueError("a mistake of ours"), ValueError),
    ):
        call = Caller(error)
        with pytest.raises(told):
            patiently(call, "Listing it")
        assert call.calls == 1
    assert pauses == []


def test_trouble_of_this_machine_is_raised_as_it_is() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left") as caught:
        patiently(Caller(full), "Fetching it")
    assert caught.value is full


def answered(status: int, code: str = "") -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code or str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}, "ListObjectsV2")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 410, 412, 429, 500, 501, 502, 503, 504, 505])
def test_only_the_named_statuses_pass(status: int) -> None:
    assert is_transient(answered(status)) == (status in (408, 429, 500, 502, 503, 504))


@pytest.mark.parametrize("code", ["SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout"])
def test_the_named_codes_of_s3_pass_whatever_the_status(code: str) -> None:
    assert is_transient(answered(400, code))
    assert not is_transient(answered(400, "InvalidAccessKeyId"))


@pytest.mark.parametrize("wrong", [socket.gaierror(-2, "Name or service not known"), ssl.SSLCertVerificationError("self-signed certificate")])
def test_a_wrong_host_and_a_wrong_certificate_do_not_pass(wrong: OSError) -> None:
    assert is_transient(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    assert not is_transient(wrong)
    assert not is_transient(botocore.exceptions.EndpointConnectionError(endpoint_url="https://a", error=wrong))
    assert is_transient(botocore.exceptions.EndpointConnectionError(endpoint_url="https://a", error=ConnectionRefusedError()))


def test_a_server_that_nobody_started_passes() -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for location, options in (
            (f"{url}/x", {}),
            ("s3://bucket/x", {"anon": True, "endpoint_url": url, "config_kwargs": {"retries": {"total_max_attempts": 1}}}),
        ):
            filesystem, path = fsspec.url_to_fs(location, **options)
            filesystem.retries = 1
            with pytest.raises((aiohttp.ClientError, botocore.exceptions.BotoCoreError)) as caught:
                filesystem.ls(path)
            assert is_transient(caught.value)
