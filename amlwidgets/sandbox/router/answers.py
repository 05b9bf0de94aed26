"""What the router itself answers, in azureml-fe's words (autoscaling.md, section 1; users' reports quoted there)."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

_SERVER = {"Server": "Cowboy"}


def overloaded(name: str) -> web.Response:
    """Every replica stayed busy for as long as a request may wait."""
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, f"Too many requests for service {name} (overloaded)")


def none_ready(name: str) -> web.Response:
    """There was no replica for as long as a request may wait."""
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, f"No ready replicas for service {name}")


def closed() -> web.Response:
    """The replica went away in the middle of the request."""
    return _answer(HTTPStatus.BAD_GATEWAY, "Replica closed connection before replying")


def timed_out(name: str, seconds: float) -> web.Response:
    """The answer took longer than ``scoring_timeout_ms``."""
    return _answer(HTTPStatus.GATEWAY_TIMEOUT, f"Request to service {name} timed out after {seconds * 1000:.0f} ms")


def denied() -> web.Response:
    """The key is missing or wrong."""
    return _answer(HTTPStatus.UNAUTHORIZED, "key_auth_access_denied")


def unknown(name: str) -> web.Response:
    """No service of that name on this cluster."""
    return _answer(HTTPStatus.NOT_FOUND, f"No service {name} on this cluster")


def _answer(status: HTTPStatus, text: str) -> web.Response:
    return web.Response(status=status, text=text, headers=_SERVER)
