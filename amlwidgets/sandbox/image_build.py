"""Building a ``ContainerImage``: its environment by the real builder, its files and models beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amlwidgets.core.stages import OperationState
from amlwidgets.sandbox import container_images
from amlwidgets.sandbox.image_definition import BadImage, image_request
from amlwidgets.sandbox.operations import BUILD_IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.operations import Operation
    from amlwidgets.sandbox.protocols import BuildResult

_STEP = re.compile(r"^Step \d+/\d+ : (.*)$", re.MULTILINE)
MESSAGE = "Docker image build failed."
"""All that the service says of a failed build; the build log says why (corpus: published transcripts)."""


class ImageBuild:
    """The work of an operation that builds an image.

    Args:
        app: The sandbox.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._images = app.lifecycle.images

    def run(self, operation: Operation) -> None:
        """Do all of it; the operation and the image end in a state that tells the outcome."""
        name, version = operation["image"]
        image = self._app.store.get(container_images.KIND, operation.scope, name, version)
        if image is None:
            operation.end(OperationState.CANCELLED)
            return
        log_name, log = self._images.new_log()
        operation.part(BUILD_IMAGE, log_name)
        container_images.update(self._app, operation, log=log_name)
        try:
            request = image_request(self._app, operation.scope, image, lambda line: _append(log, line))
        except BadImage as exc:
            _append(log, f"sandbox: {exc}")
            self.fail(operation, str(exc))
            return
        result = self._images.build(request["environment"], log, operation.cancelled, request["files"])
        if not operation.cancelled.is_set():
            self._finish(operation, image, request, log, result)

    def _finish(
        self, operation: Operation, image: dict[str, Any], request: dict[str, Any], log: Path, result: BuildResult
    ) -> None:
        if not result.ok:
            self.fail(operation, result.error)
            return
        files, models = len(request["files"]), ", ".join(image["modelIds"]) or "none"
        _append(log, f"sandbox: files added: {files}, with the client's own wrapper script; models added: {models}")
        _append(log, f"sandbox: tagged {container_images.location(container_images.identifier(image))}")
        container_images.update(
            self._app,
            operation,
            creationState=OperationState.SUCCEEDED.value,
            request=request,
            digest=container_images.digest(request, result.key),
            dockerfile=self._dockerfile(log, request["environment"]["docker"]["baseDockerfile"] or ""),
        )
        operation.end(OperationState.SUCCEEDED)

    def _dockerfile(self, log: Path, own: str) -> str:
        """Keep the Dockerfile of the build: the steps that its log names, and the user's own."""
        name, path = self._images.new_log("Dockerfile")
        path.write_text("\n".join([*_STEP.findall(log.read_text(encoding="utf-8")), own]), encoding="utf-8")
        return name

    def fail(self, operation: Operation, reason: str) -> None:
        """End the operation and its image as failed.

        Args:
            operation: The operation.
            reason: One sentence; the client does not print it.
        """
        container_images.update(self._app, operation, creationState=OperationState.FAILED.value)
        details = [{"code": "ImageBuildFailure", "message": reason}]
        error = {"code": "ImageBuildFailed", "statusCode": 400, "message": MESSAGE, "details": details}
        operation.end(OperationState.FAILED, error)


def _append(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
