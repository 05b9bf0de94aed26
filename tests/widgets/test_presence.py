"""Work begins with the first view and ends with the last."""

import threading

from amlwidgets.widgets import presence
from amlwidgets.widgets.presence import Presence


def test_work_ends_with_the_last_view():
    seen = []
    views = Presence(lambda: seen.append("begin"), lambda: seen.append("end"))
    views.seen("a")
    views.seen("b")
    views.seen("a", closed=True)
    assert seen == ["begin"] * 3
    views.seen("b", closed=True)
    assert seen[-1] == "end"


def test_a_page_that_gives_no_sign_any_more_is_closed(monkeypatch):
    monkeypatch.setattr(presence, "FORGOTTEN", 0.05)
    ended = threading.Event()
    Presence(lambda: None, ended.set).seen("a")
    assert ended.wait(30)


def test_a_sign_that_comes_while_the_clock_runs_out_counts():
    ended = threading.Event()
    views = Presence(lambda: None, ended.set)
    views.seen("a")
    views._expire()
    assert not ended.is_set()
