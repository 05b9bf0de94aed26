"""The steps of the checklist, from what was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from holdout import WIPING
from test_remedies import plain

from amlwidgets.arm.reader import read
from amlwidgets.vault import check as checking
from amlwidgets.vault.checklist import GRANT, Checked, State, first_open, steps
from amlwidgets.vault.permissions import ALL_BUT_PURGE
from amlwidgets.vault.redeploy import simulate
from amlwidgets.vault.seen import Built, Firewall, Holder, Seen
from amlwidgets.vault.view import View

ME = "11111111-2222-3333-4444-555555555555"
ALL = {kind: tuple(p.lower() for p in given) for kind, given in ALL_BUT_PURGE.items()}
FINE = Seen(
    "w", "g", "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv", ME, exists=True,
    location="eastus", mode="policies", holders=(Holder(ME, ALL),), firewall=Firewall(), looked=True,
    built=Built("i:1", "Succeeded", 100.0),
)  # fmt: skip


def states(seen, template=None, since=None):
    return {step.id: step.state for step in steps(seen, template, since)}


def checked(name, parameters=None, state=None):
    view = View(read(plain(WIPING[name])), parameters)
    return Checked("t.json", tuple(checking.run(view)), simulate(view, state))


def test_nothing_is_known_without_a_workspace():
    found = steps(None)
    assert {step.state for step in found} == {State.UNKNOWN}
    assert "VaultChecklist(ws=ws)" in found[0].todo
    assert all(step.detail.startswith("because ") for step in found)


def test_all_is_well():
    found = states(FINE, checked("condition", {"kvNewOrExisting": "existing"}, [ME]))
    assert set(found.values()) == {State.DONE}


@pytest.mark.parametrize(
    ("change", "step", "state"),
    [
        ({"holders": ()}, "access", State.NEEDS_YOU),
        ({"holders": (Holder(ME, {"secrets": ("get",)}),)}, "access", State.NEEDS_YOU),
        ({"holders": (Holder(ME.upper(), {"secrets": ("all",)}),)}, "access", State.DONE),
        ({"identity": ""}, "access", State.UNKNOWN),
        ({"mode": "roles", "roles": None, "why": {"roles": "it may not be read"}}, "access", State.UNKNOWN),
        ({"mode": "roles", "roles": (), "opens": False}, "access", State.NEEDS_YOU),
        ({"mode": "roles", "roles": ("Reader",), "opens": False}, "access", State.NEEDS_YOU),
        ({"mode": "roles", "roles": ("Key Vault Administrator",), "opens": True}, "access", State.DONE),
        ({"firewall": Firewall(denies=True, bypass=False)}, "firewall", State.NEEDS_YOU),
        ({"firewall": Firewall(denies=True, bypass=True)}, "firewall", State.DONE),
        ({"firewall": Firewall(bypass=False, public=False)}, "firewall", State.NEEDS_YOU),
        ({"firewall": Firewall(bypass=False, public=False, endpoints=1)}, "firewall", State.DONE),
        ({"exists": False, "deleted": True}, "vault", State.NEEDS_YOU),
        ({"exists": False, "deleted": False}, "deleted", State.DONE),
        ({"exists": False, "deleted": False, "mode": ""}, "mode", State.BLOCKED),
        ({"exists": None, "mode": "", "holders": None, "firewall": None}, "firewall", State.UNKNOWN),
        ({"holders": ()}, "images", State.BLOCKED),
        ({"built": None}, "images", State.UNKNOWN),
        ({"built": Built("i:2", "Failed", 1.0)}, "images", State.NEEDS_YOU),
        ({"looked": False, "why": {"images": "it may not be read"}}, "images", State.UNKNOWN),
    ],
)  # fmt: skip
def test_a_state(change, step, state):
    assert states(replace(FINE, **change))[step] == state


def test_only_an_image_that_is_newer_than_the_failure_proves_anything():
    assert states(FINE, since=99.0)["images"] == State.DONE
    assert states(FINE, since=101.0)["images"] == State.NEEDS_YOU


def test_the_one_change_is_offered_only_where_it_helps():
    offers = [step.id for step in steps(replace(FINE, holders=())) if step.change]
    assert offers == ["access"]
    assert next(s for s in steps(replace(FINE, holders=())) if s.id == "access").change == GRANT
    assert not [step for step in steps(FINE) if step.change]


def test_a_template_that_wipes_needs_somebody_and_one_that_depends_is_unknown():
    assert states(FINE, checked("empty", None, [ME]))["template"] == State.NEEDS_YOU
    assert (
        states(replace(FINE, mode="roles", roles=("x",), opens=True), checked("people"))["template"] == State.NEEDS_YOU
    )
    given = {"kvNewOrExisting": "existing"}
    assert states(FINE, checked("condition", given, [ME]))["template"] == State.DONE
    value = plain(WIPING["condition"]).replace('"defaultValue": "new",', "")
    view = View(read(value))
    depends = Checked("t", tuple(checking.run(view)), simulate(view, [ME]))
    found = next(step for step in steps(FINE, depends) if step.id == "template")
    assert found.state == State.UNKNOWN
    assert "kvNewOrExisting" in found.detail


def test_what_comes_next():
    assert first_open(steps(replace(FINE, holders=()))).id == "access"
    assert first_open(steps(FINE)).id == "template"
    assert first_open(steps(FINE, checked("condition", {"kvNewOrExisting": "existing"}, [ME]))) is None
