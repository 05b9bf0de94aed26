"""Front-end parts: plain ESM files that import one another, joined into one script per widget. No bundler."""

from __future__ import annotations

import base64
import gzip
import json
import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./([\w.]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*//[^\n]*\n|^[ \t]*/\*\*.*?\*/\n", re.MULTILINE | re.DOTALL)


@cache
def script(name: str) -> str:
    """Return the ESM text of a widget: its own part after the parts that it imports, each once.

    A saved notebook holds this text, so comments of whole lines and indentation are left out (no
    part may hold a string of several lines).
    """
    seen: list[str] = []
    return "".join(_parts(f"{name}.js", seen))


def _parts(file: str, seen: list[str]) -> list[str]:
    if file in seen:
        return []
    seen.append(file)
    text = (_HERE / file).read_text(encoding="utf-8")
    before = [piece for other in _IMPORT.findall(text) for piece in _parts(other, seen)]
    return [*before, _INDENT.sub("", _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", text))))]


@cache
def packed(name: str, *styles: str) -> str:
    """Return a module that unpacks the text of ``script(name)``, and the style of the named parts, and loads them.

    Both are part of a widget's state, which every saved notebook holds: packed they take a third of the room.
    """
    parts = script(name) + (_styled(name, style(*styles)) if styles else "")
    data = base64.b64encode(gzip.compress(parts.encode(), mtime=0)).decode()
    return (
        f'const bytes = Uint8Array.from(atob("{data}"), (c) => c.charCodeAt(0));\n'
        'const packed = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));\n'
        "const text = await new Response(packed).text();\n"
        'const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));\n'
        "const part = await import(address);\n"
        "URL.revokeObjectURL(address);\n"
        "export default part.default;\n"
    )


def _styled(name: str, css: str) -> str:
    """Return the end of a module, which puts a style into the page once."""
    return (
        f"const css = {json.dumps(css)};\n"
        f'const id = "aml-style-{name}";\n'
        'const sheet = document.getElementById(id) ?? document.head.appendChild(h("style", { id }));\n'
        "if (sheet.textContent !== css) sheet.textContent = css;\n"
    )


@cache
def style(*names: str) -> str:
    """Return the joined CSS of the named parts, the shared theme first."""
    texts = ((_HERE / f"{name}.css").read_text(encoding="utf-8") for name in ("theme", *names))
    return re.sub(r"/\*.*?\*/\n?", "", "".join(texts), flags=re.DOTALL)
