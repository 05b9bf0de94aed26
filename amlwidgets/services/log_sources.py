"""Where a log comes from: a text, a file, an iterable, a web service, an image build, a Docker container.

A source writes into a log until it has ended or is stopped; started again, it goes on where it was, without lines
twice and without gaps.
"""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from amlwidgets.errors import BadInput
from amlwidgets.services.log_files import encoding_of, utf8_chunks

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator

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
        data = self._text.encode("utf-8", "surrogateescape") if isinstance(self._text, str) else self._text
        view = memoryview(data)
        log.adopt(lambda offset, size: bytes(view[offset : offset + size]), len(data))
        return ""


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
        import threading

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
        batch = bytearray()
        due = time.monotonic() + _BATCH_SECONDS
        for item in self._lines:
            line = item.encode("utf-8", "surrogateescape") if isinstance(item, str) else item
            batch += line if line.endswith(b"\n") else line + b"\n"
            if len(batch) > _BATCH_BYTES or time.monotonic() > due:
                log.append(bytes(batch))
                batch.clear()
                due = time.monotonic() + _BATCH_SECONDS
            if stop.is_set():
                log.append(bytes(batch))
                return ""
        log.append(bytes(batch))
        return "The source has ended."


class ServiceSource:
    """The log of a web service, asked for again and again; only what is new is written.

    Args:
        service: A ``Webservice`` of azureml-core.
    """

    quick = False
    live = True

    def __init__(self, service: Any) -> None:
        from amlwidgets.services.azureml import LogFollower

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
    """

    quick = False
    live = True

    def __init__(self, address: str, name: str = "image build log") -> None:
        self.name = name
        self._address = address
        self._at = 0

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Read until stopped, or until the storage refuses."""
        import requests

        while True:
            try:
                answer = requests.get(self._address, headers={"Range": f"bytes={self._at}-"}, timeout=60)
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


class ContainerSource:
    """The log of a Docker container: its newest lines first, then what it writes.

    Args:
        container: A container of the ``docker`` package.
        tail: Lines from before now; a whole long log would take minutes.
    """

    quick = False
    live = True

    def __init__(self, container: Any, tail: int = 5000) -> None:
        self.name = f"log of {container.name}"
        self._container, self._tail = container, tail
        self._last = b""

    def run(self, log: LogBuffer, stop: threading.Event) -> str:
        """Follow until the container ends or ``stop`` is set."""
        import threading

        # Docker's own time of each line tells, after a pause, which lines were written already.
        since = {"since": _seconds(self._last)} if self._last else {"tail": self._tail}
        stream = self._container.logs(stream=True, follow=True, timestamps=True, **since)
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                if stop.is_set():
                    stream.close()
                    return

        threading.Thread(target=watch, daemon=True, name="amlwidgets-container-log").start()
        try:
            self._pass_on(stream, log)
        finally:
            ended.set()
        return "" if stop.is_set() else "The container has ended."

    def _pass_on(self, stream: Any, log: LogBuffer) -> None:
        rest = b""
        last = self._last
        for chunk in stream:
            *lines, rest = (rest + chunk).split(b"\n")
            fresh = []
            for line in lines:
                stamp, _, text = line.partition(b" ")
                if stamp > last:
                    fresh.append(text + b"\n")
                    self._last = max(self._last, stamp)
            log.append(b"".join(fresh))
        if rest:
            log.append(rest.partition(b" ")[2])


def _seconds(stamp: bytes) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(stamp.decode()[:19] + "+00:00").timestamp())


def source_of(source: Any) -> LogSource:
    """Return the source for whatever the user has at hand.

    Args:
        source: Text (``str``, ``bytes``), a file (``os.PathLike``), a web service or an Image of azureml-core, an
            environment's build, a Docker container, or an iterable of lines.

    Raises:
        BadInput: it has no log.
    """
    if isinstance(source, str | bytes):
        return TextSource(source)
    if isinstance(source, os.PathLike):
        return FileSource(source)
    if hasattr(source, "get_logs"):
        return ServiceSource(source)
    address = getattr(source, "image_build_log_uri", None) or getattr(source, "log_url", None)
    if isinstance(address, str) and address:
        name = getattr(source, "name", "")
        return BuildLogSource(address, f"build log of {name}" if name else "image build log")
    if type(source).__module__.startswith("docker.models.containers"):
        return ContainerSource(source)
    if isinstance(source, io.IOBase) or (hasattr(source, "__iter__") and not isinstance(source, dict | set)):
        return IterableSource(source)
    raise BadInput(
        f"A {type(source).__name__} has no log.",
        code="no-log",
        todo="Give a text, a path, a web service, an image, a Docker container, or an iterable of lines.",
    )
