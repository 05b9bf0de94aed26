"""Debug a container from the notebook: look inside, edit and reload, send data, terminal, debugger."""

from __future__ import annotations

import html
import threading
import weakref
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.errors import AmlWidgetsError, BadInput, ServiceFailed
from amlwidgets.services.local.images import Login
from amlwidgets.services.local.pending import Opening
from amlwidgets.services.local.probes import PROBES
from amlwidgets.services.local.session import LocalSession
from amlwidgets.services.log_feed import LogFeed
from amlwidgets.services.log_pick import source_of
from amlwidgets.widgets.assets import packed, style
from amlwidgets.widgets.base import AmlWidget, request
from amlwidgets.widgets.coalesce import Coalescer
from amlwidgets.widgets.log_pane import LogPane
from amlwidgets.widgets.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.services.local.targets import Target

_LOOK_SECONDS = 1.5
_MOST_TEXT, _MOST_ROWS, _MOST_POINTS = 6000, 60, 60
_HISTORY, _MOST_LINES = 20, 200


_BY_NAME: weakref.WeakValueDictionary[str, ContainerPanel] = weakref.WeakValueDictionary()


def close_earlier(name: str) -> None:
    """Close the panel that was opened for this name before: a cell that runs again leaves no container behind."""
    earlier = _BY_NAME.pop(name, None)
    if earlier is not None:
        earlier.close()


class ContainerPanel(AmlWidget):
    """A panel on one container.

    Args:
        target: What is debugged, or what opens it meanwhile; ``%aml local SERVICE`` finds it by name.
        conda: Text of the conda file that its environment was made from.
        script: Entry script, relative to the scripts' folder.
        session: A session to show, instead of a new one.
    """

    _esm = packed("container_panel")
    _css = style("finding_card", "log_view", "log_viewer", "container_panel")

    opening = t.Dict().tag(sync=True)
    """What goes on until the container is there: ``state``, ``words``, ``part``, ``lines``; empty once it is."""
    head = t.Dict().tag(sync=True)
    """Name, kind, note, address; state (``ready``, ``words``); what the container offers (``engine``)."""
    busy = t.Unicode("").tag(sync=True)
    """What is being done; empty when nothing is."""
    usage = t.List(t.List(t.Float())).tag(sync=True)
    """The last minute: CPU (cores), memory (bytes), and what it may use of both."""
    probes = t.List(t.List(t.Unicode())).tag(sync=True)
    """Name and title of each probe."""
    answers = t.Dict().tag(sync=True)
    """Last result by action: answers of probes, differences, exchanges, shell lines, the debugger."""
    total = t.Int(0).tag(sync=True)
    """Lines of the log."""

    def __init__(
        self,
        target: Target | Opening,
        *,
        conda: str = "",
        script: str = "score.py",
        session: LocalSession | None = None,
    ) -> None:
        super().__init__()
        self._settings: dict[str, Any] = {"conda": conda, "script": script}
        self._session: LocalSession | None = None
        self._closed = False
        self._work = threading.Lock()
        self._watching = threading.Event()
        self._presence = Presence(self._begin, self._end)
        self._steps: Coalescer[str] = Coalescer(self.guarded(self._show_opening))
        self.probes = [[probe.name, probe.title] for probe in PROBES.values()]
        self._opening: Opening | None = None
        if isinstance(target, Opening):
            self._open(target)
        else:
            self._opened(target, session)

    def _open(self, opening: Opening) -> None:
        self._opening, _BY_NAME[opening.name] = opening, self
        opening.changed, opening.opened = lambda: self._steps.add("opening"), self._opened
        opening.start()
        self._show_opening(set())

    def _opened(self, target: Target, session: LocalSession | None = None) -> None:
        if self._closed:
            target.close()
            return
        self._session = session or LocalSession(target, **self._settings)
        self._follow()
        if self._watching.is_set():
            self._feed.start()
        self._look()
        self.opening = {}
        self.keep_static()

    def _show_opening(self, _changes: set[str]) -> None:
        if self._opening is not None and self._session is None:
            self.opening = self._opening.shown()
            if self.opening["state"] != "working":
                self.keep_static()

    # ---- for code ---------------------------------------------------------------------------------------

    @property
    def session(self) -> LocalSession:
        """What the buttons do, as calls; waits until the container is there.

        Raises:
            AmlWidgetsError: Why it cannot be opened.
        """
        if self._opening is not None:
            self._opening.wait()
        return self._at_hand()

    def _at_hand(self) -> LocalSession:
        if self._session is None:
            raise ServiceFailed("The container is not there yet.", code="not-open", todo="Wait for it, or try again.")
        return self._session

    @property
    def target(self) -> Target:
        """What is debugged; waits until it is there."""
        return self.session.target

    def close(self) -> None:
        """End the work, remove what is ours, take the panel away."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        self._end()
        self._steps.close()
        if self._session is not None:
            self._changes.close()
            self._session.close()
        super().close()

    # ---- requests of the view ------------------------------------------------------------------------

    @request
    def cancel_opening(self) -> None:
        """End what builds, pulls or starts the container."""
        if self._opening is not None:
            self._opening.cancel()

    @request
    def open_again(self, user: str = "", password: str = "", *, az: bool = False) -> None:
        """Try again, with a login for the registry that this one try uses and nobody keeps."""
        if self._opening is not None:
            self._opening.start(Login(user, password, az=az) if user or az else None)
            self._show_opening(set())

    @request
    def cell(self) -> dict[str, str]:
        """Return the script as a cell, through which the notebook's own debugger can step."""
        return {"text": self._at_hand().as_cell()}

    @request
    def act(self, name: str, payload: dict[str, Any] | None = None) -> None:
        """Begin what a button says, on a thread: the kernel stays free; the result appears in ``answers``."""
        actions: dict[str, Callable[..., dict[str, Any]]] = {
            "look": self._probe, "compare": self._differences, "reload": self._reload, "save": self._save,
            "undo": self._undo, "catch": self._catch, "send": self._post, "shell": self._shell,
            "debug": self._debug, "sample": self._sample, "files": self._files,
        }  # fmt: skip
        if name not in actions:
            raise BadInput(f"There is no action “{name}”.", code="view-old")
        self._at_hand()
        if not self._work.acquire(blocking=False):
            raise BadInput(f"{self.busy or 'Something'} is still going on.", code="busy", todo="Wait for its end.")

        def work() -> None:
            result = None
            try:
                self.busy = _DOING.get(name, "Working")
                result = actions[name](**(payload or {}))
            except Exception as error:  # noqa: BLE001 - shown in the widget
                self.show_problem(error)
            # In this order: who sees the result may press the next button.
            self._work.release()
            self.busy = ""
            if result is not None:
                self._result(name, result)
            self._look()

        threading.Thread(target=work, daemon=True, name=f"amlwidgets-panel-{name}").start()

    @request
    def read(self, path: str = "") -> dict[str, Any]:
        """Return a file for the editor."""
        text = self._at_hand().source(path)
        return {"path": path or self._at_hand().script, "text": text, "edited": self._at_hand().edited()}

    @request
    def code(self, body: str) -> dict[str, str]:
        """Return the request as code."""
        return self._at_hand().code(body)

    @request
    def log(self, op: str, payload: dict[str, Any]) -> Any:
        """Answer a question about the log."""
        return self._pane.answer(op, payload)

    @request
    def seen(self, view: str, *, closed: bool = False) -> None:
        """Note that a view is open, or that it was closed."""
        self._presence.seen(view, closed=closed)

    # ---- actions ---------------------------------------------------------------------------------------

    def _probe(self, *, probe: str, **options: Any) -> dict[str, Any]:
        answer = self._at_hand().look(probe, **options)
        rows = answer["table"]
        more = [[f"… and {len(rows) - _MOST_ROWS} more"]] if len(rows) > _MOST_ROWS else []
        return {**answer, "data": {}, "table": [*rows[:_MOST_ROWS], *more], "text": answer["text"][-_MOST_TEXT:]}

    def _differences(self) -> dict[str, Any]:
        found = self._at_hand().differences()
        serious = sum(d.matters for d in found)
        words = f"{len(found)} differences, {serious} of packages that the model uses." if found else "Nothing differs."
        return {
            "sentence": words,
            "rows": [asdict(d) for d in found[:_MOST_ROWS]],
            "state": "fail" if serious else "ok",
        }

    def _reload(self) -> dict[str, Any]:
        state = self._at_hand().reload()
        self._follow_again()
        return {"ready": state.ready, "words": state.words}

    def _save(self, text: str, path: str = "", *, reload: bool = True) -> dict[str, Any]:
        self._at_hand().save(text, path)
        return self._edited() | (self._reload() if reload else {})

    def _undo(self, path: str = "") -> dict[str, Any]:
        self._at_hand().undo(path)
        return self._edited() | self._reload()

    def _catch(self, *, on: bool) -> dict[str, Any]:
        self._at_hand().catch_errors(on=on)
        return self._edited() | self._reload() | {"catching": on}

    def _edited(self) -> dict[str, Any]:
        return {"edited": self._at_hand().edited(), "version": self.answers.get("save", {}).get("version", 0) + 1}

    def _post(self, body: str, seconds: float = 120) -> dict[str, Any]:
        exchange = self._at_hand().send(body, seconds)
        found = self._at_hand().findings(exchange, self._last_lines())
        before = self._at_hand().exchanges[0] if len(self._at_hand().exchanges) > 1 else None
        return {
            "status": exchange.status, "reason": exchange.reason, "seconds": exchange.seconds,
            "answer": exchange.answer[:_MOST_TEXT], "headers": exchange.explained(), "kept": exchange.kept,
            "before": {"status": before.status, "answer": before.answer[:_MOST_TEXT]} if before else None,
            "finding": found[0].to_dict() if found else None,
        }  # fmt: skip

    def _files(self, pattern: str) -> dict[str, Any]:
        return {"rows": self._at_hand().send_files(pattern)[:_MOST_ROWS]}

    def _last_lines(self) -> str:
        log = self._feed.log
        return "\n".join(log.window(max(0, len(log) - _MOST_LINES), _MOST_LINES))

    def _sample(self) -> dict[str, Any]:
        return {"body": self._at_hand().sample()}

    def _shell(self, line: str) -> dict[str, Any]:
        ran = self._at_hand().shell(line)
        kept = self.answers.get("shell", {}).get("lines", [])[-_HISTORY + 1 :]
        entry = {"line": line, "output": ran.output[-_MOST_TEXT:], "exit": ran.exit_code, "seconds": ran.seconds}
        return {"lines": [*kept, entry]}

    def _debug(self, *, on: bool) -> dict[str, Any]:
        if not on:
            self._at_hand().stop_debugging()
            return {}
        found = self._at_hand().debug()
        return {"port": found.port, "note": found.note, "launch": found.launch, "address": found.container.address}

    def _result(self, name: str, result: dict[str, Any]) -> None:
        key = f"look:{result['probe']}" if name == "look" else "save" if name in ("undo", "catch", "reload") else name
        self.answers = {**self.answers, key: result}

    # ---- watching ---------------------------------------------------------------------------------------

    def _follow(self) -> None:
        origin = source_of(self._at_hand().target.log())
        log = LogBuffer(origin.name)
        self._pane = LogPane(log, lambda message, buffers: self.send(message, buffers=buffers))
        self._changes: Coalescer[str] = Coalescer(self.guarded(self._push))
        self._feed = LogFeed(log, origin, self._changes.add)

    def _follow_again(self) -> None:
        """After a new start the log goes on, of a new container perhaps."""
        self._feed.stop()
        self._changes.close()
        self._follow()
        if self._watching.is_set():
            self._feed.start()
        self.send({"kind": "log-again"})

    def _push(self, changes: set[str]) -> None:
        if "log" in changes:
            self._pane.push()

    def _begin(self) -> None:
        if self._session is not None:
            self._feed.start()
        if not self._watching.is_set():
            self._watching.set()
            threading.Thread(target=self._watch, daemon=True, name="amlwidgets-panel-watch").start()

    def _end(self) -> None:
        self._watching.clear()
        if self._session is not None:
            self._feed.stop()

    def _watch(self) -> None:
        pause = threading.Event()
        while self._watching.is_set():
            if self._session is not None:
                self.guarded(self._look)()
                self._measure()
            pause.wait(_LOOK_SECONDS)

    def _look(self) -> None:
        target = self._at_hand().target
        try:
            state = asdict(target.state())
        except AmlWidgetsError as error:
            state = {"status": "unknown", "ready": False, "words": error.message}
        self.head = {
            "name": target.name, "kind": target.kind, "note": target.note, "address": target.address, "state": state,
            "image": target.image, "reloads": target.reloads,
            "script": self._at_hand().script, "terminal": self._at_hand().terminal(),
        }  # fmt: skip

    def _measure(self) -> None:
        local = getattr(self._at_hand().target, "local", None)
        if local is None or self.head["state"]["status"] != "running":
            return
        try:
            now = local.usage()
        except Exception:  # noqa: BLE001 - it may just have ended; the state says so
            return
        point = [now.cpu, float(now.memory_bytes), local.cores(), float(now.limit_bytes)]
        self.usage = [*self.usage[-_MOST_POINTS + 1 :], point]

    # ---- static form -----------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return the state and the last answers."""
        if not self.head:
            why = (self.opening.get("problem") or {}).get("message") or self.opening.get("words", "")
            return f"{self.opening.get('name', '')}: {why}"
        lines = [f"{self.head['name']} ({self.head['kind']}): {self.head['state']['words']}"]
        lines += [
            f"- {a['sentence']}" for key, a in self.answers.items() if key.startswith("look:") or key == "compare"
        ]
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return the same as HTML."""
        first, *rest = self.to_text().splitlines()
        items = "".join(f"<li>{html.escape(line[2:])}</li>" for line in rest)
        return f"<p>{html.escape(first)}</p><ul>{items}</ul>"


_DOING = {
    "look": "Looking inside", "compare": "Comparing packages", "reload": "Reloading", "save": "Saving and reloading",
    "undo": "Undoing and reloading", "catch": "Changing run() and reloading", "send": "Waiting for the answer",
    "shell": "Running the command", "debug": "Preparing the debugger", "sample": "Reading the schema",
    "files": "Sending the files",
}  # fmt: skip
