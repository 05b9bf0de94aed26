"""The loopback port of a container: taken before its server starts, and kept until the container is gone."""

from __future__ import annotations

import contextlib
import logging
import socket

LOG = logging.getLogger(__name__)
_BACKLOG = 2048


class Port:
    """A port of 127.0.0.1 that belongs to one container for its whole life.

    A server that is left to find a socket by itself would listen on every address of the machine. So it is handed
    this one; between two servers nobody listens, and connections are refused.

    Args:
        wanted: The port to take; 0 takes a free one, and so does one that somebody else has.

    Raises:
        OSError: No port can be had.
    """

    def __init__(self, wanted: int = 0) -> None:
        self._socket = _bound(wanted)
        self.number = int(self._socket.getsockname()[1])
        if wanted not in (0, self.number):
            LOG.warning("port %d is taken; the container gets %d", wanted, self.number)

    def listen(self) -> int:
        """Begin to listen and return the descriptor to hand over.

        Raises:
            OSError: It is not possible; no server may be started then.
        """
        self._socket.listen(_BACKLOG)
        name = self._socket.getsockname()
        if name != ("127.0.0.1", self.number):
            raise OSError(f"port {self.number} was lost")
        return self._socket.fileno()

    def refuse(self) -> None:
        """Refuse connections from now on, those that wait included; the port stays ours."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


def _bound(wanted: int) -> socket.socket:
    if wanted:
        with contextlib.suppress(OSError):
            return _bind(wanted)
    with _bind(0) as free:
        # Named by number, a port stays bound when listening ends; the kernel takes back one that it chose itself.
        return _bind(free.getsockname()[1])


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
