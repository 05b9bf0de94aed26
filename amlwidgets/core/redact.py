"""Mask secrets in text, before it reaches a buffer, a trait, a journal or a message.

Every replacement stays on its line, so line numbers remain true. All patterns are bounded; the work is linear.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amlwidgets.core.ansi import plain

if TYPE_CHECKING:
    from collections.abc import Callable

_OPEN, _CLOSE = "\u2039", "\u203a"
MASK = f"{_OPEN}masked: "
"""Beginning of every mask."""
MASK_END = _CLOSE
"""End of every mask."""
_Q = r"[\"'\\]{0,6}"
_MASKS = f"{_OPEN}{_CLOSE}"
# A separator ends a value only where another field, a space or nothing follows it.
_SEPARATOR = r"[,;&<>](?![\s/]|$|[\w.\-]{1,60} ?[\"'\\]{0,4} ?[=:])"
_VALUE = rf"(?:[^\s\"'\\,;&<>{_MASKS}]|{_SEPARATOR}){{4,4096}}"
_QUOTED = "|".join(rf"(?<={q})(?![\s,;)\]}}])[^{q}\\\n{_MASKS}]{{4,400}}(?=\\{{0,6}}{q})" for q in "\"'")
"""A value between quotation marks, with whatever is in it."""
_WORD_START = r"(?<![A-Za-z0-9])"
_BASE64 = r"[A-Za-z0-9_\-]"


def _rule(literals: str, pattern: str, kind: str) -> tuple[tuple[str, ...], re.Pattern[str], str]:
    """Return a rule: any of the literals starts it; group 1 of the pattern stays, the rest is the secret."""
    return tuple(literals.split("|")), re.compile(pattern, re.MULTILINE), kind


_RULES = (
    _rule(
        "PRIVATE KEY",
        r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[A-Za-z0-9+/=\\nr ]{1,8192}(?=-----END|$)",
        "private key",
    ),
    _rule("sig=|Sig=|SIG=", rf"({_WORD_START}[sS][iI][gG]=)[A-Za-z0-9%+/=_\-]{{6,2048}}", "SAS signature"),
    _rule("AccountKey", r"(AccountKey ?= ?)[A-Za-z0-9+/=_%\-]{8,2048}", "account key"),
    _rule("SharedAccess", rf"(SharedAccess(?:Key|Signature) ?= ?)[^\s;\"'\\{_OPEN}]{{6,2048}}", "shared access key"),
    _rule("InstrumentationKey", rf"(InstrumentationKey{_Q} ?[=:] ?{_Q})[0-9a-fA-F\-]{{8,64}}", "instrumentation key"),
    _rule(
        "eyJ",
        rf"((?<![A-Za-z0-9_\-]))eyJ{_BASE64}{{5,8192}}\.{_BASE64}{{2,8192}}(?:\.{_BASE64}{{0,8192}})?",
        "token",
    ),
    _rule("earer |EARER ", r"((?:Bearer|bearer|BEARER) )[A-Za-z0-9_\-.~+/]{8,8192}={0,4}", "bearer token"),
    _rule("asic ", rf"([aA]uthorization{_Q} ?[:=] ?{_Q}[bB]asic )[A-Za-z0-9+/]{{6,4096}}={{0,4}}", "credentials"),
    _rule(
        "://",
        rf"({_WORD_START}[a-z][a-z0-9+.\-]{{1,20}}://[^\s/:@\"'{_OPEN}]{{0,200}}:)[^\s/@\"'{_OPEN}]{{1,400}}(?=@)",
        "password",
    ),
    _rule(
        "uthorization|UTHORIZATION",
        rf"([aA]uthorization{_Q} ?[:=] ?{_Q}(?:SharedKey|SharedKeyLite|AWS4-HMAC-SHA256|Digest|Negotiate) )"
        r"[^\s\"'\\][^\n\"'\\]{3,4096}",
        "credentials",
    ),
    _rule("ookie:|OOKIE:", rf"((?:[sS]et-)?[cC]ookie: ?[\w.\-]{{1,80}}=)[^\s;\"'{_OPEN}]{{6,4096}}", "cookie"),
    _rule('"auth', r"(\"auth\\{0,6}\" ?: ?\\{0,6}\")[A-Za-z0-9+/]{8,4096}={0,2}", "registry credentials"),
    # The sandbox's token endpoint, which the SDK prints when it does not answer.
    _rule("/msi/", r"(/msi/)[A-Za-z0-9_\-]{16,255}(?=/token)", "sandbox secret"),
    _rule("hooks.slack.com", r"(hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_\-]{8,255}", "webhook address"),
    _rule(
        "ghp_|gho_|ghs_|ghu_|ghr_|github_pat_",
        rf"({_WORD_START})(?:gh[pousr]_[A-Za-z0-9]{{20,255}}|github_pat_\w{{20,255}})",
        "GitHub token",
    ),
    _rule("glpat-", rf"({_WORD_START})glpat-[\w\-]{{16,255}}", "GitLab token"),
    _rule("xox", rf"({_WORD_START})xox[abeprs]-[\w\-]{{10,255}}", "Slack token"),
    _rule("AKIA|ASIA", rf"({_WORD_START})(?:AKIA|ASIA)[0-9A-Z]{{16}}(?![0-9A-Za-z])", "AWS access key"),
    _rule("AIza", rf"({_WORD_START})AIza[\w\-]{{35}}(?![\w\-])", "Google API key"),
    _rule("sk_live_|rk_live_", rf"({_WORD_START})[sr]k_live_[A-Za-z0-9]{{16,255}}", "Stripe key"),
    _rule(
        "sk-", rf"({_WORD_START}(?<!-))sk-(?:(?:proj|ant|svcacct)-[\w\-]{{16,255}}|[A-Za-z0-9]{{32,255}})", "API key"
    ),
    _rule("hf_", rf"({_WORD_START})hf_[A-Za-z0-9]{{30,255}}", "Hugging Face token"),
    _rule("npm_", rf"({_WORD_START})npm_[A-Za-z0-9]{{36}}(?![A-Za-z0-9])", "npm token"),
    _rule("dapi", rf"({_WORD_START})dapi[0-9a-f]{{32}}(?:-\d)?(?![0-9a-zA-Z])", "Databricks token"),
    _rule("pypi-AgE", rf"({_WORD_START})pypi-AgE[\w\-]{{40,512}}", "PyPI token"),
    _rule("SG.", rf"({_WORD_START})SG\.[\w\-]{{16,64}}\.[\w\-]{{16,128}}", "SendGrid key"),
    _rule("Q~", r"((?<![\w.~\-]))[A-Za-z0-9_.~\-]{3}[0-9]Q~[A-Za-z0-9_.~\-]{31,34}(?![\w.~\-])", "client secret"),
    _rule(
        "--password|--client-secret|--account-key",
        rf"(--(?:password|client-secret|account-key)[ =][\"']?)[^\s\"'{_OPEN}\-][^\s\"'{_OPEN}]{{3,400}}",
        "password",
    ),
)
KINDS = (*(kind for _, _, kind in _RULES), "secret", "key")
"""What masks say; those of named fields say the name."""
_NAMES = (
    "primaryKey|secondaryKey|primary_key|secondary_key|accountKey|account_key|storageAccountKey|storage_account_key|"
    "accessKey|access_key|sasToken|sas_token|clientSecret|client_secret|service_principal_password|accessToken|"
    "access_token|refreshToken|refresh_token|id_token|password|Password|PASSWORD|passwd|pwd|PWD|Pwd|apiKey|api_key|"
    "apikey|API_KEY|api-key|x-api-key|connectionString|subscription-key|Ocp-Apim-Subscription-Key|"
    "AZURE_CLIENT_SECRET|AZURE_STORAGE_KEY|secretAccessKey|SecretAccessKey|secret_access_key|SECRET_ACCESS_KEY|ACCESS_KEY"
)
# What stands before a name, as in AWS_SECRET_ACCESS_KEY, is looked at where one was found, not at every character.
_PREFIX = r"(?<![A-Za-z])"
_BEFORE = re.compile(r"(?<![A-Za-z])[A-Z][A-Z0-9_]{0,60}_\Z")
_EQUALS = rf"{_Q} ?(?:=>|[:=]) ?{_Q}"
_NAMED = re.compile(rf"({_PREFIX}(?:{_NAMES}){_EQUALS})(?!(?:None|null|True|False|true|false)\b)(?:{_QUOTED}|{_VALUE})")
_WEAK_NAMES = "token|Token|TOKEN|secret|Secret|SECRET"
# "Unexpected token: foo" is no secret: these names need a digit in their value.
_WEAK = re.compile(rf"({_PREFIX}(?:{_WEAK_NAMES}){_EQUALS})(?=[^\s\"'\\]{{0,200}}[0-9])(?=[^\s]{{8}}){_VALUE}")
_KEY = re.compile(
    rf"((?<![A-Za-z0-9_])[kK]ey(?:[12])?{_Q} ?[:=] ?{_Q})"
    r"(?=[A-Za-z0-9+/_\-]{0,200}[0-9])[A-Za-z0-9+/_\-]{24,2048}={0,2}"
)
_NAME_LITERALS = tuple(dict.fromkeys(name[-6:] for name in _NAMES.split("|")))
_BARE_KEY = re.compile(r"()(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])")

_COLOUR_SIGNS = ("\x1b", "1b[", "1B[", "033[")
_WRITTEN_COLOUR = re.compile(r"\\{1,8}(?:u001|x1|03)[bB3]\[[\d;]{0,32}m")
"""A colour as JSON and Python write it: ``\\u001b[31m``, ``\\x1b[31m``, ``\\033[31m``."""


def mask(text: str) -> str:
    """Return the text with account keys, signatures, tokens, passwords and connection strings masked.

    The number of lines stays the same; a line whose secret has colours inside loses them. Masked text is left as
    it is, so masking twice changes nothing.
    """
    safe = _masked(text)
    if not any(sign in text for sign in _COLOUR_SIGNS):
        return safe
    return "\n".join(map(_also_without_colours, text.split("\n"), safe.split("\n")))


def _also_without_colours(line: str, safe: str) -> str:
    bare = _bare(line)
    if bare == line:
        return safe
    masked = _masked(bare)
    return safe if masked == _bare(safe) else masked


def _bare(line: str) -> str:
    return _WRITTEN_COLOUR.sub("", plain(line))


def _masked(text: str) -> str:
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
        return f"{match[1]}{_OPEN}masked: {kind}{_CLOSE}"

    return replace


def _named(match: re.Match[str]) -> str:
    """Name the kind by the field's own name; leave what is masked already."""
    if _OPEN in match[0]:
        return match[0]
    before = _BEFORE.search(match.string, max(match.start() - 62, 0), match.start())
    name = re.search(r"[A-Za-z_\-]{2,60}", f"{before[0] if before else ''}{match[1]}")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-]", " ", name[0]).lower().strip() if name else "secret"
    return f"{match[1]}{_OPEN}masked: {words}{_CLOSE}"
