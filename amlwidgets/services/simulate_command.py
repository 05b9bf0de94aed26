"""``amlwidgets simulate SCENARIO.json``: what router and autoscaler do with a trace of requests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.capacity.scenario import from_dict
from amlwidgets.capacity.simulator import simulate
from amlwidgets.errors import BadInput

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("scenario", metavar="SCENARIO.json", help="the scenario, or - for standard input")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Simulate and print."""
    found = simulate(from_dict(_content(options.scenario))).to_dict()
    print(json.dumps(found) if options.format == "json" else _describe(found))
    return 0


def _content(name: str) -> Any:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
        return json.loads(text)
    except OSError as exc:
        raise BadInput(f"{name} cannot be read: {exc.strerror}.", code="file-unreadable") from exc
    except ValueError as exc:
        raise BadInput(f"{name} is not JSON: {exc}.", code="scenario-invalid") from exc


def _describe(found: dict[str, Any]) -> str:
    total = sum(found["status"].values())
    lines = [f"{count:>9,}  {count / total:7.2%}  {status}" for status, count in found["status"].items()]
    latency = found["latency"]
    if latency["mean"] is not None:
        lines.append("answered in " + ", ".join(f"{name} {value:.3f} s" for name, value in latency.items()))
    lines += [f"{moment:9.1f} s  {ready} ready, {starting} starting" for moment, ready, starting in found["changes"]]
    return "\n".join(lines)
