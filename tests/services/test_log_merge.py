"""Several logs as one: in the order of time, nothing twice, nothing lost, every line with its source."""

import gzip
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.errors import BadInput
from amlwidgets.services.log_merge import MergedSource
from amlwidgets.services.log_pick import source_of

SERVER = """\
2026-11-21 10:00:01 INFO server starts
2026-11-21 10:00:05 ERROR it failed
Traceback (most recent call last):
  File "score.py", line 3, in <module>
ValueError: x
2026-11-21 10:00:09 INFO server ends
"""
SCHEDULER = "2026-11-21T10:00:00Z assigned\n2026-11-21T11:00:05.5+01:00 probe failed\n"


def merged(sources):
    source = source_of(sources)
    log = LogBuffer(source.name)
    source.run(log, threading.Event())
    return source, log


def test_lines_are_in_the_order_of_time_and_tracebacks_stay_whole():
    source, log = merged({"server": SERVER, "scheduler": SCHEDULER})
    lines = SERVER.splitlines()
    assert log.window(0, 99) == [
        "2026-11-21T10:00:00Z assigned", *lines[:5], "2026-11-21T11:00:05.5+01:00 probe failed", lines[5],
    ]  # fmt: skip
    assert list(log.origins_of(range(8))) == [1, 0, 0, 0, 0, 0, 1, 0]
    assert (source.names, source.name) == (("server", "scheduler"), "server + scheduler")


def test_files_of_all_kinds_are_merged(tmp_path):
    (tmp_path / "a.log").write_text(SERVER)
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(SCHEDULER.encode()))
    source = source_of([tmp_path / "a.log", tmp_path / "b.log.gz", tmp_path / "a.log"])
    assert source.names == ("a.log", "b.log.gz", "a.log 2")
    log, stop = LogBuffer(source.name), threading.Event()
    thread = threading.Thread(target=source.run, args=(log, stop), daemon=True)
    thread.start()
    until(lambda: len(log) == 14)
    with (tmp_path / "a.log").open("a") as file:
        file.write("2026-11-21 10:00:20 more\n")
    until(lambda: len(log) == 16)
    stop.set()
    thread.join(30)
    assert sorted(log.origins_of([14, 15])) == [0, 2]


def until(condition):
    waiting = threading.Event()
    for _ in range(1500):
        if condition():
            return
        waiting.wait(0.02)
    pytest.fail("it did not come")


times = st.lists(st.integers(0, 30), max_size=30).map(sorted)


@given(st.lists(times, min_size=1, max_size=4))
def test_a_merge_is_a_stable_sort(parts):
    texts = {
        f"s{n}": "".join(f"2026-11-21 10:00:{t:02d} s{n} {k}\n" for k, t in enumerate(part))
        for n, part in enumerate(parts)
    }
    _, log = merged(texts)
    lines = log.window(0, 999)
    assert sorted(lines) == sorted("".join(texts.values()).splitlines())
    assert [line[:19] for line in lines] == sorted(line[:19] for line in lines)
    for name, text in texts.items():
        assert [line for line in lines if f" {name} " in line] == text.splitlines()
    assert [f"s{n}" for n in log.origins_of(range(len(lines)))] == [line.split()[2] for line in lines]


def test_a_live_source_waits_for_earlier_lines_of_others_and_goes_on_after_a_stop():
    first, second = threading.Semaphore(0), threading.Semaphore(0)

    def live(gate, lines):
        for line in lines:
            gate.acquire()
            yield line

    source = source_of({"a": live(first, [f"2026-11-21 10:00:{n:02d} a" for n in (1, 3, 5, 7)]),
                        "b": live(second, [f"2026-11-21 10:00:{n:02d} b" for n in (2, 4, 6, 8)])})  # fmt: skip
    log, stop = LogBuffer("log"), threading.Event()
    thread = threading.Thread(target=source.run, args=(log, stop), daemon=True)
    thread.start()
    first.release(2)
    second.release(2)
    until(lambda: len(log) == 4)
    stop.set()
    thread.join(30)
    again = threading.Thread(target=source.run, args=(log, threading.Event()), daemon=True)
    again.start()
    first.release(9)
    second.release(9)
    again.join(30)
    assert not again.is_alive()
    assert [int(line[17:19]) for line in log.window(0, 99)] == list(range(1, 9))


def test_secrets_over_several_lines_are_masked_in_each_source():
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA\n" * 5 + "-----END RSA PRIVATE KEY-----\n"
    other = "".join(f"2026-11-21 10:00:{n:02d} b\n" for n in range(9))
    _, log = merged({"a": "2026-11-21 10:00:03 a\n" + key, "b": other})
    assert "MIIE" not in log.text()


def test_nothing_to_merge_is_refused():
    with pytest.raises(BadInput, match="0 logs"):
        MergedSource({})
    with pytest.raises(BadInput, match="A int has no log"):
        source_of({"a": 3})
