"""What the sandbox knows, in one SQLite file: documents by kind, workspace, name and number.

A document is written whole or not at all; the file is in write-ahead mode, so a killed sandbox loses nothing that
it has confirmed. Large things (models, logs) are files beside it: see :mod:`amlwidgets.sandbox.blobs`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.identity import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Document = dict[str, Any]

FILE = "sandbox.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL,
    UNIQUE (kind, scope, name, number)
);
CREATE TABLE IF NOT EXISTS numbers (
    kind TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (kind, scope, name)
);
"""


class Store:
    """Documents of the sandbox. Safe to use from several threads.

    Args:
        home: State folder.

    Raises:
        sqlite3.Error: The file cannot be opened.
        Damaged: It is not what was written.
    """

    def __init__(self, home: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(home / FILE, check_same_thread=False, isolation_level=None, timeout=10)
        if not self._is_whole():
            self._db.close()
            raise Damaged(home / FILE, "models, services, environments and runs of the sandbox are forgotten")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def _is_whole(self) -> bool:
        try:
            return self._db.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        except sqlite3.OperationalError:
            raise  # locked or not to be opened: that says nothing about its content
        except sqlite3.DatabaseError:
            return False

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what happens inside one step: all of it is kept, or nothing."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._commit()

    def _commit(self) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def get(self, kind: str, scope: str, name: str, number: int = 0) -> Document | None:
        """Return one document, or None."""
        where = "kind=? AND scope=? AND name=? AND number=?"
        return next(self._read(where, (kind, scope, name, number)), None)

    def latest(self, kind: str, scope: str, name: str) -> Document | None:
        """Return the document of that name with the highest number, or None."""
        where = "kind=? AND scope=? AND name=? ORDER BY number DESC LIMIT 1"
        return next(self._read(where, (kind, scope, name)), None)

    def all(self, kind: str, scope: str | None = None, name: str | None = None) -> list[Document]:
        """Return documents of a kind, oldest first."""
        where, values = "kind=?", [kind]
        for column, value in (("scope", scope), ("name", name)):
            if value is not None:
                where += f" AND {column}=?"
                values.append(value)
        return list(self._read(where + " ORDER BY id", tuple(values)))

    def scoped(self, kind: str) -> list[tuple[str, Document]]:
        """Return a kind's documents with the scope of each, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT scope, body FROM documents WHERE kind=? ORDER BY id", (kind,)).fetchall()
        return [(scope, json.loads(body)) for scope, body in rows]

    def names(self, kind: str, scope: str) -> list[str]:
        """Return the names of a kind's documents, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT DISTINCT name FROM documents WHERE kind=? AND scope=? ORDER BY id", (kind, scope)
            )
            return [name for (name,) in rows]

    def put(self, kind: str, scope: str, name: str, body: Document, number: int = 0) -> None:
        """Write one document, replacing an earlier one."""
        with self.transaction():
            self._db.execute(
                "INSERT INTO documents (kind, scope, name, number, body) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (kind, scope, name, number) DO UPDATE SET body=excluded.body",
                (kind, scope, name, number, json.dumps(body)),
            )

    def delete(self, kind: str, scope: str, name: str, number: int = 0) -> bool:
        """Remove one document; False when there was none."""
        with self.transaction():
            cursor = self._db.execute(
                "DELETE FROM documents WHERE kind=? AND scope=? AND name=? AND number=?", (kind, scope, name, number)
            )
            return cursor.rowcount > 0

    def next_number(self, kind: str, scope: str, name: str) -> int:
        """Return the next number for that name; a deleted one is not given again."""
        with self.transaction():
            row = self._db.execute(
                "INSERT INTO numbers (kind, scope, name, last) VALUES (?, ?, ?, 1) "
                "ON CONFLICT (kind, scope, name) DO UPDATE SET last=last+1 RETURNING last",
                (kind, scope, name),
            ).fetchone()
            return int(row[0])

    def clear(self, keep: str) -> None:
        """Forget everything but the documents of one kind."""
        with self.transaction():
            self._db.execute("DELETE FROM documents WHERE kind<>?", (keep,))
            self._db.execute("DELETE FROM numbers")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _read(self, where: str, values: tuple[Any, ...]) -> Iterator[Document]:
        with self._lock:
            rows = self._db.execute(f"SELECT body FROM documents WHERE {where}", values).fetchall()  # noqa: S608
        for (body,) in rows:
            document: Document = json.loads(body)
            yield document
