"""One container: a server process that is started, watched, started again when it crashes, and ended."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from amlwidgets.sandbox.protocols import ContainerSpec, ContainerStatus
from amlwidgets.sandbox.run import environment, execution, isolation, records, watch
from amlwidgets.sandbox.run.probe import Probe
from amlwidgets.sandbox.run.supervision import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from amlwidgets.sandbox.protocols import Executed
    from amlwidgets.sandbox.run.backoff import Backoff
    from amlwidgets.sandbox.run.limits import Limits

_POLL_SECONDS = 0.05
_WATCH_SECONDS = 0.25
_CANNOT_START = 128
"""Exit code of a container whose first process could not be started, as container engines report it."""


class ProcessContainer(Supervised):
    """A container made of processes of this machine.

    Made by ``ProcessRuntime.start``; a thread supervises it from then on.
    """

    kind = "process"
    count = 1

    def __init__(
        self,
        spec: ContainerSpec,
        *,
        backoff: Backoff,
        limits: Limits,
        isolate: str,
        grace_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        starting = ContainerStatus(state="Starting", cpu_limited=limits.words)
        super().__init__(spec, starting, backoff=backoff, clock=clock)
        self._limits, self._grace = limits, grace_seconds
        self._view = isolation.view(spec.root, spec.prefix, isolate)
        self._oom_before = 0
        self._server: psutil.Process | None = None
        # The thread is the parent of the processes: the kernel ends them when it ends, however that happens.
        self._begin()

    def status(self) -> ContainerStatus:
        """Return the present status."""
        with self._guard:
            status, kills = self._status, self._limits.oom_kills
            peak = max(self._status.peak_memory_bytes, self._limits.peak_bytes)
        killed_now = status.state == "Running" and kills > self._oom_before
        reason = "OOMKilled" if killed_now else status.reason
        return replace(status, oom_kills=kills, peak_memory_bytes=peak, reason=reason)

    def execute(self, command: Sequence[str], *, seconds: float, variables: Mapping[str, str]) -> Executed:
        """Run one more command with the server's files, limits and view; also when the server has given up."""
        if not self.spec.root.exists():
            raise FileNotFoundError("the container's files are gone")
        members = [m for m in (self._limits.group.members if self._limits.group else ()) if m.exists()]
        return execution.execute(self.spec, self._view, command, seconds=seconds, variables=variables, groups=members)

    # -- supervision ----------------------------------------------------------------------------------------------

    def _keep_scripts(self) -> None:
        """Nothing is to be done: its scripts are those of its folder, and stay."""

    def _release(self) -> None:
        self._limits.close()

    def _run_once(self) -> int:
        """Run the server once; return its exit code as a container's (128 + signal when killed)."""
        self._oom_before = self._limits.oom_kills
        self._set(started_at=self._clock())
        try:
            process = self._launch()
        except OSError as error:
            self._port.refuse()
            self._complain(error)
            return _CANNOT_START
        try:
            records.write(self.spec.root, process.pid, self._limits.group.folders if self._limits.group else [])
            self._limits.begin(process.pid, self._ours)
            self._set(state="Running", reason="")
            self._observe(process)
        finally:
            self._limits.unbind()
            self._end(process)
            self._port.refuse()
            self._limits.end()
            records.clear(self.spec.root)
        return 128 - process.returncode if process.returncode < 0 else process.returncode

    def _complain(self, error: OSError) -> None:
        """Say in the log, if that can be written, why the container cannot even be started."""
        with contextlib.suppress(OSError), self.spec.log.open("a", encoding="utf-8") as log:
            log.write(f"sandbox: the container cannot be started: {error}\n")

    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the server on the container's own socket, never without one."""
        spec, root = self.spec, self.spec.root
        staging = root / "staging"
        for folder in (staging, root / "tmp", root / "home", root / "var" / "azureml-app", spec.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        handle = self._port.listen()
        # A shell starts the server, so that a missing one is reported by the shell and with its exit code.
        server = f"exec azmlinfsrv --entry_script {shlex.quote(spec.entry_script)} --port {spec.port}"
        command = isolation.launch(
            ["/bin/sh", "-c", server],
            cwd=self._view.app_root,
            isolate=self._view.mode,
            staging=staging,
            show=self._view.show,
            groups=self._limits.group.members if self._limits.group else (),
            cpus=self._limits.cpus,
            listen=handle,
            hostname=spec.name,
        )
        with spec.log.open("ab") as log:
            return subprocess.Popen(
                command,
                env=environment.variables(spec, self._view),
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(handle,),
                start_new_session=True,
            )

    def _observe(self, process: subprocess.Popen[bytes]) -> None:
        """Follow a running attempt until it ends or is to be stopped."""
        probe, ready_since, workers = Probe(self.spec.port), 0.0, frozenset[int]()
        try:
            while process.poll() is None and not self._woken.is_set():
                if not ready_since:
                    if probe.ready(_POLL_SECONDS):
                        ready_since, workers = time.monotonic(), self._workers(process.pid)
                        self._limits.ready()
                        self._set(state="Ready", reason="")
                    continue
                self._woken.wait(_WATCH_SECONDS)
                if time.monotonic() - ready_since > self._backoff.reset_after:
                    self._crashes = 0
                if workers - self._workers(process.pid) and process.poll() is None:
                    # A worker is gone; the master starts another one, which has to load the model first.
                    ready_since = 0.0
                    self._set(state="Running")
        finally:
            probe.close()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End an attempt: politely, then for certain, with everything that it started."""
        family = watch.tree(process.pid)
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._grace)
        if process.poll() is None:
            family = watch.tree(process.pid)  # may have grown
            # With a pid namespace the kernel ends the rest with its first process, and the launcher reports it.
            victims = family[1:2] if self._view.mode != "none" and family[1:] else family
            for victim in victims:
                with contextlib.suppress(psutil.Error):
                    victim.kill()
        process.wait()
        if self._view.mode == "none":
            family = [*family, *watch.marked(self.spec.root)]
        for left in watch.wait_gone(family, 0 if self._view.mode == "none" else 5):
            with contextlib.suppress(psutil.Error):
                left.kill()

    @property
    def _ours(self) -> int:
        """How many generations of processes are the launcher's."""
        return 2 if self._view.mode != "none" else 0

    def _workers(self, pid: int) -> frozenset[int]:
        """Return the server's worker processes."""
        generation = [pid]
        for _ in range(self._ours + 1):
            generation = [child for parent in generation for child in watch.children(parent)]
        return frozenset(generation)
