"""Asking a service again that does not answer for a while: meanwhile “unknown since …” is shown, never a guess."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, TypeVar

from amlwidgets.errors import NotConnected, ServiceFailed
from amlwidgets.services.waiting import interruptible, pause

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")

UNKNOWN_SECONDS = 300.0
"""How long a state may stay unknown before the stage says so and ends; what was begun goes on in the service."""
PAUSE_SECONDS = 1.0
_PASSING = re.compile(
    r"\b(?:408|429|50[0-4])\b|Max retries|timed out|Connection (?:aborted|reset|broken)", re.IGNORECASE
)


class Patience:
    """Asks until there is an answer.

    Args:
        note: Receives ``unknown since 14:03:20``, and nothing once there are answers again.
        cancelled: Set when the user stops waiting.
        gone: Whether the other side has ended for good, so that waiting is of no use.
    """

    def __init__(
        self, note: Callable[[str], None], cancelled: threading.Event, gone: Callable[[], bool] = lambda: False
    ) -> None:
        self._note, self._cancelled, self._gone = note, cancelled, gone

    def ask(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, once the service answers.

        Raises:
            Cancelled: The user stopped waiting.
            ServiceFailed: ``UNKNOWN_SECONDS`` have gone by without an answer (code ``state-unknown``).
            Exception: What ``call`` raised, when asking again does not help.
        """
        began, since = time.monotonic(), ""
        while True:
            try:
                answer = interruptible(call, self._cancelled)
            except Exception as error:
                if not passes(error) or self._gone():
                    raise
                since = since or time.strftime("%H:%M:%S")
                if time.monotonic() - began >= UNKNOWN_SECONDS:
                    raise _unknown(since, error) from error
                self._note(f"unknown since {since}")
                pause(PAUSE_SECONDS, self._cancelled)
            else:
                if since:
                    self._note("")
                return answer


def passes(error: BaseException) -> bool:
    """Whether an error is of a kind that ends by itself: no connection, too many requests, a server's bad moment."""
    import requests

    if isinstance(error, requests.RequestException | NotConnected | TimeoutError | ConnectionError):
        return True
    return "azureml" in type(error).__module__ and bool(_PASSING.search(str(error)[:2000]))


def _unknown(since: str, error: BaseException) -> ServiceFailed:
    reason = error.message if isinstance(error, NotConnected) else type(error).__name__
    return ServiceFailed(
        f"The state is unknown since {since}: the service does not answer ({reason}).",
        code="state-unknown",
        todo="What was begun may go on there. Run this stage again: it asks again, and begins nothing twice.",
    )
