import threading

import pytest

from amlwidgets.widgets.coalesce import Coalescer


def test_changes_are_told_together_and_none_is_lost():
    told, gate, all_there = [], threading.Event(), threading.Event()

    def flush(changes):
        told.append(changes)
        gate.wait(5)
        if set().union(*told) >= set(range(1000)):
            all_there.set()

    coalescer = Coalescer(flush, interval=0.01)
    for n in range(1000):
        coalescer.add(n)
    gate.set()
    assert all_there.wait(5)
    assert len(told) < 20
    coalescer.close()


def test_a_change_during_a_flush_is_told_afterwards():
    told, second = [], threading.Event()

    def flush(changes):
        told.append(set(changes))
        if len(told) == 1:
            coalescer.add("later")
        else:
            second.set()

    coalescer = Coalescer(flush, interval=0.01)
    coalescer.add("first")
    assert second.wait(5)
    assert told == [{"first"}, {"later"}]
    coalescer.close()


def test_what_was_noted_is_told_on_return():
    told, begun, gate = [], threading.Event(), threading.Event()

    def flush(changes):
        begun.set()
        gate.wait(5)
        told.append(set(changes))

    coalescer = Coalescer(flush, interval=3600)
    coalescer.add("first")
    assert begun.wait(5)
    coalescer.add("second")
    # Also what another thread is just telling is told before it returns.
    other = threading.Thread(target=coalescer.tell)
    other.start()
    gate.set()
    other.join(5)
    assert told == [{"first"}, {"second"}]
    assert not coalescer.tell()
    coalescer.close()


def test_a_change_beside_an_empty_telling_is_told():
    told, there = [], threading.Event()

    class Late(set):
        """Nothing to tell; while that is found out, something comes."""

        def __bool__(self):
            coalescer._changes = {"late"}
            return False

    def flush(changes):
        told.append(set(changes))
        there.set()

    coalescer = Coalescer(flush, interval=0.01)
    coalescer._changes = Late()
    coalescer._fire()
    assert there.wait(5)
    assert told == [{"late"}]
    coalescer.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failing_flush_does_not_end_the_telling():
    told, twice = [], threading.Event()

    def flush(changes):
        told.append(changes)
        if len(told) == 1:
            raise ValueError
        twice.set()

    coalescer = Coalescer(flush, interval=0.01)
    coalescer.add(1)
    while not told:
        pass
    coalescer.add(2)
    assert twice.wait(5)
    coalescer.close()
