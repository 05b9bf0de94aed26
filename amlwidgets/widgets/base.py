"""Base of all widgets: guarded callbacks, requests with answers, a static form for places without a kernel."""

from __future__ import annotations

import functools
import html
import logging
import threading
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, ParamSpec, TypeVar

import anywidget
import traitlets as t

from amlwidgets.core.redact import mask
from amlwidgets.errors import AmlWidgetsError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger(__name__)

PLAIN = 1_500
"""Characters of the plain text beside a view."""


def request(method: Callable[P, R]) -> Callable[P, R]:
    """Mark a method that the view may call by name; its result travels back as the answer."""
    method.__aml_request__ = True  # type: ignore[attr-defined]
    return method


class Binary(NamedTuple):
    """An answer with bytes beside it, which travel as they are."""

    result: dict[str, Any]
    buffers: list[bytes]


def error_words(error: BaseException) -> dict[str, str]:
    """Return an error as the view shows it: message, what to do, code."""
    if isinstance(error, AmlWidgetsError):
        return {"message": mask(error.message), "todo": mask(error.todo), "code": error.code}
    return {"message": mask(f"{type(error).__name__}: {error}"), "todo": "", "code": "unexpected"}


class AmlWidget(anywidget.AnyWidget):
    """A widget whose errors are seen.

    Unknown keyword arguments are refused with a sentence; an exception in a callback becomes a line in the error
    strip; a request from the view always gets an answer.
    """

    _module_name: ClassVar[str] = "amlwidgets"

    problem = t.Dict().tag(sync=True)
    """What went wrong last: ``message``, ``todo``, ``code``; empty when nothing did."""

    def __init__(self, **values: Any) -> None:
        unknown = [name for name in values if not self.has_trait(name)]
        if unknown:
            known = ", ".join(sorted(n for n in self.trait_names(sync=True) if not n.startswith("_")))
            raise TypeError(f"{type(self).__name__} has no “{unknown[0]}”. It takes: {known}.")
        super().__init__(**values)
        self._answering = threading.RLock()
        self.on_msg(self._answer)

    # ---- requests --------------------------------------------------------------------------------

    def _answer(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Answer one request of the view; JupyterLab may deliver it on a thread of a subshell."""
        if not isinstance(content, dict) or content.get("kind") != "request":
            return
        reply: dict[str, Any] = {"kind": "reply", "id": content.get("id")}
        buffers: list[bytes] = []
        try:
            method = getattr(type(self), str(content.get("name")), None)
            if not getattr(method, "__aml_request__", False):
                raise AmlWidgetsError(f"The view asked for “{content.get('name')}”, which is unknown.", code="view-old")
            with self._answering:
                result = method(self, **content.get("payload", {}))  # type: ignore[misc]
            reply["result"], buffers = result if isinstance(result, Binary) else (result, [])
        except Exception as error:  # noqa: BLE001 - shown in the widget
            reply["error"] = error_words(error)
            if not getattr(error, "in_place", False):
                self.show_problem(error)
        self.send(reply, buffers=buffers)

    def show_problem(self, error: BaseException) -> None:
        """Show ``error`` in the widget's error strip."""
        if not isinstance(error, AmlWidgetsError):
            _log.debug("unexpected error in %s", type(self).__name__, exc_info=error)
        self.problem = error_words(error)

    def guarded(self, function: Callable[P, R]) -> Callable[P, R | None]:
        """Return ``function`` with every exception shown in the widget instead of lost."""

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - shown in the widget
                self.show_problem(error)
                return None

        return call

    @request
    def dismiss(self) -> None:
        """Close the error strip."""
        self.problem = {}

    # ---- static form -----------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return what the widget says, as plain text."""
        raise NotImplementedError

    def to_html(self) -> str:
        """Return what the widget says, as HTML without scripts, for exports and places without a kernel."""
        return f"<pre>{html.escape(self.to_text())}</pre>"

    def __repr__(self) -> str:
        """Return a short name; the inherited one prints every trait, the script included."""
        return f"<{type(self).__name__}>"

    def _ipython_display_(self, **_kwargs: Any) -> None:
        """Show the view, and below it the static form, which the view's style hides.

        Where no view is drawn (nbconvert, nbviewer, GitHub) only the second is seen: those places show nothing of an
        output that has a view they cannot draw.
        """
        from IPython import display as shown
        from IPython import get_ipython

        if not hasattr(get_ipython(), "kernel"):  # a terminal: text is all there is
            print(self.to_text())
            return
        bundle = super()._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if not data:
            return
        # The lines are in the static form already; a notebook need not hold them twice.
        words = self._beside_view()
        data["text/plain"] = words if len(words) <= PLAIN else f"{words[:PLAIN].rpartition(chr(10))[0]}\n…"
        shown.display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        shown.display(self._static(), raw=True, display_id=self._static_id)  # type: ignore[no-untyped-call]

    def _beside_view(self) -> str:
        """Return the plain text that goes with the view; a widget whose text takes long says less here."""
        return self.to_text()

    def keep_static(self) -> None:
        """Bring the static form in every notebook cell that shows this widget up to date."""
        from IPython import display as shown
        from IPython import get_ipython

        if get_ipython() is not None:
            shown.update_display(self._static(), raw=True, display_id=self._static_id)  # type: ignore[no-untyped-call]

    @property
    def _static_id(self) -> str:
        return f"amlwidgets-{self.model_id}"

    def _static(self) -> dict[str, str]:
        return {"text/html": f'<div class="aml-static">{self.to_html()}</div>'}

    def _repr_mimebundle_(self, **_kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**_kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is None:
            return bundle
        # A host that cannot show widgets takes the next best form.
        data["text/plain"] = self.to_text()
        data["text/html"] = self.to_html()
        return bundle
