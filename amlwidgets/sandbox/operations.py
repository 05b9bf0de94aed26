"""A long running operation: an object with allowed transitions, kept in the store at every step."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState

if TYPE_CHECKING:
    from amlwidgets.sandbox.store import Store

KIND = "operation"
BUILD, BUILD_IMAGE, DEPLOY = "BuildEnvironment", "BuildImage", "DeployService"

_ENDS = (OperationState.SUCCEEDED, OperationState.FAILED, OperationState.TIMED_OUT, OperationState.CANCELLED)
_ALLOWED = {
    OperationState.NOT_STARTED: (OperationState.RUNNING, OperationState.FAILED, OperationState.CANCELLED),
    OperationState.RUNNING: _ENDS,
}
_PARTS = {None: (BUILD, BUILD_IMAGE, DEPLOY), BUILD: (DEPLOY,), BUILD_IMAGE: (), DEPLOY: ()}


class Operation:
    """One operation; safe to use from several threads.

    Args:
        store: Where it is kept.
        scope: Key of the workspace.
        document: What is kept of it.
    """

    def __init__(self, store: Store, scope: str, document: dict[str, Any]) -> None:
        self._store = store
        self.scope = scope
        self._document = document
        self._changed = threading.Condition()
        self.cancelled = threading.Event()
        self._looked_at = False
        self.let_go_of = False

    @classmethod
    def create(cls, store: Store, scope: str, kind: str, **fields: Any) -> Operation:
        """Return a new operation, kept already.

        Args:
            store: Where it is kept.
            scope: Key of the workspace.
            kind: Its ``operationType``.
            fields: What it works on.
        """
        document = {
            "id": str(uuid.uuid4()),
            "operationType": kind,
            "state": OperationState.NOT_STARTED.value,
            "subOperationType": None,
            "createdTime": datetime.now(UTC).isoformat(),
            "endTime": None,
            "error": None,
            "entries": [],
            "log": None,
            **fields,
        }
        operation = cls(store, scope, document)
        operation._save()
        return operation

    def __getitem__(self, key: str) -> Any:
        """Return a field."""
        return self._document[key]

    def get(self, key: str) -> Any:
        """Return a field; None where the operation has none of that name."""
        return self._document.get(key)

    @property
    def id(self) -> str:
        """Identifier, unique."""
        return str(self._document["id"])

    @property
    def state(self) -> OperationState:
        """State as the client sees it."""
        return OperationState(self._document["state"])

    def start(self) -> None:
        """Begin, or begin again after the sandbox was killed: what was not finished is done once more."""
        with self._changed:
            if self.state is OperationState.NOT_STARTED:
                self._move(OperationState.RUNNING)
            self._document["subOperationType"] = None
            self._save()

    def part(self, name: str, log: str | None = None) -> None:
        """Enter a part of the operation (``BuildEnvironment``, ``DeployService``).

        Args:
            name: The part.
            log: Name of the blob with the part's log.

        Raises:
            ValueError: That part cannot follow the present one.
        """
        with self._changed:
            present = self._document["subOperationType"]
            if name not in _PARTS[present]:
                raise ValueError(f"{name} cannot follow {present}")
            self._document["subOperationType"] = name
            self._document["log"] = log or self._document["log"]
            self._save()

    def settle(self, place: str) -> None:
        """Keep where the result is."""
        with self._changed:
            self._document["place"] = place
            self._save()

    @property
    def live(self) -> bool:
        """Whether its log is worth following: polls are answered at once then."""
        return bool(self._document.get("live"))

    @property
    def place(self) -> str | None:
        """Where the result is, once it is there."""
        return self._document.get("place")

    def say(self, text: str) -> None:
        """Add one line to the streamed log."""
        stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
        # The client splits the stream at these two characters.
        clean = text.replace("#", " ").replace("|", "/")
        with self._changed:
            self._document["entries"].append(f"{stamp}|{clean}")
            self._save()

    def end(self, state: OperationState, error: dict[str, Any] | None = None) -> None:
        """Reach a final state; a second end is ignored, since the first one counts."""
        with self._changed:
            if self.state.ended:
                return
            self._move(state)
            self._document["error"] = error
            self._document["endTime"] = datetime.now(UTC).isoformat()
            self._save()

    def cancel(self) -> None:
        """Ask whoever works on it to stop, and end it."""
        self.cancelled.set()
        self.end(OperationState.CANCELLED)

    def let_go(self) -> None:
        """Ask whoever works on it to stop, and keep nothing more: the next life of the sandbox goes on with it."""
        with self._changed:
            self.let_go_of = True
        self.cancelled.set()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, at most ``seconds``."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self.state.ended and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def first_look(self) -> bool:
        """Whether this is the first time that anybody asks."""
        with self._changed:
            first, self._looked_at = not self._looked_at, True
            return first

    def view(self, offset: int | None) -> dict[str, Any]:
        """Return what the client gets; with ``offset`` the streamed log from that character on."""
        with self._changed:
            answer = {key: self._document[key] for key in ("id", "operationType", "state", "createdTime", "endTime")}
            if self._document["error"]:
                answer["error"] = self._document["error"]
            if self._document["subOperationType"]:
                answer["operationDetails"] = {"subOperationType": self._document["subOperationType"]}
            stream = "#".join(self._document["entries"])
        if offset is not None:
            # The client adds up the lengths of what it got; the separator in front of new entries belongs to that.
            answer["streamingOperationLog"] = stream[offset:]
        return answer

    def _move(self, state: OperationState) -> None:
        if state not in _ALLOWED.get(self.state, ()):
            raise ValueError(f"an operation cannot go from {self.state} to {state}")
        self._document["state"] = state.value

    def _save(self) -> None:
        with self._changed:
            if not self.let_go_of:
                self._store.put(KIND, self.scope, self.id, self._document)
            self._changed.notify_all()
