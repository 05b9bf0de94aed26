"""Bytes of a log in blocks of whole lines: in memory while they are few, in a file of our own past a size."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from amlwidgets.core.ansi import plain_bytes
from amlwidgets.core.masking import LOOK_BACK, mask_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[int, int], bytes]

BLOCK = 1 << 18
"""Bytes of a block, unless one line is longer."""
SPILL = 4 << 20
"""Bytes that are kept in memory."""
FOLDED = 256 << 20
"""Bytes of a log on disk that lie there a second time, in small letters and without escape sequences: half of what a
search costs is making that from them."""
_CACHED = 4


@dataclass(slots=True)
class _Block:
    lines: int
    offset: int
    size: int
    raw: bool = False
    folded_at: int = -1
    folded_size: int = 0


class Blocks:
    """Masked blocks of whole lines. Not safe for threads: its owner locks.

    Args:
        spill: Bytes that are kept in memory; past them all goes to a temporary file that has no name.
    """

    def __init__(self, spill: int = SPILL) -> None:
        self._spill = spill
        self._blocks: list[_Block] = []
        self.first: list[int] = []
        self.lines = 0
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._end = self._folded = 0
        self._read: Reader | None = None
        self._left = 0
        self._cache: dict[int, bytes] = {}

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self._blocks)

    def add(self, data: bytes) -> None:
        """Add a block of masked whole lines."""
        self._note(self._kept(_Block(data.count(b"\n"), 0, 0), data))

    def adopt(self, read: Reader, size: int) -> int:
        """Add what lies elsewhere; it is masked and stored block by block when it is looked at, or by ``settle``.

        Returns:
            Bytes taken: those up to the last end of a line.
        """
        self._read = read
        at = 0
        while at < size:
            piece = read(at, min(BLOCK, size - at))
            end = piece.rfind(b"\n") + 1
            while not end and at + len(piece) < size:
                more = read(at + len(piece), min(BLOCK, size - at - len(piece)))
                if not more:
                    break
                end = len(piece) + more.rfind(b"\n") + 1 if b"\n" in more else 0
                piece += more
            if not end:
                break
            self._note(_Block(piece.count(b"\n", 0, end), at, end, raw=True))
            self._left += 1
            at += end
        return at

    def _note(self, block: _Block) -> None:
        self._blocks.append(block)
        self.first.append(self.lines)
        self.lines += block.lines

    def _kept(self, block: _Block, data: bytes) -> _Block:
        """Store the masked bytes of a block."""
        block.offset, block.size, block.raw = self._store(data), len(data), False
        if self._file is not None and self._folded < FOLDED:
            folded = plain_bytes(data).lower()
            block.folded_at, block.folded_size = self._store(folded), len(folded)
            self._folded += len(folded)
        return block

    def _store(self, data: bytes) -> int:
        offset, self._end = self._end, self._end + len(data)
        if self._file is None and self._end > self._spill:
            self._file = tempfile.TemporaryFile(prefix="amlwidgets-log-", buffering=0)  # noqa: SIM115 - lives as long as the log
            self._file.write(self._memory)
            self._memory = bytearray()
        if self._file is None:
            self._memory += data
        else:
            self._file.seek(offset)
            self._file.write(data)
        return offset

    def read(self, index: int) -> bytes:
        """Return the bytes of a block, masked."""
        found = self._cache.get(index)
        if found is None:
            found = self._load(index)
            while len(self._cache) >= _CACHED:
                self._cache.pop(next(iter(self._cache)), None)
            self._cache[index] = found
        return found

    def _load(self, index: int) -> bytes:
        block = self._blocks[index]
        if block.raw:
            return self.settle(index)
        if self._file is None:
            return bytes(self._memory[block.offset : block.offset + block.size])
        return _read_at(self._file, block.offset, block.size)

    def settle(self, index: int) -> bytes:
        """Mask and store a block that still lies elsewhere; return its bytes."""
        block = self._blocks[index]
        if not block.raw or self._read is None:
            return self.read(index)
        back = min(block.offset, LOOK_BACK)
        before = self._read(block.offset - back, back) if back else b""
        data = self._read(block.offset, block.size).replace(b"\r\n", b"\n")
        if data.count(b"\n") != block.lines:
            # The file was cut meanwhile: its lines keep their numbers.
            data = b"(this line is gone: the file was cut)\n" * block.lines
        data = mask_lines(data, before)
        self._kept(block, data)
        self._left -= 1
        if not self._left:
            self._read = None
        return data

    def folded(self, index: int) -> bytes | None:
        """Return a block in small letters (of ASCII) and without escape sequences, where it is at hand so."""
        block = self._blocks[index]
        if self._file is None or block.folded_at < 0:
            return None
        return _read_at(self._file, block.folded_at, block.folded_size)

    def raw(self, index: int) -> bytes | None:
        """Return the bytes of a block that is not masked yet, for looking only; None for one that is, or was cut."""
        block = self._blocks[index]
        if not block.raw or self._read is None:
            return None
        data = self._read(block.offset, block.size)
        return data if len(data) == block.size else None

    def of_line(self, line: int) -> int:
        """Return the index of the block that holds a line."""
        return bisect_right(self.first, line) - 1

    def index_bytes(self) -> int:
        """Return the size of the index in memory, in bytes."""
        return len(self._blocks) * (88 + 8 + 8 + 32)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()


def _read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
