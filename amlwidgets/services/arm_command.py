"""``amlwidgets arm TEMPLATE``: what a redeploy does to the key vault, and the checks of the template."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expand import parameter_values
from amlwidgets.arm.reader import TemplateError, get, read
from amlwidgets.errors import BadInput
from amlwidgets.services.arm_fix import corrected, read_text, write_beside
from amlwidgets.services.arm_output import FORMATS
from amlwidgets.services.bicep import compiled, is_bicep
from amlwidgets.services.template_secrets import cleaned, secrets_in
from amlwidgets.services.vault_check import linked
from amlwidgets.vault import check as checking
from amlwidgets.vault.check import Hit
from amlwidgets.vault.checklist import Checked
from amlwidgets.vault.redeploy import Redeploy, simulate
from amlwidgets.vault.undecided import Open, undecided
from amlwidgets.vault.view import View

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from amlwidgets.arm.reader import Document
    from amlwidgets.vault.remedy import Fixed

SEVERITIES = tuple(reversed(checking.SEVERITIES))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("templates", metavar="TEMPLATE", nargs="+", help="ARM template (JSON), or - for standard input")
    parser.add_argument("--parameters", metavar="FILE", help="parameter file, or plain names and values (JSON)")
    parser.add_argument("--vault-state", metavar="FILE", help="what `az keyvault show` prints, for the policies now")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    parser.add_argument(
        "--fail-on", choices=SEVERITIES, default="high", help="exit code 1 from this severity on (high)"
    )
    parser.add_argument(
        "--fix", metavar="REMEDY", help="show it corrected: condition, take-out, carry-over, add-child, roles"
    )
    parser.add_argument("--write", action="store_true", help="with --fix: write it beside the original")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check every template and print; 1 when a check of at least ``--fail-on`` fired."""
    parameters = _parameters(options.parameters)
    if options.fix:
        return _fix(options, parameters)
    if options.write:
        raise BadInput("--write needs --fix REMEDY.", code="bad-option")
    state = _state(options.vault_state)
    found = [_checked(name, parameters, state) for name in options.templates]
    FORMATS[options.format](found)
    limit = checking.SEVERITIES.index(options.fail_on)
    return int(any(checking.SEVERITIES.index(hit.severity) >= limit for one in found for hit in one.hits))


def _checked(name: str, parameters: Mapping[str, Any], state: list[str] | None) -> Checked:
    """Return what was found in a template, without the secrets that it holds."""
    document = _document(name)
    try:
        view = View(document, parameters, load=lambda path: _linked(name, path))
        secrets = secrets_in(view)
        hits = tuple(Hit(**cleaned(secrets, hit.to_dict())) for hit in checking.run(view))
        redeploy = Redeploy(**cleaned(secrets, simulate(view, state).to_dict()))
        questions = tuple(Open(**cleaned(secrets, one.to_dict())) for one in undecided(view))
        return Checked(name, hits, redeploy, questions)
    except TemplateError as exc:
        raise BadInput(f"{name}, {exc}", code="template-invalid") from exc


def _document(name: str) -> Document:
    try:
        return read(_text(name))
    except TemplateError as exc:
        raise BadInput(f"{name}, {exc}", code="template-invalid") from exc


def _text(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    return compiled(name) if is_bicep(name) else read_text(name)


def _linked(name: str, path: str) -> tuple[Document, str] | None:
    """Return a linked template that lies beside the one that names it, never anything outside of that folder."""
    return linked(None if name == "-" else Path(name).parent, path)


def _json(name: str) -> Any:
    document = _document(name)
    return document.value


def _parameters(name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    try:
        return parameter_values(_json(name))
    except TemplateError as exc:
        raise BadInput(f"{name}: {exc}", code="parameters-invalid") from exc


def _state(name: str | None) -> list[str] | None:
    """Return the object ids of a vault's policies now; None when the vault's state is not given."""
    if name is None:
        return None
    content = _json(name)
    policies = get(get(content, "properties", content), "accessPolicies", content)
    if not isinstance(policies, list):
        raise BadInput(
            f"{name} has no accessPolicies.", code="vault-state", todo="Save what `az keyvault show` prints."
        )
    return [str(get(entry, "objectId", entry)) for entry in policies]


def _fix(options: argparse.Namespace, parameters: Mapping[str, Any]) -> int:
    """Show every template corrected, and write it beside the original when that is asked for."""
    if options.write and "-" in options.templates:
        raise BadInput("Standard input has no place beside it.", code="bad-option", todo="Name a file.")
    found = []
    for name in options.templates:
        if is_bicep(name):
            raise BadInput(f"{name} is Bicep.", code="fix-bicep", todo="Correct the JSON that it compiles to.")
        text = _text(name)
        fixed = corrected(text, options.fix, name, parameters, partial(_linked, name))
        found.append((name, fixed, str(write_beside(name, fixed)) if options.write else ""))
    if options.format == "json":
        content = [
            {"template": name, **_shown(fixed, parameters), "written": written} for name, fixed, written in found
        ]
        print(json.dumps({"schema": 1, **content[0]} if len(found) == 1 else {"schema": 1, "fixes": content}, indent=2))
        return 0
    for _, fixed, written in found:
        shown = _shown(fixed, parameters)
        print(shown["diff"], end="")
        silent = f"Silent now: {', '.join(fixed.silenced)}." if fixed.silenced else ""
        print("\n" + "\n".join(["# " + line for line in (fixed.remedy.words, silent, *shown["notes"]) if line]))
        print(
            f"# Written to {written}." if written else "# Nothing was written; --write writes it beside the original."
        )
    return 0


def _shown(fixed: Fixed, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a correction as it is shown: without the secrets that stand in the lines around."""
    return dict(cleaned(secrets_in(View(read(fixed.text), parameters)), fixed.to_dict()))
