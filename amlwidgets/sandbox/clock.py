"""The sandbox's one clock: how long a wait of Azure's takes here."""

from __future__ import annotations

import time

QUICK = "quick"
REAL = "1"
SPEEDS = (QUICK, REAL)

QUICK_FACTOR = 60.0
"""In quick mode five minutes of waiting take five seconds."""

HOLD_SECONDS = 50.0
"""How long a first poll may be held in quick mode; azureml-core gives up on a request after 80 s."""


class Clock:
    """Scales the waits that Azure prescribes; what really computes is never scaled.

    Args:
        speed: ``"quick"`` or ``"1"`` (real time).
    """

    def __init__(self, speed: str = QUICK) -> None:
        if speed not in SPEEDS:
            raise ValueError(f"speed must be one of {', '.join(SPEEDS)}, not {speed!r}")
        self.speed = speed
        self._factor = QUICK_FACTOR if speed == QUICK else 1.0

    def wait(self, azure_seconds: float, *, at_least: float = 0.0) -> float:
        """Return how many real seconds stand for ``azure_seconds``; never fewer than ``at_least``."""
        return max(azure_seconds / self._factor, at_least)

    @property
    def hold(self) -> float:
        """Seconds for which a first poll is held while an operation runs."""
        return HOLD_SECONDS if self.speed == QUICK else 0.0

    @staticmethod
    def now() -> float:
        """Return seconds since the epoch."""
        return time.time()
