"""Escape sequences of terminals: what is left of a text without them; and text as bytes, whatever it holds."""

from __future__ import annotations

import re

_PATTERN = r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)|[@-Z\\^_=>78])"
_TEXT, _BYTES = re.compile(_PATTERN), re.compile(_PATTERN.encode())


def plain(text: str) -> str:
    """Return the text without escape sequences: colours, cursor movements, titles, links."""
    return _TEXT.sub("", text) if "\x1b" in text else text


def plain_bytes(text: bytes) -> bytes:
    """Return the bytes without escape sequences."""
    return _BYTES.sub(b"", text) if b"\x1b" in text else text


def utf8(text: str) -> bytes:
    """Return a text in UTF-8; bytes that Python could not read are themselves again, halves of pairs become ``?``."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
