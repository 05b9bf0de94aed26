"""A template of 2,000 lines, beside reading the same text with ``json``; one of 5 MB; a remedy."""

from __future__ import annotations

import json
import time
from statistics import median

from amlwidgets.arm.reader import read
from amlwidgets.vault import check
from amlwidgets.vault.redeploy import simulate
from amlwidgets.vault.remedy import all_remedies, fix
from amlwidgets.vault.view import View

BUDGET = 0.3
"""Seconds for 2,000 lines, with the process started."""

_VAULT = {
    "type": "Microsoft.KeyVault/vaults",
    "apiVersion": "2022-07-01",
    "name": "kv",
    "properties": {"accessPolicies": []},
}
_OTHER = {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-01-01", "sku": {"name": "Standard_LRS"}}


def template(resources: int) -> str:
    """Return a template with a vault and other resources, indented as people do."""
    names = ({"name": f"[concat('sa{n}', uniqueString(resourceGroup().id))]"} for n in range(resources))
    return json.dumps({"resources": [_VAULT, *(_OTHER | name for name in names)]}, indent=2)


def checked(text: str) -> float:
    """Return the seconds that reading, checks and simulation take."""
    start = time.perf_counter()
    view = View(read(text))
    check.run(view)
    simulate(view)
    return time.perf_counter() - start


def main() -> None:
    """Print the figures."""
    check.all_checks()
    text = template(248)
    plain = []
    for _ in range(7):
        start = time.perf_counter()
        json.loads(text)
        plain.append(time.perf_counter() - start)
    taken = median(checked(text) for _ in range(7))
    lines = len(text.splitlines())
    print(f"{lines} lines: {taken * 1000:.0f} ms (budget {BUDGET * 1000:.0f}), json {median(plain) * 1000:.1f} ms")
    for remedy in all_remedies()[:3]:
        start = time.perf_counter()
        fix(text, remedy)
        print(f"  --fix {remedy.id}: {time.perf_counter() - start:.2f} s")
    big = template(4900)
    padded = big.replace('"Standard_LRS"', '"' + "x" * 900 + '"')
    print(f"{len(padded) / 1e6:.1f} MB: {checked(padded):.1f} s")


if __name__ == "__main__":
    main()
