"""One container of the engine: created, watched, created anew when it crashes, and removed."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amlwidgets.docker_engine import connect
from amlwidgets.errors import AmlWidgetsError
from amlwidgets.sandbox.engine import scripts
from amlwidgets.sandbox.engine.attempt import Attempt
from amlwidgets.sandbox.engine.builder import image_of
from amlwidgets.sandbox.engine.client import APP_ROOT, PORT, ROLE, mine
from amlwidgets.sandbox.protocols import ContainerSpec, ContainerStatus, Executed
from amlwidgets.sandbox.run.probe import Probe
from amlwidgets.sandbox.run.supervision import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from amlwidgets.sandbox.run.backoff import Backoff

_POLL_SECONDS = 0.05
_WATCH_SECONDS = 0.25
_CANNOT_START = 128
"""Exit code of a container whose first process could not be started, as container engines report it."""

_TIMED_OUT = 124
"""Exit code of ``timeout`` when it has ended a command."""

_PERIOD_US = 100_000


class DockerContainer(Supervised):
    """A container of the engine. Made by ``DockerRuntime.start``; a thread supervises it from then on.

    Every attempt is a fresh container with fresh files, as the kubelet makes one.
    """

    kind = "docker"
    count = 1

    def __init__(
        self,
        spec: ContainerSpec,
        *,
        home: Path,
        backoff: Backoff,
        grace_seconds: float,
        free_start: bool,
        clock: Callable[[], float],
    ) -> None:
        starting = ContainerStatus(state="Starting", cpu_limited=f"by the Docker engine, to {spec.cpu:g} cores")
        # The port is bound, never listened on: nobody else gets it, and between two attempts it refuses.
        super().__init__(spec, starting, backoff=backoff, clock=clock)
        self._home, self._grace, self._free_start = home, grace_seconds, free_start
        self._attempt: Attempt | None = None
        self._begin()

    def status(self) -> ContainerStatus:
        """Return the present status."""
        with self._guard:
            status, attempt = self._status, self._attempt
        if attempt is None:
            return status
        kills = status.oom_kills + attempt.oom_kills
        reason = "OOMKilled" if status.state == "Running" and attempt.oom_kills else status.reason
        peak = max(status.peak_memory_bytes, attempt.peak_bytes)
        return replace(status, oom_kills=kills, reason=reason, peak_memory_bytes=peak)

    def _keep_scripts(self) -> None:
        from docker.errors import DockerException

        with self._guard:
            attempt = self._attempt
        if attempt is None:
            return
        try:
            scripts.keep(attempt.container, self.spec.root / APP_ROOT.lstrip("/"))
        except DockerException as error:
            raise OSError(str(error)) from error

    def execute(self, command: Sequence[str], *, seconds: float, variables: Mapping[str, str]) -> Executed:
        """Run one more command in the running container."""
        from docker.errors import DockerException

        with self._guard:
            attempt = self._attempt
        if attempt is None:
            raise OSError("the container does not run now; it is between two starts")
        began = time.monotonic()
        limited = ["timeout", "-k", "2", f"{seconds:g}", *command]
        try:
            done = attempt.container.exec_run(limited, environment=dict(variables))
        except DockerException as error:
            raise OSError(str(error)) from error
        code = None if done.exit_code == _TIMED_OUT else int(done.exit_code)
        return Executed(code, done.output.decode("utf-8", "replace"), time.monotonic() - began)

    # -- supervision

    def _release(self) -> None:
        """Nothing is to be done: each attempt removes its own container."""

    def _run_once(self) -> int:
        """Run one container; return its exit code."""
        from docker.errors import DockerException

        self._set(started_at=self._clock())
        try:
            client = connect()
        except AmlWidgetsError as error:
            return self._complain(error.message)
        attempt: Attempt | None = None
        try:
            attempt = Attempt(client, self._create(client), self.spec.log)
            with self._guard:
                self._attempt = attempt
            self._set(state="Running", reason="")
            self._observe(attempt)
            return attempt.end(self._grace, stopping=self._is_to_end)
        except (DockerException, OSError) as error:
            return self._complain(str(error))
        finally:
            if attempt is not None:
                attempt.close()
                self._keep(attempt)
            client.close()

    @property
    def _is_to_end(self) -> bool:
        return self._stopping.is_set() or self._again.is_set()

    def _keep(self, attempt: Attempt) -> None:
        """Add what an ended attempt has seen to the status."""
        with self._guard:
            kills = self._status.oom_kills + attempt.oom_kills
            peak = max(self._status.peak_memory_bytes, attempt.peak_bytes)
            self._status = replace(self._status, oom_kills=kills, peak_memory_bytes=peak)
            self._attempt = None

    def _complain(self, error: str) -> int:
        """Say in the log, if that can be written, why the container cannot be run."""
        with contextlib.suppress(OSError), self.spec.log.open("a", encoding="utf-8") as log:
            log.write(f"sandbox: the container cannot be run: {error}\n")
        return _CANNOT_START

    def _create(self, client: Any) -> Any:
        """Make a container with the files in it, ready to be started."""
        spec = self.spec
        memory = int(spec.memory_gb * 1024**3)
        server = f"exec azmlinfsrv --entry_script {shlex.quote(spec.entry_script)} --port {PORT}"
        limits = {} if self._free_start else {"cpu_period": _PERIOD_US, "cpu_quota": self._quota}
        container = client.containers.create(
            image_of(spec.prefix), ["/bin/sh", "-c", server],
            labels=mine(self._home) | {ROLE: "service", "amlwidgets.container": spec.name},
            environment=_variables(spec),
            hostname=spec.name[:63], working_dir=APP_ROOT, ports={PORT: ("127.0.0.1", spec.port)},
            mem_limit=memory, memswap_limit=memory, init=False, **limits,
        )  # fmt: skip
        with tempfile.TemporaryFile() as packed:
            _pack(spec.root / APP_ROOT.lstrip("/"), packed)
            container.put_archive("/var", packed)
        return container

    @property
    def _quota(self) -> int:
        return max(1000, int(self.spec.cpu * _PERIOD_US))

    def _observe(self, attempt: Attempt) -> None:
        """Follow a running attempt until it ends or is to be stopped."""
        probe, ready_since, processes = Probe(self.spec.port), 0.0, frozenset[str]()
        try:
            while attempt.runs and not self._is_to_end:
                if not ready_since:
                    if probe.ready(_POLL_SECONDS):
                        ready_since, processes = time.monotonic(), attempt.processes()
                        self._limit(attempt)
                        self._set(state="Ready", reason="")
                    else:
                        # The engine's proxy takes connections, and drops them, while nobody listens behind it.
                        attempt.ended.wait(_POLL_SECONDS)
                    continue
                self._woken.wait(_WATCH_SECONDS)
                attempt.measure()
                if time.monotonic() - ready_since > self._backoff.reset_after:
                    self._crashes = 0
                if processes - attempt.processes() and attempt.runs:
                    # A worker is gone; the master starts another one, which has to load the model first.
                    ready_since = 0.0
                    self._set(state="Running")
        finally:
            probe.close()

    def _limit(self, attempt: Attempt) -> None:
        if self._free_start:
            attempt.container.update(cpu_period=_PERIOD_US, cpu_quota=self._quota)


def _variables(spec: ContainerSpec) -> dict[str, str]:
    """Return the variables of the container, those of the process runtime where they are the container's own."""
    contract = {
        "HOSTNAME": spec.name,
        "AML_APP_ROOT": APP_ROOT,
        "AZUREML_MODEL_DIR": f"{APP_ROOT}/{spec.model_dir}",
        "AZUREML_ENTRY_SCRIPT": spec.entry_script,
    }
    return {"TZ": "UTC", "PYTHONUNBUFFERED": "1"} | dict(spec.environment) | contract


def _pack(folder: Path, target: Any) -> None:
    """Write ``folder`` as ``azureml-app`` into a tar archive; its files belong to root, as in an image."""
    import tarfile

    def owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        return entry

    with tarfile.open(fileobj=target, mode="w") as tar:
        tar.add(folder, APP_ROOT.rpartition("/")[2], filter=owned)
    target.seek(0)
