"""What the texts and the context say about the key vault: does the workspace's identity have an access policy?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_Q = r"[\"'\\]{0,6}"
_IDENTITY = re.compile(rf"(?:principal_?id|principalId){_Q} ?[:=] ?{_Q}({_ID})", re.IGNORECASE)
_POLICIES = re.compile(r"accessPolicies|set-policy|keyvault show|access_policies")
_OBJECT = re.compile(rf"object_?id{_Q} ?[:=] ?{_Q}({_ID})", re.IGNORECASE)
_EMPTY = re.compile(rf"accessPolicies{_Q} ?[:=]? ?\s{{0,80}}\[\s{{0,80}}\]")
_LIST = re.compile(rf"\[\s{{0,20}}(?:\"{_ID}\"\s{{0,20}},?\s{{0,20}}){{1,200}}\]")
_ANY_ID = re.compile(_ID)


def statement(texts: Iterable[str], context: Mapping[str, str]) -> str:
    """Return one sentence about the workspace's entry in its key vault; empty when nothing is known.

    Args:
        texts: What the user has, such as the output of ``az keyvault show`` and of ``az ml workspace show``.
        context: ``workspace_identity`` (object id) and ``vault_policies`` (object ids, any separator; empty: none);
            of a vault that was looked at also ``vault_name``, ``vault_firewall`` (``open`` or ``closed``) and, where
            it uses roles, ``vault_roles`` (those of the identity that open secrets; empty: none).
    """
    looked = _looked(context)
    if looked:
        return looked
    identity, policies = context.get("workspace_identity", ""), _known(context)
    for text in texts:
        identity = identity or next(iter(_IDENTITY.findall(text)), "")
        if _POLICIES.search(text):
            seen = {*_OBJECT.findall(text), *(i for found in _LIST.findall(text) for i in _ANY_ID.findall(found))}
            if seen or (policies is None and _EMPTY.search(text)):
                policies = (policies or set()) | seen
    if policies is None or (policies and not identity):
        return ""
    entries = {entry.lower() for entry in policies}
    if identity.lower() in entries:
        return HAS
    who = f" {identity}" if identity else ""
    return f"{LACKS}{who}: it has {len(entries)} other entries."


LACKS = "The access policies of the key vault lack the workspace's identity"
HAS = "The access policies of the key vault hold the workspace's identity."


CLOSED = "The firewall of the key vault lets no trusted service pass"
NO_ROLE = "The key vault uses roles, and the workspace's identity has none that opens its secrets"


def _looked(context: Mapping[str, str]) -> str:
    """Return what a look at the vault itself has shown, where that is not about its access policies."""
    vault = f": {context['vault_name']}" if context.get("vault_name") else ""
    if context.get("vault_firewall") == "closed":
        return f"{CLOSED}{vault}"
    if "vault_roles" in context:
        return HAS if context["vault_roles"] else f"{NO_ROLE}{vault}"
    return ""


def proves(sentence: str) -> bool:
    """Whether a sentence names what is wrong with the vault."""
    return sentence.startswith((LACKS, CLOSED, NO_ROLE))


def _known(context: Mapping[str, str]) -> set[str] | None:
    return set(_ANY_ID.findall(context["vault_policies"])) if "vault_policies" in context else None
