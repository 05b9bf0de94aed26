"""A log of any size: appended bytes, windows of lines, search; secrets are masked before anything is kept."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from amlwidgets.core.ansi import plain_bytes, utf8
from amlwidgets.core.logblocks import BLOCK, SPILL, Blocks
from amlwidgets.core.logmarks import Repeats, ends_in_traceback, levels_of
from amlwidgets.core.logstages import Stages
from amlwidgets.core.masking import LOOK_BACK, mask_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


LINGER = 0.05
"""Seconds after an answer in which the next question of the same search or scroll is likely."""
_generations = count()


class Piece(NamedTuple):
    """Whole lines of a log, masked."""

    first: int
    text: bytes
    closed: bool


class LogBuffer:
    """Lines of text that arrive in pieces; safe to use from several threads.

    The last line may be incomplete: it is shown, and completed by the next piece. Past a size the lines lie in a
    temporary file; memory holds one byte for each line and about 140 bytes for each 256 kB.

    Args:
        name: Name of the source, shown to people, such as ``"container log"``.
        spill: Bytes that are kept in memory.
    """

    def __init__(self, name: str, *, spill: int = SPILL) -> None:
        self.name = name
        self._spill = spill
        self._lock = threading.RLock()
        self._turn = threading.Condition()
        self._asking = 0
        self._last_asked = 0.0
        self.generation = next(_generations)
        self._start()

    def _start(self) -> None:
        self._blocks = Blocks(self._spill)
        self._tail = bytearray()
        self._tail_lines = 0
        self._open = bytearray()
        self._before = b""
        self.levels = bytearray()
        self.repeats = Repeats()
        self.stages = Stages()
        self._traceback = False
        self.origins = bytearray()

    # ---- writing -----------------------------------------------------------------------------------

    def append(self, text: str | bytes) -> None:
        """Add ``text``; it may hold many lines or a part of one."""
        data = utf8(text) if isinstance(text, str) else text
        end = data.rfind(b"\n") + 1
        with self._lock:
            if not end:
                self._open += data
                return
            whole = (bytes(self._open) + data[:end]).replace(b"\r\n", b"\n")
            self._open = bytearray(data[end:])
            self._keep(whole)

    def append_from(self, origins: bytes, lines: bytes) -> None:
        """Add whole lines of several sources; ``origins`` has the number of the source of each."""
        with self._lock:
            self.append(lines)
            self.origins += origins

    def _keep(self, whole: bytes) -> None:
        """Keep whole lines."""
        masked = mask_lines(whole, self._before)
        self._before = (self._before + whole)[-LOOK_BACK:]
        self._tail += masked
        self._tail_lines += masked.count(b"\n")
        at = 0
        while len(self._tail) - at >= BLOCK:
            end = self._tail.rfind(b"\n", at, at + BLOCK) + 1 or self._tail.find(b"\n", at + BLOCK) + 1
            block = bytes(self._tail[at:end])
            self._blocks.add(block)
            self._tail_lines -= block.count(b"\n")
            at = end
        del self._tail[:at]

    def adopt(self, read: Callable[[int, int], bytes], size: int) -> None:
        """Take a long log that lies elsewhere, at once: its lines are counted now, masked and stored by ``settle``.

        Args:
            read: Returns up to so many bytes from an offset: ``read(offset, size)``.
            size: Bytes to take.
        """
        with self._lock:
            self._start()
            taken = self._blocks.adopt(read, size)
            self._before = read(max(0, taken - LOOK_BACK), min(taken, LOOK_BACK))
            if taken < size:
                self.append(read(taken, size - taken))

    def settle(self, seconds: float = 3600.0, *, patient: bool = False) -> bool:
        """Mask, store and look at what was not yet, for about so long; return whether all is done.

        Args:
            seconds: With 0 nothing is done.
            patient: Stop when somebody asks for something else (``asked``).
        """
        deadline = time.monotonic() + seconds
        while True:
            with self._lock:
                seen = len(self.levels)
                if seen >= self._blocks.lines + self._tail_lines:
                    return True
                if time.monotonic() >= deadline or (patient and self._asking):
                    return False
                index = self.block_of(seen)
                closed = index < len(self._blocks)
                first = self._blocks.first[index] if closed else self._blocks.lines
                text = self._blocks.settle(index) if closed else bytes(self._tail)
                self._examine(text.split(b"\n", seen - first)[-1] if seen > first else text)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """What is asked for inside goes before the work of ``settle`` and of those who ``give_way``."""
        with self._turn:
            self._asking += 1
        try:
            yield
        finally:
            with self._turn:
                self._asking -= 1
                self._last_asked = time.monotonic()

    @property
    def was_asked(self) -> bool:
        """Whether anybody has asked for anything yet."""
        return self._last_asked > 0

    def give_way(self, most: float = 1.0) -> None:
        """Wait until nobody asks for anything and no further question is likely to follow; at most so many seconds."""
        deadline = time.monotonic() + most
        with self._turn:
            while (now := time.monotonic()) < deadline and (self._asking or now - self._last_asked < LINGER):
                self._turn.wait(LINGER)

    def _examine(self, lines: bytes) -> None:
        self.levels += levels_of(lines, inside=self._traceback)
        self._traceback = ends_in_traceback(lines, inside=self._traceback)
        self.repeats.feed(lines)
        self.stages.feed(lines)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._blocks.close()
            self.generation = next(_generations)
            self._start()

    # ---- reading -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of lines."""
        # A lone carriage return may be the first half of a line's end.
        return self._blocks.lines + self._tail_lines + (bool(self._open) and self._open != b"\r")

    @property
    def closed_lines(self) -> int:
        """Number of lines in closed blocks, which do not change any more."""
        return self._blocks.lines

    @property
    def whole_lines(self) -> int:
        """Number of lines that are complete."""
        return self._blocks.lines + self._tail_lines

    @property
    def settled_lines(self) -> int:
        """Number of lines, from the first on, that are masked, stored and looked at."""
        return len(self.levels)

    @property
    def block_count(self) -> int:
        """Number of closed blocks."""
        return len(self._blocks)

    def block(self, index: int) -> Piece:
        """Return a closed block, or the last, open one for ``index == block_count``."""
        with self._lock:
            if index < len(self._blocks):
                return Piece(self._blocks.first[index], self._blocks.read(index), closed=True)
            return Piece(self._blocks.lines, self._end(), closed=False)

    def raw_block(self, index: int) -> bytes | None:
        """Return a closed block that was not masked yet, with its secrets: only to tell whether it is worth masking."""
        with self._lock:
            return self._blocks.raw(index)

    def folded_block(self, index: int) -> bytes | None:
        """Return a closed block as ``Blocks.folded`` has it."""
        with self._lock:
            return self._blocks.folded(index)

    def _end(self) -> bytes:
        """Return the lines that are in no block yet, with the unfinished one."""
        if not self._open:
            return bytes(self._tail)
        rest = bytes(self._open)
        rest = rest[:-1] if rest.endswith(b"\r") else rest
        return bytes(self._tail) + mask_lines(rest, self._before)

    def block_of(self, line: int) -> int:
        """Return the index of the block that holds a line."""
        return len(self._blocks) if line >= self._blocks.lines else self._blocks.of_line(line)

    def raw_window(self, start: int, count: int) -> list[bytes]:
        """Return up to ``count`` lines from index ``start`` (0-based), as bytes without their ends."""
        lines: list[bytes] = []
        start, count = max(start, 0), max(count, 0)
        with self._lock:
            while len(lines) < count and start + len(lines) < len(self):
                at = start + len(lines)
                piece = self.block(self.block_of(at))
                found = lines_of(piece.text)
                some = found[at - piece.first : at - piece.first + count - len(lines)]
                if not some:
                    break
                lines += some
        return lines

    def window(self, start: int, count: int) -> list[str]:
        """Return up to ``count`` lines from index ``start`` (0-based)."""
        return [line.decode("utf-8", "replace") for line in self.raw_window(start, count)]

    def levels_in(self, piece: Piece) -> bytearray:
        """Return the levels of the lines of a block."""
        count = piece.text.count(b"\n")
        known = self.levels[piece.first : piece.first + count]
        return known if len(known) == count and piece.text.endswith(b"\n") else levels_of(piece.text)

    def level(self, line: int) -> int:
        """Return the level of a line."""
        if line < len(self.levels):
            return self.levels[line]
        found = self.raw_window(line, 1)
        return levels_of(found[0] + b"\n")[0] if found else 0

    def origins_of(self, lines: Sequence[int]) -> bytes:
        """Return the number of the source of each of these lines; empty for a log of one source."""
        return bytes(self.origins[line] if line < len(self.origins) else 0 for line in lines) if self.origins else b""

    def pieces(self) -> Iterator[Piece]:
        """Yield the log block by block, as it is when each is read."""
        index = 0
        while index <= self.block_count:
            yield self.block(index)
            index += 1

    def text(self) -> str:
        """Return the whole text."""
        with self._lock:
            return b"".join(piece.text for piece in self.pieces()).decode("utf-8", "replace")

    def find(self, query: str, *, limit: int = 5_000) -> list[int]:
        """Return the indices of lines that contain ``query``, case ignored; at most ``limit``."""
        needle = query.casefold()
        hits: list[int] = []
        if not needle:
            return hits
        for piece in self.pieces():
            for offset, line in enumerate(lines_of(plain_bytes(piece.text))):
                if needle in line.decode("utf-8", "replace").casefold():
                    hits.append(piece.first + offset)
                    if len(hits) >= limit:
                        return hits
        return hits

    def index_bytes(self) -> int:
        """Return the size of what memory holds to find lines, in bytes."""
        return self._blocks.index_bytes() + len(self.levels) + 16 * len(self.repeats.first)


def lines_of(text: bytes) -> list[bytes]:
    """Split a block into its lines."""
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines
