"""Large values as files: written as parts first, and whole when they have their name."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from ..tools.errors import UsageError

_OLD_PART_SECONDS = 86_400.0


class BlobFiles:
    """`FOLDER/blobs/ab/ab34….value`, named by digest, and `FOLDER/parts/`, where files grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Return where a blob lies, or would."""
        return self._folder / "blobs" / digest[:2] / f"{digest}.value"

    def has(self, digest: str) -> bool:
        """Tell whether the blob is there. Raises UsageError when the folder does not let us see."""
        with self._explained():
            return self.path(digest).is_file()

    def write_part(self, buffers: Iterable[bytes]) -> Path:
        """Write a file that has no name yet. Raises UsageError; nothing is left behind then."""
        part = self._folder / "parts" / f"{os.getpid()}-{uuid.uuid4().hex}.part"
        with self._explained():
            try:
                with _made(part) as stream:
                    for buffer in buffers:
                        _write_all(stream.fileno(), buffer)
            except BaseException:
                self.discard(part)
                raise
        return part

    def adopt(self, part: Path, digest: str) -> None:
        """Give a part its name; a file that was there is replaced by the same bytes. Raises UsageError."""
        path = self.path(digest)
        with self._explained():
            try:
                part.replace(path)
            except FileNotFoundError:  # the first blob with these two digits
                path.parent.mkdir(parents=True, exist_ok=True)
                part.replace(path)

    def discard(self, part: Path) -> None:
        """Remove a part; where that is not possible, the next process does it."""
        with suppress(OSError):
            part.unlink(missing_ok=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(
                f"cannot keep results in {str(self._folder)!r}: {error.strerror or error}; "
                "free some space, check the permissions, or set DIPTYCH_HOME to another folder"
            ) from None

    def sweep_parts(self) -> None:
        """Remove what dead processes left half written."""
        for part in (self._folder / "parts").glob("*.part"):
            try:
                old = time.time() - part.stat().st_mtime > _OLD_PART_SECONDS
                if old or not _alive(part.name.partition("-")[0]):
                    part.unlink(missing_ok=True)
            except OSError:
                continue  # another process was quicker, or it is not ours to remove

    def forget(self) -> None:
        """Remove all blobs."""
        shutil.rmtree(self._folder / "blobs", ignore_errors=True)


def _made(part: Path) -> FileIO:
    try:
        return part.open("wb", buffering=0)
    except FileNotFoundError:
        part.parent.mkdir(parents=True, exist_ok=True)
        return part.open("wb", buffering=0)


def _write_all(descriptor: int, buffer: bytes) -> None:
    view = memoryview(buffer)
    while view:
        view = view[os.write(descriptor, view) :]


def _alive(process: str) -> bool:
    """Tell whether a process of this machine lives; where asking is not harmless (Windows), it is taken to live."""
    if os.name != "posix" or not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it lives, and belongs to somebody else
    return True
