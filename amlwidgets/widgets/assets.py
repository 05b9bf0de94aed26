"""Front-end parts: plain ESM files that import one another, joined into one script per widget. No bundler."""

from __future__ import annotations

import base64
import gzip
import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./([\w.]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*//[^\n]*\n|^/\*\*.*?\*/\n", re.MULTILINE | re.DOTALL)


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
def packed(name: str) -> str:
    """Return a module that unpacks the text of ``script(name)`` and loads it.

    A script is part of a widget's state, which every saved notebook holds: packed it takes a third of the room.
    """
    data = base64.b64encode(gzip.compress(script(name).encode(), mtime=0)).decode()
    return (
        f'const bytes = Uint8Array.from(atob("{data}"), (c) => c.charCodeAt(0));\n'
        'const packed = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));\n'
        "const text = await new Response(packed).text();\n"
        'const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));\n'
        "const part = await import(address);\n"
        "URL.revokeObjectURL(address);\n"
        "export default part.default;\n"
    )


@cache
def style(*names: str) -> str:
    """Return the joined CSS of the named parts, the shared theme first."""
    texts = ((_HERE / f"{name}.css").read_text(encoding="utf-8") for name in ("theme", *names))
    return re.sub(r"/\*.*?\*/\n?", "", "".join(texts), flags=re.DOTALL)
