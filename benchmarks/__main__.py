"""Run every benchmark and print its ratios: ``python -m benchmarks [NAME ...]``.

Absolute times depend on the machine and its load; the ratios of one run are what to compare.
"""

from __future__ import annotations

import sys

from benchmarks import (
    first_widget,
    guides,
    log_view,
    reality,
    router,
    sandbox,
    scale,
    scan,
    simulator,
    slider,
    startup,
    templates,
)

ALL = {
    "sandbox": sandbox.main,
    "router": router.main,
    "scale": scale.main,
    "startup": startup.main,
    "first_widget": first_widget.main,
    "scan": scan.main,
    "log_view": log_view.main,
    "simulator": simulator.main,
    "slider": slider.main,
    "reality": reality.main,
    "guides": guides.main,
    "templates": templates.main,
}


def main() -> int:
    """Run the named benchmarks, or all."""
    names = sys.argv[1:] or list(ALL)
    for name in names:
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
