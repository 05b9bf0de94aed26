"""``amlwidgets …``: the services, for terminals and pipelines.

Exit codes: 0 nothing found (or done), 1 findings or a failure, 2 wrong usage or unreadable input.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Any

from amlwidgets._version import __version__
from amlwidgets.errors import AmlWidgetsError, BadInput
from amlwidgets.services import doors

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "diagnose": ("amlwidgets.services.diagnose_command", "name the cause of a failure in logs or error texts"),
    "preflight": ("amlwidgets.services.preflight_command", "check files and tools without deploying"),
    "arm": ("amlwidgets.services.arm_command", "what a redeploy does to the key vault, and checks of the template"),
    "replicas": ("amlwidgets.services.replicas_command", "how many replicas a service needs"),
    "simulate": ("amlwidgets.services.simulate_command", "what router and autoscaler do with a trace of requests"),
    "runbook": (
        "amlwidgets.services.runbook_command",
        "a run of the wizard as a notebook, or such a notebook run again",
    ),
    "doctor": ("amlwidgets.services.doctor_command", "what works here and what is missing, to paste into a question"),
    "sandbox": ("amlwidgets.sandbox.commands", "a control plane on this machine for azureml-core"),
}
"""Command → the module with its ``configure(parser)`` and its one-line help; loaded only when it is called."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    doors.gallery, doors.stale_images = _gallery, _stale_images
    parser = argparse.ArgumentParser(prog="amlwidgets", description="Why an Azure ML deployment failed, and the fix.")
    parser.add_argument("--version", action="version", version=f"amlwidgets {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module, words) in _COMMANDS.items():
        sub = commands.add_parser(name, help=words, description=words)
        if name == wanted:
            importlib.import_module(module).configure(sub)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except AmlWidgetsError as error:
        print(f"amlwidgets: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadInput) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _gallery(name: str) -> Any:
    from amlwidgets.gallery_magic import provoke

    return provoke(name).runbook()


def _stale_images() -> str:
    from amlwidgets.docker_engine import engine
    from amlwidgets.sandbox.engine import stale
    from amlwidgets.sandbox.engine.commands import size_words

    with engine(timeout=60) as client:
        found = stale.find(client)
    return size_words(found) if found else ""


if __name__ == "__main__":
    sys.exit(main())
