"""The ordered steps from a failed image to a template that can be deployed again, each with its state."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from amlwidgets.vault import commands
from amlwidgets.vault.permissions import ALL_BUT_PURGE
from amlwidgets.vault.seen import ROLES, Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.vault.check import Hit
    from amlwidgets.vault.redeploy import Redeploy
    from amlwidgets.vault.undecided import Open


class State(StrEnum):
    """How a step stands."""

    DONE = "done"
    NEEDS_YOU = "needs you"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


GRANT = "grant"
"""The one change that the checklist makes, after it was confirmed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        id: Such as ``"access"``.
        title: What is to be true.
        state: How it stands.
        detail: What was seen, or why it is unknown.
        todo: What to do; empty when there is nothing to do.
        command: The same as a command for a terminal.
        change: The change that the checklist itself can make.
        needs: Steps that come first.
    """

    id: str
    title: str
    state: State
    detail: str
    todo: str = ""
    command: str = ""
    change: str = ""
    needs: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values."""
        return asdict(self) | {"state": self.state.value, "needs": list(self.needs)}


@dataclass(frozen=True, slots=True)
class Checked:
    """A template that was looked at.

    Attributes:
        name: Of the file.
        hits: Checks that fired.
        redeploy: What deploying it again does.
        open: What the checks could not decide.
    """

    name: str
    hits: tuple[Hit, ...]
    redeploy: Redeploy
    open: tuple[Open, ...] = ()


def steps(seen: Seen | None, template: Checked | None = None, since: float | None = None) -> list[Step]:
    """Return the steps in order.

    Args:
        seen: What was seen of the workspace's vault; None when no workspace is at hand.
        template: The template that makes the vault; None when none was given.
        since: When the workspace was first seen without access (seconds since 1970); None when it never was.
    """
    now, why = seen or Seen(), "no workspace is at hand"
    known = Seen(why=dict.fromkeys(("vault", "identity", "roles", "deleted", "images"), why)) if seen is None else now
    found: dict[str, Step] = {}
    for make in (_vault, _mode, _identity, _access, _firewall, _deleted):
        step = make(known)
        found[step.id] = _after_others(step, found)
    found["template"] = _template(template, known)
    found["images"] = _after_others(_images(known, since), found)
    return list(found.values())


def _after_others(step: Step, earlier: dict[str, Step]) -> Step:
    """Return a step, held back by those that come first and are not done."""
    first = next((earlier[name] for name in step.needs if earlier[name].state != State.DONE), None)
    if first is None:
        return step
    quiet: dict[str, Any] = {"todo": "", "command": "", "change": ""}
    if first.state == State.UNKNOWN:
        return replace(step, state=State.UNKNOWN, detail=f"because “{first.title}” is not known", **quiet)
    return replace(step, state=State.BLOCKED, detail=f"waits for “{first.title}”", **quiet)


def _unknown(step: str, title: str, why: str, needs: tuple[str, ...] = (), todo: str = "", command: str = "") -> Step:
    return Step(step, title, State.UNKNOWN, f"because {why}", todo, command, needs=needs)


def _vault(seen: Seen) -> Step:
    title = f"The workspace uses the vault {seen.vault}" if seen.vault else "The workspace has a key vault"
    if seen.exists is None:
        todo = "" if seen.workspace else "Look again to find it by its config file, or give it: VaultChecklist(ws=ws)."
        command = commands.show(seen) if seen.vault else ""
        return _unknown("vault", title, seen.why.get("vault", "nobody has looked"), todo=todo, command=command)
    if seen.exists:
        return Step("vault", title, State.DONE, f"resource group {seen.vault_group}, {seen.location}")
    if seen.deleted:
        todo = "Recover it; its policies come back with it."
        return Step("vault", title, State.NEEDS_YOU, "it is deleted", todo, commands.recover(seen))
    return Step(
        "vault", title, State.NEEDS_YOU, "it does not exist", "A workspace cannot change its vault: make a new one."
    )


def _mode(seen: Seen) -> Step:
    title, needs = "The vault uses access policies or roles", ("vault",)
    if not seen.mode:
        return _unknown("mode", title, seen.why.get("vault", "nobody has looked"), needs)
    if seen.mode == ROLES:
        return Step("mode", "The vault uses roles (RBAC)", State.DONE, "access policies have no effect in it")
    count = len(seen.holders or ())
    return Step("mode", "The vault uses access policies", State.DONE, f"{count} {'entry' if count == 1 else 'entries'}")


def _identity(seen: Seen) -> Step:
    title = "The workspace has an identity"
    if not seen.identity:
        return _unknown("identity", title, seen.why.get("identity", "nobody has looked"))
    kind = "user-assigned" if seen.own_identity else "its own (system-assigned)"
    return Step("identity", title, State.DONE, f"{kind}, {seen.identity}")


def _access(seen: Seen) -> Step:
    title, needs = "The identity may use secrets, keys and certificates", ("vault", "mode", "identity")
    has = seen.has_access
    if has is None:
        why = seen.why.get("roles", seen.why.get("vault", "nobody has looked"))
        return _unknown("access", title, why, needs, command=commands.grant(seen) if seen.identity else "")
    if has:
        return Step("access", title, State.DONE, _given(seen), needs=needs)
    what = "a role on the vault" if seen.mode == ROLES else "an entry in the access policies"
    todo = f"Give the workspace's identity {what}; nothing else is changed."
    both = f"{commands.grant(seen)}\n{commands.sync_keys(seen)}"
    return Step("access", title, State.NEEDS_YOU, _lacking(seen), todo, both, GRANT, needs)


def _given(seen: Seen) -> str:
    if seen.mode == ROLES or seen.entry is None:
        return ", ".join(seen.roles or ())
    return ", ".join(
        f"{kind}: {_amount(seen.entry.missing(kind), kind)}" for kind in ("secrets", "keys", "certificates")
    )


def _amount(missing: list[str], kind: str) -> str:
    whole = len(ALL_BUT_PURGE[kind])
    return "all that it needs" if not missing else f"{whole - len(missing)} of {whole} permissions"


def _lacking(seen: Seen) -> str:
    if seen.mode == ROLES:
        roles = ", ".join(seen.roles or ())
        return f"its roles do not open secrets: {roles}" if roles else "it has no role on the vault"
    if seen.entry is None:
        others = len(seen.holders or ())
        return (
            f"it has no entry; {others or 'no'} other{'' if others == 1 else 's'} ha{'s' if others == 1 else 've'} one"
        )
    return f"its entry lacks {', '.join(seen.entry.missing('secrets'))} for secrets"


def _firewall(seen: Seen) -> Step:
    title, needs, wall = "The vault's firewall lets Azure Machine Learning in", ("vault",), seen.firewall
    if wall is None:
        return _unknown("firewall", title, seen.why.get("vault", "nobody has looked"), needs)
    if wall.lets_services_in:
        ways = {True: "trusted services pass it", False: f"{wall.endpoints} private endpoints lead to it"}
        open_ = "it is open to all networks"
        return Step("firewall", title, State.DONE, ways[wall.bypass] if wall.denies or not wall.public else open_)
    todo = "Let trusted services pass, or give the vault a private endpoint in the workspace's network."
    detail = "it refuses networks that it does not name, and trusted services too"
    return Step("firewall", title, State.NEEDS_YOU, detail, todo, commands.bypass(seen), needs=needs)


def _deleted(seen: Seen) -> Step:
    title = "No deleted vault holds the name"
    if seen.exists:
        return Step("deleted", title, State.DONE, "the vault is there")
    if seen.deleted is None:
        return _unknown("deleted", title, seen.why.get("deleted", seen.why.get("vault", "nobody has looked")))
    if not seen.deleted:
        return Step("deleted", title, State.DONE, "none was found")
    todo = "Recover it; a template that makes a vault of this name fails until then."
    return Step("deleted", title, State.NEEDS_YOU, f"{seen.vault} is deleted but kept", todo, commands.recover(seen))


def _template(checked: Checked | None, seen: Seen) -> Step:
    title = "The template can be deployed again"
    if checked is None:
        todo = 'Name it: VaultChecklist("azuredeploy.json"), or %aml vault azuredeploy.json'
        return _unknown("template", title, "no template was given", todo=todo)
    if checked.redeploy.wipes and seen.mode != ROLES:
        return Step("template", title, State.NEEDS_YOU, checked.redeploy.verdict, "Choose a remedy; its diff is shown.")
    high = [hit for hit in checked.hits if hit.severity == "high"]
    if high:
        return Step("template", title, State.NEEDS_YOU, high[0].message, high[0].fix)
    if checked.redeploy.depends_on and seen.mode != ROLES:
        todo = "Deployed again, it has to leave the vault alone or get the present policies; parameters= says so here."
        return _unknown("template", title, f"it depends on {', '.join(checked.redeploy.depends_on)}", todo=todo)
    return Step("template", title, State.DONE, checked.redeploy.verdict)


def _images(seen: Seen, since: float | None) -> Step:
    title, needs = "Images can be created again", ("vault", "access", "firewall")
    if not seen.looked:
        return _unknown("images", title, seen.why.get("images", "nobody has looked"), needs)
    built, todo = seen.built, "Create the image again, then look again here."
    if built is not None and built.state.lower() == "succeeded" and (since is None or built.at >= since):
        return Step("images", title, State.DONE, f"{built.name} was created", needs=needs)
    if built is not None and built.state.lower() == "failed" and (since is None or built.at >= since):
        return Step("images", title, State.NEEDS_YOU, f"{built.name} failed; look at its build log", todo, needs=needs)
    if since is None:
        return _unknown("images", title, "no image has been created yet", needs, todo)
    return Step("images", title, State.NEEDS_YOU, "none was created since access was lost", todo, needs=needs)


def first_open(found: list[Step]) -> Step | None:
    """Return the step to do next: the first that needs somebody, else the first that is unknown."""
    picks: tuple[Callable[[Step], bool], ...] = (
        lambda step: step.state == State.NEEDS_YOU,
        lambda step: step.state == State.UNKNOWN,
    )
    return next((step for pick in picks for step in found if pick(step)), None)
