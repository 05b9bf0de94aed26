"""Read the catalogue: at run time from one generated file, in development from the TOML files themselves."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from amlwidgets.causes.model import Cause, cause_from

FOLDER = Path(__file__).parent / "catalogue"
INDEX = Path(__file__).parent / "index.json"


class Catalogue(NamedTuple):
    """All causes, and the slugs of the taxonomy with their stages."""

    causes: tuple[Cause, ...]
    taxonomy: dict[str, str]

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
    return f'{{"taxonomy": {json.dumps(data["taxonomy"])},\n"causes": {{\n{rows}\n}}}}\n'


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
    return Catalogue(tuple(causes), data["taxonomy"])


def write_index() -> None:
    """Generate the index anew (``python -m amlwidgets.causes.build_index``)."""
    INDEX.write_text(index_text(read_files()), "utf-8")
