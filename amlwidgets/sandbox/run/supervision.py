"""What supervises a container, whatever it is made of: started, started again when it crashes, ended."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.run.ports import Port

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.sandbox.protocols import ContainerSpec, ContainerStatus
    from amlwidgets.sandbox.run.backoff import Backoff


class Supervised(ABC):
    """A container with a thread that supervises it, begun by ``_begin``.

    Args:
        spec: What runs; port 0 takes a free one.
        status: How it begins.
        backoff: Pauses between crashes.
        clock: Tells the time, in seconds since 1970.

    Raises:
        OSError: No port can be had.
    """

    def __init__(
        self, spec: ContainerSpec, status: ContainerStatus, *, backoff: Backoff, clock: Callable[[], float]
    ) -> None:
        self._port = Port(spec.port)
        self.spec = replace(spec, port=self._port.number)
        self._status, self._backoff, self._clock = status, backoff, clock
        self._stopping, self._again, self._woken = threading.Event(), threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._crashes = 0
        self._thread = threading.Thread(target=self._supervise, name=f"container-{spec.name}", daemon=True)

    def _begin(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the container and wait until all of it is gone."""
        self._stopping.set()
        self._woken.set()
        self._thread.join()

    def restart(self, *, keep: bool = True) -> None:
        """Start again at once; this is no crash.

        Args:
            keep: With the scripts as they are in the container now.

        Raises:
            OSError: The container was given up, or its scripts cannot be kept.
        """
        if not self._thread.is_alive():
            raise OSError("the container was given up; deploy again")
        if keep:
            self._keep_scripts()
        self._again.set()
        self._woken.set()

    def _supervise(self) -> None:
        """Start, and start again after every end, until stopped."""
        try:
            while not self._stopping.is_set():
                code = self._run_once()
                self._set(exit_code=code, finished_at=self._clock())
                if self._stopping.is_set():
                    break
                if not self._again.is_set():
                    self._crashes += 1
                    self._set(state="Waiting", reason="CrashLoopBackOff")
                    self._woken.wait(self._backoff.seconds(self._crashes))
                self._woken.clear()
                self._again.clear()
                if not self._stopping.is_set():
                    self._set(state="Starting", reason="", restarts=self._status.restarts + 1)
        finally:
            self._port.close()
            self._release()
            self._set(state="Terminated", reason="Error" if self._status.exit_code else "Completed")

    @abstractmethod
    def _run_once(self) -> int:
        """Run it once; return its exit code, 128 and the signal when it was killed."""

    @abstractmethod
    def _keep_scripts(self) -> None:
        """Take the container's scripts along into the next start, where they do not stay by themselves."""

    @abstractmethod
    def _release(self) -> None:
        """Give back what belongs to the container as a whole, after its last end."""

    def _set(self, **changes: Any) -> None:
        with self._guard:
            self._status = replace(self._status, **changes)
