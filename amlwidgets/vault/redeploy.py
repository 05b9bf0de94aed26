"""What deploying a template does to the access policies of its vaults: before, after the first and the second run.

A vault in a template is a PUT with all of its properties: the list in it replaces the stored one. When a workspace is
made, its service adds its own entry; for one that exists it does nothing (keyvault-arm.md, sections 1 and 4).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.reader import get
from amlwidgets.arm.values import Unknown, is_true
from amlwidgets.vault.view import POLICIES, property_of
from amlwidgets.vault.view import WORKSPACE as KIND_OF_WORKSPACE

if TYPE_CHECKING:
    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.view import Vault, View

WORKSPACE = "the workspace's own identity"


@dataclass(frozen=True, slots=True)
class Redeploy:
    """What happens to the access policies.

    Attributes:
        wipes: Whether entries are lost when the template is deployed again with the same parameters.
        before: Who has an entry now.
        after_run_1: Who has one after the first deployment.
        after_run_2: Who has one after the second.
        loses: Who loses access.
        verdict: All of that in one sentence.
        depends_on: What the answer depends on and is not known; empty when all is known.
    """

    wipes: bool
    before: list[str]
    after_run_1: list[str]
    after_run_2: list[str]
    loses: list[str]
    verdict: str
    depends_on: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values."""
        return asdict(self)


def simulate(view: View, state: list[str] | None = None) -> Redeploy:
    """Deploy the template twice, in thought; a vault whose condition is not known is left as it is, and that is said.

    Args:
        view: The template with its parameters.
        state: Object ids that have an entry in the vault now; None when the vault does not exist yet.
    """
    declared = [vault for vault in view.vaults if vault.resource.condition is not False]
    vaults = [vault for vault in declared if not isinstance(vault.resource.condition, Unknown)]
    policies = [vault for vault in declared if not vault.by_roles]
    unknown = [v.resource.condition.depends_on for v in policies if isinstance(v.resource.condition, Unknown)]
    unknown += [v.policies.value.depends_on for v in policies if isinstance(v.policies.value, Unknown)]
    before = list(state or [])
    first = _after(view, vaults, before, new=state is None)
    second = _after(view, vaults, first, new=False)
    loses = [who for who in dict.fromkeys([*before, *first]) if who not in second]
    replaced = [vault for vault in vaults if not vault.by_roles and not isinstance(vault.policies.value, Unknown)]
    # Who has an entry by then is not known: a workspace that is made elsewhere, people.
    blind = bool(replaced) and state is None and not view.workspaces
    wipes = blind or (bool(loses) and any(not vault.by_roles for vault in vaults))
    if blind and not unknown:
        text = (
            "Each deployment replaces the vault's policies by those of the template; whoever got access since loses it."
        )
        return Redeploy(wipes, before, first, second, loses, text, unknown)
    verdict = _verdict(declared, loses, unknown, second)
    if view.vaults and not declared:
        verdict = "With these parameters the template leaves the vault alone, so nobody loses access."
    return Redeploy(wipes, before, first, second, loses, verdict, unknown)


def _after(view: View, vaults: list[Vault], entries: list[str], *, new: bool) -> list[str]:
    found = list(entries)
    for vault in vaults:
        if vault.recovers and not vault.policies.present:
            continue
        if not isinstance(vault.policies.value, Unknown):
            found = _listed(view, vault.policies.value)
    if new and view.workspaces and not any(vault.by_roles for vault in vaults):
        found = [*found, WORKSPACE]  # its service writes it when the workspace is made
    for child in view.of(POLICIES):
        if is_true(child.condition) is True:
            found = _changed(view, child, found)
    return list(dict.fromkeys(found))


def _changed(view: View, child: Resource, entries: list[str]) -> list[str]:
    operation = str(child.name).rpartition("/")[2].lower()
    listed = _listed(view, property_of(child, "accessPolicies").value)
    if operation == "replace":
        return listed
    if operation == "remove":
        return [entry for entry in entries if entry not in listed]
    return [*entries, *listed]


def _listed(view: View, policies: Any) -> list[str]:
    entries = [get(entry, "objectId") for entry in (policies if isinstance(policies, list) else [])]
    return [WORKSPACE if _is_own(view, identity) else str(identity) for identity in entries]


def _is_own(view: View, identity: Any) -> bool:
    """Whether an object id is that of a workspace, and not of another resource that the template declares."""
    if not isinstance(identity, Unknown) or "principalId" not in str(identity):
        return False
    text = str(identity).strip("{}")
    others = (r for r in view.resources if not r.is_a(KIND_OF_WORKSPACE))
    return not any(text.startswith(f"{_last(name)}.") for r in others for name in (r.id, r.symbol) if name)


def _last(name: str) -> str:
    return name.rpartition("/")[2].strip("{}")


def _verdict(vaults: list[Vault], loses: list[str], unknown: list[str], second: list[str]) -> str:
    if not vaults:
        return "The template declares no vault, so deploying it again takes nothing away."
    if all(vault.by_roles for vault in vaults):
        return "The vault uses roles, which a redeploy does not touch."
    if loses:
        who = ", ".join(loses)
        return f"Deployed again, the template takes the access to the vault away from {who}; images fail from then on."
    if unknown:
        return f"Whether a redeploy takes access away depends on {', '.join(dict.fromkeys(unknown))}."
    kept = " The workspace keeps its entry." if WORKSPACE in second else ""
    return f"Deployed again with the same parameters, nobody loses access.{kept}"
