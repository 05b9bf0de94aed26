"""Where things go in a template that is corrected: parameters through nested deployments, resources beside others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.arm.reader import find_key, get
from amlwidgets.arm.values import Unknown
from amlwidgets.vault.expressions import inside
from amlwidgets.vault.remedy import NoFit
from amlwidgets.vault.view import VAULT, WORKSPACE, property_of

if TYPE_CHECKING:
    from amlwidgets.arm.edit import Editor
    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.remedy import Work

_NESTED = "/properties/template"


def real(editor: Editor, pointer: str) -> str:
    """Return a pointer with its names as they are written."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return editor.pointer(*parts)


def scope_of(editor: Editor, pointer: str) -> str:
    """Return the pointer of the template whose parameters and variables a node sees."""
    return ["", *inner_templates(editor, pointer)][-1]


def inner_templates(editor: Editor, pointer: str) -> list[str]:
    """Return the nested templates around a node that have parameters of their own, outermost first."""
    parts, found = real(editor, pointer).split("/"), []
    for size in range(2, len(parts)):
        around = "/".join(parts[:size])
        if around.lower().endswith(_NESTED):
            options = get(editor.get(around.rpartition("/")[0]), "expressionEvaluationOptions")
            if str(get(options, "scope", "outer")).lower() == "inner":
                found.append(around)
    return found


def declare(editor: Editor, pointer: str, name: str, kind: str, about: str, **more: Any) -> str:
    """Declare a parameter without a default for a node, through every nested deployment around it.

    Args:
        editor: The template.
        pointer: The node whose expressions are to see it.
        name: Wished name; a number follows where it is taken.
        kind: Type.
        about: Description.
        more: What else is declared, such as ``allowedValues``.

    Returns:
        The name that it got.
    """
    inner = inner_templates(editor, pointer)
    taken = {str(key).lower() for around in ("", *inner) for key in get(editor.get(around), "parameters") or {}}
    wished, number = name, 1
    while name.lower() in taken:
        number += 1
        name = f"{wished}{number}"
    editor.add(section(editor, "", "parameters"), name, {"type": kind, **more, "metadata": {"description": about}})
    for around in inner:
        editor.add(section(editor, around, "parameters"), name, {"type": kind})
        given = section(editor, around.rpartition("/")[0], "parameters")
        editor.add(given, name, {"value": f"[parameters('{name}')]"})
    return name


def section(editor: Editor, container: str, name: str) -> str:
    """Return the pointer of an object within another, made unless it is there."""
    key = find_key(editor.get(container), name)
    if key is not None:
        if not isinstance(editor.get(container)[key], dict):
            raise NoFit(f"“{key}” is no object.")
        return f"{container}/{key}"
    return editor.add(container, name, {}, after="contentVersion")


def set_property(editor: Editor, resource: str, name: str, value: Any) -> None:
    """Set a property of a resource, in the place of one or at the end of ``properties``."""
    properties = section(editor, resource, "properties")
    key = find_key(editor.get(properties), name)
    _drop_loop(editor, properties, name)
    if key is None:
        editor.add(properties, name, value)
    elif editor.get(f"{properties}/{key}") != value:
        editor.replace(f"{properties}/{key}", value)


def _drop_loop(editor: Editor, properties: str, name: str) -> None:
    """Take the copy loop away that makes a property."""
    key = find_key(editor.get(properties), "copy")
    loops = editor.get(properties)[key] if key is not None else None
    if not isinstance(loops, list):
        return
    places = [n for n, loop in enumerate(loops) if str(get(loop, "name")).lower() == name.lower()]
    if len(places) == len(loops):
        editor.remove(f"{properties}/{key}")
    elif places:
        editor.remove(f"{properties}/{key}/{places[0]}")


def add_resource(editor: Editor, beside: str, symbol: str, resource: dict[str, Any]) -> None:
    """Add a resource to the list, or with a symbol to the object, in which another one stands."""
    container = real(editor, beside).rpartition("/")[0]
    if isinstance(editor.get(container), list):
        editor.append(container, resource)
        return
    taken = {str(key).lower() for key in editor.get(container)}
    number, name = 1, symbol
    while name.lower() in taken:
        number, name = number + 1, f"{symbol}{number + 1}"
    editor.add(container, name, resource)


# -- who uses the vault


def users(work: Work) -> list[Resource]:
    """Return the declared workspaces that use the vault.

    Raises:
        NoFit: One of them is made in a loop, or stands in another file.
    """
    identifier, found = work.vault.resource.id.lower(), []
    for workspace in work.view.workspaces:
        used = property_of(workspace, "keyVault").value
        passed = isinstance(used, Unknown) and str(used).lower() != identifier and len(work.view.vaults) == 1
        if str(used).lower() == identifier or passed:
            found.append(workspace)
    if not found:
        raise NoFit("No workspace of this template uses the vault, so nobody is known who needs access.")
    for workspace in found:
        if get(workspace.raw, "copy") is not None or workspace.document is not work.view.document:
            raise NoFit("The workspace is made in a loop or in another file.")
    return found


def together(work: Work, workspace: Resource) -> bool:
    """Whether workspace and vault stand in the same template."""
    return workspace.pointer.rpartition("/")[0] == work.vault.resource.pointer.rpartition("/")[0]


def vault_id(work: Work, workspace: Resource) -> str:
    """Return the vault's id as a part of an expression that the workspace's template can compute."""
    if together(work, workspace):
        return f"resourceId('{VAULT}', {inside(get(work.vault.resource.raw, 'name'))})"
    return inside(property_of(workspace, "keyVault").raw)


def vault_name(work: Work, workspace: Resource) -> str:
    """Return the vault's name as a part of an expression that the workspace's template can compute."""
    if together(work, workspace):
        return inside(get(work.vault.resource.raw, "name"))
    return f"last(split({vault_id(work, workspace)}, '/'))"


def workspace_id(workspace: Resource) -> str:
    """Return the workspace's id as a part of an expression."""
    return f"resourceId('{WORKSPACE}', {inside(get(workspace.raw, 'name'))})"


def principal(workspace: Resource) -> str:
    """Return the object id of a workspace's identity as a part of an expression.

    Raises:
        NoFit: It cannot be told from the template.
    """
    identity = get(workspace.raw, "identity")
    kind = str(get(get(workspace.body, "identity"), "type")).lower()
    if "userassigned" not in kind or "systemassigned" in kind:
        version = workspace.api_version if workspace.api_version[:2] == "20" else "2023-04-01"
        return f"reference({workspace_id(workspace)}, '{version}', 'full').identity.principalId"
    own = get(identity, "userAssignedIdentities")
    if not isinstance(own, dict) or len(own) != 1:
        raise NoFit("Which user-assigned identity the workspace uses is not written in the template.")
    return f"reference({inside(next(iter(own)))}, '2018-11-30').principalId"


def waits_for(work: Work, workspace: Resource) -> list[str]:
    """Return ``dependsOn`` of a resource that needs vault and workspace."""
    named = [workspace.symbol or f"[{workspace_id(workspace)}]"]
    if together(work, workspace):
        named.insert(0, work.vault.resource.symbol or f"[{vault_id(work, workspace)}]")
    return named


def with_condition(workspace: Resource, resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource that is made under the workspace's condition, where that has one."""
    condition = get(workspace.raw, "condition")
    return resource if condition is None else {"condition": condition, **resource}
