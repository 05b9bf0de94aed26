"""Runs inside the child: ties it to the sandbox, gives it a container's view of the machine, starts the server.

This file is run by path, with the standard library alone (``python -I -S launcher.py``), because it runs before
anything of the container exists. Its one argument is a JSON object:

``command``   argument list of what runs
``cwd``       folder, as the command sees it
``parent``    pid that must still be alive: when that process ends, the kernel ends us
``groups``    ``cgroup.procs`` files that the command joins
``cpus``      processors to which it is bound, empty for all
``listen``    descriptor of a listening socket to hand over by the socket activation protocol, or -1
``isolate``   how to separate it: ``"none"``, ``"root"`` or ``"user"`` (an unprivileged user namespace)
``staging``   empty folder on which the new root folder is put together
``show``      paths that shall exist in the container, and the folder that appears there
``hostname``  name of the machine, as the command sees it

With isolation the command has a pid namespace of its own: when its first process ends, the kernel ends all the
others, whatever they did to get away.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import stat
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PDEATHSIG = 1
_BIND, _REC, _PRIVATE, _UNBINDABLE, _NOSUID, _NODEV, _NOEXEC = 0x1000, 0x4000, 1 << 18, 1 << 17, 2, 4, 8
_NEWNS, _NEWUTS, _NEWUSER, _NEWPID = 0x20000, 0x4000000, 0x10000000, 0x20000000
_LISTEN_FD = 3


def main() -> None:
    """Run the command and end with its exit status."""
    task = json.loads(sys.argv[1])
    _die_with(task["parent"])
    if task["isolate"] == "none":
        _execute(task)
    _unshare(_NEWNS | _NEWUTS | _NEWPID | (_NEWUSER if task["isolate"] == "user" else 0))
    alive, held = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(held)
        _die_with(0)
        if select.select([alive], [], [], 0)[0]:  # closed: our parent ended before we asked to be told
            os._exit(128 + signal.SIGKILL)
        os.close(alive)
        _first_process(task)
    _follow(first)


def _first_process(task: dict[str, Any]) -> None:
    """Be the container's first process: build its view, start the command, collect what is orphaned."""
    _libc().sethostname(task["hostname"].encode(), len(task["hostname"].encode()))
    _new_root(task["staging"], task["show"])
    command = os.fork()
    if command == 0:
        _execute(task)
    _follow(command)


def _follow(child: int) -> None:
    """Hand on signals to the child, collect every process that ends, and end as the child does."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(128 - code if code < 0 else code)


def _execute(task: dict[str, Any]) -> None:
    """Become the command."""
    for group in task["groups"]:
        with open(group, "w") as members:  # noqa: PTH123 - as little as possible is loaded here
            members.write("0")
    if task["cpus"]:
        os.sched_setaffinity(0, task["cpus"])
    os.chdir(task["cwd"])
    listen = task["listen"]
    if listen >= 0:
        os.dup2(listen, _LISTEN_FD)  # the copy is inheritable
        os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and ignoring is inherited
    os.execvp(task["command"][0], task["command"])  # noqa: S606 - the shell is what is started


# -- namespaces ---------------------------------------------------------------------------------------------------


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _die_with(parent: int) -> None:
    """Ask the kernel to end us when our parent ends (Linux; elsewhere the next start of the sandbox tidies up)."""
    if sys.platform != "linux":
        return
    _libc().prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def _unshare(flags: int) -> None:
    user, group = os.getuid(), os.getgid()
    _check(_libc().unshare(flags), "unshare")
    if flags & _NEWUSER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
                file.write(text)


def _mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    encoded = [part.encode() if part is not None else None for part in (source, target, kind)]
    _check(_libc().mount(*encoded, ctypes.c_ulong(flags), data.encode() if data else None), target)


def _new_root(staging: str, show: dict[str, str]) -> None:
    """Change to a root folder that holds all that the machine has, and ``show`` besides.

    Nothing is written to the machine's own folders: the new root lives in memory, in a mount namespace of ours.
    """
    _mount("none", "/", flags=_REC | _PRIVATE)
    _mount("tmpfs", staging, "tmpfs", _NOSUID | _NODEV, "size=4m,mode=755")
    _mount("none", staging, flags=_UNBINDABLE)  # else binding the machine's folders would take it along
    _furnish(staging, "/", {tuple(path.strip("/").split("/")): folder for path, folder in show.items()})
    os.chroot(staging)
    os.chdir("/")
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)


def _furnish(new: str, old: str, show: dict[tuple[str, ...], str]) -> None:
    """Fill the folder ``new`` with what ``old`` has, and with ``show`` (paths below ``new``)."""
    heads = {path[0] for path in show}
    present = set(os.listdir(old)) if os.path.isdir(old) else set()  # noqa: PTH112, PTH208
    for name in sorted(present | heads):
        source, target = os.path.join(old, name), os.path.join(new, name)  # noqa: PTH118
        if (name,) in show:
            os.mkdir(target)  # noqa: PTH102
            _mount(show[(name,)], target, flags=_BIND | _REC)
        elif name in heads:
            os.mkdir(target)  # noqa: PTH102
            _furnish(target, source, {path[1:]: folder for path, folder in show.items() if path[0] == name})
        elif source == "/proc":
            os.mkdir(target)  # noqa: PTH102 - gets its own
        else:
            with suppress(OSError):  # what we may not see, the container need not see either
                _bind(source, target)


def _bind(source: str, target: str) -> None:
    """Show one entry of the machine at ``target``."""
    mode = os.lstat(source).st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)  # noqa: PTH115, PTH211
        return
    if stat.S_ISDIR(mode):
        os.mkdir(target)  # noqa: PTH102
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(source, target, flags=_BIND | _REC)


if __name__ == "__main__":
    main()
