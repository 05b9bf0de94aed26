"""Ratios against named peers, measured in one run: ``make bench``."""

import os

# As it is for people: what was imported once has its bytecode beside it. Some machines forbid Python to write it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
