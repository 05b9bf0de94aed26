"""``amlwidgets sandbox …``: start, stop, look at and use the sandbox from a terminal."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.errors import BadInput
from amlwidgets.sandbox import client, cluster_commands, vault_commands
from amlwidgets.sandbox.configuration import ensure_config, find_config
from amlwidgets.sandbox.gallery import commands as gallery_commands
from amlwidgets.sandbox.sdk_cache import forget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlwidgets.sandbox.client import Sandbox

_EXEC_SECONDS = 600.0
_ENDED = 124
"""Exit code of a command that was ended at the time limit, as ``timeout`` gives it."""

__all__ = ["add_parser", "configure", "find_config", "run_in"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sandbox's commands to ``parser``; each sets ``run``, a function of the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--home", metavar="FOLDER", help=f"state folder (default: ${client.HOME_VARIABLE}, else the user's data folder)"
    )
    starting = argparse.ArgumentParser(add_help=False, parents=[shared])
    starting.add_argument(
        "--speed", choices=client.SPEEDS, default="quick", help="quick: Azure's waits shrink to seconds; 1: real time"
    )
    starting.add_argument("--port", type=int, help="loopback port (default: that of the last start)")
    starting.add_argument(
        "--runtime", choices=client.RUNTIMES, default="process",
        help="what containers are: processes of this machine, or Docker's; auto: Docker when an engine answers",
    )  # fmt: skip
    _add(actions, "start", _start, "start it, unless it runs", starting)
    _add(actions, "stop", _stop, "stop it; nothing is lost", shared)
    _format(_add(actions, "status", _status, "say whether it runs, and what is in it", shared))
    reset = _add(actions, "reset", _reset, "forget its models, services, environments and runs", shared)
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.add_argument("--images", action="store_true", help="forget the built images too")
    _format(_add(actions, "env", _env, "print the shell lines that lead a terminal to it", shared))
    cluster_commands.configure(
        _add(actions, "cluster", cluster_commands.run, "list the clusters that can be attached, or make one", shared)
    )
    _base_image(_add(actions, "base-image", _make_base_image, "make the image that Docker builds start from", shared))
    image = _add(actions, "image", _image, "make the image of a service for docker run, and print its name", shared)
    image.add_argument("name", metavar="NAME", help="a service, or an image with or without :version")
    image.add_argument("--login", action="store_true", help="print the docker login line of the sandbox's registry")
    words = "list the images in the Docker engine of sandboxes whose state folder is gone, and remove them"
    _engine_prune(_add(actions, "prune", _prune, words, argparse.ArgumentParser(add_help=False)))
    words = "deploy a template onto the sandbox, and say who has access to its key vaults then"
    vault_commands.configure_redeploy(_add(actions, "redeploy", vault_commands.redeploy, words, shared))
    words = "print the template that people make of a workspace, with its key vault"
    vault_commands.configure_template(_add(actions, "template", vault_commands.template, words, shared))
    words = "list failures that can be provoked, or provoke one"
    gallery_commands.configure(_add(actions, "gallery", gallery_commands.run, words, shared))
    execute = _add(
        actions, "exec", _execute, "run a command in the container of a service, as docker exec does", shared
    )
    execute.add_argument("service", metavar="SERVICE")
    execute.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- COMMAND…")
    run = _add(actions, "run", _run, "run a command in it, for example: run -- python train.py", starting)
    run.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- COMMAND…")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add ``sandbox`` with its commands to another program's ``subparsers``; returns the new parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser("sandbox", help="a control plane on this machine")
    configure(parser)
    return parser


def _add(
    actions: Any, name: str, function: Any, words: str, parent: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=words, description=words, parents=[parent])
    parser.set_defaults(run=function)
    return parser


def _format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text")


def _base_image(parser: argparse.ArgumentParser) -> None:
    from amlwidgets.sandbox.engine.commands import configure as configure_engine

    configure_engine(parser)


def _engine_prune(parser: argparse.ArgumentParser) -> None:
    from amlwidgets.sandbox.engine.commands import configure_prune

    configure_prune(parser)


def _prune(options: argparse.Namespace) -> int:
    from amlwidgets.sandbox.engine.commands import prune

    return prune(options)


def _make_base_image(options: argparse.Namespace) -> int:
    from amlwidgets.sandbox.engine.commands import run as run_engine

    return run_engine(options)


def _image(options: argparse.Namespace) -> int:
    from amlwidgets.sandbox.engine.commands import image

    return image(client.need(options.home), options.name, login=options.login)


def _execute(options: argparse.Namespace) -> int:
    command = [*options.command_line]
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        raise BadInput("Which command?", code="exec-what", todo="amlwidgets sandbox exec SERVICE -- pip freeze")
    ran = client.need(options.home).execute(options.service, command, seconds=_EXEC_SECONDS)
    print(ran["output"], end="")
    return _ENDED if ran["exitCode"] is None else int(ran["exitCode"])


def _start(options: argparse.Namespace) -> int:
    if options.runtime == "docker":
        from amlwidgets.docker_engine import engine

        with engine(timeout=60):
            pass  # says why, when there is none
    earlier = client.connect(options.home)
    sandbox = earlier or client.start(options.home, options.speed, options.port, runtime=options.runtime)
    print(f"The sandbox {'already runs' if earlier else 'runs'}: {sandbox.url} (process {sandbox.pid})")
    print(f"Its state is in {sandbox.home}; speed {sandbox.speed}.")
    if earlier is not None and earlier.speed != options.speed:
        print(f"It keeps speed {earlier.speed}; stop it first to change that.")
    print("Use it:  amlwidgets sandbox run -- python your_script.py")
    return 0


def _stop(options: argparse.Namespace) -> int:
    running = client.connect(options.home)
    if running is None:
        print("No sandbox runs.")
        return 0
    removed = running.stop()
    forget(running.home)
    print("The sandbox has stopped. What it holds is kept.")
    _tell_removed(removed)
    return 0


def _tell_removed(names: list[str]) -> None:
    if names:
        print(
            f"Its containers are removed, these local web services among them: {', '.join(names)}. Deploy them again."
        )


def _status(options: argparse.Namespace) -> int:
    running = client.connect(options.home)
    state: dict[str, Any] = {"running": running is not None, "home": str(options.home or client.default_home())}
    if running is not None:
        state |= running.status()
    if options.format == "json":
        print(json.dumps(state, indent=2))
    else:
        print(_describe(state))
    return 0 if running is not None else 1


def _describe(state: Mapping[str, Any]) -> str:
    if not state["running"]:
        return f"No sandbox runs on {state['home']}."
    lines = [
        f"The sandbox runs: {state['url']} (process {state['pid']}, speed {state['speed']})",
        f"Containers: {state['runtime']}",
        f"State: {state['home']}",
        f"Workspaces: {', '.join(state['workspaces'])}; models: {state['models']}",
    ]
    lines += [f"Service {s['name']} in {s['workspace']}: {s['state']}" for s in state["services"]]
    return "\n".join(lines)


def _reset(options: argparse.Namespace) -> int:
    running = client.need(options.home)
    if not options.yes:
        what = "models, services, environments and runs" + (", built images too" if options.images else "")
        if not sys.stdin.isatty():
            raise BadInput(f"This would forget all {what}.", code="not-asked", todo="Say --yes.")
        if input(f"Forget all {what} of {running.home}? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was changed.")
            return 0
    removed = running.reset(images=options.images)
    print("The sandbox is empty.")
    _tell_removed(removed)
    return 0


def _env(options: argparse.Namespace) -> int:
    running = client.need(options.home)
    variables, unset = running.environment(), running.unset
    if options.format == "json":
        print(json.dumps({"set": variables, "unset": unset}, indent=2))
        return 0
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    print(f"unset {' '.join(unset)}")
    return 0


def _run(options: argparse.Namespace) -> int:
    command = options.command_line[1:] if options.command_line[:1] == ["--"] else options.command_line
    if not command:
        raise BadInput("There is no command to run.", code="no-command", todo="Say: sandbox run -- python script.py")
    sandbox = client.start(options.home, options.speed, options.port, runtime=options.runtime)
    note = ensure_config(sandbox, Path.cwd())
    if note:
        print(note, file=sys.stderr)
    try:
        return run_in(sandbox, command)
    finally:
        forget(sandbox.home)


def run_in(sandbox: Sandbox, command: list[str]) -> int:
    """Run a command in the sandbox's environment and return its exit code; Ctrl-C goes to the command.

    Raises:
        BadInput: There is no such program.
    """
    environment = {name: value for name, value in os.environ.items() if name not in sandbox.unset}
    environment |= sandbox.environment()
    if not environment.get("VIRTUAL_ENV") and not environment.get("CONDA_PREFIX"):
        # With no environment activated, "python" means the one in which amlwidgets is installed.
        environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment.get("PATH", os.defpath)))
    # The program is looked up on the command's own PATH.
    program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    child: list[subprocess.Popen[bytes]] = []
    # The terminal sends Ctrl-C to both; the command decides what becomes of it. (A handler, since the command would
    # inherit "ignore".)
    handlers = {signal.SIGINT: _leave_to_child, signal.SIGQUIT: _leave_to_child}
    earlier: dict[signal.Signals, Any] = {number: signal.signal(number, f) for number, f in handlers.items()}
    earlier[signal.SIGTERM] = signal.signal(signal.SIGTERM, lambda number, _: _pass_on(child, number))
    try:
        child.append(subprocess.Popen([program, *command[1:]], env=environment))
        code = child[0].wait()
    except OSError as exc:
        raise BadInput(f"{command[0]} cannot be run: {exc.strerror}.", code="no-program") from exc
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    # As a shell says it: killed by signal n is 128 + n.
    return code if code >= 0 else 128 - code


def _leave_to_child(_number: int, _frame: object) -> None:
    pass


def _pass_on(child: list[subprocess.Popen[bytes]], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        for process in child:
            process.send_signal(number)
