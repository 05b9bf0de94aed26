"""``amlwidgets sandbox redeploy`` and ``template``: what deploying a workspace's template again does to its vault."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.arm.reader import TemplateError, read
from amlwidgets.errors import BadInput
from amlwidgets.sandbox import client

if TYPE_CHECKING:
    import argparse


def configure_redeploy(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``redeploy``."""
    parser.add_argument(
        "template",
        nargs="?",
        metavar="TEMPLATE",
        help="template file (default: that of the sandbox's own workspace)",
    )
    parser.add_argument("--parameters", metavar="FILE", help="parameter file")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE", help="value of one parameter, repeatable")
    parser.add_argument("--group", help="resource group (default: the sandbox's)")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def redeploy(options: argparse.Namespace) -> int:
    """Deploy a template and say who lost access."""
    body: dict[str, Any] = {"group": options.group, "parameters": _parameters(options)}
    if options.template:
        body["template"] = _content(options.template)
    done = client.need(options.home).redeploy(body)
    print(json.dumps(done, indent=2) if options.format == "json" else _describe(done))
    return 0


def configure_template(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``template``."""
    parser.add_argument("--workspace", default="sandbox", help="workspace (default: the sandbox's own)")


def template(options: argparse.Namespace) -> int:
    """Print the template of a workspace."""
    json.dump(client.need(options.home).template(options.workspace), sys.stdout, indent=2)
    print()
    return 0


def _content(path: str) -> Any:
    try:
        return read(Path(path).read_text(encoding="utf-8-sig")).value
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} cannot be read: {exc}.", code="file-unreadable") from exc
    except TemplateError as exc:
        raise BadInput(f"{path}, {exc}", code="template-invalid") from exc


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    content = _content(options.parameters) if options.parameters else {}
    values = content.get("parameters", content) if isinstance(content, dict) else {}
    for pair in options.set or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"--set {pair} has no value.", code="bad-option", todo="Say --set NAME=VALUE.")
        values[name] = {"value": value}
    return {"parameters": values}


def _describe(done: dict[str, Any]) -> str:
    lines = [f"applied  {identifier.rpartition('/providers/')[2]}" for identifier in done["outcome"]["applied"]]
    lines += [f"skipped  {i.rpartition('/providers/')[2]} (its condition is false)" for i in done["outcome"]["skipped"]]
    lines += [f"noted    {i.rpartition('/providers/')[2]} (not kept here)" for i in done["outcome"]["noted"]]
    for vault in done["vaults"]:
        lines.append(f"Access policies of {vault['name']}:")
        lines += [f"  before {_list(vault['before'])}", f"  now    {_list(vault['after'])}"]
    for workspace in done["workspaces"]:
        state = f"locked out: {workspace['obstacle']}" if workspace["obstacle"] else "has access to its vault"
        lines.append(f"Workspace {workspace['name']} (identity {workspace['identity']}) {state}.")
    return "\n".join(lines)


def _list(policies: list[str] | None) -> str:
    if policies is None:
        return "no such vault"
    return ", ".join(policies) or "none"
