"""The sandbox's program: ``python -m amlwidgets.sandbox.daemon``, one per state folder."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from amlwidgets.sandbox import proxy as proxy_module
from amlwidgets.sandbox.app import App
from amlwidgets.sandbox.authority import Authority
from amlwidgets.sandbox.clock import QUICK, SPEEDS, Clock
from amlwidgets.sandbox.environ import leave_sandbox
from amlwidgets.sandbox.identity import Damaged, ensure_identity, forget_drafts, with_port, write_private
from amlwidgets.sandbox.runtimes import PROCESS, RUNTIMES, choose
from amlwidgets.sandbox.upstream import Upstream
from amlwidgets.sandbox.workspaces import ensure_workspace

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from typing import TextIO

    from amlwidgets.sandbox.identity import Identity

LOG = logging.getLogger(__name__)
LOCK = "lock"
STATE = "daemon.json"
LOG_FILE = "daemon.log"
ALREADY_RUNS = 3
PORT_TAKEN = 4
DISK_FULL = 5
DAMAGED = 6
MAX_LOG_BYTES = 5_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is stopped; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m amlwidgets.sandbox.daemon", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--speed", choices=SPEEDS, default=QUICK)
    parser.add_argument("--runtime", choices=RUNTIMES, default=PROCESS)
    parser.add_argument("--port", type=int, default=0, help="0 keeps the port of the last start, or takes a free one")
    parser.add_argument("--ready-fd", type=int, default=-1, help="where to write a line once requests are answered")
    options = parser.parse_args(arguments)
    os.umask(0o077)  # what is in the state folder is nobody else's business
    logging.basicConfig(
        handlers=[_Bounded(options.home / LOG_FILE)],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Keys of services and everybody's models lie in it.
    options.home.chmod(0o700)
    with (options.home / LOCK).open("a") as lock:
        if not _lock(lock):
            return ALREADY_RUNS
        try:
            return _serve(options)
        except Damaged as exc:
            print(exc, file=sys.stderr)
            return DAMAGED
        except OSError as exc:
            LOG.error("the sandbox cannot start: %s", exc)  # noqa: TRY400 - the reason says it all
            return DISK_FULL


class _Bounded(logging.StreamHandler["TextIO"]):
    """Writes to standard error; when that is the log file, its older half goes once it is too long."""

    def __init__(self, path: Path) -> None:
        super().__init__(sys.stderr)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        super().emit(record)
        with contextlib.suppress(OSError, ValueError):
            mine, size = os.fstat(self.stream.fileno()), MAX_LOG_BYTES
            if mine.st_size > size and os.path.samestat(mine, self._path.stat()):
                shorten(self._path, size // 2)


def shorten(path: Path, size: int) -> None:
    """Cut a log to about its last ``size`` bytes; who appends to it goes on."""
    with path.open("r+b") as file:
        file.seek(-size, os.SEEK_END)
        file.readline()
        rest = file.read()
        file.seek(0)
        file.write(rest)
        file.truncate()


def _lock(file: TextIO) -> bool:
    # Somebody who looks whether a sandbox runs holds the lock for a moment.
    for _ in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.025)
        else:
            return True
    return False


def _serve(options: argparse.Namespace) -> int:
    home, speed, port = options.home, options.speed, options.port
    forget_drafts(home)
    identity = ensure_identity(home)
    try:
        listener = _listen(port, identity.port)
    except OSError as exc:
        LOG.error("port %s is taken: %s", port, exc)  # noqa: TRY400 - the reason says it all
        return PORT_TAKEN
    identity = with_port(home, identity, listener.getsockname()[1])
    ended = threading.Event()
    app = App(home, identity, Clock(speed), ended.set, choose(options.runtime))
    ensure_workspace(app.store)
    leave_sandbox(os.environ)
    upstream = Upstream(os.environ, ("127.0.0.1", identity.port))
    proxy = proxy_module.Proxy(identity, Authority(home), upstream, app.handle, app.lifecycle.owns_label)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    app.tidy()
    threading.Thread(target=proxy.serve, args=(listener,), daemon=True, name="accept").start()
    _announce(home, identity, speed, options.ready_fd)
    threading.Thread(target=app.resume, daemon=True, name="resume").start()
    ended.wait()
    proxy.close()
    app.close()
    (home / STATE).unlink(missing_ok=True)
    return 0


def _listen(wanted: int, earlier: int) -> socket.socket:
    if wanted:
        return proxy_module.listen(wanted)
    if earlier:
        # Kernels that already run know this port. Another program may have taken it meanwhile.
        with contextlib.suppress(OSError):
            return proxy_module.listen(earlier)
    return proxy_module.listen(0)


def _announce(home: Path, identity: Identity, speed: str, ready_fd: int) -> None:
    state = {"pid": os.getpid(), "url": identity.url, "speed": speed, "started": time.time()}
    write_private(home / STATE, json.dumps(state).encode())
    if ready_fd >= 0:
        with contextlib.suppress(OSError), os.fdopen(ready_fd, "w") as ready:
            ready.write("ready\n")


if __name__ == "__main__":
    sys.exit(main())
