"""How a container is, and what it uses: values with one sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amlwidgets.services.local.readings import KILLED, size


@dataclass(frozen=True, slots=True)
class State:
    """How a container is.

    Attributes:
        status: As the engine says: ``created``, ``running``, ``restarting``, ``exited``, ``removed``; ``unreachable``
            when the engine does not answer.
        ready: Whether the server answers on ``GET /``.
        exit_code: When it has ended.
        oom_killed: Whether the kernel killed something for memory.
        words: One sentence.
    """

    status: str
    ready: bool
    exit_code: int | None
    oom_killed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container uses now.

    Attributes:
        cpu: Cores.
        memory_bytes: Without the file cache, as ``docker stats`` counts.
        limit_bytes: Memory limit; the machine's memory when there is none.
    """

    cpu: float
    memory_bytes: int
    limit_bytes: int


def usage_of(facts: dict[str, Any]) -> Usage:
    """Return what the engine's statistics say.

    Raises:
        KeyError: The container does not run.
    """
    cpu, before = facts["cpu_stats"], facts["precpu_stats"]
    span = cpu["system_cpu_usage"] - before["system_cpu_usage"]
    used = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    memory = facts["memory_stats"]
    cached = memory.get("stats", {})
    cache = cached.get("total_inactive_file", cached.get("inactive_file", 0))
    return Usage(used / span * cpu["online_cpus"] if span else 0.0, int(memory["usage"] - cache), int(memory["limit"]))


def ended(code: int, limit: int, *, oom: bool) -> State:
    """Return the state of a container that has ended with an exit code under a memory limit in bytes."""
    if oom:
        words = f"{_hungry(limit)} (Exit code {code}.)"
    elif code == KILLED:
        words = "It was killed from outside (exit code 137)."
    elif code == 3:  # noqa: PLR2004 - the inference server's own
        words = "It ended with exit code 3: the entry script could not be loaded, or init() failed. Look at the log."
    else:
        words = f"It ended with exit code {code}."
    return State("exited", ready=False, exit_code=code, oom_killed=oom, words=words)


def hungry(status: str, limit: int) -> State:
    """Return the state of a container in which something was killed for memory, and which is up all the same."""
    return State(status, ready=False, exit_code=None, oom_killed=True, words=_hungry(limit))


def _hungry(limit: int) -> str:
    return f"A process in it was killed because it needed more memory than its limit of {size(limit)}."


def running(status: str, port: int, *, ready: bool) -> State:
    """Return the state of a container that is up."""
    words = f"It answers on port {port}." if ready else "It runs and does not answer yet."
    return State(status, ready, exit_code=None, oom_killed=False, words=words)


def silent(status: str, seconds: float, port: int) -> State:
    """Return the state of a container that has been up for a while and has not answered."""
    words = f"It has run for {seconds:g} s and does not answer: init() may hang, or nobody listens on port {port}."
    return State(status, ready=False, exit_code=None, oom_killed=False, words=words)


def gone() -> State:
    """Return the state of a container that was removed."""
    return State("removed", ready=False, exit_code=None, oom_killed=False, words="The container is gone.")


def unreachable(todo: str) -> State:
    """Return the state of a container whose engine does not answer; ``todo`` is what helps."""
    words = f"The Docker engine does not answer any more. {todo}".strip()
    return State("unreachable", ready=False, exit_code=None, oom_killed=False, words=words)
