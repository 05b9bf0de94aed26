"""A healthy log of 100 MB: ripgrep, plain ``re``, bare ``bytes.find`` and both engines of the diagnosis, in one run."""

from __future__ import annotations

import random
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from amlwidgets.causes import catalogue, find_causes
from amlwidgets.causes.healthy import HEALTHY
from amlwidgets.services.log_files import LogChunks

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTES = 100
RUNS = 3
SLOW = 4
"""Megabytes for the slow ones: their rate does not depend on the size."""
NUMBERS = re.compile(r"HTTP/1\.1. \d{3}|/score \d{3}|[|] \d{3}|\d")
"""Digits that may change; what stands for success stays."""


def healthy(megabytes: int, seed: int = 7) -> bytes:
    """Return a healthy log: lines of servers, builds and probes with ever other numbers."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    lines = [line for line in HEALTHY.splitlines() if "Booting worker" not in line]
    made: list[str] = []
    size = 0
    while size < 1_000_000:
        line = NUMBERS.sub(lambda found: found[0] if len(found[0]) > 1 else str(rng.randrange(10)), rng.choice(lines))
        made.append(line)
        size += len(line) + 1
    return ("\n".join(made) + "\n").encode() * megabytes


def timed(what: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def main() -> None:
    """Print MB/s (median) and the ratios that have budgets."""
    known = catalogue()
    plan = known.plan
    with tempfile.TemporaryDirectory() as folder:
        big, small = Path(folder, "big.log"), Path(folder, "small.log")
        big.write_bytes(healthy(MEGABYTES))
        small.write_bytes(big.read_bytes()[: SLOW * 1_000_000])
        rates = {name: round(_rate(run, size), 1) for name, (run, size) in _cases(plan, known, big, small).items()}
    print(f"healthy log, {MEGABYTES} MB, {len(plan.owners)} literals, {plan.plain.passes} passes of the plain engine")
    for name, rate in rates.items():
        print(f"  {name:<44} {rate:9.1f} MB/s")
    bare, plain = rates["bytes.find of every literal, bare"], rates["diagnosis, standard library alone"]
    print(f"  diagnosis / bare bytes.find: {plain / bare:.2f} (budget 0.6)")
    if plan.fast:
        best = max(rate for name, rate in rates.items() if name.startswith("ripgrep")) if shutil.which("rg") else 0
        ahead = f"; {rates['diagnosis, with hyperscan'] / best:.1f} times ripgrep" if best else "; ripgrep is not here"
        print(f"  with hyperscan: {rates['diagnosis, with hyperscan'] / 1000:.2f} GB/s (budget 1.5){ahead}")
    print(f"  peak memory of the whole run: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def _quietly(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, check=False)


def _rate(run: Callable[[], object], megabytes: float) -> float:
    run()
    return megabytes / median(timed(run) for _ in range(RUNS))


def _cases(plan, known, big: Path, small: Path) -> dict[str, tuple[Callable[[], object], float]]:
    words = sorted(set(plan.owners))
    patterns = [sign.pattern for cause in known.causes for sign in cause.signs if sign.pattern]
    compiled = [re.compile(pattern) for pattern in patterns]
    literals = big.with_name("literals")
    literals.write_text("\n".join(words) + "\n")
    data = small.read_bytes()
    tenth = big.read_bytes()[: 20 * 1_000_000]

    def diagnosed(path: Path, engine: str) -> object:
        kept, plan.__dict__["fast"] = plan.fast, plan.fast if engine == "fast" else None
        try:
            found = find_causes([("log", LogChunks.of_file(path))])
        finally:
            plan.__dict__["fast"] = kept
        assert not found, found
        return found

    cases: dict[str, tuple[Callable[[], object], float]] = {}
    if shutil.which("rg"):
        command = ["rg", "-c", "-F", "-f", str(literals), str(big)]
        cases["ripgrep, the same literals (-F -c)"] = (lambda: _quietly(command), MEGABYTES)
        first = [*command[:2], "-o", *command[2:]]
        cases["ripgrep, the same literals (-F -o)"] = (lambda: _quietly(first), MEGABYTES)
    cases["re, every pattern on every line"] = (
        lambda: [r.search(line) for line in data[:40_000].decode().split("\n") for r in compiled], 0.04,
    )  # fmt: skip
    cases["bytes.find of every literal, bare"] = (
        lambda: [tenth.find(word) for word in (w.encode() for w in words)], len(tenth) / 1e6,
    )  # fmt: skip
    cases["diagnosis, standard library alone"] = (lambda: diagnosed(big, "plain"), MEGABYTES)
    if plan.fast:
        cases["diagnosis, with hyperscan"] = (lambda: diagnosed(big, "fast"), MEGABYTES)
    return cases
