"""The kernel's side of a log's view: windows, search, filter, folding; one for each log, shared by all its views."""

from __future__ import annotations

import json
import threading
from array import array
from contextlib import nullcontext
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

from amlwidgets.core.ansi import plain
from amlwidgets.core.logbuffer import Piece
from amlwidgets.core.logmarks import Level
from amlwidgets.core.logrows import AllRows, FilteredRows, FoldedRows
from amlwidgets.core.logsearch import Hit, Search, Seek
from amlwidgets.errors import BadExpression, BadInput
from amlwidgets.services.log_expressions import query_of
from amlwidgets.widgets.base import Binary

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.core.logbuffer import LogBuffer

STEP = 0.03
"""Seconds that one request may take for masking."""
SHORT_STEP = 0.01
"""Seconds for which an answer that is ready may wait for its count."""
COUNTED_AT_ONCE = 100
"""Blocks that are surely counted in this time; where more are left the answer goes out, and the view asks on."""
LONG_STEP = 0.2
"""Seconds that one request may take for a search or for a filter; the view asks on."""
MOST_ROWS = 500
MOST_BYTES = 128_000
"""Bytes of text in one window."""
LONGEST = 2_000
"""Bytes of a line in a window; the rest is asked for."""
WHOLE = 1_000_000
"""Bytes of a line that are shown at all."""
COPIED = 5_000_000
MOST_SEARCHES = 4
AROUND = 50
"""Rows before and after a hit that come with it."""
MOST_STAGES = 40
_COPY_STEP = 2_000
PUSHED = 400
"""Newest lines that are pushed to following views at once; older ones are asked for."""
PUSHED_ANEW = 80
"""Newest lines that are pushed when the rows are other ones than before, as after a filter."""
_OPS = frozenset(
    "open state window find find_more hit hits_in locate line copy filter unfold marks next_error part".split()  # noqa: SIM905
)
_IN_THE_BACKGROUND = frozenset({"state", "marks"})
"""What a view asks for by itself; everything else somebody waits for."""
_versions = count()


class LogPane:
    """Answers the views of one log.

    Args:
        log: The log.
        tell: Sends a message with buffers to all views.
    """

    def __init__(self, log: LogBuffer, tell: Callable[[dict[str, Any], list[bytes]], None]) -> None:
        self.log, self._tell = log, tell
        self._lock = threading.RLock()
        self._opened: set[int] = set()
        self._settings: dict[str, Any] = {"query": "", "regex": False, "levels": None, "fold": True}
        self._version = next(_versions)
        self._rows: AllRows = FoldedRows(log, self._opened)
        self._searches: dict[tuple[str, bool, bool], Search] = {}
        self._runs = 0
        self._seen = -1
        self.sources: tuple[str, ...] = ()
        self._pushed = (-1, 0)

    def answer(self, op: str, payload: dict[str, Any]) -> Any:
        """Answer one request of a view.

        Raises:
            BadInput: the view asks for something unknown, or its expression cannot be read.
        """
        if op not in _OPS:
            raise BadInput(f"The view asked for “{op}”, which is unknown.", code="view-old")
        before = nullcontext() if op in _IN_THE_BACKGROUND else self.log.asked()
        with before, self._lock:
            return getattr(self, f"_do_{op}")(**payload)

    # ---- counts and windows ----------------------------------------------------------------------------

    def _do_open(self) -> Binary:
        """Return what a view that has just opened shows: counts, and the newest lines."""
        state = self._do_state()
        window, buffers = self._window(max(0, state["rows"] - PUSHED_ANEW), PUSHED_ANEW)
        return Binary({"state": state, "window": window}, buffers)

    def _do_state(self) -> dict[str, Any]:
        return self._state(STEP)

    def _state(self, seconds: float) -> dict[str, Any]:
        """Return the counts, after so many seconds of masking."""
        settled = self.log.settle(seconds)
        ready = self._updated()
        self._note_changes()
        return {
            "total": len(self.log),
            "rows": len(self._rows),
            "version": self._version,
            "generation": self.log.generation,
            "ready": ready,
            "settled": settled,
            "errors": Level.ERROR in self.log.levels,
            "settings": self._settings,
            "sources": list(self.sources),
            "stages": [[begin.line, begin.stage.label] for begin in self.log.stages.begins[:MOST_STAGES]],
        }

    def _updated(self) -> bool:
        """Take up what is new; an expression that takes too long on a new line is no filter any more."""
        try:
            return self._rows.update(LONG_STEP)
        except BadExpression:
            self._settings = {**self._settings, "query": "", "regex": False}
            self._build()
            raise

    def _note_changes(self) -> None:
        """Give the rows a new version when earlier rows are other ones than before."""
        runs = hash(tuple(self.log.repeats.count[-50:])) if isinstance(self._rows, FoldedRows) else 0
        if self.log.generation != self._seen:
            self._seen = self.log.generation
            self._searches.clear()
            self._opened.clear()
            self._build()
        elif runs != self._runs:
            self._version = next(_versions)
        self._runs = runs

    def _build(self) -> None:
        chosen = self._settings
        query = query_of(chosen["query"], regex=chosen["regex"]) if chosen["query"] else None
        levels = frozenset(chosen["levels"]) if chosen["levels"] else None
        if query or levels:
            self._rows = FilteredRows(self.log, query, levels)
        else:
            self._rows = FoldedRows(self.log, self._opened) if chosen["fold"] else AllRows(self.log)
        self._version = next(_versions)
        self._rows.update(STEP)

    def _do_window(self, start: int, count: int) -> Binary:
        result, buffers = self._window(start, count)
        return Binary({**result, "state": self._do_state()}, buffers)

    def _window(self, start: int, count: int) -> tuple[dict[str, Any], list[bytes]]:
        numbers = list(self._rows.lines(start, min(count, MOST_ROWS)))
        texts: list[bytes] = []
        cut: dict[int, int] = {}
        size = 0
        for row, text in enumerate(self._texts(numbers)):
            if len(text) > LONGEST:
                cut[row] = len(text)
            texts.append(_cut(text, LONGEST))
            size += len(texts[-1])
            if size > MOST_BYTES:
                break
        numbers = numbers[: len(texts)]
        hidden = {i: n for i, line in enumerate(numbers) if (n := self._rows.hidden_after(line))}
        levels = bytes(self.log.level(line) for line in numbers)
        result = {"start": max(start, 0), "count": len(texts), "cut": cut, "hidden": hidden}
        origins = self.log.origins_of(numbers)
        return result, [b"\n".join(texts), array("d", numbers).tobytes(), levels, origins]

    def _texts(self, numbers: list[int]) -> list[bytes]:
        """Return lines by number; runs of neighbours are read together."""
        texts: list[bytes] = []
        while len(texts) < len(numbers):
            first = len(texts)
            last = first
            while last + 1 < len(numbers) and numbers[last + 1] == numbers[last] + 1:
                last += 1
            found = self.log.raw_window(numbers[first], last + 1 - first)
            texts += [*found, *[b""] * (last + 1 - first - len(found))]
        return texts

    def push(self) -> None:
        """Tell all views what is new: counts, and the newest lines."""
        with self._lock:
            state = self._do_state()
            # From the last line that was sent, because it may have been unfinished then.
            start = self._pushed[1] - 1 if self._pushed[0] == state["version"] else state["rows"] - PUSHED_ANEW
            result, buffers = self._window(max(0, start, state["rows"] - PUSHED), PUSHED)
            self._pushed = (state["version"], state["rows"])
        self._tell({"kind": "log", "state": state, "window": result}, buffers)

    # ---- search --------------------------------------------------------------------------------------------

    def _search_for(self, query: str, *, regex: bool = False, case: bool = False) -> Search:
        """Return the search that goes on for this question; every view may have another one."""
        key = (query, regex, case)
        search = self._searches.pop(key, None) or Search(self.log, query_of(query, regex=regex, case=case))
        self._searches[key] = search
        while len(self._searches) > MOST_SEARCHES:
            del self._searches[next(iter(self._searches))]
        return search

    def _do_find(self, line: int, seek: list[Any] | None = None, **asked: Any) -> Binary:
        """Return the first hit at or after a line, else the last before it, or where to ``seek`` on."""
        search = self._search_for(**asked)
        hit, further = search.hunt(line, LONG_STEP, Seek(*seek) if seek else None)
        wait = SHORT_STEP if not further and search.left <= COUNTED_AT_ONCE else 0
        return self._with_rows({**_counted(search, wait, hit), "seek": further}, hit)

    def _with_rows(self, result: dict[str, Any], hit: Hit | None) -> Binary:
        """Add a hit to an answer, with the rows around it: the view draws it without asking again."""
        if hit is None:
            return Binary({**result, "hit": None}, [])
        state = self._state(0)
        row = self._rows.row_of(hit.line)
        window, buffers = self._window(row - AROUND, 2 * AROUND)
        return Binary({**result, "hit": hit._asdict(), "row": row, "window": window, "state": state}, buffers)

    def _do_find_more(self, at: list[int] | None = None, **asked: Any) -> dict[str, Any]:
        """Count on; ``at`` is line and column of the hit whose number is wanted."""
        return _counted(self._search_for(**asked), LONG_STEP, Hit(at[0], at[1], 0) if at else None)

    def _do_hit(self, number: int | None, line: int, *, back: bool = False, **asked: Any) -> Binary:
        """Return a hit by its number; where that is not known (yet), the next one from a line."""
        search = self._search_for(**asked)
        done = search.advance(STEP)
        total = search.total
        if not done and (number is None or not 0 <= number < total):
            hit, _ = search.hunt(line, LONG_STEP, Seek(self.log.block_of(line), back))
            return self._with_rows({"total": total, "done": False, "number": None}, hit)
        if number is None:
            number = search.number_from(line) - (1 if back else 0)
        hit = search.hit(number % total) if total else None
        return self._with_rows({"total": total, "number": number % total if total else None}, hit)

    def _do_hits_in(self, lines: list[int], **asked: Any) -> dict[str, Any]:
        """Return the hits in some lines, as ``[line, [[column, end], …]]``; a page cannot give up on an expression."""
        query = self._search_for(**asked).query
        lines = lines[:MOST_ROWS]
        out = []
        for line, text in zip(lines, self._texts(lines), strict=True):
            found = query.hits(Piece(line, _cut(text, LONGEST) + b"\n", closed=True))
            out.append([line, [[hit.column, hit.column + hit.length] for hit in found]])
        return {"hits": out}

    # ---- places ----------------------------------------------------------------------------------------------

    def _do_locate(self, line: int) -> dict[str, int]:
        return {"row": self._rows.row_of(line)}

    def _do_next_error(self, line: int, *, back: bool = False) -> dict[str, int | None]:
        """Return the line at which the next group of error lines begins."""
        levels = self.log.levels
        error = int(Level.ERROR)
        if back:
            at = levels.rfind(error, 0, max(line, 0))
            while at > 0 and levels[at - 1] == error:
                at -= 1
            return {"line": at if at >= 0 else None}
        at = line + 1
        while line >= 0 and levels[line : line + 1] == bytes([error]) and at < len(levels) and levels[at] == error:
            at += 1
        found = levels.find(error, at)
        return {"line": found if found >= 0 else None}

    def _do_marks(self, parts: int) -> dict[str, Any]:
        """Return the gravest level in each of so many equal parts of the log."""
        total, parts = len(self.log), max(1, min(parts, 1000))
        if isinstance(self._rows, FilteredRows) or not total:
            return {"levels": []}
        levels = self.log.levels
        edges = [total * k // parts for k in range(parts + 1)]
        pieces = (levels[a : max(b, a + 1)] for a, b in pairwise(edges))
        grave = (int(Level.ERROR), int(Level.WARNING))
        return {"levels": [next((g for g in grave if g in piece), 0) for piece in pieces]}

    # ---- texts ---------------------------------------------------------------------------------------------

    def _do_line(self, line: int, *, pretty: bool = False) -> dict[str, str]:
        """Return a line whole, or as indented JSON."""
        text = b"".join(self.log.raw_window(line, 1))
        shown = _cut(text, WHOLE).decode("utf-8", "replace")
        if pretty:
            try:
                shown = json.dumps(json.loads(plain(shown)), indent=2, ensure_ascii=False)
            except (ValueError, RecursionError) as error:
                raise BadInput("This line is no JSON.", code="no-json") from error
        elif len(text) > WHOLE:
            shown += f" … ({len(text) - WHOLE:,} more bytes; download the log)"
        return {"text": shown}

    def _do_copy(self, **ends: list[int]) -> dict[str, Any]:
        """Return the text between two places, as plain text."""
        (first, left), (last, right) = ends["from"], ends["to"]
        last = min(last, len(self.log) - 1)
        out: list[str] = []
        size = 0
        for line in range(first, last + 1, _COPY_STEP):
            count = min(_COPY_STEP, last + 1 - line)
            out += [plain(text) for text in self.log.window(line, count)]
            size += sum(map(len, out[-count:])) + count
            if size > COPIED:
                break
        if first + len(out) == last + 1:
            out[-1:] = [_units(out[-1], 0, right) for _ in out[-1:]]
        out[:1] = [_units(text, left, None) for text in out[:1]]
        text = "\n".join(out)
        return {"text": text[:COPIED], "cut": size > COPIED}

    def _do_part(self, index: int) -> Binary:
        """Return some blocks of the whole log, from a block on."""
        parts: list[bytes] = []
        size = 0
        while index + len(parts) <= self.log.block_count and size < 1_000_000:  # noqa: PLR2004 - a message of 1 MB
            parts.append(self.log.block(index + len(parts)).text)
            size += len(parts[-1])
        last = index + len(parts) > self.log.block_count
        return Binary({"blocks": len(parts), "last": last}, [b"".join(parts)])

    # ---- what is shown -----------------------------------------------------------------------------------------

    def _do_filter(
        self, query: str = "", *, regex: bool = False, levels: list[int] | None = None, fold: bool = True
    ) -> dict[str, Any]:
        before, self._settings = self._settings, {"query": query, "regex": regex, "levels": levels, "fold": fold}
        try:
            self._build()
        except BadExpression:
            self._settings = before
            self._build()
            raise
        state = self._do_state()
        # The other views of this log show the same.
        self._tell({"kind": "log", "state": state}, [])
        return state

    def _do_unfold(self, line: int) -> dict[str, Any]:
        self._opened.symmetric_difference_update({line})
        self._version = next(_versions)
        state = self._do_state()
        self._tell({"kind": "log", "state": state}, [])
        return state


def _counted(search: Search, seconds: float, hit: Hit | None) -> dict[str, Any]:
    """Count on for so long; once all are counted, the number of a hit is known, too."""
    done = search.advance(seconds)
    return {"total": search.total, "done": done, "number": search.number_of(hit) if done and hit else None}


def _units(text: str, start: int, end: int | None) -> str:
    """Return a part of a text, counted as a page counts."""
    units = text.encode("utf-16-le", "surrogatepass")
    return units[2 * start : None if end is None else 2 * end].decode("utf-16-le", "replace")


def _cut(text: bytes, most: int) -> bytes:
    """Return at most so many bytes, without breaking a character or an escape sequence."""
    if len(text) <= most:
        return text
    short = text[:most].decode("utf-8", "ignore")
    escape = short.rfind("\x1b")
    if escape >= len(short) - 20 and plain(short[escape:]) == short[escape:]:
        short = short[:escape]
    return short.encode()
