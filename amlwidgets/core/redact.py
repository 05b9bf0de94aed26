"""Mask secrets in text, before it reaches a buffer, a trait, a journal or a message.

Every replacement stays on its line, so line numbers remain true. All patterns are bounded; the work is linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_Q = r"[\"'\\]{0,6}"
_VALUE = r"[^\s\"'\\,;&<>‹›]{4,4096}"

_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (("PRIVATE KEY",), re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[A-Za-z0-9+/=\\nr ]{1,8192}(?=-----END|$)", re.MULTILINE), "private key"),
    (("sig=", "Sig=", "SIG="), re.compile(r"((?<![A-Za-z0-9])[sS][iI][gG]=)[A-Za-z0-9%+/=_\-]{6,2048}"), "SAS signature"),
    (("AccountKey",), re.compile(r"(AccountKey ?= ?)[A-Za-z0-9+/=_%\-]{8,2048}"), "account key"),
    (("SharedAccess",), re.compile(r"(SharedAccess(?:Key|Signature) ?= ?)[^\s;\"'\\]{6,2048}"), "shared access key"),
    (("InstrumentationKey",), re.compile(rf"(InstrumentationKey{_Q} ?[=:] ?{_Q})[0-9a-fA-F\-]{{8,64}}"), "instrumentation key"),
    (("eyJ",), re.compile(r"((?<![A-Za-z0-9_\-]))eyJ[A-Za-z0-9_\-]{5,8192}\.[A-Za-z0-9_\-]{2,8192}(?:\.[A-Za-z0-9_\-]{0,8192})?"), "token"),
    (("earer ", "EARER "), re.compile(r"((?:Bearer|bearer|BEARER) )[A-Za-z0-9_\-.~+/]{8,8192}={0,4}"), "bearer token"),
    (("asic ",), re.compile(rf"([aA]uthorization{_Q} ?[:=] ?{_Q}[bB]asic )[A-Za-z0-9+/]{{6,4096}}={{0,4}}"), "credentials"),
    (("://",), re.compile(r"((?<![A-Za-z0-9])[a-z][a-z0-9+.\-]{1,20}://[^\s/:@\"'‹›]{0,200}:)[^\s/@\"'‹›]{1,400}(?=@)"), "password"),
    (("ghp_", "gho_", "github_pat_", "xox"), re.compile(r"()(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|xox[abprs]-[\w\-]{10,255})"), "token"),
)
_NAMES = (
    "primaryKey|secondaryKey|primary_key|secondary_key|accountKey|account_key|storageAccountKey|storage_account_key|accessKey|access_key|sasToken|sas_token|"
    "clientSecret|client_secret|service_principal_password|accessToken|access_token|refreshToken|refresh_token|id_token|"
    "password|Password|PASSWORD|passwd|pwd|PWD|Pwd|apiKey|api_key|apikey|API_KEY|api-key|x-api-key|connectionString|subscription-key|"
    "Ocp-Apim-Subscription-Key|AZURE_CLIENT_SECRET|AZURE_STORAGE_KEY"
)
_NAMED = re.compile(
    rf"((?<![A-Za-z])(?:[A-Z][A-Z0-9_]{{0,60}}_)?(?:{_NAMES}){_Q} ?(?:=>|[:=]) ?{_Q})(?!None\b|null\b|True\b|False\b|true\b|false\b){_VALUE}"
)
_WEAK = re.compile(
    rf"((?<![A-Za-z])(?:[A-Z][A-Z0-9_]{{0,60}}_)?(?:token|Token|TOKEN|secret|Secret|SECRET){_Q} ?(?:=>|[:=]) ?{_Q})(?=[^\s\"'\\]{{0,200}}[0-9])[^\s\"'\\,;&<>‹›]{{8,4096}}"
)
_KEY = re.compile(rf"((?<![A-Za-z0-9_])[kK]ey(?:[12])?{_Q} ?[:=] ?{_Q})(?=[A-Za-z0-9+/_\-]{{0,200}}[0-9])[A-Za-z0-9+/_\-]{{24,2048}}={{0,2}}")
_NAME_LITERALS = tuple(dict.fromkeys(name[-6:] for name in _NAMES.split("|")))
_BARE_KEY = re.compile(r"()(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])")


def mask(text: str) -> str:
    """Return the text with account keys, signatures, tokens, passwords and connection strings masked.

    The number of lines stays the same. Masked text is left as it is, so masking twice changes nothing.
    """
    for literals, pattern, kind in _RULES:
        if any(literal in text for literal in literals):
            text = pattern.sub(_replacement(kind), text)
    if any(literal in text for literal in _NAME_LITERALS):
        text = _NAMED.sub(_named, text)
    if any(word in text for word in ("oken", "OKEN", "ecret", "ECRET")):
        text = _WEAK.sub(_named, text)
    if "ey" in text:
        text = _KEY.sub(_replacement("key"), text)
    if "==" in text:
        text = _BARE_KEY.sub(_replacement("key"), text)
    return text


def _replacement(kind: str) -> Callable[[re.Match[str]], str]:
    def replace(match: re.Match[str]) -> str:
        return f"{match[1]}‹masked: {kind}›"

    return replace


def _named(match: re.Match[str]) -> str:
    """Name the kind by the field's own name; leave what is masked already."""
    if "‹" in match[0]:
        return match[0]
    name = re.search(r"[A-Za-z_\-]{2,60}", match[1])
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-]", " ", name[0]).lower().strip() if name else "secret"
    return f"{match[1]}‹masked: {words}›"
