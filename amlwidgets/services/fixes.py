"""Fixes that one click applies: each is first a proposal with a diff, then an edit with a backup, then undoable.

The catalogue names an action and its arguments; this module knows what the action does to the user's files or to the
deployment's settings. Nothing is written before ``apply``.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.spec import DeploymentSpec, label_of
from amlwidgets.core.stages import STAGES, Stage
from amlwidgets.errors import BadInput
from amlwidgets.services.kept_files import (
    SETTINGS,
    backup_text,
    digest,
    former_settings,
    not_applied,
    project_file,
    project_text,
    read_text,
    refused,
)
from amlwidgets.services.rights import own_folder
from amlwidgets.services.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlwidgets.core.findings import Fix


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A change of one text file."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a fix would change.

    Attributes:
        title: What it does, imperative.
        edits: Changes of files below the working folder.
        settings: Changes of the deployment's settings.
        retry_from: The earliest stage that has to run again.
    """

    title: str
    edits: tuple[FileEdit, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    retry_from: Stage = Stage.SCHEDULE

    def diff(self, spec: DeploymentSpec) -> str:
        """Return the change as a unified diff; settings are shown as a pseudo file."""
        parts = [_unified(e.file, e.before, e.after) for e in self.edits]
        if self.settings:
            old = "".join(f"{label_of(k)} = {getattr(spec, k)}\n" for k in self.settings)
            new = "".join(f"{label_of(k)} = {v}\n" for k, v in self.settings.items())
            parts.append(_unified("deployment settings", old, new))
        return "".join(parts)


def _unified(name: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=2)
    return "".join(f"{line}\n" for line in lines)


def propose(fix: Fix, spec: DeploymentSpec) -> Proposal | None:
    """Return what ``fix`` would change, or None when it is not automatic or does not apply to these files."""
    action = _ACTIONS.get(fix.apply or "")
    if action is None:
        return None
    try:
        proposal = action(fix, spec)
    except (OSError, UnicodeDecodeError, KeyError, ValueError, BadInput):
        return None  # the file is not as the evidence says: a person has to look
    return proposal if proposal and (proposal.settings or any(e.before != e.after for e in proposal.edits)) else None


@dataclass(frozen=True, slots=True)
class Applied:
    """A fix that was applied, as the journal keeps it: enough to take it back, without the files' text.

    Attributes:
        title: What it did.
        files: For each file: its name, where the backup lies, and the SHA-256 of the backup and of what the fix wrote.
        settings: Name → (before, after).
        retry_from: The earliest stage that it concerns.
    """

    title: str
    files: tuple[dict[str, str], ...] = ()
    settings: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    retry_from: Stage = Stage.SCHEDULE

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self) | {"retry_from": self.retry_from.value}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Applied:
        """Read ``to_dict``'s form.

        Raises:
            BadInput: It is spoiled.
        """
        try:
            settings = {str(k): (v[0], v[1]) for k, v in plain["settings"].items()}
            files = tuple(dict(entry) for entry in plain["files"])
            return cls(str(plain["title"]), files, settings, Stage(plain["retry_from"]))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise refused("the journal's record of it is spoiled") from error


def apply(proposal: Proposal, spec: DeploymentSpec, backups: Path) -> tuple[DeploymentSpec, Applied]:
    """Write the proposal's files, keeping a backup of each below ``backups``, and return the changed specification.

    Raises:
        BadInput: a file has changed since the proposal was made or lies outside of the working folder, and nothing is
            written then; or it cannot be written.
    """
    paths = [_unchanged(edit, Path(spec.folder)) for edit in proposal.edits]
    files = []
    for edit, path in zip(proposal.edits, paths, strict=True):
        backup = _back_up(backups, edit)
        _write(path, edit.after)
        kept = {"backup": str(backup), "before": digest(edit.before), "after": digest(edit.after)}
        files.append({"file": edit.file, **kept})
    settings = {name: (getattr(spec, name), value) for name, value in proposal.settings.items()}
    return spec.changed(**proposal.settings), Applied(proposal.title, tuple(files), settings, proposal.retry_from)


def _unchanged(edit: FileEdit, folder: Path) -> Path:
    path = project_file({"file": edit.file}, folder, not_applied)
    if project_text(path, not_applied) != edit.before:
        raise BadInput(f"{edit.file} has changed in the meantime.", code="file-changed", todo="Look at the fix again.")
    return path


def undo(applied: Applied, spec: DeploymentSpec, backups: Path) -> DeploymentSpec:
    """Take an applied fix back: all of its files and settings, or nothing.

    Args:
        applied: The fix, as the journal has it; it is not trusted.
        spec: The specification, whose ``folder`` bounds what is written.
        backups: The folder that bounds what is read.

    Raises:
        BadInput: a file was changed by hand since, or the journal leads elsewhere; everything is left alone.
            Or a file cannot be written.
    """
    changed, before = former_settings(applied.settings, spec), []
    for entry in applied.files:
        path = project_file(entry, Path(spec.folder))
        if digest(project_text(path, refused)) != entry.get("after"):
            raise BadInput(
                f"{entry['file']} was changed since the fix.",
                code="file-changed",
                todo=f"What it was before lies in {backups / Path(str(entry.get('backup') or '')).name}.",
            )
        before.append((path, backup_text(entry, backups)))
    for path, text in before:
        _write(path, text)
    return changed


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise _unwritable(path.name, error) from error


def _unwritable(name: str, error: OSError) -> BadInput:
    words = f"{name} cannot be written: {error.strerror or error}."
    return BadInput(words, code="file-unwritable", todo="Look at its rights and at the room on the disk.")


def _back_up(folder: Path, edit: FileEdit) -> Path:
    """Keep what a file holds before the fix; outside the working folder, which may be uploaded whole."""
    stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000:06d}"
    path = folder / f"{stamp}-{Path(edit.file).name}"
    try:
        own_folder(folder)
        write_whole(path, edit.before)
    except OSError as error:
        raise _unwritable(f"The backup {path}", error) from error
    return path


def _user_file(spec: DeploymentSpec, name: str) -> str:
    """Return the path, relative to the working folder, of a file named in a log of the container.

    Raises:
        FileNotFoundError: there is no such file, or it lies outside the working folder.
    """
    folder = Path(spec.folder)
    bare = re.split(r"[\\/]", name)[-1]
    for candidate in (Path(spec.source_directory, spec.entry_script), Path(spec.source_directory, bare), Path(name)):
        path = folder / candidate
        if candidate.name == bare and path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(candidate)
    raise FileNotFoundError(name)


def _replace_text(fix: Fix, spec: DeploymentSpec) -> Proposal | None:
    arguments = fix.arguments
    file = _user_file(spec, arguments["file"])
    before = read_text(Path(spec.folder, file))
    lines = before.splitlines(keepends=True)
    old, new = arguments["old"], arguments["new"]
    index = _line_with(lines, old, arguments.get("line", ""))
    if index is None or not old:
        return None
    lines[index] = lines[index].replace(old, new, 1)
    stage = spec.stage_of("entry_script") or Stage.SCHEDULE
    return Proposal(fix.title, (FileEdit(file, before, "".join(lines)),), retry_from=stage)


def _line_with(lines: list[str], old: str, line: str) -> int | None:
    """Return the index of the line to change: the one named, or the only one that holds ``old``."""
    if line.isdigit() and 0 < int(line) <= len(lines) and old in lines[int(line) - 1]:
        return int(line) - 1
    holding = [i for i, text in enumerate(lines) if old in text]
    return holding[0] if len(holding) == 1 else None


def _edit_conda(fix: Fix, spec: DeploymentSpec, change: Callable[[list[Any]], bool]) -> Proposal | None:
    """Change the pip list of the conda file, keeping its comments, order and quotes."""
    from ruamel.yaml import YAML

    if not spec.conda_file:
        return None
    before = read_text(project_file({"file": spec.conda_file}, Path(spec.folder), not_applied))
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=_sequence_indent(before), offset=_sequence_indent(before) - 2)
    yaml.width = 4096
    content = yaml.load(before.replace("\r\n", "\n"))
    if not change(_pip_list(content)):
        return None
    out = io.StringIO()
    yaml.dump(content, out)
    after = out.getvalue().replace("\n", "\r\n") if "\r\n" in before else out.getvalue()
    return Proposal(fix.title, (FileEdit(spec.conda_file, before, after),), retry_from=Stage.IMAGE)


def _sequence_indent(text: str) -> int:
    """Return the indentation that the file's own list items use (2 or 4)."""
    match = re.search(r"^dependencies:[^\n]*\n(?:[ \t]*#[^\n]*\n)*( *)-", text, re.MULTILINE)
    return 2 + (len(match[1]) if match else 2)


def _pip_list(content: Mapping[str, Any]) -> list[Any]:
    dependencies = content["dependencies"]
    for entry in dependencies:
        if isinstance(entry, dict) and "pip" in entry:
            if entry["pip"] is None:
                entry["pip"] = []
            found: list[Any] = entry["pip"]
            return found
    if "pip" not in dependencies:
        dependencies.append("pip")
    dependencies.append({"pip": []})
    pip: list[Any] = dependencies[-1]["pip"]
    return pip


def _add_pip_package(fix: Fix, spec: DeploymentSpec) -> Proposal | None:
    package = fix.arguments["package"]
    own = _own_module(package, spec)
    if own is not None:
        title = f"{own.name} is your own file: upload its folder together with the script"
        return Proposal(title, settings=_uploading(own.parent, spec))
    if not _well_known(package):
        return None  # a guess must not install a stranger's package

    def change(pip: list[Any]) -> bool:
        if any(_same_project(str(r), package) for r in pip):
            return False
        pip.append(package)
        return True

    return _edit_conda(fix, spec, change)


def _own_module(package: str, spec: DeploymentSpec) -> Path | None:
    """Return the user's own file or package of that name beside the entry script, or None."""
    name = re.split(r"[<>=!~\[;@ ]", package)[0].replace("-", "_")
    script = Path(spec.folder, spec.source_directory, spec.entry_script)
    for folder in dict.fromkeys((script.parent, Path(spec.folder))):
        for path in (folder / f"{name}.py", folder / name):
            if path.is_file() or (path.is_dir() and any(path.glob("*.py"))):
                return path
    return None


def _uploading(folder: Path, spec: DeploymentSpec) -> dict[str, Any]:
    """Return the settings with which ``folder`` is uploaded; the SDK reads the script's path from there."""
    work = Path(spec.folder).resolve()
    script = (work / spec.source_directory / spec.entry_script).resolve()
    source = Path(os.path.commonpath((folder.resolve(), script.parent)))
    settings = {"source_directory": str(source.relative_to(work)), "entry_script": str(script.relative_to(source))}
    return {name: value for name, value in settings.items() if getattr(spec, name) != value}


def _well_known(package: str) -> bool:
    from amlwidgets.causes.derive import COMMON, PACKAGES

    return any(_same_project(package, known) for known in (*COMMON, *PACKAGES.values()))


def _same_project(left: str, right: str) -> bool:
    def name(text: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~\[;@]", text.strip())[0]).lower()

    return name(left) == name(right)


def _replace_requirement(fix: Fix, spec: DeploymentSpec) -> Proposal | None:
    old, new = fix.arguments["old"], fix.arguments["new"]

    def change(pip: list[Any]) -> bool:
        for index, entry in enumerate(pip):
            if str(entry).replace(" ", "") == old.replace(" ", ""):
                pip[index] = new
                return True
        for index, entry in enumerate(pip):
            if _same_project(str(entry), old):
                pip[index] = new
                return True
        return False

    return _edit_conda(fix, spec, change)


def _raise_memory(fix: Fix, spec: DeploymentSpec) -> Proposal | None:
    if "to_gb" in fix.arguments:
        wanted = float(fix.arguments["to_gb"])
    else:
        wanted = spec.memory_gb * float(fix.arguments.get("factor", "2"))
    wanted = round(wanted, 2)
    return Proposal(fix.title, settings={"memory_gb": wanted}) if wanted > spec.memory_gb else None


def _set_config(fix: Fix, spec: DeploymentSpec) -> Proposal | None:
    name = fix.arguments["field"]
    if name not in SETTINGS:
        return None  # it could not be taken back
    changed = getattr(spec.changed(**{name: fix.arguments["value"]}), name)
    earliest = min(spec.stage_of(name) or Stage.PREFLIGHT, Stage.SCHEDULE, key=STAGES.index)
    return Proposal(fix.title, settings={name: changed}, retry_from=earliest)


_ACTIONS: dict[str, Callable[[Fix, DeploymentSpec], Proposal | None]] = {
    "replace-text": _replace_text,
    "add-pip-package": _add_pip_package,
    "replace-requirement": _replace_requirement,
    "raise-memory": _raise_memory,
    "set-config": _set_config,
}
