"""Asks a server whether it is up, without ever waiting for the answer."""

from __future__ import annotations

import contextlib
import select
import socket

_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nUser-Agent: kube-probe/1.0\r\n\r\n"


class Probe:
    """One ``GET /`` to a loopback port that stays open until it is answered.

    A server that is still loading its model leaves the request in its queue and answers it as its first act, so one
    patient request notices readiness sooner, and disturbs less, than asking again and again.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._answer = b""

    def ready(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the answer; True when it was ``200``."""
        connection = self._socket or self._connect()
        if connection is None:
            select.select([], [], [], seconds)
            return False
        if not select.select([connection], [], [], seconds)[0]:
            return False
        try:
            chunk = connection.recv(4096)
        except OSError:
            chunk = b""
        self._answer += chunk
        if chunk and b"\r\n" not in self._answer:
            return False
        status, self._answer = self._answer.split(b" ")[1:2], b""
        self.close()
        return status == [b"200"]

    def close(self) -> None:
        """Give up the request under way."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(1.0)
        try:
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(_REQUEST)
        except OSError:
            with contextlib.suppress(OSError):
                connection.close()
            return None
        self._socket = connection
        return connection
