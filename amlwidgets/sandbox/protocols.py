"""The seams between the sandbox's control plane, its image builder and its container runtimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import threading

Write = Callable[[str], None]
"""Takes a piece of log text as it appears; may be called from any thread."""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """Outcome of building an environment.

    Attributes:
        ok: Whether the environment can be used.
        key: Hash of the content; equal environments have equal keys.
        prefix: Folder of the environment (``prefix/bin/python`` is its interpreter), None on failure.
        reused: True when it had been built before.
        error: One line that says which step failed, as the registry's task would; empty on success.
    """

    ok: bool
    key: str
    prefix: Path | None = None
    reused: bool = False
    error: str = ""


class Builder(Protocol):
    """Turns an azureml environment definition into something that can run."""

    def key(self, environment: Mapping[str, Any]) -> str:
        """Return the content key of ``environment`` (name and version do not count)."""

    def find(self, key: str) -> BuildResult | None:
        """Return the earlier successful build of that key, or None."""

    def build(
        self, environment: Mapping[str, Any], write: Write, cancelled: threading.Event, *, files: Sequence[str] = ()
    ) -> BuildResult:
        """Build, writing the real log as it appears.

        Args:
            environment: The definition as the client sends it (``python.condaDependencies``, ``docker`` ...).
            write: Receives the log.
            cancelled: When set, the build stops soon and fails.
            files: Names of files that become part of the image (entry script, assets), for the log's ADD steps.
        """


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What to run: one container of a web service.

    Attributes:
        name: Unique name, such as ``"mysvc-6c1f"``.
        prefix: Folder of the built environment.
        root: Folder of the container; ``root/var/azureml-app`` holds scripts and ``azureml-models``.
        entry_script: Path of the entry script, relative to the app root.
        model_dir: Value of AZUREML_MODEL_DIR relative to the app root (``"azureml-models/diabetes/1"``).
        environment: Further variables.
        cpu: Cores (limit).
        memory_gb: Limit of the whole process tree.
        port: Loopback port that the server listens on.
        log: File that gets standard output and error of every attempt, appended.
    """

    name: str
    prefix: Path
    root: Path
    entry_script: str
    model_dir: str
    environment: Mapping[str, str] = field(default_factory=dict)
    cpu: float = 0.1
    memory_gb: float = 0.5
    port: int = 0
    log: Path = Path("container.log")


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """What is known of a container now.

    Attributes:
        state: ``"Starting"``, ``"Running"`` (process up, not yet answering), ``"Ready"``, ``"Waiting"`` (back-off
            before the next start) or ``"Terminated"`` (stopped for good).
        reason: ``"CrashLoopBackOff"``, ``"OOMKilled"``, ``"Error"``, ``"Completed"`` or empty.
        exit_code: Exit code of the last ended attempt (128+signal when killed), None before.
        restarts: Attempts after the first.
        oom_kills: How often something was killed for memory.
        started_at: Epoch seconds of the present or last attempt, None before.
        finished_at: Epoch seconds at which the last attempt ended, None before.
        peak_memory_bytes: Highest memory seen of the process tree.
        cpu_limited: In words, how far the CPU limit is enforced on this host.
    """

    state: str
    reason: str = ""
    exit_code: int | None = None
    restarts: int = 0
    oom_kills: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    peak_memory_bytes: int = 0
    cpu_limited: str = ""


@dataclass(frozen=True, slots=True)
class Executed:
    """What a command in a container did.

    Attributes:
        exit_code: As a shell gives it; None when the command was ended at its time limit.
        output: Standard output and error, in order.
        seconds: How long it took.
    """

    exit_code: int | None
    output: str
    seconds: float


class Container(Protocol):
    """A running (or crash-looping) container, supervised by a thread of the runtime."""

    @property
    def kind(self) -> str:
        """What it is made of: ``"process"`` or ``"docker"``."""

    @property
    def count(self) -> int:
        """How many containers it is; more than one for replicas."""

    @property
    def spec(self) -> ContainerSpec:
        """What runs, with the port that it got."""

    def status(self) -> ContainerStatus:
        """Return the present status."""

    def stop(self) -> None:
        """End every process of the container and wait for it."""

    def restart(self, *, keep: bool = True) -> None:
        """Start the server again at once; this is no crash.

        Args:
            keep: Whether the scripts are taken as they are in the container now; else as they lie in its folder.

        Raises:
            OSError: Nothing runs there now.
        """

    def execute(self, command: Sequence[str], *, seconds: float, variables: Mapping[str, str]) -> Executed:
        """Run one more command in the container, in the folder of the scripts.

        Raises:
            OSError: It cannot be started, or nothing runs there now.
        """


class Runtime(Protocol):
    """Starts containers; crash → restart with back-off, as the kubelet does."""

    name: str

    def start(self, spec: ContainerSpec) -> Container:
        """Start the container and its supervision; returns at once."""

    def reap(self, root: Path) -> list[int]:
        """End what a killed sandbox left behind in the container folders below ``root``; return the pids ended."""
