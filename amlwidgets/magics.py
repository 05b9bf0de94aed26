"""``%aml``: reads the line, calls a service, shows a widget. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import AmlWidgetsError, BadInput, NotConnected
from amlwidgets.services import doors

if TYPE_CHECKING:
    from collections.abc import Callable

HELP = """%aml                      the wizard: deploy step by step; offers to resume an unfinished run
%aml wizard [NAME=VALUE]  the same, with settings, such as  memory_gb=1
%aml explain [NAME]       why the last cell failed; or diagnose the variable or file NAME
%aml logs SERVICE ...     the log of a web service, of a file, or of a variable; of several, merged by time
%aml replicas [SERVICE] [NAME=VALUE]
                          the replica calculator: how many 503 to expect, and which settings avoid them
%aml vault [TEMPLATE]     who may use the workspace's key vault, and what deploying the template again would do
%aml local [SERVICE] [port=NUMBER]
                          its container on this machine: look inside, edit and reload, send data, debug;
                          without a name: whether a Docker engine is there and works
%aml sandbox [on|off|status|reset]
                          work without an Azure account, on this machine
%aml runbook [PATH]       what was last tried, a run of the wizard or an item of the gallery, as a notebook: to keep,
                          to send, to run again;  %aml runbook gallery:NAME [PATH]  provokes that item first
%aml gallery [NAME]       failures to try: list them, or provoke one and see its finding
%aml auto on|off          show the finding below the traceback when an azureml cell fails (on)
%aml?                     this help"""

_COMMENT = re.compile(r"(?:^|\s)#\s.*$")


def register(ipython: Any) -> None:
    """Add the magic, and the finding below tracebacks."""
    state = _Magics(ipython)
    ipython.register_magic_function(state.aml, "line", "aml")
    ipython.events.register("post_run_cell", state.after_cell)
    ipython.user_ns.setdefault("__aml_magics__", state)
    doors.sandbox, doors.gallery = _sandbox_of_this_world, state._runbook_of  # noqa: SLF001 - the same module


def unregister(ipython: Any) -> None:
    """Take the magic away."""
    state = ipython.user_ns.pop("__aml_magics__", None)
    if state is not None:
        ipython.events.unregister("post_run_cell", state.after_cell)
    ipython.magics_manager.magics["line"].pop("aml", None)


class _Magics:
    """State of the magic in one kernel."""

    def __init__(self, ipython: Any) -> None:
        self.ipython = ipython
        self.auto = True
        self.failure: Any = None
        """The last failure of the gallery that was provoked here."""

    def aml(self, line: str) -> Any:
        """Deploy to Azure ML, see why it failed, fix it. See ``%aml help``."""
        commands: dict[str, Callable[[list[str]], Any]] = {
            "wizard": self._wizard,
            "explain": self._explain,
            "logs": self._logs,
            "replicas": self._replicas,
            "vault": self._vault,
            "sandbox": self._sandbox,
            "gallery": self._gallery,
            "local": self._local,
            "runbook": self._runbook,
            "auto": self._auto,
            "help": self._help,
        }
        try:
            words = _words(line)
            name, rest = (words[0], words[1:]) if words else ("wizard", [])
            if name not in commands:
                raise BadInput(
                    f"There is no “%aml {name}”.", code="unknown-command", todo="%aml help lists what there is."
                )
            return commands[name](rest)
        except AmlWidgetsError as error:
            _show_error(error)
            return None

    def _help(self, _words: list[str]) -> None:
        print(HELP)

    def _wizard(self, words: list[str]) -> Any:
        from amlwidgets.widgets.wizard import DeployWizard

        return DeployWizard(self._own_workspace(), **_settings(words))

    def _explain(self, words: list[str]) -> Any:
        from amlwidgets.services.explain import explain
        from amlwidgets.widgets.findings_view import FindingsView

        ws = self._own_workspace()
        return FindingsView(explain(self._value(words[0]) if words else None, ws), ws)

    def _logs(self, words: list[str]) -> Any:
        from amlwidgets.widgets.log_viewer import LogViewer

        if not words:
            raise BadInput("Which log?", code="logs-what", todo="%aml logs SERVICE, or a variable, or a file.")
        sources = {word: self._value(word, service=True) for word in words}
        return LogViewer(sources if len(sources) > 1 else sources[words[0]])

    def _replicas(self, words: list[str]) -> Any:
        from amlwidgets.widgets.calculator import ReplicaCalculator

        named = words[:1] if words and "=" not in words[0] else []
        service = self._value(named[0], service=True) if named else None
        return ReplicaCalculator(service, **_settings(words[len(named) :]))

    def _vault(self, words: list[str]) -> Any:
        from amlwidgets.widgets.vault_checklist import VaultChecklist

        return VaultChecklist(self._value(words[0]) if words else None, self._own_workspace())

    def _local(self, words: list[str]) -> Any:
        from amlwidgets.local_magic import host, panel

        if not words:
            return _show_html(host())
        return panel(words[0], self._own_workspace(), self.ipython.user_ns, **_settings(words[1:]))

    def _runbook(self, words: list[str]) -> None:
        from amlwidgets.services.runbook_command import GALLERY, write

        source = words.pop(0) if words and words[0].startswith(GALLERY) else self._last()
        path, book = write(source, words[0] if words else None)
        print(f"Written: {path} ({len(book.cells)} cells). Run it again with: amlwidgets runbook --run {path}")

    def _last(self) -> str:
        """Return what was tried last: the gallery's failure of this kernel, or a run of the journal."""
        from amlwidgets.services.runbook_command import GALLERY, last_run

        newer = self.failure is not None and self.failure.when > last_run()
        return f"{GALLERY}{self.failure.item.name}" if newer else "last"

    def _runbook_of(self, name: str) -> Any:
        """Return the runbook of a failure of the gallery; provoke it unless that was the last thing done here."""
        from amlwidgets.gallery_magic import provoke

        if self.failure is None or self.failure.item.name != name:
            self.failure = provoke(name)
        return self.failure.runbook()

    def _own_workspace(self) -> Any:
        """Return the user's workspace, where there is one; it is called ws by habit."""
        ws = self.ipython.user_ns.get("ws")
        return ws if _is_workspace(ws) else None

    def _value(self, word: str, *, service: bool = False) -> Any:
        """Return what a word stands for: a variable, a file, or a service of the workspace."""
        from pathlib import Path

        if word in self.ipython.user_ns:
            return self.ipython.user_ns[word]
        if Path(word).is_file():
            return Path(word)
        if service:
            return self._service(word)
        here = [path.name for path in sorted(Path().iterdir()) if path.is_file() and not path.name.startswith(".")]
        files = f"Files here: {', '.join(here[:12])}." if here else "This folder has no files; %cd goes to another one."
        raise BadInput(f"There is no variable and no file “{word}”.", code="nothing-named", todo=files)

    def _service(self, word: str) -> Any:
        from amlwidgets.services.azureml import find_service

        try:
            return find_service(word, self.ipython.user_ns.get("ws"))
        except NotConnected as error:
            message = f"There is no variable and no file “{word}”, and no workspace that could have a service so named."
            raise NotConnected(message, code=error.code, todo=error.todo) from error

    def _auto(self, words: list[str]) -> None:
        if words not in (["on"], ["off"]):
            raise BadInput("Say %aml auto on or %aml auto off.", code="auto-what")
        self.auto = words == ["on"]
        print(f"Findings below tracebacks: {words[0]}.")

    def _sandbox(self, words: list[str]) -> Any:
        # The sandbox is a program of its own: loaded only when it is asked for.
        from amlwidgets.sandbox.notebook import sandbox_command

        return _show_html(sandbox_command(words))

    def _gallery(self, words: list[str]) -> Any:
        from amlwidgets.gallery_magic import listed, provoke

        if not words:
            return _show_html(listed())
        from amlwidgets.widgets.findings_view import FindingsView

        self.failure = provoke(words[0])
        return FindingsView(self.failure.report)

    def after_cell(self, result: Any) -> None:
        """Show the finding below the traceback of a cell in which the SDK failed."""
        error = getattr(result, "error_in_exec", None)
        if not self.auto or error is None or isinstance(error, KeyboardInterrupt):
            return
        from amlwidgets.services.explain import explain, is_azureml_failure

        if not is_azureml_failure(error):
            return
        ws = self._own_workspace()
        report = explain(error, ws)
        if report.top is not None and not report.top.is_hint:
            from amlwidgets.widgets.findings_view import FindingsView

            _display_object(FindingsView(report, ws))


def _settings(words: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for word in words:
        key, found, value = word.partition("=")
        if not found:
            raise BadInput(f"“{word}” is no setting.", code="setting-syntax", todo="Write it as name=value.")
        settings[key] = value
    return settings


def _words(line: str) -> list[str]:
    """Split a line as a shell does, without a comment at its end; a lone apostrophe is an apostrophe."""
    line = _COMMENT.sub("", line)
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


_Magics.aml.__doc__ = HELP


def _sandbox_of_this_world() -> Any:
    from amlwidgets.local_magic import connected_sandbox

    return connected_sandbox()


def _is_workspace(value: Any) -> bool:
    return type(value).__module__ == "azureml.core.workspace" and type(value).__name__ == "Workspace"


def _show_error(error: AmlWidgetsError) -> None:
    """Show one clear sentence instead of a traceback through our own code."""
    import html

    words = f"<b>{html.escape(error.message)}</b> {html.escape(error.todo)}"
    style = "border-left:4px solid #c62828;padding:4px 10px;font-family:var(--jp-ui-font-family)"
    _display(f'<div role="alert" style="{style}">{words} <small>[{error.code}]</small></div>', str(error))


def _show_html(shown: tuple[str, str] | None) -> None:
    if shown is not None:
        _display(*shown)


def _display(html_text: str, text: str) -> None:
    _display_object({"text/html": html_text, "text/plain": text}, raw=True)


def _display_object(shown: Any, **options: Any) -> None:
    from IPython.display import display

    display(shown, **options)  # type: ignore[no-untyped-call]
