import sys
import threading

import pytest

from amlwidgets.services.streams import MaskedWriter, capture
from amlwidgets.services.waiting import Cancelled, interruptible, pause


def test_only_the_capturing_thread_is_captured(capsys):
    got, ready, go = [], threading.Event(), threading.Event()

    def work():
        with capture(got.append):
            print("from the worker")
            ready.set()
            go.wait(5)
            print("again", file=sys.stderr)

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(5)
    print("from the user's cell")
    go.set()
    thread.join()
    assert got == ["from the worker\n", "again\n"]
    assert capsys.readouterr().out == "from the user's cell\n"


def test_the_streams_are_put_back():
    before = sys.stdout, sys.stderr
    with capture(lambda _: None):
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before


def test_a_secret_in_two_pieces_is_masked():
    got = []
    writer = MaskedWriter(got.append)
    writer.write("go to https://acc.blob.core.windows.net/c/b?sv=2020&si")
    writer.write("g=abcDEF123%2Fabc%3D&se=2030 now")
    assert got == [], "an unfinished line waits"
    writer.close()
    assert "abcDEF123" not in "".join(got)


def test_a_call_is_left_when_cancelled_and_goes_on():
    cancelled, release, ended = threading.Event(), threading.Event(), threading.Event()

    def call():
        release.wait(10)
        ended.set()

    cancelled.set()
    with pytest.raises(Cancelled):
        interruptible(call, cancelled)
    release.set()
    assert ended.wait(5)


def test_results_and_errors_come_through():
    never = threading.Event()
    assert interruptible(lambda: 3, never) == 3
    with pytest.raises(KeyError):
        interruptible(lambda: {}["x"], never)
    pause(0, never)
