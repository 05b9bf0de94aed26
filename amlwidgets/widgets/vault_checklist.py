"""The key vault and template checklist: what keeps images from being created, and what a redeploy would do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.errors import AmlWidgetsError, BadInput
from amlwidgets.services import azureml, vault_live
from amlwidgets.services.arm_fix import corrected, place_beside, write_beside
from amlwidgets.services.template_secrets import cleaned, secrets_in, without
from amlwidgets.services.vault_check import open_template
from amlwidgets.vault.checklist import State, Step, first_open, steps
from amlwidgets.vault.remedy import NoFit, all_remedies, fix
from amlwidgets.widgets.assets import packed, style
from amlwidgets.widgets.base import AmlWidget, request
from amlwidgets.widgets.checklist_text import story, table

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from amlwidgets.vault.checklist import Checked
    from amlwidgets.vault.remedy import Fixed, Remedy
    from amlwidgets.vault.seen import Seen

_HITS = 30
"""Findings shown; the command line lists all."""

_TRIED_BELOW = 200_000
"""Characters of a template up to which it is tried before whether each remedy fits."""

_SHOWN_WITHIN = 3.0
"""Seconds that showing the widget waits for the first look."""


class VaultChecklist(AmlWidget):
    """Ordered steps: which vault, who may use it, is the template safe, can images be created again.

    It only reads, until one named change is confirmed: giving the workspace's own identity its access.

    Args:
        template: ARM template (a path, or its content) or Bicep file that makes the workspace; None for none.
        ws: An ``azureml.core.Workspace``; None takes the sandbox's in its world, and else finds one as the wizard does
            when *Look again* is pressed.
        parameters: Values of the template's parameters.
        after_failure: Images have just failed: only one that is created from now on proves that they can be made.

    Raises:
        BadInput: The template cannot be read.

    Example:
        >>> checklist = VaultChecklist("azuredeploy.json", ws)  # doctest: +SKIP
        >>> checklist.look().has_access  # doctest: +SKIP
        False
    """

    _esm = packed("vault_checklist")
    _css = style("finding_card", "vault_checklist")

    head = t.Dict().tag(sync=True)
    """Workspace, template, when it was looked at, whether it is being looked at."""
    steps: t.List[Any] = t.List().tag(sync=True)
    """The steps in their JSON form."""
    template = t.Dict().tag(sync=True)
    """Verdict, table of the redeploy, findings and remedies; empty without a template."""
    proposal = t.Dict().tag(sync=True)
    """The corrected template that is shown: its diff and where it would be written; empty without one."""

    def __init__(
        self,
        template: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        ws: Any = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        after_failure: bool = False,
    ) -> None:
        super().__init__()
        self._ws = ws
        self._seen: Seen | None = None
        self._opened = None if template is None else open_template(template, parameters)
        self._secrets = [] if self._opened is None else secrets_in(self._opened.view)
        self._checked: Checked | None = None
        self._since = time.time() if after_failure else None
        self._done = ""
        self._ways: list[dict[str, str]] = []
        self._looking = threading.Lock()
        self._draw(busy=True)
        # A config file may want a sign-in in the browser: that waits until somebody asks for it.
        first = self.look if ws is not None or azureml.in_sandbox() else self._look_at_template
        self._first = threading.Thread(target=self.guarded(first), daemon=True, name="amlwidgets-look")
        self._first.start()

    # ---- for code: what the buttons do ---------------------------------------------------------------

    def look(self) -> Seen | None:
        """Look at vault and workspace again, and return what was seen; None without a workspace.

        Without ``ws=`` this finds the workspace of a config file, which may open a browser for the sign-in.
        """
        with self._looking:
            self._draw(busy=True)
            try:
                self._ws = self._ws if self._ws is not None else _workspace()
                self._seen = None if self._ws is None else vault_live.look(self._ws)
                if self._seen is not None and self._seen.has_access is False and self._since is None:
                    self._since = time.time()
            finally:
                self._draw(busy=False)
        return self._seen

    def _look_at_template(self) -> None:
        self._draw(busy=False)

    def step(self, name: str) -> Step:
        """Return a step by its id, such as ``access`` or ``template``.

        Raises:
            KeyError: There is none of that name.
        """
        return {step.id: step for step in self._steps()}[name]

    @property
    def todo(self) -> Step | None:
        """The step to do next; None when all is done."""
        return first_open(self._steps())

    def give_access(self) -> str:
        """Give the workspace's identity its access to the vault; returns what was done.

        Raises:
            NotAllowed: This account may not, or vault and identity are not known.
            ServiceFailed: The service refuses.
        """
        self._first.join()
        if self._seen is None:
            raise BadInput("No workspace is at hand.", code="workspace-missing")
        self._done = vault_live.grant(self._ws, self._seen)
        self.look()
        return self._done

    def fix(self, remedy: str) -> Fixed:
        """Return the template corrected; nothing is written.

        Raises:
            BadInput: There is no template, or the remedy does not fit it.
        """
        opened = self._need_template()
        if opened.path is None:
            raise BadInput("Only a template file can be corrected.", code="template-no-file")
        return corrected(opened.text, remedy, opened.name, opened.parameters)

    def write_fix(self, remedy: str) -> Path:
        """Write the corrected template beside the original, and return where.

        Raises:
            BadInput: The remedy does not fit, or another file lies there.
        """
        found, opened = self.fix(remedy), self._need_template()
        return write_beside(opened.path or opened.name, found)

    def _need_template(self) -> Any:
        if self._opened is None:
            raise BadInput("No template was given.", code="template-missing", todo="%aml vault azuredeploy.json")
        return self._opened

    # ---- requests of the view ------------------------------------------------------------------------

    @request
    def refresh(self) -> None:
        """Send the present state to a view that has just opened."""
        self._draw(busy=self._looking.locked())

    @request
    def look_again(self) -> None:
        """Look again, on a thread of its own."""
        self.problem = {}
        threading.Thread(target=self.guarded(self.look), daemon=True, name="amlwidgets-look").start()

    @request
    def grant(self, *, confirmed: bool = False) -> dict[str, str] | None:
        """Give the workspace's identity its access, once that was confirmed."""
        seen = self._seen
        if seen is None or self.step("access").change == "":
            raise BadInput("There is nothing to give.", code="nothing-to-grant", todo="Look again.")
        if not confirmed:
            what = "assigns it the role Key Vault Administrator on" if seen.mode == "roles" else "adds one entry to"
            return {
                "confirm": f"Give the workspace's identity {seen.identity} access? This {what} the vault {seen.vault} "
                "and changes nothing else."
            }
        self.give_access()
        return None

    @request
    def propose(self, remedy: str) -> None:
        """Show what a remedy changes in the template."""
        self.problem = {}
        found, opened = self.fix(remedy), self._need_template()
        self.proposal = {
            "remedy": found.remedy.id,
            "title": found.remedy.title,
            "words": found.remedy.words,
            "diff": self._clean(found.diff),
            "silenced": found.silenced,
            "notes": [self._clean(note) for note in found.notes],
            "place": place_beside(opened.path or opened.name, found.remedy.id).name,
            "written": "",
        }

    @request
    def write(self) -> None:
        """Write what is shown beside the original."""
        if not self.proposal:
            raise BadInput("No remedy is shown.", code="nothing-proposed")
        place = self.write_fix(str(self.proposal["remedy"]))
        self.proposal = {**self.proposal, "written": place.name}

    @request
    def discard(self) -> None:
        """Close the remedy that is shown."""
        self.proposal = {}

    # ---- drawing -------------------------------------------------------------------------------------

    def _steps(self) -> list[Step]:
        return steps(self._seen, self._checked, self._since)

    def _draw(self, *, busy: bool) -> None:
        if self._opened is not None:
            self._checked = self._opened.checked(self._seen)
        with self.hold_sync():
            self.head = {
                "workspace": "" if self._ws is None else str(self._ws.name),
                "sandbox": azureml.in_sandbox(),
                "template": "" if self._opened is None else self._opened.name,
                "looked": "" if self._seen is None else time.strftime("%H:%M:%S"),
                "busy": busy,
                "done": self._done,
            }
            self.steps = [self._clean_all(step.to_dict()) for step in self._steps()]
            self.template = self._template_now()

    def _template_now(self) -> dict[str, Any]:
        if self._checked is None or self._opened is None:
            return {}
        hits = [self._clean_all(hit.to_dict()) for hit in self._checked.hits]
        return {
            "verdict": self._clean(self._checked.redeploy.verdict),
            "wipes": self._checked.redeploy.wipes,
            "depends_on": [self._clean(text) for text in self._checked.redeploy.depends_on],
            "rows": cleaned(self._secrets, table(self._checked.redeploy, self._seen)),
            "hits": hits[:_HITS],
            "more": max(0, len(hits) - _HITS),
            "open": [self._clean_all(question.to_dict()) for question in self._checked.open[:_HITS]],
            "remedies": self._fitting() if self._checked.redeploy.wipes and self._opened.path else [],
        }

    def _fitting(self) -> list[dict[str, str]]:
        """Return the remedies that fit the template, and of the others why they do not."""
        if not self._ways:
            self._ways = [
                {"id": remedy.id, "title": remedy.title, "words": remedy.words, "unfit": self._unfit(remedy)}
                for remedy in all_remedies()
            ]
        return self._ways

    def _unfit(self, remedy: Remedy) -> str:
        opened = self._need_template()
        if len(opened.text) > _TRIED_BELOW:
            return ""
        try:
            fix(opened.text, remedy, opened.parameters, name=opened.name)
        except NoFit as exc:
            return self._clean(str(exc))
        return ""

    def _clean(self, text: str) -> str:
        """Return a text without secrets, those that the template itself holds included."""
        return without(self._secrets, text)

    def _clean_all(self, found: dict[str, Any]) -> dict[str, Any]:
        return dict(cleaned(self._secrets, found))

    # ---- static form ---------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return the steps, the simulation and the findings as text."""
        self._first.join(_SHOWN_WITHIN)
        return story(dict(self.head), list(self.steps), dict(self.template))

    @property
    def all_done(self) -> bool:
        """Whether every step is done."""
        return all(step.state == State.DONE for step in self._steps())


def _workspace() -> Any:
    """Return the workspace that is found from here; None where there is none."""
    try:
        return azureml.find_workspace()
    except AmlWidgetsError:
        return None
