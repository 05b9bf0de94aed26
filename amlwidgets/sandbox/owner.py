"""What only the owner of a sandbox can ask of it, beside starting and stopping: clusters, templates, replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.identity import WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class OwnerRoutes:
    """Calls of the sandbox's own routes, for ``client.Sandbox``."""

    __slots__ = ()

    def _call(self, method: str, path: str, body: Any = None, timeout: float = 30) -> dict[str, Any]:
        raise NotImplementedError

    def clusters(self) -> list[dict[str, Any]]:
        """Return the clusters, with their nodes and the pods on each.

        Raises:
            NotConnected: The sandbox does not run.
        """
        return list(self._call("GET", "/sandbox/clusters")["clusters"])

    def make_cluster(
        self, name: str, nodes: int, size: str, group: str | None = None, taints: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Make a cluster that can be attached, or give one other nodes.

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: The name, the number or the size is not valid.
        """
        body = {"name": name, "nodes": nodes, "size": size, "group": group, "taints": list(taints)}
        return self._call("POST", "/sandbox/clusters", body)

    def replicas(self, service: str) -> dict[str, Any]:
        """Return the replicas of a service on a cluster, and what the router sees of it.

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: There is no such service.
        """
        return self._call("GET", f"/sandbox/services/{service}/replicas")

    def template(self, workspace: str = WORKSPACE) -> dict[str, Any]:
        """Return the template that people make of a workspace: its vault with an empty list of access policies.

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: There is no such workspace.
        """
        return self._call("GET", f"/sandbox/template?workspace={workspace}")

    def redeploy(self, body: dict[str, Any]) -> dict[str, Any]:
        """Deploy a template; without one, that of the sandbox's own workspace.

        Args:
            body: ``template``, ``parameters`` (names and values, or a parameter file's content) and ``group``.

        Returns:
            ``outcome`` (what was applied, noted, skipped), ``vaults`` (policies before and after) and ``workspaces``
            (what keeps each from its vault, empty when nothing does).

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: The template is not valid.
        """
        return self._call("POST", "/sandbox/redeploy", body)

    def delete_service(self, name: str, workspace: str = WORKSPACE) -> None:
        """Delete a service with its containers; one that does not exist is no error.

        Raises:
            NotConnected: The sandbox does not run.
        """
        self._call("POST", f"/sandbox/services/{name}/delete?workspace={workspace}", timeout=60)

    def execute(
        self, service: str, command: Sequence[str], *, seconds: float = 60, variables: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Run a command in the container of a service, in the folder of its scripts.

        Args:
            service: Its name.
            command: Program and arguments.
            seconds: After which the command is ended, 3600 at most.
            variables: Added to the environment.

        Returns:
            ``exitCode`` (None when it was ended), ``output`` (of both channels) and ``seconds``.

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: There is no such service, or its container runs nothing now.
        """
        body = {"command": list(command), "timeout": seconds, "variables": dict(variables or {})}
        return self._call("POST", f"/sandbox/services/{service}/exec", body, timeout=seconds + 10)

    def restart(self, service: str) -> None:
        """Start the server of a service again, in all of its replicas, with the scripts as they are in its container.

        Raises:
            NotConnected: The sandbox does not run.
            ServiceFailed: There is no such service, or its container cannot be restarted.
        """
        self._call("POST", f"/sandbox/services/{service}/restart", {})

    def image_log(self, name: str, offset: int = 0, *, cancel: bool = False) -> str:
        """Return what the build of an image (``Sandbox.image``) has logged so far.

        Args:
            name: As given to ``image``.
            offset: Characters that are known already.
            cancel: End the build.

        Raises:
            NotConnected: The sandbox does not run.
        """
        body = {"name": name, "offset": offset, "cancel": cancel}
        return str(self._call("POST", "/sandbox/image/log", body)["log"])
