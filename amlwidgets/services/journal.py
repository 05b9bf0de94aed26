"""The journal: every run of the wizard on disk, so that a closed tab or a killed kernel loses nothing."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.core.stages import Stage
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.services.rights import close_file, own_file, own_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

KEEP_DAYS = 60
"""Runs that nobody touched for so long are forgotten when a new one begins."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs(
    id TEXT PRIMARY KEY, created REAL, updated REAL, spec TEXT, workspace TEXT, state TEXT, owner TEXT, active INTEGER
);
CREATE TABLE IF NOT EXISTS stages(run TEXT, stage TEXT, record TEXT, PRIMARY KEY(run, stage));
CREATE TABLE IF NOT EXISTS logs(run TEXT, stage TEXT, n INTEGER, text TEXT, PRIMARY KEY(run, stage, n));
CREATE TABLE IF NOT EXISTS fixes(run TEXT, n INTEGER, applied TEXT, undone INTEGER, PRIMARY KEY(run, n));
"""


def home() -> Path:
    """Return the folder of amlwidgets' own data: ``$AMLWIDGETS_HOME``, or the system's place for user data."""
    if chosen := os.environ.get("AMLWIDGETS_HOME"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("amlwidgets"))


def _make_folder(folder: Path) -> None:
    """Make the journal's folder; one that the user has named keeps its rights, and the doctor tells them."""
    if os.environ.get("AMLWIDGETS_HOME") or folder != home():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    else:
        own_folder(folder)


def _todo(error: Exception) -> str:
    """Say what helps: room helps neither against missing rights nor against a link."""
    of_place = isinstance(error, OSError) and error.errno != errno.ENOSPC
    return f"{'Set' if of_place else 'Free disk space or set'} AMLWIDGETS_HOME to another folder."


@dataclass(slots=True)
class SavedRun:
    """A run as the journal has it.

    Attributes:
        state: Small facts that a resume needs, such as ``{"model_id": "diabetes:3"}``.
        records: A dict per stage (state, note, times, findings ...).
        interrupted: True when the process that ran it is gone while a stage was running.
    """

    id: str
    created: float
    updated: float
    spec: DeploymentSpec
    workspace: dict[str, Any]
    state: dict[str, Any]
    records: dict[Stage, dict[str, Any]] = field(default_factory=dict)
    interrupted: bool = False


def process_identity(pid: int | None = None) -> str:
    """Return a text that names a process for good: pid and start time, so that a recycled pid is told apart."""
    import psutil

    process = psutil.Process(pid)
    return f"{process.pid}@{process.create_time():.2f}"


def is_alive(identity: str) -> bool:
    """Whether the process of ``process_identity`` still runs."""
    import psutil

    try:
        return process_identity(int(identity.split("@", maxsplit=1)[0])) == identity
    except (psutil.Error, ValueError):
        return False


def _kept(spec: DeploymentSpec) -> str:
    """Return the specification as it is kept: a sample may hold a key."""
    return replace(spec, sample=mask(spec.sample)).to_json()


def _dict(text: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ValueError: The text is none.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - as json itself says of a text
    return found


def _fix(text: Any) -> dict[str, Any]:
    """Return what was kept of a fix; nothing where that is spoiled, so that the fix is still told of."""
    try:
        return _dict(text)
    except (ValueError, TypeError, RecursionError):
        return {}


class Journal:
    """Runs in one SQLite file; safe from several threads and processes.

    Args:
        path: The file; the folder is made. Default: ``home()/journal.db``.

    Raises:
        ServiceFailed: the file cannot be opened or written (disk full, no rights).
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "journal.db"
        self._lock = threading.RLock()
        with self._translated():
            _make_folder(self.path.parent)
            # Logs are masked, but names and settings are the user's alone to read; SQLite's own files follow this one.
            own_file(self.path)
            for extra in ("wal", "shm", "journal"):
                close_file(self.path.with_name(f"{self.path.name}-{extra}"))
            self._db = sqlite3.connect(self.path, check_same_thread=False, timeout=10, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise ServiceFailed(
                    f"The journal {self.path} cannot be used: {error}.",
                    code="journal-unusable",
                    todo=_todo(error),
                ) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def create(self, spec: DeploymentSpec, workspace: dict[str, Any]) -> str:
        """Start a run and return its id."""
        run, now = uuid.uuid4().hex[:12], time.time()
        with self._translated():
            self._forget_old(now - KEEP_DAYS * 86_400)
            self._db.execute(
                "INSERT INTO runs VALUES(?,?,?,?,?,?,?,0)",
                (run, now, now, _kept(spec), json.dumps(workspace), "{}", process_identity()),
            )
        return run

    def _forget_old(self, before: float) -> None:
        old = "SELECT id FROM runs WHERE updated<?"
        for table in ("stages", "logs", "fixes"):
            self._db.execute(f"DELETE FROM {table} WHERE run IN ({old})", (before,))  # noqa: S608 - our own names
        self._db.execute("DELETE FROM runs WHERE updated<?", (before,))

    def update(
        self,
        run: str,
        *,
        spec: DeploymentSpec | None = None,
        state: dict[str, Any] | None = None,
        workspace: dict[str, Any] | None = None,
        active: bool | None = None,
    ) -> None:
        """Save what changed; ``active`` says whether this process is running a stage now."""
        values: dict[str, Any] = {"updated": time.time(), "owner": process_identity()}
        if spec is not None:
            values["spec"] = _kept(spec)
        if state is not None:
            values["state"] = json.dumps(state)
        if workspace is not None:
            values["workspace"] = json.dumps(workspace)
        if active is not None:
            values["active"] = int(active)
        columns = ", ".join(f"{name}=?" for name in values)
        with self._translated():
            self._db.execute(f"UPDATE runs SET {columns} WHERE id=?", (*values.values(), run))  # noqa: S608 - our own column names

    def save_stage(self, run: str, stage: Stage, record: dict[str, Any]) -> None:
        """Save one stage's record."""
        with self._translated():
            self._db.execute("INSERT OR REPLACE INTO stages VALUES(?,?,?)", (run, stage.value, json.dumps(record)))
            self._db.execute("UPDATE runs SET updated=? WHERE id=?", (time.time(), run))

    def append_log(self, run: str, stage: Stage, text: str) -> None:
        """Add ``text`` (already masked) to a stage's log."""
        with self._translated():
            self._db.execute(
                "INSERT INTO logs SELECT ?,?,COALESCE(MAX(n),0)+1,? FROM logs WHERE run=? AND stage=?",
                (run, stage.value, text, run, stage.value),
            )

    def clear_log(self, run: str, stage: Stage) -> None:
        """Forget a stage's log, because the stage starts again."""
        with self._translated():
            self._db.execute("DELETE FROM logs WHERE run=? AND stage=?", (run, stage.value))

    def log(self, run: str, stage: Stage) -> str:
        """Return a stage's log."""
        with self._translated():
            rows = self._db.execute("SELECT text FROM logs WHERE run=? AND stage=? ORDER BY n", (run, stage.value))
            return "".join(row[0] for row in rows)

    def add_fix(self, run: str, applied: dict[str, Any]) -> None:
        """Note a fix that was applied (``fixes.Applied.to_dict``)."""
        with self._translated():
            self._db.execute(
                "INSERT INTO fixes SELECT ?,COALESCE(MAX(n),0)+1,?,0 FROM fixes WHERE run=?",
                (run, json.dumps(applied), run),
            )

    def last_fix(self, run: str) -> tuple[int, dict[str, Any]] | None:
        """Return the newest fix that was not undone, with its number, or None; a spoiled record is an empty one."""
        with self._translated():
            row = self._db.execute(
                "SELECT n,applied FROM fixes WHERE run=? AND undone=0 ORDER BY n DESC LIMIT 1", (run,)
            ).fetchone()
        return (row[0], _fix(row[1])) if row else None

    def fixes(self, run: str) -> list[tuple[dict[str, Any], bool]]:
        """Return the fixes that were applied, in order, each with whether it was taken back; a spoiled one is empty."""
        with self._translated():
            rows = self._db.execute("SELECT applied,undone FROM fixes WHERE run=? ORDER BY n", (run,)).fetchall()
        return [(_fix(applied), bool(undone)) for applied, undone in rows]

    def newest(self) -> str:
        """Return the id of the run that was changed last.

        Raises:
            ServiceFailed: The journal has none.
        """
        with self._translated():
            row = self._db.execute("SELECT id FROM runs ORDER BY updated DESC LIMIT 1").fetchone()
        if row is None:
            raise ServiceFailed("The journal has no run yet.", code="run-unknown", todo="Run the wizard: %aml")
        return str(row[0])

    def mark_undone(self, run: str, n: int) -> None:
        """Note that a fix was taken back."""
        with self._translated():
            self._db.execute("UPDATE fixes SET undone=1 WHERE run=? AND n=?", (run, n))

    def load(self, run: str) -> SavedRun:
        """Return a saved run.

        Raises:
            ServiceFailed: there is none of that id, or it is spoiled.
        """
        with self._translated():
            row = self._db.execute(
                "SELECT id,created,updated,spec,workspace,state,owner,active FROM runs WHERE id=?", (run,)
            ).fetchone()
            stages = self._db.execute("SELECT stage,record FROM stages WHERE run=?", (run,)).fetchall()
        if row is None:
            raise ServiceFailed(f"The journal has no run {run}.", code="run-unknown")
        try:
            return SavedRun(
                row[0],
                row[1],
                row[2],
                DeploymentSpec.from_json(row[3]),
                _dict(row[4]),
                _dict(row[5]),
                {Stage(name): _dict(record) for name, record in stages},
                interrupted=bool(row[7]) and not is_alive(row[6]),
            )
        except (BadInput, ValueError, TypeError, AttributeError) as error:
            raise ServiceFailed(
                f"The journal's run {run} cannot be read.", code="run-unreadable", todo="Start a new one: %aml"
            ) from error

    def latest_unfinished(self, folder: str, *, sandbox: bool = False) -> SavedRun | None:
        """Return the newest run of a working folder that stopped before its end, or None.

        A run that another living process is working on is left to that process, and a run of the other world (the
        sandbox's or a real workspace's) to a kernel in that world.
        """
        with self._translated():
            rows = self._db.execute("SELECT id,spec,owner,active FROM runs ORDER BY updated DESC LIMIT 50").fetchall()
        for run, spec, owner, active in rows:
            try:
                if DeploymentSpec.from_json(spec).folder != folder or (active and is_alive(owner)):
                    continue
                saved = self.load(run)
            except (ServiceFailed, BadInput, ValueError, TypeError, AttributeError):
                continue  # one spoiled run does not keep the others from being found
            if saved.workspace.get("sandbox", sandbox) != sandbox:
                continue
            begun = any(r.get("state") not in (None, "waiting") for r in saved.records.values())
            done = saved.records.get(Stage.SCORE, {}).get("state") == "done"
            return saved if begun and not done else None
        return None
