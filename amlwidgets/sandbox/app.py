"""The control plane: finds the route for a request, checks the token, and words what goes wrong."""

from __future__ import annotations

import importlib
import logging
import re
import shutil
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from amlwidgets.sandbox import leftovers, tokens
from amlwidgets.sandbox.api import ApiError, Call, Routes, not_implemented, storage_error
from amlwidgets.sandbox.blobs import Blobs
from amlwidgets.sandbox.faults import Faults
from amlwidgets.sandbox.repeats import Repeats
from amlwidgets.sandbox.store import Store
from amlwidgets.sandbox.vaults.access import Access
from amlwidgets.sandbox.vaults.templates import Templates
from amlwidgets.sandbox.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlwidgets.sandbox.clock import Clock
    from amlwidgets.sandbox.identity import Identity
    from amlwidgets.sandbox.wire import Request, Response

LOG = logging.getLogger(__name__)

# Which modules answer for which hosts, in the order in which they are asked.
_HOSTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"(?:[a-z0-9-]+\.)?management\.azure\.com"), ("arm", "computes", "vaults")),
    (re.compile(r"login\.microsoftonline\.com"), ("directory",)),
    (
        re.compile(r".*\.azureml\.(ms|net)"),
        (
            "models",
            "images",
            "services",
            "cluster_services",
            "computes",
            "packages",
            "environments",
            "artifacts",
            "history",
            "discovery",
        ),
    ),
    (re.compile(r".*\.blob\.core\.windows\.net"), ("storage",)),
    (re.compile(r".*\.azurecontainer\.io"), ("scoring",)),
    (re.compile(r"203\.0\.113\.\d+"), ("cluster_scoring",)),
    (
        re.compile(r"127\.0\.0\.1|localhost"),
        ("control", "fault_control", "cluster_control", "vault_control", "engine_control", "execution", "registry"),
    ),
)


class App:
    """Everything behind the proxy.

    Args:
        home: State folder.
        identity: Names and secrets.
        clock: Scales Azure's waits.
        stop: Ends the program.
        runtime: What containers are: ``"process"`` or ``"docker"``.

    Raises:
        OSError: The state folder cannot be written.
    """

    def __init__(
        self, home: Path, identity: Identity, clock: Clock, stop: Callable[[], None], runtime: str = "process"
    ) -> None:
        from amlwidgets.sandbox.lifecycle import Lifecycle

        self.home = home
        self.identity = identity
        self.clock = clock
        self.stop = stop
        self.runtime = runtime
        self.started = time.time()
        self.local_images: dict[str, tuple[list[str], threading.Event]] = {}
        """Images that the owner has built just now, by name: the log so far, and what cancels it."""
        self.faults = Faults()
        self.repeats = Repeats()
        self.store = Store(home)
        self.blobs = Blobs(home, self.store, identity)
        self.lifecycle = Lifecycle(self)
        self.access = Access(self.store, identity.tenant)
        self.templates = Templates(self.store, self.access, identity.tenant)
        self.lifecycle.images.checks.append(self.access.check)
        self._routes: dict[str, Routes] = {}
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises but for a broken connection, or one that a fault breaks."""
        return self.faults.around(request, self._handle)

    def _handle(self, request: Request) -> Response:
        try:
            return self._dispatch(request)
        except ApiError as exc:
            return exc.response()
        except WireError:
            raise
        except Exception as exc:
            full = storage_error(exc, self.home)
            if full is not None:
                if request.host == self.identity.blob_host:
                    # The client's storage library would repeat a 507 for a minute and a half.
                    full.status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                return full.response()
            LOG.exception("%s %s%s failed", request.method, request.authority, request.raw_path)
            what = f"{request.method} {request.path}"
            message = f"The sandbox itself failed at {what}: {type(exc).__name__}. Its log is {self.home}/daemon.log."
            # 501, not 500: the client repeats a 500 three times, with pauses, and prints the same in the end.
            return ApiError(501, "SandboxError", message).response()

    def tidy(self) -> None:
        """Remove what a killed sandbox left; nothing of this one may run yet."""
        leftovers.sweep(self)

    def resume(self) -> None:
        """Go on with what an earlier life of the sandbox had begun."""
        if self._engine_used:
            from amlwidgets.sandbox.engine import cleaning

            cleaning.left_behind(self.home)
        self.lifecycle.resume()

    def reset(self, *, images: bool) -> None:
        """Forget models, services, environments and runs; with ``images`` what was built too.

        Workspaces stay, empty: programs that hold one go on working.
        """
        self.faults.set(())
        self.repeats.clear()
        self.lifecycle.stop_all()
        self._clean_engine(images=images)
        self.store.clear(keep="workspace")
        self.blobs.clear()
        for name in ("containers", "build-logs", "packages", *(("images",) if images else ())):
            shutil.rmtree(self.home / name, ignore_errors=True)

    def close(self) -> None:
        """Stop every container and close the store."""
        self.lifecycle.stop_all()
        self._clean_engine(images=False)
        self.store.close()

    def local_services(self) -> list[str]:
        """Return the names of the user's local web services in the Docker engine: they end with the sandbox."""
        if not self._engine_used:
            return []
        from amlwidgets.sandbox.engine import cleaning

        return cleaning.local_services(self.home)

    @property
    def _engine_used(self) -> bool:
        return (self.home / "engine").exists()

    def _clean_engine(self, *, images: bool) -> None:
        if not self._engine_used:
            return
        from amlwidgets.sandbox.engine import cleaning

        cleaning.containers(self.home)
        if images:
            cleaning.images(self.home, self.identity.port)

    def _dispatch(self, request: Request) -> Response:
        # For computes the client writes a slash too many.
        path = "/" + request.raw_path.lstrip("/")
        for module in _modules(request.host):
            found = self._load(module).find(request.method, path)
            if found is None:
                continue
            route, params = found
            if not route.open:
                self._authorize(request)
            return route.handler(Call(self, request, {name: unquote(value) for name, value in params.items()}))
        raise not_implemented(request)

    def _load(self, module: str) -> Routes:
        with self._lock:
            if module not in self._routes:
                loaded = importlib.import_module(f"amlwidgets.sandbox.routes.{module}")
                self._routes[module] = loaded.ROUTES
            return self._routes[module]

    def _authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization").partition(" ")
        if scheme.lower() == "bearer" and tokens.is_ours(self.identity, token.strip()):
            return
        if not token:
            raise ApiError(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        raise ApiError(
            401,
            "InvalidAuthenticationToken",
            "The access token was not issued by this sandbox, or has expired. The sandbox takes its own tokens only: "
            "a real workspace's token never belongs here. Switch the sandbox off to reach a real workspace, or make "
            "the Workspace object anew to reach the sandbox.",
        )


def _modules(host: str) -> tuple[str, ...]:
    return next((modules for pattern, modules in _HOSTS if pattern.fullmatch(host)), ())
