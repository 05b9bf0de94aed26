"""Waiting that can be given up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Cancelled(Exception):
    """The user stopped waiting."""


def interruptible(call: Callable[[], T], cancelled: threading.Event) -> T:
    """Run ``call`` and return its result; stop waiting for it as soon as ``cancelled`` is set.

    The SDK's calls cannot be recalled: after a cancel the call goes on in a daemon thread and its result is dropped.

    Raises:
        Cancelled: ``cancelled`` was set before the call ended.
        Exception: whatever ``call`` raised.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []
    ended = threading.Condition()
    done = False

    def work() -> None:
        nonlocal done
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 - carried over to the waiting thread
            failure.append(error)
        with ended:
            done = True
            ended.notify_all()

    threading.Thread(target=work, daemon=True, name="amlwidgets-call").start()
    with ended:
        while not done:
            if cancelled.is_set():
                raise Cancelled
            ended.wait(0.1)
    if failure:
        raise failure[0]
    return outcome[0]


def pause(seconds: float, cancelled: threading.Event) -> None:
    """Wait ``seconds``, or less when cancelled.

    Raises:
        Cancelled: ``cancelled`` was set.
    """
    if cancelled.wait(seconds):
        raise Cancelled
