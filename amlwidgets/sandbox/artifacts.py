"""Files of a workspace: an artifact ``origin/container/path`` is a blob of the workspace's own container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.api import ApiError
from amlwidgets.sandbox.workspaces import find_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.blobs import Blob

URL = "aml://artifact/"
ASSET_URL = "aml://asset/"


def container(app: App, scope: str) -> str:
    """Return the blob container of a workspace.

    Raises:
        ApiError: There is no such workspace.
    """
    workspace = find_workspace(app.store, scope)
    if workspace is None:
        raise ApiError(404, "WorkspaceNotFound", "The workspace does not exist in this sandbox.")
    return f"azureml-{workspace['workspaceId']}"


def find(app: App, scope: str, artifact: str) -> Blob | None:
    """Return the blob of ``origin/container/path``, or None."""
    return app.blobs.get(container(app, scope), artifact)


def under(app: App, scope: str, prefix: str) -> list[str]:
    """Return the artifacts at or below ``prefix``: a file's own name, or a folder's content."""
    prefix = prefix.rstrip("/")
    names = app.blobs.names(container(app, scope), prefix)
    return [name for name in names if name == prefix or name.startswith(prefix + "/")]


def model_files(app: App, scope: str, model: dict[str, Any]) -> Iterator[tuple[str, Blob]]:
    """Return a model's files as (path below the version's folder, blob).

    Raises:
        ApiError: The asset or one of its files is gone.
    """
    asset = app.store.get("asset", scope, str(model["url"]).removeprefix(ASSET_URL))
    if asset is None:
        raise ApiError(404, "AssetNotFound", f"The asset of model {model['id']} does not exist.")
    for artifact in asset["artifacts"]:
        prefix = str(artifact.get("prefix") or artifact.get("id") or "").rstrip("/")
        # What was registered as .../outputs/model.pkl lies in the version's folder as model.pkl.
        cut = len(prefix.rpartition("/")[0]) + 1
        names = under(app, scope, prefix)
        if not names:
            raise ApiError(404, "ArtifactNotFound", f"The file {prefix} of model {model['id']} does not exist.")
        for name in names:
            blob = find(app, scope, name)
            if blob is not None:
                yield name[cut:], blob
