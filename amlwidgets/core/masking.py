"""Masks secrets in large pieces of a log: a search for literals first, the patterns only on lines that hold one.

The result is that of :func:`amlwidgets.core.redact.mask` on each line, and it knows secrets that span lines: private
keys and the data of Kubernetes secrets. The number of lines stays the same.
"""

from __future__ import annotations

import re

from amlwidgets.core.bytefind import holds
from amlwidgets.core.redact import KINDS, MASK, MASK_END, mask

LOOK_BACK = 16_384
"""Bytes before a piece that tell whether it begins inside a private key or a secret's data."""

_NAMED = rb"[\w.\-]{0,40}(?:\x1b\[[\d;]*m)?[\"'\\\]]{0,6}[ \t]?(?:=>|[:=])|[\w\-]{0,12}[ \t]"
_SIGNS: tuple[tuple[bytes, re.Pattern[bytes] | None], ...] = tuple(
    (literal, re.compile(confirm) if confirm else None)
    for literal, confirm in (
        (b"key", rb"[\w.\-]{0,40}(?:\x1b\[[\d;]*m)?[\"'\\\]]{0,6}[ \t]?(?:=>|[:=])"),
        (b"token", rb"[\w.\-]{0,40}(?:\x1b\[[\d;]*m)?[\"'\\\]]{0,6}[ \t]?(?:=>|[:=])"),
        (b"secret", _NAMED),
        (b"passw", _NAMED),
        (b"pwd", rb"[\"'\\\]]{0,6}[ \t]?(?:=>|[:=])"),
        (b"connectionstring", None),
        (b"signature", rb"[ \t]?="),
        (b"sig=", None),
        (b"eyj", None),
        (b"bearer ", None),
        (b"authorization", None),
        (b"cookie:", None),
        (b"://", rb"[^\s/@]{0,600}@"),
        (b"hooks.slack.com", None),
        (b"/msi/", None),
        (b"==", rb"(?![\w=])"),
        (b'"auth', rb"[\\]{0,6}\""),
        (b"q~", None),
        (b"ghp_", None), (b"gho_", None), (b"ghs_", None), (b"ghu_", None), (b"ghr_", None), (b"github_pat_", None),
        (b"glpat-", None), (b"xox", rb"[abeprs]-"), (b"akia", None), (b"asia", rb"[0-9a-z]{16}"), (b"aiza", None),
        (b"sk_live_", None), (b"sk-", None), (b"hf_", None), (b"npm_", None), (b"dapi", None), (b"pypi-age", None),
        (b"sg.", None),
    )
)  # fmt: skip
_BEGIN = re.compile(rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
_END = re.compile(rb"-----END [A-Z ]{0,30}PRIVATE KEY-----")
_KEY_LINE = re.compile(rb"([ \t>|]{0,40})[A-Za-z0-9+/=]{1,200}[ \t]*")
_DATA = re.compile(rb"([ ]{0,20})(?:data|stringData):[ ]*")
_ENTRY = re.compile(rb"([ ]{1,24})([\w.\-]{1,253}): (?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_SECRET_KIND = re.compile(rb"^kind: Secret\b", re.MULTILINE)


def mask_lines(piece: bytes, before: bytes = b"") -> bytes:
    """Return a piece of a log with its secrets masked.

    Args:
        piece: Whole lines in UTF-8; invalid bytes on lines without secrets stay as they are.
        before: What stands before it, unmasked; its last 16 kB are enough.
    """
    lower = piece.lower()
    spans = _lines_with_signs(piece, lower)
    if b"PRIVATE KEY" in piece or b"PRIVATE KEY" in before:
        spans = _merge(spans, _key_lines(piece, before))
    if b"ata:\n" in piece or b"ata:\n" in before:
        spans = _merge(spans, _secret_data(piece, before))
    if not spans:
        return piece
    out, at = [], 0
    for start in sorted(spans):
        end, whole = spans[start]
        out += [piece[at:start], whole if whole is not None else _masked(piece[start:end])]
        at = end
    return b"".join([*out, piece[at:]])


_IN_MASK = re.compile(r"[a-z :\-]*")
_MASK_WORDS = frozenset(" ".join(("masked:", "Kubernetes secret", *KINDS)).lower().split())


def can_be_in_a_mask(text: str) -> bool:
    """Whether a text may stand in a masked log without standing in the unmasked one, as ``signature`` does."""
    if MASK[0] in text or MASK_END in text:
        return True
    lower = text.lower()
    # Within a mask there are the words of a kind, or of the name of a field, which stands before the mask.
    return bool(_IN_MASK.fullmatch(lower)) and (" " in text or any(lower in word for word in _MASK_WORDS))


Spans = dict[int, tuple[int, bytes | None]]
"""Start of a line → its end, and what takes its place where that is known already."""


def _lines_with_signs(piece: bytes, lower: bytes) -> Spans:
    spans: Spans = {}
    for literal, confirm in _SIGNS:
        at = lower.find(literal) if holds(lower, literal) else -1
        while at >= 0:
            if confirm is not None and not confirm.match(lower, at + len(literal)):
                at = lower.find(literal, at + 1)
                continue
            start = piece.rfind(b"\n", 0, at) + 1
            end = piece.find(b"\n", at)
            spans[start] = (len(piece) if end < 0 else end, None)
            at = lower.find(literal, end) if end >= 0 else -1
    return spans


def _masked(line: bytes) -> bytes:
    return mask(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _merge(spans: Spans, others: Spans) -> Spans:
    return {**spans, **others}


def _note(kind: str) -> bytes:
    return f"{MASK}{kind}{MASK_END}".encode()


def _key_lines(piece: bytes, before: bytes) -> Spans:
    """Return the lines of private keys that span lines."""
    found = list(_BEGIN.finditer(before))
    inside = bool(found) and not _END.search(before, found[-1].end())
    spans: Spans = {}
    at = 0 if inside else -1
    while True:
        if at < 0:
            begin = _BEGIN.search(piece, max(-at - 1, 0))
            if begin is None:
                return spans
            at = piece.find(b"\n", begin.end()) + 1
            if at == 0:
                return spans
        while at < len(piece):
            end = piece.find(b"\n", at)
            end = len(piece) if end < 0 else end
            line = _KEY_LINE.fullmatch(piece, at, end)
            if line is None:
                break
            spans[at] = (end, line[1] + _note("private key"))
            at = end + 1
        if at >= len(piece):
            return spans
        at = -at - 1


def _secret_data(piece: bytes, before: bytes) -> Spans:
    """Return the entries of a Kubernetes secret in YAML, as ``kubectl get secret -o yaml`` prints it."""
    spans: Spans = {}
    joined = before[-LOOK_BACK:] + piece
    if not _SECRET_KIND.search(joined):
        return spans
    shift = len(joined) - len(piece)
    for head in _DATA.finditer(joined):
        at = head.end() + 1
        while at < len(joined):
            end = joined.find(b"\n", at)
            end = len(joined) if end < 0 else end
            entry = _ENTRY.fullmatch(joined, at, end)
            if entry is None or len(entry[1]) <= len(head[1]):
                break
            if at >= shift:
                spans[at - shift] = (end - shift, entry[1] + entry[2] + b": " + _note("Kubernetes secret"))
            at = end + 1
    return spans
