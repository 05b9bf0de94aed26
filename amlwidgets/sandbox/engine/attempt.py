"""One run of a container of the engine: its log, its memory, its end."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_END_SECONDS = 60.0


class Attempt:
    """Starts a container and follows it until it ends.

    Args:
        client: A docker-py client of its own.
        container: Created, not yet started.
        log: File to which its output is appended.

    Raises:
        docker.errors.APIError: It cannot be started; it is removed then.
    """

    def __init__(self, client: Any, container: Any, log: Path) -> None:
        self._client, self.container, self._log = client, container, log
        self.ended = threading.Event()
        self.oom_kills = 0
        self.peak_bytes = 0
        self._events = client.events(decode=True, filters={"container": container.id, "event": "oom"})
        self._threads = [
            threading.Thread(target=work, name=f"{name}-{container.short_id}", daemon=True)
            for name, work in (("log", self._follow), ("oom", self._count))
        ]
        try:
            container.start()
        except BaseException:
            self.close()
            raise
        for thread in self._threads:
            thread.start()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return not self.ended.is_set()

    def processes(self) -> frozenset[str]:
        """Return the machine's numbers of its processes; empty when it has ended."""
        from docker.errors import DockerException

        try:
            table = self.container.top()
        except (DockerException, OSError):
            return frozenset()
        column = table["Titles"].index("PID")
        return frozenset(row[column] for row in table["Processes"] or [])

    def measure(self) -> None:
        """Look at its memory."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError, KeyError):
            memory = self._client.api.stats(self.container.id, stream=False, one_shot=True)["memory_stats"]
            self.peak_bytes = max(self.peak_bytes, memory.get("usage", 0), memory.get("max_usage", 0))

    def end(self, grace: float, *, stopping: bool) -> int:
        """Stop it if need be, wait for it, and return its exit code (128 + signal when killed).

        Raises:
            docker.errors.DockerException: The engine does not answer.
        """
        if stopping and self.runs:
            self.container.stop(timeout=round(grace))
        code = int(self.container.wait(timeout=_END_SECONDS)["StatusCode"])
        self.ended.wait(_END_SECONDS)
        self.container.reload()
        if self.container.attrs["State"].get("OOMKilled") and not self.oom_kills:
            self.oom_kills = 1
        return code

    def close(self) -> None:
        """Remove the container and wait for the threads."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError):
            self.container.remove(force=True, v=True)
        with contextlib.suppress(Exception):
            self._events.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_END_SECONDS)

    def _follow(self) -> None:
        """Append the container's output to the log; its end is the end of the container."""
        from docker.errors import DockerException

        try:
            with self._log.open("ab", buffering=0) as log:
                for chunk in self.container.logs(stream=True, follow=True):
                    log.write(chunk)
        except (DockerException, OSError):
            # A full disk must not be taken for the end of the container.
            with contextlib.suppress(Exception):
                self.container.wait()
        finally:
            self.ended.set()

    def _count(self) -> None:
        """Count how often the kernel killed something for memory."""
        # Closing the stream from another thread ends the iteration with whatever error the socket gives.
        with contextlib.suppress(Exception):
            for _event in self._events:
                self.oom_kills += 1
