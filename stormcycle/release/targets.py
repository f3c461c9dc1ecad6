"""Where releases go: a folder or an S3 bucket, by the few operations that publishing needs.

Both give the same promises: a file appears whole, `create` has one winner, `swap` changes only what the caller has read.
"""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import fsspec

from stormcycle.cycle.files import create_file, replace_file, temporary_beside

Value = TypeVar("Value")


class TargetError(RuntimeError):
    """The release target cannot take or give a file now; the sentence says why and what to do."""


class Target(Protocol):
    """The operations of a release target; paths are relative, with slashes."""

    root: str

    def url(self, path: str) -> str:
        """What a reader opens."""

    def read(self, path: str) -> tuple[bytes, str] | None:
        """Content and tag of a file, or None."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none where it does not exist."""

    def create(self, path: str, content: bytes) -> bool:
        """Create a file unless it exists; True for the one who did."""

    def swap(self, path: str, content: bytes, tag: str | None) -> bool:
        """Replace a file whose tag is still this one (None: it does not exist); False where it has changed."""

    def put_tree(self, local: Path, path: str) -> None:
        """Copy a local folder's files below a path, each appearing whole; existing ones are replaced."""


def open_target(root: str, storage_options: dict[str, Any] | None = None) -> Target:
    """The target at a folder or at an s3:// URL."""
    if root.startswith("s3://"):
        return S3Target(root, storage_options or {})
    if "://" in root and not root.startswith("file://"):
        raise TargetError(f"Releases go to a folder or to s3://, not to {root}.")
    return DiskTarget(root.removeprefix("file://"))


def _said(action: Callable[[], Value], root: str) -> Value:
    """Do it; trouble of the disk or the network becomes a TargetError."""
    try:
        return action()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise TargetError(f"The release target {root} has no space left. The cycle's work is kept: free some space and run the cycle again.") from error
        raise TargetError(f"The release target {root} cannot be used now: {error}. The cycle's work is kept: run the cycle again.") from error


class DiskTarget:
    """A folder. Exclusive creation by hard link, replacement by rename under a lock."""

    def __init__(self, root: str) -> None:
        self.root = str(Path(root).absolute())

    def url(self, path: str) -> str:
        """The absolute path."""
        return str(Path(self.root) / path)

    def read(self, path: str) -> tuple[bytes, str] | None:
        """Content and its sha256, or None."""
        try:
            content = (Path(self.root) / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return content, hashlib.sha256(content).hexdigest()

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted."""
        path = Path(self.root) / folder
        return sorted(item.name for item in path.iterdir()) if path.is_dir() else []

    def create(self, path: str, content: bytes) -> bool:
        """Create by hard link: whole, or not at all."""
        return _said(lambda: create_file(Path(self.root) / path, content), self.root)

    def swap(self, path: str, content: bytes, tag: str | None) -> bool:
        """Compare and rename under an exclusive lock on the folder's lock file."""

        def swapped() -> bool:
            file = Path(self.root) / path
            with _locked(file.with_name(f".{file.name}.lock")):
                current = self.read(path)
                if (current[1] if current else None) != tag:
                    return False
                replace_file(file, content)
            return True

        return _said(swapped, self.root)

    def put_tree(self, local: Path, path: str) -> None:
        """Copy file by file: temporary name, flush, rename."""

        def put() -> None:
            for source in sorted(item for item in local.rglob("*") if item.is_file()):
                target = Path(self.root) / path / source.relative_to(local)
                temporary = temporary_beside(target)
                try:
                    shutil.copyfile(source, temporary)
                    with temporary.open("rb") as file:
                        os.fsync(file.fileno())
                    temporary.replace(target)
                finally:
                    temporary.unlink(missing_ok=True)

        _said(put, self.root)


@contextmanager
def _locked(path: Path) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class S3Target:
    """A bucket or a prefix in it. Exclusive creation and replacement by conditional PUT."""

    def __init__(self, root: str, storage_options: dict[str, Any]) -> None:
        self.root = root.rstrip("/")
        self.bucket, _, self.prefix = self.root.removeprefix("s3://").partition("/")
        self.filesystem = fsspec.filesystem("s3", use_listings_cache=False, **storage_options)

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}".strip("/")

    def url(self, path: str) -> str:
        """The s3:// URL."""
        return f"{self.root}/{path}"

    def read(self, path: str) -> tuple[bytes, str] | None:
        """Content and ETag, from one request, or None."""
        try:
            answer = self.filesystem.call_s3("get_object", Bucket=self.bucket, Key=self._key(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TargetError(f"The release target {self.root} cannot be read now: {error}.") from error
        content = fsspec.asyn.sync(self.filesystem.loop, answer["Body"].read)
        return content, answer["ETag"]

    def names(self, folder: str) -> list[str]:
        """The names below a prefix, sorted."""
        try:
            return sorted(item.rsplit("/", 1)[-1] for item in self.filesystem.ls(f"{self.bucket}/{self._key(folder)}", detail=False, refresh=True))
        except FileNotFoundError:
            return []

    def create(self, path: str, content: bytes) -> bool:
        """PUT with If-None-Match: *."""
        return self._conditional_put(path, content, IfNoneMatch="*")

    def swap(self, path: str, content: bytes, tag: str | None) -> bool:
        """PUT with If-Match: the tag that was read, or If-None-Match for a file that was not there."""
        return self._conditional_put(path, content, **({"IfMatch": tag} if tag else {"IfNoneMatch": "*"}))

    def put_tree(self, local: Path, path: str) -> None:
        """Upload every file; an object appears whole."""
        files = sorted(str(item) for item in local.rglob("*") if item.is_file())
        targets = [f"{self.bucket}/{self._key(path)}/{Path(file).relative_to(local).as_posix()}" for file in files]
        _said(lambda: self.filesystem.put(files, targets), self.root)

    def _conditional_put(self, path: str, content: bytes, **condition: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            self.filesystem.call_s3("put_object", Bucket=self.bucket, Key=self._key(path), Body=content, **condition)
        except (OSError, ClientError) as error:
            cause = error if isinstance(error, ClientError) else error.__cause__
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
            if code in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409"):
                return False
            raise TargetError(f"The release target {self.root} cannot be written now: {error}. The cycle's work is kept: run the cycle again.") from error
        return True
