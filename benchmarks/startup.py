"""What ``%load_ext amlwidgets`` adds to a live kernel, beside ipywidgets and anywidget; the command line's start."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

RUNS = 7
KERNEL = "from IPython.core.interactiveshell import InteractiveShell; ip = InteractiveShell.instance(); import time; "
CASES = {
    "%load_ext amlwidgets": "t = time.perf_counter(); ip.run_line_magic('load_ext', 'amlwidgets')",
    "import ipywidgets": "t = time.perf_counter(); import ipywidgets",
    "import anywidget": "t = time.perf_counter(); import anywidget",
    "import the wizard": "t = time.perf_counter(); from amlwidgets import DeployWizard",
}


def in_kernel(code: str) -> float:
    """Return the seconds that ``code`` takes in a fresh interactive shell."""
    program = f"{KERNEL}{code}; print(time.perf_counter() - t)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return float(out.split()[-1])


def whole_process(*command: str) -> float:
    """Return the seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], capture_output=True, check=False, input=b"")
    return time.perf_counter() - start


def main() -> None:
    """Print milliseconds (median and range) and ratios to ipywidgets."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(RUNS):  # in turn, so that a slow moment of the machine hits all of them
        for name, code in CASES.items():
            times[name].append(in_kernel(code))
    base = median(times["import ipywidgets"])
    print(f"start-up, {RUNS} runs in turn      median     min     max   ratio to ipywidgets")
    for name, values in times.items():
        middle = median(values)
        row = f"{1000 * middle:7.1f} {1000 * min(values):7.1f} {1000 * max(values):7.1f} ms   {middle / base:.2f}"
        print(f"  {name:<28} {row}")
    empty, help_ = (
        median([whole_process("-c", "pass") for _ in range(RUNS)]),
        median([whole_process("-m", "amlwidgets.cli", "diagnose", "-") for _ in range(RUNS)]),
    )
    print(
        f"  amlwidgets diagnose -        {1000 * help_:7.1f} ms as a whole process; python alone {1000 * empty:.1f} ms"
    )
