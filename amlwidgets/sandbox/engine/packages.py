"""Packages: a model with its environment and script as a Docker image, or as the build context of one."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState
from amlwidgets.docker_engine import engine
from amlwidgets.sandbox import container_files, failures
from amlwidgets.sandbox.deployment import Deployment
from amlwidgets.sandbox.engine import base, building, cleaning, context, dockerfile, registry
from amlwidgets.sandbox.engine.builder import BUILD_SECONDS, DockerBuilder, image_of
from amlwidgets.sandbox.operations import BUILD

if TYPE_CHECKING:
    from pathlib import Path

    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.operations import Operation
    from amlwidgets.sandbox.protocols import Write

CONTEXT, IMAGE = "PackageDockerBuildContext", "PackageDockerImage"
"""Operation types; the client tells the kinds of packages apart by the first."""

FILES = "packages"
"""Blob container of the manifests."""


def location(app: App, operation: Operation) -> str | None:
    """Return where a package is: the address of a manifest, or the name of an image; None before it is there."""
    if operation["operationType"] == CONTEXT and operation.place is not None:
        return app.blobs.link(FILES, operation.place)
    return operation.place


class Packages:
    """The work of package operations.

    Args:
        app: The sandbox.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._images = app.lifecycle.images

    def run(self, operation: Operation) -> None:
        """Make the package; the operation ends with its place, or with what went wrong."""
        cleaning.old_builds(self._app.home)
        log_name, log = self._images.new_log()
        operation.part(BUILD, log_name)
        with log.open("a", encoding="utf-8") as file:

            def write(text: str) -> None:
                file.write(text)
                file.flush()

            try:
                make = self._context if operation["operationType"] == CONTEXT else self._image
                place = make(operation, write)
            except (dockerfile.CannotBuild, BuildError) as problem:
                link = str(self._images.log_link(log_name)).partition("?")[0]
                name = str(operation["request"]["environment"]["name"])
                write(f"sandbox: {problem}\n")
                operation.end(OperationState.FAILED, failures.build_failed(name, str(problem), link))
                return
        operation.settle(place)
        operation.end(OperationState.SUCCEEDED)

    # -- a build context

    def _context(self, operation: Operation, write: Write) -> str:
        manifest = self.manifest(operation.scope, operation["request"], write)
        return self._publish(operation.id, manifest)

    def manifest(self, scope: str, request: dict[str, Any], write: Write) -> dict[str, Any]:
        """Return the manifest of a build context.

        Args:
            scope: Key of the workspace.
            request: The client's image request.
            write: Receives the log.

        Raises:
            CannotBuild: The definition cannot be carried over to pip.
            AmlWidgetsError: There is no engine, or no base image can be made.
        """
        definition = dockerfile.definition_of(request["environment"])
        environment = self._registered(scope, request["environment"])
        models = Deployment(self._app).models(scope, request)
        files = dockerfile.environment_files(definition, write)
        name = f"azureml_{DockerBuilder(self._app.home).key({**request['environment'], 'environmentVariables': {}})}"
        own = dockerfile.own_steps_of(request["environment"])
        steps = dockerfile.environment_steps(self._base(write), self._app.home, name, definition, own)
        steps += dockerfile.app_steps(context.variables(request, models))
        files["Dockerfile"] = ("\n".join(steps) + "\n").encode()
        write(f"sandbox: Dockerfile written, {sum(not step.startswith('#') for step in steps)} steps\n")
        entries = [*context.inline(files), *context.scripts(request), *context.models(self._app, scope, models)]
        return {"context": entries, "environment": environment}

    def _base(self, write: Write) -> str:
        """Make the base image if need be; return the name by which the registry serves it."""
        with engine(BUILD_SECONDS) as client:
            image = base.ensure(client, self._app.home, lambda line: write(line + "\n"))
            return registry.put(client, self._app.identity, self._app.home, image, image)

    def _registered(self, scope: str, definition: dict[str, Any]) -> dict[str, str]:
        version, name = str(definition.get("version") or ""), str(definition["name"])
        found = self._images.find(scope, name, version) if version else None
        if found is None:
            found = self._images.register(scope, name, version, definition)
        return {"name": found["name"], "version": str(found["version"])}

    def _publish(self, identifier: str, manifest: dict[str, Any]) -> str:
        path = self._app.home / FILES / f"{identifier}.json"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(json.dumps(manifest), "utf-8")
        self._app.blobs.publish(FILES, path.name, path)
        return path.name

    # -- an image

    def _image(self, operation: Operation, write: Write) -> str:
        request = operation["request"]
        name = str(operation["name"] or "package")
        label = str(operation["label"] or datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
        self._registered(operation.scope, request["environment"])
        return self.image(operation.scope, request, f"{name}:{label}", write, operation)

    def image(
        self,
        scope: str,
        request: dict[str, Any],
        name: str,
        write: Write,
        operation: Operation | None = None,
        stop: threading.Event | None = None,
    ) -> str:
        """Build an image with environment, scripts and models in it, and offer it in the registry.

        Args:
            scope: Key of the workspace.
            request: The image request: environment, assets, models.
            name: ``repository:tag`` in the registry.
            write: Receives the engine's log.
            operation: What may cancel it.
            stop: Cancels it where there is no operation.

        Returns:
            The name by which the engine knows it.

        Raises:
            BuildError: It cannot be built; the log says why.
        """
        cancelled = operation.cancelled if operation is not None else stop or threading.Event()
        environment = {**request["environment"], "environmentVariables": {}}
        result = DockerBuilder(self._app.home).build(environment, write, cancelled)
        if not result.ok or result.prefix is None:
            raise BuildError(result.error)
        models = Deployment(self._app).models(scope, request)
        root = self._app.home / FILES / f"root-{name.replace('/', '-').replace(':', '-')}"
        try:
            container_files.lay_out(self._app, scope, request, models, root)
            steps = [f"FROM {image_of(result.prefix)}", *dockerfile.app_steps(context.variables(request, models))]
            return self._finish(root, steps, name, write, cancelled)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def _finish(self, root: Path, steps: list[str], name: str, write: Write, cancelled: Any) -> str:
        files: dict[str, bytes | Path] = {
            "Dockerfile": ("\n".join(steps) + "\n").encode(),
            dockerfile.CONTEXT_FOLDER: root / container_files.APP_ROOT,
        }
        repository, _, tag = name.rpartition(":")
        target = f"{registry.stored(self._app.home, repository)}:{tag}"
        with engine(BUILD_SECONDS) as client:
            error = building.build(client, files, target, write, cancelled)
            if error:
                raise BuildError(error)
            return registry.put(client, self._app.identity, self._app.home, target, name)


class BuildError(Exception):
    """The engine could not build an image; the message is the engine's."""
