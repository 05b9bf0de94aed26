"""How much a template may make of itself: loops in loops and values that double are given up early."""

from __future__ import annotations

from typing import Any

from amlwidgets.arm.reader import TemplateError

MOST = 3_000_000
"""Values and characters that all expressions of a template may make together."""

MOST_OF_ONE = 200_000
"""Values and characters of one variable or of one call's result."""

TURN = 50
"""What a turn of a loop costs: there may be 60,000 of them."""

_LONGEST_SHAPE = 2000


class Budget:
    """What is left of it."""

    def __init__(self) -> None:
        self._left = MOST

    def spend(self, amount: int) -> None:
        """Take a part of it.

        Raises:
            TemplateError: There is not so much left.
        """
        self._left -= amount
        if self._left < 0:
            raise TemplateError(f"The template's loops and expressions make more than {MOST:,} values.")

    def check(self, value: Any) -> Any:
        """Return a value that expressions made, once its size is paid for.

        Raises:
            TemplateError: It is too large.
        """
        if not isinstance(value, str | list | dict):
            return value
        size, parts = 0, [value]
        while parts:
            part = parts.pop()
            size += 1 + (len(part) if isinstance(part, str) else 0)
            if isinstance(part, list | dict):
                size += len(part)
                parts += part if isinstance(part, list) and size <= MOST_OF_ONE else []
                parts += part.values() if isinstance(part, dict) and size <= MOST_OF_ONE else []
            if size > MOST_OF_ONE:
                self.spend(size)
                raise TemplateError(f"An expression makes more than {MOST_OF_ONE:,} values or characters.")
        self.spend(size)
        return value


def padded(text: str, width: Any, sign: str = " ") -> str:
    """Return a text, filled up from the left.

    Raises:
        TemplateError: It would be too long.
    """
    if not isinstance(width, int) or width > MOST_OF_ONE:
        raise TemplateError(f"padLeft() makes at most {MOST_OF_ONE:,} characters.")
    return text.rjust(width, sign)


def joined(parts: list[str], sign: str) -> str:
    """Return texts, joined.

    Raises:
        TemplateError: They would be too long.
    """
    if sum(len(part) + len(sign) for part in parts) > MOST_OF_ONE:
        raise TemplateError(f"join() makes at most {MOST_OF_ONE:,} characters.")
    return sign.join(parts)


def shape(text: str) -> str:
    """Return the shape of a value that is not known; empty where it has grown too long to tell anything."""
    return text if len(text) <= _LONGEST_SHAPE else ""
