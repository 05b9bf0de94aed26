"""Generate the catalogue's index anew: ``python -m amlwidgets.causes.build_index`` after changing a TOML file."""

from __future__ import annotations

from amlwidgets.causes.loader import write_index

if __name__ == "__main__":
    write_index()
