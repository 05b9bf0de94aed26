"""Where a log comes from: a text, a file, an iterable, a web service, an image build, a Docker container.

A source writes into a log until it has ended or is stopped; started again, it goes on where it was, without lines
twice and without gaps.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

from amlwidgets.core.ansi import utf8
from amlwidgets.errors import BadInput, NotAllowed
from amlwidgets.services import build_logs
from amlwidgets.services.log_files import encoding_of, utf8_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from amlwidgets.core.logbuffer import LogBuffer

POLL_SECONDS = 0.4
SMALL = 1_000_000
"""Bytes that are read at once, before the view is shown."""
_BATCH_SECONDS = 0.05
_BATCH_BYTES = 1 << 16


class LogSource(Protocol):
    """Something that has a log.

    Attributes:
        name: Shown to people, such as ``"log of diabetes"``.
        quick: The log is small and at hand: it is read before the view is shown.
        live: It may grow.
    """

    name: str
    quick: bool
    live: bool

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Write into ``log`` until the source has ended or ``stop`` is set; return why it ended, for people."""
        ...


class TextSource:
    """A text that is there already.

    Args:
        text: The text, or its bytes in UTF-8.
        name: Shown to people.
    """

    live = False

    def __init__(self, text: str | bytes, name: str = "log") -> None:
        self.name, self._text = name, text
        self.quick = len(text) <= SMALL

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Write the text."""
        del stop
        text = self._text
        # A copy of a long text would cost as much memory as the text.
        if isinstance(text, str) and text.isascii():
            log.adopt(lambda offset, size: text[offset : offset + size].encode(), len(text))
        elif isinstance(text, str):
            file = _spooled(text)
            log.adopt(lambda offset, size: _read_at(file, offset, size), file.tell())
        else:
            log.adopt(lambda offset, size: text[offset : offset + size], len(text))
        return ""


def _spooled(text: str) -> IO[bytes]:
    """Return a file without a name that holds a text in UTF-8; its place is the end."""
    file = tempfile.SpooledTemporaryFile(SMALL, prefix="amlwidgets-log-")  # noqa: SIM115 - the log reads it later
    for at in range(0, len(text), SMALL):
        file.write(utf8(text[at : at + SMALL]))
    return cast("IO[bytes]", file)


class FileSource:
    """A file: plain or gzip, UTF-8, UTF-16 or CP1252; a plain one is followed as it grows, also when it is rotated.

    Args:
        path: The file.

    Raises:
        BadInput: it cannot be read.
    """

    def __init__(self, path: os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._file = self._open()
        head = os.pread(self._file.fileno(), 4096, 0) if hasattr(os, "pread") else self._peek()
        self._plain = head[:2] != b"\x1f\x8b" and encoding_of(head) == "utf-8"
        self.quick = self._plain and self._size() <= SMALL
        self.live = self._plain
        self._at = 0

    def _open(self) -> IO[bytes]:
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            raise BadInput(f"{self.path} cannot be read: {error.strerror}.", code="log-unreadable") from error

    def _peek(self) -> bytes:
        head = self._file.read(4096)
        self._file.seek(0)
        return head

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Take what is there, then what is written later."""
        if not self._plain:
            return self._unpack(log, stop)
        if not self._at:
            self._at = self._size()
            # A handle of its own: what is not yet looked at stays readable when the file is renamed.
            whole = self._open()
            log.adopt(lambda offset, size: _read_at(whole, offset, size), self._at)
        while not stop.wait(0 if self._take(log) else POLL_SECONDS):
            pass
        return ""

    def read_now(self, log: LogBuffer) -> None:
        """Take what is there, without waiting for more."""
        stopped = threading.Event()
        stopped.set()
        self.run(log, stopped)

    def _unpack(self, log: LogBuffer, stop: threading.Event) -> str:
        if self._at:
            return ""
        try:
            for chunk in utf8_chunks(self._file):
                log.append(chunk)
                self._at += len(chunk)
                if stop.is_set():
                    return ""
        except (OSError, EOFError, ValueError) as error:
            return f"The file is damaged or cut: {error}"
        return ""

    def _take(self, log: LogBuffer) -> bool:
        """Take up to 1 MB that is new; return whether there was any."""
        data = _read_at(self._file, self._at, SMALL)
        if data:
            self._at += len(data)
            log.append(data)
            return True
        try:
            there = self.path.stat()
        except OSError:
            return False  # rotated, and the new file is not there yet
        mine = os.fstat(self._file.fileno())
        if (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev) or there.st_size < self._at:
            self._file.close()
            self._file, self._at = self._open(), 0
            return there.st_size > 0
        return False


def _read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class IterableSource:
    """An iterable of lines, with or without their ends; it is gone through on a thread.

    Args:
        lines: Text or bytes.
        name: Shown to people.
    """

    quick = False
    live = True

    def __init__(self, lines: Iterable[str | bytes], name: str = "log") -> None:
        self.name = name
        self._lines: Iterator[str | bytes] = iter(lines)

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Write line after line; many that come at once are written together."""
        batch = _Batch(log)
        threading.Thread(target=batch.keep_writing, args=(stop,), daemon=True, name="amlwidgets-log-batch").start()
        try:
            for item in self._lines:
                if not isinstance(item, str | bytes):
                    return f"The source gave a value of type {type(item).__name__}, which is no line of text."
                line = utf8(item) if isinstance(item, str) else item
                batch.add(line if line.endswith(b"\n") else line + b"\n")
                if stop.is_set():
                    return ""
            return "The source has ended."
        finally:
            batch.end()


class _Batch:
    """Lines on their way into a log; they wait a moment for further ones."""

    def __init__(self, log: LogBuffer) -> None:
        self._log = log
        self._lines = bytearray()
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def add(self, line: bytes) -> None:
        with self._lock:
            self._lines += line
            if len(self._lines) > _BATCH_BYTES:
                self._write()

    def keep_writing(self, stop: threading.Event) -> None:
        """Write what has come, until the source has ended or is stopped."""
        while not self._ended.wait(_BATCH_SECONDS) and not stop.is_set():
            with self._lock:
                self._write()

    def end(self) -> None:
        self._ended.set()
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self._lines:
            self._log.append(bytes(self._lines))
            self._lines.clear()


class ServiceSource:
    """The log of a web service, asked for again and again; only what is new is written.

    Args:
        service: A ``Webservice`` of azureml-core.
    """

    quick = False
    live = True

    def __init__(self, service: Any) -> None:
        from amlwidgets.services.log_follow import LogFollower

        self.name = f"log of {service.name}"
        self._service = service
        self._new: list[str] = []
        self._follower = LogFollower(self._new.append)

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Poll until stopped; a slow answer makes the pauses longer."""
        from amlwidgets.services.azureml import service_log

        while True:
            begun = time.monotonic()
            self._follower.update(service_log(self._service))
            for text in self._new:
                log.append(text)
            self._new.clear()
            if stop.wait(max(POLL_SECONDS, 2 * (time.monotonic() - begun))):
                return ""


class BuildLogSource:
    """The log of an image build behind a signed link; read by ranges as it grows.

    Args:
        address: Link with its signature.
        name: Shown to people.
        get: Asks the storage; None asks only storage accounts of Azure's.
    """

    quick = False
    live = True

    def __init__(self, address: str, name: str = "image build log", *, get: Callable[..., Any] | None = None) -> None:
        self.name = name
        self._address = address
        self._get = get or build_logs.get
        self._at = 0

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Read until stopped, or until the storage refuses."""
        import requests

        while True:
            try:
                answer = self._get(self._address, headers={"Range": f"bytes={self._at}-"})
            except NotAllowed as error:
                return f"{error.message} {error.todo}"
            except requests.RequestException as error:
                refused = f"The storage cannot be reached ({type(error).__name__})."
            else:
                refused = _refusal(answer.status_code, answer.content[:2000])
                new = answer.content if answer.status_code == _PARTIAL else answer.content[self._at :]
                if not refused and answer.ok and new:
                    self._at += len(new)
                    log.append(new)
            if refused:
                return refused
            if stop.wait(POLL_SECONDS):
                return ""


_PARTIAL, _FORBIDDEN, _ABSENT, _NOTHING_NEW = 206, 403, 404, 416


def _refusal(status: int, body: bytes) -> str:
    """Return what a storage's refusal means; empty when it is none."""
    if status in (200, _PARTIAL, _NOTHING_NEW):
        return ""
    if status == _FORBIDDEN and b"AuthorizationFailure" in body:
        return (
            "The storage account's firewall refuses this address. Allow it under Networking of the storage account, "
            "or read the log from inside its network."
        )
    if status == _FORBIDDEN:
        return "The link to the build log has expired. Ask for a new one: image.image_build_log_uri, or build.log_url."
    if status == _ABSENT:
        return "There is no build log (yet): the build may not have begun, or its log was removed."
    return f"The storage answered HTTP {status}."
