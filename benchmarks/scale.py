"""``ws.models`` and ``ws.webservices`` with a thousand models and two hundred services in the store."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

RUNS, BUDGET = 5, 1.0
_TIMES = """
import time
found = {"models": [], "webservices": []}
for _ in range(RUNS):
    for name, times in found.items():
        begin = time.perf_counter()
        count = len(getattr(ws, name))
        times.append(time.perf_counter() - begin)
result(found)
"""


def main() -> None:
    """Print the seconds of the first call and the slowest of all."""
    import crowd
    import sandbox_support as support

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "myenv.yml").write_text("dependencies:\n- python=1.0\n- pip:\n  - azureml-defaults\n")
        (folder / "score.py").write_text(support.GOOD_SCORE)
        (folder / "m.txt").write_text("forty-two")
        sandbox = crowd.populate(folder / "home", folder)
        try:
            found = support.run_client(f"RUNS = {RUNS}\n{_TIMES}", folder, sandbox)
        finally:
            sandbox.stop()
    for (what, times), number in zip(found.items(), (crowd.MODELS, crowd.SERVICES), strict=True):
        line = f"first {times[0]:.2f} s, slowest of {RUNS} {max(times):.2f} s (budget {BUDGET:g})"
        print(f"ws.{what} with {number}: {line}")


if __name__ == "__main__":
    main()
