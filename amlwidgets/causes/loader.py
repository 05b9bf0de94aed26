"""Read the catalogue: at run time from one generated file, in development from the TOML files themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from amlwidgets.causes.model import Cause, cause_from
from amlwidgets.causes.plan import Plan, scanned

FOLDER = Path(__file__).parent / "catalogue"
INDEX = Path(__file__).parent / "index.json"


@dataclass(frozen=True)
class Catalogue:
    """All causes, the slugs of the taxonomy with their stages, and fragments that quicken the search."""

    causes: tuple[Cause, ...]
    taxonomy: dict[str, str]
    fragments: tuple[str, ...] = ()

    @cached_property
    def plan(self) -> Plan:
        """What is searched in a text."""
        return Plan(self.causes, self.fragments)

    @property
    def literals(self) -> tuple[str, ...]:
        """Every literal that starts a sign, each once."""
        return tuple(dict.fromkeys(word for cause in self.causes for sign in cause.signs for word in sign.literals))


def read_files(folder: Path = FOLDER) -> dict[str, Any]:
    """Read all TOML files: ``{"taxonomy": {slug: stage}, "causes": {"stage/slug": content}}``."""
    import tomllib

    taxonomy = tomllib.loads((folder / "taxonomy.toml").read_text("utf-8"))["stages"]
    causes = {
        f"{path.parent.name}/{path.stem}": tomllib.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob("*/*.toml"))
    }
    return {"taxonomy": {slug: stage for stage, slugs in taxonomy.items() for slug in slugs}, "causes": causes}


def index_text(data: dict[str, Any]) -> str:
    """Content of the generated file: the catalogue without what only tests need, one cause a line."""
    kept = {
        name: {key: value for key, value in cause.items() if key not in ("example", "near_miss")}
        for name, cause in data["causes"].items()
    }
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(cause, ensure_ascii=False)}" for name, cause in kept.items())
    taxonomy, fragments = json.dumps(data["taxonomy"]), json.dumps(_fragments(data))
    return f'{{"taxonomy": {taxonomy},\n"fragments": {fragments},\n"causes": {{\n{rows}\n}}}}\n'


def _fragments(data: dict[str, Any]) -> list[str]:
    """Fragments for the plain engine; only of ASCII, so that they stay readable."""
    from amlwidgets.causes.engines import choose_fragments
    from amlwidgets.causes.healthy import HEALTHY

    literals = [word.encode() for word in scanned(from_data(data).causes) if word.isascii()]
    return [fragment.decode() for fragment in choose_fragments(literals, HEALTHY.encode())]


@cache
def catalogue() -> Catalogue:
    """Return the whole catalogue, read once."""
    data = json.loads(INDEX.read_text("utf-8")) if INDEX.is_file() else read_files()
    return from_data(data)


def from_data(data: dict[str, Any]) -> Catalogue:
    """Build the catalogue from what :func:`read_files` returns."""
    causes = []
    for name, content in data["causes"].items():
        stage, slug = name.split("/")
        causes.append(cause_from(slug, stage, content))
    return Catalogue(tuple(causes), data["taxonomy"], tuple(data.get("fragments", ())))


def write_index() -> None:
    """Generate the index anew (``python -m amlwidgets.causes.build_index``)."""
    INDEX.write_text(index_text(read_files()), "utf-8")
