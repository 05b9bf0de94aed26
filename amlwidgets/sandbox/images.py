"""Environments of a workspace and the images that are built of them."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState
from amlwidgets.sandbox.curated import CURATED
from amlwidgets.sandbox.failures import build_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.engine.registry import Registry
    from amlwidgets.sandbox.operations import Operation
    from amlwidgets.sandbox.protocols import Builder, BuildResult

KIND = "environment"
CONTAINER = "build-logs"
_PARTS = ("python", "environmentVariables", "docker", "spark", "inferencingStackVersion", "r")
REGISTRY = "sandboxregistry.azurecr.io"


class Images:
    """Registers environments and builds their images.

    Args:
        app: The sandbox.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._builder: Builder | None = None
        self._registry: Registry | None = None
        self.checks: list[Callable[[str], None]] = []
        """Asked with the workspace's key before anything is built; what refuses raises an ApiError."""

    @property
    def builder(self) -> Builder:
        """What builds."""
        with self._lock:
            if self._builder is None:
                from amlwidgets.sandbox.runtimes import make_builder

                self._builder = make_builder(self._app)
            return self._builder

    @property
    def registry(self) -> Registry:
        """What serves images to a Docker engine."""
        with self._lock:
            if self._registry is None:
                from amlwidgets.sandbox.engine.registry import Registry

                self._registry = Registry(self._app.home)
            return self._registry

    # -- definitions

    def register(self, scope: str, name: str, version: str, definition: dict[str, Any]) -> dict[str, Any]:
        """Register an environment; an unchanged definition keeps its version, as in Azure.

        Args:
            scope: Key of the workspace.
            name: Name of the environment.
            version: Wished version, or ``"Autosave_…"``/``"None"``/empty for the next number.
            definition: What the client sent.
        """
        content = without_name(definition)
        store = self._app.store
        with store.transaction():
            if version and version != "None":
                found = self._by_version(scope, name, version)
            else:
                found = store.latest(KIND, scope, name)
            if found is not None and without_name(found) == content:
                return found
            number = store.next_number(KIND, scope, name)
            if not version or version == "None":
                version = str(number)
            document = content | {"name": name, "version": version, "labels": []}
            if found is not None and found["version"] == version:
                number = int(found["number"])  # a named version is overwritten, as the client warned
            document["number"] = number
            store.put(KIND, scope, name, document, number)
        return document

    def find(self, scope: str, name: str, version: str | None) -> dict[str, Any] | None:
        """Return a registered or curated environment; the newest without ``version``."""
        if name in CURATED:
            curated = CURATED[name]
            return curated if version in (None, curated["version"]) else None
        if version is None:
            return self._app.store.latest(KIND, scope, name)
        return self._by_version(scope, name, version)

    def newest(self, scope: str) -> list[dict[str, Any]]:
        """Return the newest version of every environment, curated ones included."""
        found = {document["name"]: document for document in self._app.store.all(KIND, scope)}
        return [*CURATED.values(), *found.values()]

    def label(self, scope: str, name: str, version: str, labels: list[str]) -> bool:
        """Give a version labels, which other versions lose; False when it does not exist."""
        store = self._app.store
        with store.transaction():
            target = self._by_version(scope, name, version)
            if target is None:
                return False
            for document in store.all(KIND, scope, name):
                mine = document["number"] == target["number"]
                kept = [label for label in document["labels"] if label not in labels]
                document["labels"] = sorted({*kept, *labels}) if mine else kept
                store.put(KIND, scope, name, document, document["number"])
        return True

    def labelled(self, scope: str, name: str, label: str) -> dict[str, Any] | None:
        """Return the version that has a label."""
        return next((d for d in self._app.store.all(KIND, scope, name) if label in d["labels"]), None)

    def _by_version(self, scope: str, name: str, version: str) -> dict[str, Any] | None:
        return next((d for d in self._app.store.all(KIND, scope, name) if d["version"] == version), None)

    # -- images

    def image_name(self, definition: dict[str, Any]) -> str:
        """Return the name of the image that belongs to a definition."""
        return f"azureml/azureml_{self.builder.key(_image_part(definition))[:32]}"

    def location_of(self, service: dict[str, Any]) -> str:
        """Return where the registry keeps what a service runs: its image of the older API, or its environment's."""
        definition = service["environmentImageRequest"]["environment"]
        return f"{REGISTRY}/{service.get('imageId') or self.image_name(definition)}"

    def built(self, definition: dict[str, Any]) -> BuildResult | None:
        """Return the image of a definition when it has been built before."""
        builder = self.builder
        return builder.find(builder.key(_image_part(definition)))

    def admit(self, scope: str) -> None:
        """Ask every check whether a build may begin in the workspace.

        Raises:
            ApiError: One of them refuses.
        """
        for check in self.checks:
            check(scope)

    def new_log(self, file: str = "20_image_build_log.txt") -> tuple[str, Path]:
        """Make a build log, or another file of a build; returns the name of its blob and its file."""
        name = f"{uuid.uuid4().hex}/{file}"
        path = self._log_file(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch()
        self._app.blobs.publish(CONTAINER, name, path)
        return name, path

    def note(self, name: str | None, text: str) -> None:
        """Add a line of ours to a build log: what follows the build belongs to the same story."""
        if name and self._log_file(name).exists():
            with self._log_file(name).open("a", encoding="utf-8") as log:
                log.write(f"sandbox: {text}\n")

    def _log_file(self, name: str) -> Path:
        return self._app.home / "build-logs" / name.replace("/", "-")

    def log_link(self, name: str | None) -> str | None:
        """Return a fresh link to a build log."""
        return self._app.blobs.link(CONTAINER, name) if name else None

    def build(
        self, definition: dict[str, Any], log: Path, cancelled: threading.Event, files: Sequence[str] = ()
    ) -> BuildResult:
        """Build an image; its log grows in ``log`` meanwhile.

        Raises:
            OSError: The disk is full.
        """
        guard = threading.Lock()
        with log.open("a", encoding="utf-8") as file:

            def write(text: str) -> None:
                with guard:
                    file.write(text)
                    file.flush()

            return self.builder.build(_image_part(definition), write, cancelled, files=files)

    def build_registered(self, operation: Operation) -> None:
        """Work of an operation that builds a registered environment."""
        name, version = operation["environment"]
        definition = self.find(operation.scope, name, version)
        if definition is None:
            raise LookupError(f"environment {name}:{version} does not exist any more")
        log_name, log = self.new_log()
        operation.part("BuildEnvironment", log_name)
        result = self.build(definition, log, operation.cancelled)
        if result.ok:
            operation.end(OperationState.SUCCEEDED)
        else:
            operation.end(
                OperationState.FAILED, build_failed(name, result.error, str(self.log_link(log_name)).partition("?")[0])
            )


def _image_part(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what an image is made of: not the variables, which the container gets when it starts.

    The client writes the entry script into them, so that two services could never share an image otherwise.
    """
    return {**definition, "environmentVariables": {}}


def without_name(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what counts of a definition: the parts that the client sends when it registers one."""
    # The client writes some keys with a capital letter then.
    plain = {key[:1].lower() + key[1:]: value for key, value in definition.items()}
    return {key: plain[key] for key in _PARTS if plain.get(key) is not None}
