"""What a route is: a table of paths, a call with its parameters, and errors as Azure's services word them."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox.blobs import DISK_FULL
from amlwidgets.sandbox.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.sandbox.app import App
    from amlwidgets.sandbox.wire import Request

SCOPE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
MMS = "/modelmanagement/v1.0" + SCOPE

NOT_FOUND = 404
_MAX_REASON = 1000
_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")


class ApiError(Exception):
    """An answer that refuses.

    Args:
        status: HTTP status.
        code: Azure's code, such as ``"ModelNotFound"``.
        message: The sentence that the client prints.
        details: Further errors, each with ``code`` and ``message``.
    """

    def __init__(self, status: int, code: str, message: str, *, details: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or []

    def response(self) -> Response:
        """Return the error in the two shapes that azureml-core reads, in one document.

        ARM, run history and artifacts look into ``error``; model management reads the top level, where
        ``statusCode`` has to be a number.
        """
        error = {"code": self.code, "message": self.message, "details": self.details}
        # For models and assets the client prints the correlation, but neither code nor message.
        correlation = {"Code": self.code, "Reason": self.message}
        body = {**error, "error": error, "statusCode": self.status, "correlation": correlation}
        response = json_response(body, status=self.status)
        if self.status == HTTPStatus.NOT_IMPLEMENTED:
            # Clients made from a description of the API know no such answer, and print its reason alone.
            response.reason = self.message.encode("ascii", "replace").decode()[:_MAX_REASON]
        return response


def json_response(body: Any, *, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return ``body`` as a JSON answer."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    common = [("Content-Type", "application/json; charset=utf-8"), ("x-ms-request-id", uuid.uuid4().hex)]
    return Response(status, text, common + (headers or []))


def text_response(text: str, *, status: int = 200) -> Response:
    """Return plain text."""
    return Response(status, text.encode(), [("Content-Type", "text/plain; charset=utf-8")])


@dataclass(slots=True)
class Call:
    """One request on its way through a route.

    Attributes:
        app: The running sandbox.
        request: The request.
        params: Parts of the path, by name.
    """

    app: App
    request: Request
    params: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """Return a part of the path."""
        return self.params[name]

    @property
    def scope(self) -> str:
        """Key of the workspace, the same however the client writes its name."""
        return scope_key(self.params["subscription"], self.params["group"], self.params["workspace"])

    @property
    def scope_path(self) -> str:
        """The workspace's ARM identifier, as the client wrote it."""
        return SCOPE.format(**{name: self.params[name] for name in ("subscription", "group", "workspace")})

    def query(self, name: str, default: str = "") -> str:
        """Return a value of the query string."""
        return self.request.query.get(name, default)

    def flag(self, name: str) -> bool:
        """Whether the query string says ``name=true``."""
        return self.query(name).lower() == "true"

    def document(self) -> dict[str, Any]:
        """Return the body, which has to be a JSON object.

        Raises:
            ApiError: It is not.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise ApiError(400, "BadRequest", "The request body has to be a JSON object.")
        return body

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ApiError: It is not JSON.
        """
        try:
            return self.request.json()
        except ValueError as exc:
            raise ApiError(400, "BadRequest", f"The request body is not JSON: {exc}.") from exc


def scope_key(subscription: str, group: str, workspace: str) -> str:
    """Return the key under which a workspace's things are kept."""
    return f"{subscription}/{group}/{workspace}".lower()


if TYPE_CHECKING:
    Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of the table.

    Attributes:
        method: Verb.
        pattern: Compiled path.
        handler: What answers.
        open: True when no bearer token is asked for.
    """

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    open: bool = False


@dataclass(slots=True)
class Routes:
    """The routes of one kind of host, filled by the decorators of a module."""

    table: list[Route] = field(default_factory=list)

    def add(self, method: str, path: str, *, open_: bool = False) -> Callable[[Handler], Handler]:
        """Return a decorator that registers a handler for ``method`` and ``path``.

        ``{name}`` in the path stands for one segment, ``{name:path}`` for the rest.
        """
        pattern = _compile(path)

        def register(handler: Handler) -> Handler:
            self.table.append(Route(method, pattern, handler, open_))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route for ``path`` with its parameters; None when there is none."""
        for route in self.table:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, match.groupdict()
        return None


def _compile(path: str) -> re.Pattern[str]:
    out, position = [], 0
    for match in _PARAMETER.finditer(path):
        out.append(re.escape(path[position : match.start()]))
        out.append(f"(?P<{match[1]}>{'.*' if match[2] else '[^/]+'})")
        position = match.end()
    out.append(re.escape(path[position:]))
    # ARM compares resource ids without case.
    return re.compile("".join(out) + "/?", re.IGNORECASE)


def not_implemented(request: Request) -> ApiError:
    """Return the answer to a route that the sandbox does not have."""
    what = f"{request.method} {request.scheme}://{request.authority}{request.path}"
    return ApiError(501, "NotImplementedInSandbox", f"The sandbox does not implement {what}.")


def storage_error(exc: Exception, home: object) -> ApiError | None:
    """Return the answer to a failed write; None when ``exc`` is something else."""
    full = isinstance(exc, OSError) and exc.errno in DISK_FULL
    if isinstance(exc, sqlite3.OperationalError):
        full = exc.sqlite_errorname in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR")
    if not full:
        return None
    return ApiError(
        507,
        "InsufficientStorage",
        f"The disk that holds the sandbox's state is full: {home}. Nothing was stored by this request. "
        "Free some space there, or start the sandbox with --home on another disk, then repeat it.",
    )
