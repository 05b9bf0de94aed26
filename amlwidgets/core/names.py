"""Naming rules of Azure ML, with the sentence that states each rule.

Source: azureml-core 1.61, ``azureml/_model_management/_constants.py``.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class NameRule(NamedTuple):
    """A naming rule: what it is for, its pattern, and the rule in words."""

    kind: str
    pattern: str
    words: str

    def matches(self, name: str) -> bool:
        """Whether ``name`` keeps the rule."""
        return re.fullmatch(self.pattern, name) is not None


SERVICE = NameRule(
    "service",
    r"(?=.{3,32}$)[a-z]([-a-z0-9]*[a-z0-9])?",
    "3 to 32 characters: lower-case letters, digits and hyphens; the first is a letter, the last is not a hyphen",
)
IMAGE = NameRule(
    "image",
    r"(?=.{3,32}$)[a-z0-9]([-.a-z0-9]*[a-z0-9])?",
    "3 to 32 characters: lower-case letters, digits, hyphens and dots; the first and the last are a letter or digit",
)
MODEL = NameRule(
    "model",
    r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}",
    "1 to 255 characters: letters, digits, hyphens, dots and underscores; the first is a letter or digit",
)
