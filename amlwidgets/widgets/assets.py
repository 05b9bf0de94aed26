"""Front-end parts: plain ESM files that import one another, joined into one script per widget. No bundler."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./([\w.]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*//[^\n]*\n|^/\*\*.*?\*/\n", re.MULTILINE | re.DOTALL)


@cache
def script(name: str) -> str:
    """Return the ESM text of a widget: its own part after the parts that it imports, each once.

    A saved notebook holds this text, so comments of whole lines are left out.
    """
    seen: list[str] = []
    return "".join(_parts(f"{name}.js", seen))


def _parts(file: str, seen: list[str]) -> list[str]:
    if file in seen:
        return []
    seen.append(file)
    text = (_HERE / file).read_text(encoding="utf-8")
    before = [piece for other in _IMPORT.findall(text) for piece in _parts(other, seen)]
    return [*before, _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))]


@cache
def style(*names: str) -> str:
    """Return the joined CSS of the named parts, the shared theme first."""
    texts = ((_HERE / f"{name}.css").read_text(encoding="utf-8") for name in ("theme", *names))
    return re.sub(r"/\*.*?\*/\n?", "", "".join(texts), flags=re.DOTALL)
