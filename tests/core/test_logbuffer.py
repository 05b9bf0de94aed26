"""The store of logs: windows, search, levels, repeats, rows; in memory and past the size at which it goes to disk."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.core.bytefind import holds
from amlwidgets.core.logblocks import BLOCK
from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.logmarks import Level, levels_of, time_of
from amlwidgets.core.logrows import AllRows, FilteredRows, FoldedRows
from amlwidgets.core.logsearch import Query, Search

SAS = "sig=AbCdEf0123456789%2BxyzAbCdEf0123456789%3D"


def adopted(data, spill=1 << 20):
    log = LogBuffer("log", spill=spill)
    log.adopt(lambda offset, size: data[offset : offset + size], len(data))
    return log


def big(lines=30_000):
    return [
        f"{n} {'INFO' if n % 100 else 'ERROR'} request {n:x} of a service {SAS if n % 997 == 0 else ''}"
        for n in range(lines)
    ]


@given(st.lists(st.text(alphabet="ab\r\n \u00e9\u202e\x00\x1b[31m", max_size=40), max_size=12))
def test_pieces_give_the_same_lines_as_the_whole(pieces):
    whole, parts = LogBuffer("a"), LogBuffer("b")
    text = "".join(pieces)
    whole.append(text)
    for piece in pieces:
        parts.append(piece)
    assert parts.window(0, 999) == whole.window(0, 999)
    assert len(parts) == len(whole) == len(whole.window(0, 999))
    assert parts.text() == whole.text() == (text.replace("\r\n", "\n").removesuffix("\r") if text else "")


@pytest.mark.parametrize("way", ["append", "adopt"])
def test_a_log_past_the_size_lies_on_disk_and_reads_the_same(way):
    lines = big()
    data = ("\n".join(lines) + "\nthe open end").encode()
    if way == "adopt":
        log = adopted(data, spill=100_000)
    else:
        log = LogBuffer("log", spill=100_000)
        for at in range(0, len(data), 70_001):
            log.append(data[at : at + 70_001])
    assert log.block_count > 3
    assert len(log) == 30_001
    assert log.window(29_998, 9) == [lines[29_998], lines[29_999], "the open end"]
    assert log.settle()
    assert log._blocks._file is not None
    assert SAS not in log.text()
    assert log.text().count("‹masked: SAS signature›") == 31
    assert log.window(997, 1) == ["997 INFO request 3e5 of a service sig=‹masked: SAS signature›"]
    assert log.levels.count(Level.ERROR) == 300
    assert log.index_bytes() < 60_000


def test_an_adopted_log_masks_what_is_looked_at_before_it_is_settled():
    data = "\n".join(big()).encode()
    log = adopted(data)
    assert SAS not in "".join(log.window(29_000, 1000))
    assert log.settled_lines == 0


def test_a_file_cut_while_it_is_read_keeps_its_line_numbers():
    data = bytearray("\n".join(big()).encode() + b"\n")
    log = adopted(data)
    del data[BLOCK + 1000 :]
    assert len(log) == 30_000
    assert "this line is gone" in log.window(29_000, 1)[0]
    assert log.settle()
    assert log.text().count("\n") == 30_000


def test_a_cleared_log_is_another_generation():
    log = LogBuffer("log")
    log.append("one\n")
    before = log.generation
    log.clear()
    assert (len(log), log.text()) == (0, "")
    assert log.generation != before


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("request", {}),
        ("REQUEST 1f", {}),
        ("ERROR", {"case": True}),
        ("a", {}),
    ],
)
def test_search_counts_and_finds_what_a_plain_loop_finds(text, options):
    lines = big()
    log = adopted("\n".join(lines).encode(), spill=100_000)
    search = Search(log, Query(text, **options))
    steps = 0
    while not search.advance(0.001):
        steps += 1
    assert steps > 0, "long searches go in steps"
    pattern = re.compile(re.escape(text), 0 if options.get("case") else re.IGNORECASE)
    expected = [(n, m.start()) for n, line in enumerate(log.window(0, 99_999)) for m in pattern.finditer(line)]
    assert search.total == len(expected)
    for number in (0, 1, len(expected) // 2, len(expected) - 1):
        hit = search.hit(number)
        assert (hit.line, hit.column) == expected[number]
    line = expected[len(expected) // 2][0]
    assert search.number_from(line) == next(n for n, (at, _) in enumerate(expected) if at >= line)
    for fresh in (search, Search(adopted("\n".join(lines).encode()), Query(text, **options))):
        assert fresh.hunt(line, 5)[0].line == line
        assert fresh.hunt(0, 5)[0][:2] == expected[0]
        assert fresh.hunt(expected[-1][0] + 1, 5)[0][:2] == expected[-1], "behind the last one: the last one"
    assert search.hit(len(expected)) is None


@pytest.mark.parametrize("query", ["masked", "signature", "SAS", "sig=", "request 3e5 ", "AbCdEf", "service \u2039"])
def test_a_search_before_masking_is_done_finds_what_one_afterwards_finds(query):
    data = "\n".join(big()).encode()
    early, late = adopted(data, spill=100_000), adopted(data, spill=100_000)
    assert late.settle()
    assert late.folded_block(1) == late.block(1).text.lower()
    searches = [Search(log, Query(query)) for log in (early, late)]
    hunts = [search.hunt(20_000, 60) for search in searches]
    assert hunts[0] == hunts[1]
    assert all(search.advance(60) for search in searches)
    assert searches[0].total == searches[1].total == late.text().lower().count(query.lower())


def test_a_search_masks_only_the_blocks_that_may_hold_it():
    log = adopted("\n".join(big()).encode())
    search = Search(log, Query("request 3e5 "))
    assert search.advance(60)
    assert search.total == 1
    unmasked = [log.raw_block(index) is not None for index in range(log.block_count)]
    assert unmasked == [False] + [True] * (log.block_count - 1)


def test_a_hunt_goes_on_where_it_stopped_and_comes_back_to_the_start():
    log = adopted("\n".join(big()).encode())
    search, seek, steps = Search(log, Query("request 3e5 ")), None, 0
    while (found := search.hunt(29_000, 0, seek))[0] is None:
        seek = found[1]
        steps += 1
    assert found[0].line == 997
    assert steps >= log.block_count, "one block a step"
    assert Search(log, Query("absent")).hunt(29_000, 60) == (None, None)


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=3))
def test_the_c_library_finds_what_python_finds(text, needle):
    assert holds(text, needle) == (needle in text)


def test_settling_stops_for_who_asks():
    log = adopted("\n".join(big()).encode())
    with log.asked():
        assert not log.settle(60, patient=True)
        assert log.settled_lines == 0
    log.give_way()
    assert log.settle(60, patient=True)


def test_search_goes_on_in_a_growing_log():
    log = LogBuffer("log")
    search = Search(log, Query("x"))
    for n in range(5):
        log.append("axb\n" * 40_000)
        assert search.advance(60)
        assert search.total == (n + 1) * 40_000


def test_columns_count_as_a_page_counts_and_escapes_do_not():
    log = LogBuffer("log")
    log.append("\U0001f600é \x1b[31mer\x1b[1mror\x1b[0m\n")
    search = Search(log, Query("error"))
    search.advance(1)
    assert search.hit(0) == (0, 4, 5)


def test_case_is_ignored_beyond_ascii():
    log = LogBuffer("log")
    log.append("Modèle ÉCHOUÉ\n")
    search = Search(log, Query("échoué"))
    search.advance(1)
    assert search.total == 1


def test_a_search_cannot_find_a_secret():
    log = LogBuffer("log")
    log.append(f"https://a/{SAS}\n")
    search = Search(log, Query("AbCdEf"))
    search.advance(1)
    assert search.total == 0


CRASH = b"""\
2026-11-21 10:00:00 INFO ok
Traceback (most recent call last):
  File "score.py", line 3, in <module>
    import lightgbm
ModuleNotFoundError: No module named 'lightgbm'
done
WARNING: slow
DEBUG detail
"""


@pytest.mark.parametrize("cut", range(1, 8))
def test_levels_are_the_same_wherever_a_log_is_cut(cut):
    lines = CRASH.splitlines(keepends=True)
    log = LogBuffer("log")
    for part in (lines[:cut], lines[cut:]):
        log.append(b"".join(part))
        log.settle()
    assert list(log.levels) == [2, 4, 4, 4, 4, 0, 3, 1] == list(levels_of(CRASH))
    assert [log.level(n) for n in range(8)] == list(log.levels)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"2026-11-21T10:00:00Z x", 1795255200.0),
        (b"2026-11-21 10:00:00,250 x", 1795255200.25),
        (b"[2026-11-21 12:00:00 +0200] [7] x", 1795255200.0),
        (b"2026-11-21T10:00:00.123456789Z", 1795255200.123456),
        (b"no time", None),
        (b"2026-99-21T10:00:00Z", None),
    ],
)
def test_time_stamps(line, seconds):
    assert time_of(line) == seconds


def folded(text):
    log = LogBuffer("log")
    log.append(text)
    log.settle()
    opened = set()
    rows = FoldedRows(log, opened)
    rows.update(1)
    return log, rows, opened


def test_repeated_lines_are_folded_but_for_time_and_process():
    text = (
        "start\n"
        + "".join(f"2026-11-21 10:00:{n:02d} Booting worker with pid: {n}\n" for n in range(14))
        + "a 1\na 2\na 3\na 4\na 5\nend\n"
    )
    log, rows, opened = folded(text)
    assert list(rows.lines(0, 99)) == [0, 1, *range(15, 21)]
    assert rows.hidden_after(1) == 13
    assert [rows.row_of(n) for n in (0, 1, 7, 14, 15, 20)] == [0, 1, 1, 1, 2, 7]
    opened.add(1)
    rows.update(1)
    assert list(rows.lines(0, 99)) == list(range(len(log)))


@given(st.lists(st.sampled_from(["a\n", "a\n", "a\n", "a\n", "a\n", "b\n", "\n"]), max_size=60), st.integers(0, 60))
def test_rows_and_lines_of_a_folded_log_agree(lines, cut):
    log = LogBuffer("log")
    for part in (lines[:cut], lines[cut:]):
        log.append("".join(part))
        log.settle()
    rows = FoldedRows(log, set())
    rows.update(1)
    shown = list(rows.lines(0, len(rows)))
    assert shown == sorted(set(shown))
    assert [rows.row_of(line) for line in shown] == list(range(len(shown)))
    assert sum(1 + rows.hidden_after(line) for line in shown) == len(log) == len(lines)


@pytest.mark.parametrize(("query", "levels"), [("request 1f", None), ("", [4]), ("request 1", [4]), ("absent", None)])
def test_filtered_rows_are_what_a_plain_loop_keeps(query, levels):
    log = adopted("\n".join(big()).encode(), spill=100_000)
    rows = FilteredRows(log, Query(query) if query else None, frozenset(levels) if levels else None)
    while not rows.update(0.001):
        pass
    all_lines = log.window(0, 99_999)
    expected = [n for n, x in enumerate(all_lines) if query in x.lower() and (not levels or "ERROR" in x)]
    assert list(rows.lines(0, 99_999)) == expected
    assert len(rows) == len(expected)
    for row in range(0, len(expected), 97):
        assert rows.row_of(expected[row]) == row
        assert list(rows.lines(row, 2)) == expected[row : row + 2]


def test_all_rows_are_all_lines():
    log = LogBuffer("log")
    log.append("a\nb\nc")
    assert list(AllRows(log).lines(1, 9)) == [1, 2]
