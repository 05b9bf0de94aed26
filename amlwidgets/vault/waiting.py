"""What waits for a resource of a template that is corrected, and letting it wait no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlwidgets.arm.reader import find_key
from amlwidgets.vault.placing import real
from amlwidgets.vault.view import tail

if TYPE_CHECKING:
    from amlwidgets.arm.edit import Editor
    from amlwidgets.arm.expand import Resource
    from amlwidgets.vault.remedy import Work


def waiting_for(work: Work, target: Resource) -> list[str]:
    """Return the pointers of every ``dependsOn`` entry that waits for a resource."""
    labels, found = {target.symbol.lower(), str(target.name).lower(), tail(target.id)} - {""}, []
    for other in work.view.resources:
        key = find_key(other.raw, "dependsOn")
        written = other.raw[key] if key is not None else None
        if other.document is not work.view.document or not isinstance(written, list) or other.path != target.path:
            continue
        for index, entry in enumerate(written):
            if tail(str(other.evaluator.evaluate(entry))) in labels:
                found.append(f"{real(work.editor, other.pointer)}/{key}/{index}")
    return list(dict.fromkeys(found))


def stop_waiting(editor: Editor, places: list[str]) -> None:
    """Take entries of ``dependsOn`` away, and whole lists where nothing is left in them."""
    lists: dict[str, list[str]] = {}
    for place in places:
        lists.setdefault(place.rpartition("/")[0], []).append(place)
    whole = [entries for entries, gone in lists.items() if len(gone) == len(editor.get(entries))]
    # One of each list at a time, the last one first, so that the places of the others stay.
    turns = [sorted(gone, key=_number, reverse=True) for entries, gone in lists.items() if entries not in whole]
    for turn in range(max((len(gone) for gone in turns), default=0)):
        editor.remove_all([gone[turn] for gone in turns if turn < len(gone)])
    editor.remove_all(whole)


def _number(place: str) -> int:
    return int(place.rpartition("/")[2])
