"""Every error that amlwidgets raises on purpose.

::

    AmlWidgetsError
    ├── BadInput       what was given cannot be used (a path, a name, a file's content)
    │   └── BadExpression  an expression for a search cannot be read or takes too long
    ├── NotInstalled   a package or program that is needed is absent
    ├── NotConnected   a service cannot be reached (sandbox not running, workspace unreachable)
    ├── NotAllowed     refused on purpose (two worlds in one kernel) or by rights
    └── ServiceFailed  the other side answered with a failure

Each carries a stable ``code``, what happened, and what to do next.
"""

from __future__ import annotations


class AmlWidgetsError(Exception):
    """Base of all errors of amlwidgets.

    Args:
        message: One sentence that says what happened; secrets in it are masked, so that it is safe to paste in public.
        code: Stable identifier such as ``"model-path-missing"``.
        todo: What to do next, one sentence; empty when there is nothing to do.

    """

    default_code = "error"
    in_place = False
    """The view says it where it was typed, not in its error strip."""

    def __init__(self, message: str, *, code: str | None = None, todo: str = "") -> None:
        # Here, so that no raiser can forget it: messages quote addresses and values that services and people gave.
        from amlwidgets.core.redact import mask

        self.message = mask(message)
        super().__init__(self.message)
        self.code = code or self.default_code
        self.todo = mask(todo)

    def __str__(self) -> str:
        """Return message, next step and code in one line."""
        todo = f" {self.todo}" if self.todo else ""
        return f"{self.message}{todo} [{self.code}]"


class BadInput(AmlWidgetsError):
    """What was given cannot be used."""

    default_code = "bad-input"


class BadExpression(BadInput):
    """An expression that is being typed cannot be read, or takes too long."""

    default_code = "bad-expression"
    in_place = True


class NotInstalled(AmlWidgetsError):
    """A package or program that is needed is absent."""

    default_code = "not-installed"


class NotConnected(AmlWidgetsError):
    """A service cannot be reached."""

    default_code = "not-connected"


class NotAllowed(AmlWidgetsError):
    """Refused, on purpose or by missing rights."""

    default_code = "not-allowed"


class ServiceFailed(AmlWidgetsError):
    """The other side answered with a failure."""

    default_code = "service-failed"
