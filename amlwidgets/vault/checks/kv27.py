"""KV27 secret-exposed: a secret leaves through an output, or comes from a plain parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.arm.expand import Resource
from amlwidgets.arm.expressions import is_expression
from amlwidgets.arm.reader import get, pointer_key
from amlwidgets.vault.check import Check
from amlwidgets.vault.secrets import is_secure, parts
from amlwidgets.vault.view import VAULT, property_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.arm import expand as template
    from amlwidgets.arm.evaluate import Evaluator
    from amlwidgets.vault.secrets import Part
    from amlwidgets.vault.view import View


def _find(view: View) -> Iterator[tuple[Resource, str, str]]:
    for resource in view.of(f"{VAULT}/secrets"):
        found = property_of(resource, "value")
        why = _exposed(resource, found.raw)
        if why:
            yield resource, found.pointer, why
    for part in view.parts:
        outputs = get(part.content, "outputs")
        for name, output in outputs.items() if isinstance(outputs, dict) else ():
            if not is_secure(get(output, "type")) and _leaks(part.evaluator, _given_out(output)):
                pointer = f"{part.pointer}/outputs/{pointer_key(name)}"
                yield _beside(view, part), pointer, f"The output “{name}” gives keys or secrets away."


def _exposed(secret: Resource, raw: Any) -> str:
    if isinstance(raw, str) and raw and not is_expression(raw):
        return "The secret is written in the template."
    found = list(parts(secret.evaluator, raw))
    plain = next((part.name for part in found if part.secure is False), "")
    # Beside a secure parameter a plain one is a host or a user's name.
    return f"The secret comes from “{plain}”, a parameter that is not secure." if plain and not _hides(found) else ""


def _hides(found: list[Part]) -> bool:
    return any(part.secure or (part.keys and part.secure is None) for part in found)


def _leaks(evaluator: Evaluator, raw: Any) -> bool:
    return any(part.keys or part.secure for part in parts(evaluator, raw))


def _given_out(output: Any) -> Any:
    return [get(output, "value"), get(get(output, "copy"), "input")]


def _beside(view: View, part: template.Part) -> Resource:
    """Return a resource of the same document, or what stands for it."""
    return next((r for r in view.resources if r.document is part.document), Resource.nothing(part))


CHECK = Check(
    id="KV27",
    slug="secret-exposed",
    severity="high",
    why=(
        "Outputs and plain parameters are kept in the deployment history, readable by everybody who may "
        "read the resource group."
    ),
    fix="Leave the output out; give secrets by a parameter of type securestring.",
    bad="""
{
  "type": "Microsoft.KeyVault/vaults/secrets",
  "apiVersion": "2022-07-01",
  "name": "v1/s",
  "properties": {
    "value": "[parameters('plain')]"
  }
}
""",
    good="""
{
  "type": "Microsoft.KeyVault/vaults/secrets",
  "apiVersion": "2022-07-01",
  "name": "v1/s",
  "properties": {
    "value": "[parameters('secret')]"
  }
}
""",
    find=_find,
    parameters="""
{
  "plain": {
    "type": "string"
  },
  "secret": {
    "type": "secureString"
  }
}
""",
)
