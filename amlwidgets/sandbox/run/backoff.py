"""How long a crashed container waits before its next start: as the kubelet does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times in seconds: ``first``, doubling up to ``limit``; forgotten after running for ``reset_after``."""

    first: float = 10.0
    limit: float = 300.0
    reset_after: float = 600.0

    def seconds(self, crashes: int) -> float:
        """Return the wait after that many crashes in a row."""
        return min(self.limit, self.first * 2.0 ** min(crashes - 1, 30))

    def scaled(self, factor: float) -> Backoff:
        """Return the same with every time divided by ``factor``."""
        return Backoff(self.first / factor, self.limit / factor, self.reset_after / factor)


REAL = Backoff()
QUICK = REAL.scaled(50)
