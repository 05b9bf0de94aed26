"""Opening a container on a thread: what goes on, its end, its cancel, and another try with a login."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.errors import AmlWidgetsError, ServiceFailed
from amlwidgets.services.local.images import Denied, Login, az_command
from amlwidgets.services.local.opening import How

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.services.local.targets import Target

_MOST_LINES = 200
_SHOWN_LINES = 40
_READY_SECONDS = 30
_CANCEL_SECONDS = 2


class Opening:
    """Opens something on a thread of its own.

    Args:
        name: What is opened, as the user named it.
        begin: Opens it; see ``opening.open_target``.
        port: For the container, on loopback; 0 takes a free one.

    Attributes:
        state: ``"working"``, ``"open"``, ``"failed"`` or ``"cancelled"``.
        target: What was opened; None before.
        changed: Called when there is something new to show; set it before :meth:`start`.
        opened: Called with the target before :meth:`wait` returns.
    """

    def __init__(self, name: str, begin: Callable[[How], Target], *, port: int = 0) -> None:
        self.name, self._begin, self._port = name, begin, port
        self.state = "working"
        self.changed: Callable[[], None] = lambda: None
        self.opened: Callable[[Target], None] = lambda _target: None
        self.target: Target | None = None
        self._error: BaseException | None = None
        self._lines: list[str] = []
        self._part: float | None = None
        self._began = time.time()
        self._ended, self._cancelled = threading.Event(), threading.Event()

    def start(self, login: Login | None = None) -> None:
        """Begin, also again after a failure.

        Args:
            login: For the registry; it is used for this try, and kept nowhere.
        """
        if self.state == "open" or (self._lines and not self._ended.is_set()):
            return
        self.state, self._error, self._part, self._began = "working", None, None, time.time()
        self._lines = [f"Opening {self.name} …"]
        self._ended, self._cancelled = threading.Event(), threading.Event()
        cancelled = self._cancelled

        def tell(words: str, part: float | None = None, /) -> None:
            if not cancelled.is_set():
                self._tell(words, part)

        how = How(tell, cancelled, self._port, login)
        threading.Thread(target=self._run, args=(how,), daemon=True, name="amlwidgets-open").start()

    def cancel(self) -> None:
        """End it; what was begun is removed. An engine that hangs is not waited for."""
        cancelled = self._cancelled
        if cancelled.is_set() or self._ended.is_set():
            cancelled.set()
            return
        self._tell("Cancelling …")
        cancelled.set()
        timer = threading.Timer(_CANCEL_SECONDS, self._end, (cancelled, self._was_cancelled()))
        timer.daemon = True
        timer.start()

    def _was_cancelled(self) -> ServiceFailed:
        return ServiceFailed(f"Opening {self.name} was cancelled.", code="cancelled")

    def wait(self, seconds: float | None = None) -> Target:
        """Wait until it is open and its server answers, or has had half a minute for that.

        Raises:
            AmlWidgetsError: Why it cannot be opened; ``cancelled`` when somebody cancelled it.
        """
        self._ended.wait(seconds)
        if self._error is not None:
            raise self._error
        if self.target is None:
            raise ServiceFailed(f"{self.name} is not open yet.", code="not-open")
        return self.target

    def shown(self) -> dict[str, Any]:
        """Return what a view needs: name, state, words, part done (0 to 1, or None), last lines, problem, login."""
        error = self._error
        problem = {"message": mask(str(getattr(error, "message", error))), "todo": getattr(error, "todo", "")}
        return {
            "name": self.name, "state": self.state, "words": self._lines[-1], "part": self._part,
            "lines": self._lines[-_SHOWN_LINES:], "began": self._began, "problem": problem if error else None,
            "login": self._login(),
        }  # fmt: skip

    def _login(self) -> dict[str, str] | None:
        """Return which registry wants a login, and the command of ``az`` that gives one, when it does."""
        if not isinstance(self._error, Denied):
            return None
        return {"registry": self._error.registry, "az": " ".join(az_command(self._error.registry)[1:])}

    def _run(self, how: How) -> None:
        error: BaseException | None = None
        try:
            target = self._begin(how)
            if how.cancelled.is_set():
                target.close()
                raise self._was_cancelled()
            self.target, self.state = target, "open"
            self.opened(target)
            self._wait_until_ready(target, how.cancelled)
        except BaseException as raised:  # noqa: BLE001 - raised where it is waited for, and shown
            error = raised
        self._end(how.cancelled, error)

    def _end(self, cancelled: threading.Event, error: BaseException | None) -> None:
        """Note how a try has ended, unless it was given up, or another one has begun."""
        if cancelled is not self._cancelled or self._ended.is_set():
            return
        if error is not None:
            self._error = error
            self.state = "cancelled" if getattr(error, "code", "") == "cancelled" else "failed"
        self._ended.set()
        self.changed()

    @staticmethod
    def _wait_until_ready(target: Target, cancelled: threading.Event) -> None:
        local = getattr(target, "local", None)
        if local is not None:
            with contextlib.suppress(AmlWidgetsError):
                local.wait(_READY_SECONDS, cancelled)

    def _tell(self, words: str, part: float | None = None) -> None:
        self._lines = [*self._lines[-_MOST_LINES + 1 :], mask(words)]
        self._part = part
        self.changed()
