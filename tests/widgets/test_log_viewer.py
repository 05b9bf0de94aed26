"""The viewer without a browser: both directions over a recording comm, with a byte budget for each message."""

import gzip
import json
import os
import threading
import time

import pytest

from amlwidgets.errors import BadInput
from amlwidgets.widgets.log_viewer import LogViewer

SAS = "sig=AbCdEf0123456789%2BxyzAbCdEf0123456789%3D"
CRASH = "start\nTraceback (most recent call last):\n  File \"score.py\", line 3, in <module>\nModuleNotFoundError: No module named 'lightgbm'\n"


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def open_view(viewer, name="a"):
    viewer.comm.ask("seen", view=name)


def state(viewer):
    return viewer.comm.ask_log("state")[0]


def text_of(viewer):
    return viewer._log.text()


def test_a_text_is_there_at_once_and_its_findings_follow():
    viewer = LogViewer(CRASH + f"GET https://a/b?{SAS}\n")
    assert viewer.total == 5
    assert viewer.report.top.cause
    until(lambda: viewer.findings)
    assert viewer.findings[0]["evidence"][0]["first_line"] in (2, 3, 4)
    assert "AbCdEf" not in json.dumps(viewer.get_state(), default=str)
    assert state(viewer)["errors"] is True
    assert viewer.comm.ask_log("next_error", line=-1)[0] == {"line": 1}
    assert viewer.comm.ask_log("next_error", line=1)[0] == {"line": None}


def test_no_message_is_big_and_none_holds_the_log():
    viewer = LogViewer("".join(f"line {n} {'x' * 100}\n" for n in range(50_000)) + "y" * 5_000_000 + "\n")
    assert viewer.wait(60)
    for start in (0, 25_000, 49_900):
        viewer.comm.ask_log("window", start=start, count=10_000)
    viewer._pane.push()
    opening = [
        size for (kind, _, _), size in zip(viewer.comm.messages, viewer.comm.sizes, strict=True) if kind == "comm_open"
    ]
    assert max(opening) < 50_000
    assert max(viewer.comm.sizes) < 150_000


def test_two_views_show_the_same():
    viewer = LogViewer("INFO a\nERROR b\nINFO c\n")
    answer, _ = viewer.comm.ask_log("filter", levels=[4])
    assert answer["rows"] == 1
    told = viewer.comm.sent("log")[-1]["state"]
    assert (told["rows"], told["settings"]["levels"]) == (1, [4])
    window, (text, *_) = viewer.comm.ask_log("window", start=0, count=9)
    assert text == b"ERROR b"
    assert window["state"]["total"] == 3


def test_a_wrong_expression_and_an_unknown_question_are_answered():
    viewer = LogViewer("a\n")
    assert (
        viewer.comm.ask("log", op="find", payload={"query": "(", "regex": True, "line": 0})["error"]["code"]
        == "bad-expression"
    )
    assert viewer.comm.ask("log", op="close", payload={})["error"]["code"] == "view-old"


def test_two_views_search_for_different_things():
    viewer = LogViewer("a b\na c\na b\n")
    for query, total in (("a", 3), ("b", 2)):
        first = viewer.comm.ask_log("find", query=query, line=0)[0]
        assert (first["number"], first["done"], first["seek"]) == (0, True, None)
        more = viewer.comm.ask_log("find_more", query=query, at=[2, 0])[0]
        assert more == {"total": total, "done": True, "number": total - 1}
    assert viewer.comm.ask_log("hit", query="a", number=1, line=0)[0]["hit"]["line"] == 1
    assert viewer.comm.ask_log("hit", query="b", number=1, line=0)[0]["hit"]["line"] == 2


def test_an_expression_that_takes_for_ever_costs_a_moment_and_changes_nothing():
    viewer = LogViewer("ok\n" * 10 + "a" * 60 + "b\n")
    asked = {"query": "(a|a)+$", "regex": True}
    for op, more in (("find", {"line": 0}), ("hits_in", {"lines": [0, 10]}), ("filter", {})):
        reply = viewer.comm.ask("log", op=op, payload={**asked, **more})
        assert reply["error"]["code"] == "slow-expression"
    assert viewer.problem == {}, "said where it is typed"
    assert state(viewer)["rows"] == 2, "folded, not filtered"
    assert viewer.comm.ask_log("hits_in", query="o.", regex=True, lines=[0, 10])[0] == {
        "hits": [[0, [[0, 2]]], [10, []]]
    }


def test_a_filter_that_a_new_line_makes_slow_is_dropped():
    feed = [b"ok\n", b"a" * 60 + b"b\n"]
    viewer = LogViewer(iter(feed[:1]))
    viewer.comm.ask_log("filter", query="(a|a)+$", regex=True)
    viewer._log.append(feed[1])
    viewer._pane.log.settle()
    assert viewer.comm.ask("log", op="state", payload={})["error"]["code"] == "slow-expression"
    assert state(viewer)["settings"]["query"] == ""
    assert state(viewer)["rows"] == 1


def test_parts_of_a_line_are_copied_and_all_is_downloaded():
    viewer = LogViewer("one \x1b[31mred\x1b[0m\ntwo\nthree\n")
    assert viewer.comm.ask_log("copy", **{"from": [0, 4], "to": [2, 2]})[0] == {"text": "red\ntwo\nth", "cut": False}
    assert viewer.comm.ask_log("copy", **{"from": [1, 1], "to": [1, 2]})[0] == {"text": "w", "cut": False}
    answer, (data,) = viewer.comm.ask_log("part", index=0)
    assert answer["last"] is True
    assert data == b"one \x1b[31mred\x1b[0m\ntwo\nthree\n"


def test_a_json_line_is_unfolded_on_request():
    viewer = LogViewer('{"a": {"b": 1}}\nplain\n')
    assert viewer.comm.ask_log("line", line=0, pretty=True)[0]["text"] == '{\n  "a": {\n    "b": 1\n  }\n}'
    assert viewer.comm.ask("log", op="line", payload={"line": 1, "pretty": True})["error"]["code"] == "no-json"


def test_a_file_is_followed_as_it_grows_and_when_it_is_rotated(tmp_path):
    file = tmp_path / "server.log"
    file.write_text("one\ntwo")
    viewer = LogViewer(file)
    assert viewer.name == "server.log"
    assert text_of(viewer) == "one\ntwo"
    open_view(viewer)
    with file.open("a") as out:
        out.write(" goes on\nthree\n")
    until(lambda: text_of(viewer) == "one\ntwo goes on\nthree\n")
    file.rename(tmp_path / "server.log.1")
    file.write_text("four\n")
    until(lambda: text_of(viewer).endswith("three\nfour\n"))
    file.write_text("")
    with file.open("a") as out:
        out.write("5\n")
    until(lambda: text_of(viewer).endswith("four\n5\n"))
    viewer.close()


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"a\nb\n"),
        "a\nb\n".encode("utf-16"),
        gzip.compress("a\nb\n".encode("utf-16-le") * 8)[:0] or b"a\nb\n",
    ],
    ids=["gzip", "utf-16", "plain"],
)
def test_files_of_other_kinds(tmp_path, data):
    file = tmp_path / "x.log"
    file.write_bytes(data)
    viewer = LogViewer(file)
    open_view(viewer)
    until(lambda: text_of(viewer) == "a\nb\n")
    viewer.close()


def test_a_damaged_file_says_so(tmp_path):
    file = tmp_path / "x.log.gz"
    file.write_bytes(gzip.compress(os.urandom(5000))[:3000])
    viewer = LogViewer(file)
    open_view(viewer)
    until(lambda: "damaged" in viewer.status)
    viewer.close()


def test_what_is_no_log_is_refused(tmp_path):
    with pytest.raises(BadInput, match="A int has no log"):
        LogViewer(3)
    with pytest.raises(BadInput, match="cannot be read"):
        LogViewer(tmp_path / "absent.log")


def test_closing_all_views_stops_the_work_and_opening_goes_on_without_gaps():
    gate = threading.Semaphore(0)

    def lines():
        for n in range(1000):
            gate.acquire()
            yield f"line {n} {chr(97 + n % 26)}"

    viewer = LogViewer(lines())
    assert not viewer._feed.running
    open_view(viewer, "a")
    open_view(viewer, "b")
    gate.release(100)
    viewer.comm.ask("seen", view="a", closed=True)
    assert viewer._feed.running
    viewer.comm.ask("seen", view="b", closed=True)
    assert not viewer._feed.running
    gate.release(1)
    until(lambda: not any(thread.is_alive() for thread in viewer._feed._threads))
    stopped_at = len(viewer._log)
    gate.release(899)
    open_view(viewer, "c")
    assert viewer.wait(30)
    assert stopped_at <= 101
    assert [line.split()[1] for line in viewer._log.window(0, 2000)] == [str(n) for n in range(1000)]
    until(lambda: viewer.status == "The source has ended.")


def test_a_source_that_waits_is_not_run_twice():
    gate = threading.Semaphore(0)

    def lines():
        for n in range(3):
            gate.acquire()
            yield f"line {n}"

    viewer = LogViewer(lines())
    for name in "abc":
        open_view(viewer, name)
        viewer.comm.ask("seen", view=name, closed=True)
    open_view(viewer, "d")
    gate.release(3)
    assert viewer.wait(30)
    assert viewer._log.window(0, 9) == ["line 0", "line 1", "line 2"]
    until(lambda: viewer.status == "The source has ended.")


def test_merged_sources_have_a_column_of_names():
    viewer = LogViewer({"server": "2026-11-21 10:00:02 b\n", "builder": "2026-11-21 10:00:01 Step 1/2\n"})
    answer = state(viewer)
    assert (viewer.name, answer["sources"]) == ("server + builder", ["server", "builder"])
    assert answer["stages"] == [[0, "Image"]]
    window, (text, _, _, origins) = viewer.comm.ask_log("window", start=0, count=9)
    assert (text, origins) == (b"2026-11-21 10:00:01 Step 1/2\n2026-11-21 10:00:02 b", b"\x01\x00")
    assert window["count"] == 2


def test_live_lines_are_pushed_while_the_kernel_is_busy_and_none_is_lost():
    def source():
        begun = time.monotonic()
        for n in range(50_000):
            if n % 250 == 0:
                # 5,000 lines a second.
                while time.monotonic() - begun < n / 5000:
                    time.sleep(0.002)
            yield f"2026-11-21T10:00:00Z INFO line {n}"

    viewer = LogViewer(source())
    open_view(viewer)
    before = len(viewer.comm.messages)
    # The kernel runs another cell meanwhile: nothing is asked for, and still lines arrive.
    done = 0
    while not viewer.wait(0):
        done += sum(range(1000))
    assert done
    assert len(viewer._log) == 50_000
    assert viewer.total == 50_000, "who has waited need not wait for the traits"
    assert viewer._log.window(49_999, 1) == ["2026-11-21T10:00:00Z INFO line 49999"]
    until(lambda: viewer.comm.sent("log")[-1]["state"]["total"] == 50_000)
    pushed = viewer.comm.windows()
    assert pushed[49_999].endswith("line 49999")
    sizes = viewer.comm.sizes[before:]
    assert max(sizes) < 60_000
    assert len(sizes) < 400, "some ten messages a second"


def test_the_static_form_is_bounded_and_reads_well():
    viewer = LogViewer(
        "".join(f"line {n} <b>\n" for n in range(500)) + CRASH + "".join(f"after {n}\u202e\n" for n in range(500))
    )
    assert viewer.report.top
    text, page = viewer.to_text(), viewer.to_html()
    assert text.startswith("log, 1,004 lines\n       1  line 0 <b>\n")
    assert "lines are left out here" in text
    assert "No module named 'lightgbm'" in text
    assert "1004  after 499[U+202E]" in page
    assert "&lt;b&gt;" in page
    assert "<b>\n" not in page
    assert "lightgbm" in page
    until(lambda: len(viewer.excerpt) > 24)
    assert len(json.dumps(viewer.excerpt)) + len(page) < 20_000


def failing():
    yield "the only line"
    raise RuntimeError("login failed with password=hunter2222")


def mixed():
    yield "a line"
    yield 7


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (failing, "RuntimeError: login failed with password=‹masked: password›"),
        (mixed, "of type int, which is no line"),
    ],
)
def test_why_a_source_ended_is_said_without_secrets(source, words):
    viewer = LogViewer(source())
    viewer.start()
    assert viewer.wait(30)
    until(lambda: viewer.status)
    assert words in viewer.status
    assert "hunter2222" not in json.dumps(viewer.get_state(), default=str)
    assert len(viewer._log) == 1


@pytest.mark.parametrize("many", [1, 200_000])
def test_half_characters_are_no_reason_to_fail(many):
    viewer = LogViewer("half \ud800 and byte \udcff\n" * many)
    assert viewer.wait(60)
    assert viewer._log.window(0, 1) == ["half ? and byte ?"]
    from_lines = LogViewer(iter(["half \ud800"]))
    from_lines.start()
    assert from_lines.wait(30)
    assert text_of(from_lines) == "half ?\n"
