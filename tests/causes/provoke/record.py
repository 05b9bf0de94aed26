"""Record what the recipes provoke: ``python tests/causes/provoke/record.py [NAME ...]``."""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from provoke import build, clients, docker_engine, server, storage, web  # noqa: F401 - they register their recipes
from provoke.base import RECIPES, Recipe, scrub

RECORDED = Path(__file__).resolve().parents[1] / "provoked"
INDEX = RECORDED / "INDEX.json"


def provoked(recipe: Recipe) -> str:
    """Run a recipe in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        place.chmod(0o755)
        return scrub(recipe.run(place), place)


def main() -> int:
    """Record the named recipes, or all that can run here."""
    from amlwidgets.causes import find_causes

    RECORDED.mkdir(exist_ok=True)
    index = json.loads(INDEX.read_text("utf-8")) if INDEX.is_file() else {}
    wrong = 0
    for name, recipe in RECIPES.items():
        if (sys.argv[1:] and name not in sys.argv[1:]) or recipe.missing():
            print(f"{name}: left out {recipe.missing() or ''}")
            continue
        try:
            text = provoked(recipe)
        except Exception as error:  # noqa: BLE001 - the others are recorded all the same
            print(f"{name}: {type(error).__name__}: {error}")
            continue
        found = find_causes([("text", text)])
        named = found[0].cause if found else None
        print(f"{name}: {named}{'' if named == recipe.cause else '  BUT IT IS ' + recipe.cause}")
        wrong += named != recipe.cause
        (RECORDED / f"{name}.txt").write_text(text, "utf-8")
        index[name] = {
            "cause": recipe.cause,
            "how": recipe.how,
            "on": f"Python {platform.python_version()}{recipe.printed_by()}",
        }
        INDEX.write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n", "utf-8")
    gone = [name for name in index if name not in RECIPES]
    for name in gone:
        del index[name]
        (RECORDED / f"{name}.txt").unlink(missing_ok=True)
    INDEX.write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n", "utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
