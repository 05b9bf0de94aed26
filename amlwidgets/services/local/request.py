"""Sending data to a service, whatever it runs on, and making sense of what comes back."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.errors import BadInput, NotConnected, ServiceFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MOST_SHOWN = 200_000
"""Characters of an answer that are kept."""

_SERVER_ERROR = 500

MEANINGS = {
    "x-ms-run-function-failed": "run() raised an exception, or took longer than the scoring timeout",
    "x-ms-run-fn-exec-ms": "milliseconds that run() took",
    "x-ms-server-version": "version of the inference server",
    "x-ms-request-id": "number of the request; quote it to support",
    "x-ms-client-request-id": "number that the client gave to the request",
    "x-request-id": "number of the request in the front end",
    "x-envoy-upstream-service-time": "milliseconds between front end and container",
    "azureml-model-deployment": "deployment that answered",
    "azureml-model-group": "group of replicas that answered",
    "retry-after": "seconds after which to try again",
    "www-authenticate": "how the service wants to be shown who asks",
    "content-type": "kind of the answer",
}
"""What headers of scoring services say (inference server 1.5; front ends of AKS and managed endpoints)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer.

    Attributes:
        address: Where it went.
        body: What was sent.
        status: HTTP status.
        reason: The status in words.
        headers: Of the answer; secrets are masked.
        answer: Text of the answer, masked, at most ``MOST_SHOWN`` characters.
        seconds: Until the whole answer was there.
        kept: File with the body, when the service failed on it.
    """

    address: str
    body: str
    status: int
    reason: str
    headers: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    seconds: float = 0.0
    kept: str = ""

    @property
    def ok(self) -> bool:
        """Whether the service answered with a result."""
        return self.status == 200  # noqa: PLR2004 - OK

    def explained(self) -> list[list[str]]:
        """Return the headers that matter: name, value, what it means."""
        known = [(name, value, MEANINGS.get(name.lower(), "")) for name, value in self.headers.items()]
        return [[name, value, meaning] for name, value, meaning in known if meaning]

    def as_text(self) -> str:
        """Return the exchange as ``diagnose`` reads it."""
        head = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"POST {self.address}\nHTTP/1.1 {self.status} {self.reason}\n{head}\n\n{self.answer}"


def send(
    address: str,
    body: str,
    *,
    headers: Mapping[str, str] | None = None,
    seconds: float = 120,
    keep: Path | None = None,
) -> Exchange:
    """Send one request.

    Args:
        address: The scoring address.
        body: What is sent; JSON, unless a header says otherwise.
        headers: Added, such as the service's key.
        seconds: How long to wait for the answer.
        keep: Folder where the body is kept when the service fails on it, for replay.

    Raises:
        BadInput: The address is none, or the body is no JSON.
        NotConnected: Nobody answers.
        ServiceFailed: The answer does not come in time, or breaks off.
    """
    import requests

    sent = {"Content-Type": "application/json", **(headers or {})}
    if not re.match(r"https?://[^\s/]+", address):
        raise BadInput(f"“{address}” is no address.", code="address", todo="It begins with http:// or https://.")
    if "json" in _header(sent, "content-type"):
        _check_json(body)
    began = time.monotonic()
    try:
        answer = requests.post(address, data=body.encode(), headers=sent, timeout=seconds)
    except requests.ConnectionError as error:
        _keep(keep, body)
        raise NotConnected(f"Nobody answers at {address}, or the container broke off.", code="no-answer") from error
    except requests.Timeout as error:
        words = f"No answer within {seconds:g} s; the service may still be at work on it."
        raise ServiceFailed(words, code="no-answer-in-time", todo="Look at its log; give it more time.") from error
    except requests.RequestException as error:
        raise ServiceFailed(mask(f"The request failed: {error}"), code="request-failed") from error
    kept = _keep(keep, body) if answer.status_code >= _SERVER_ERROR else ""
    shown = {name: mask(value) for name, value in answer.headers.items()}
    text = mask(answer.content[: MOST_SHOWN * 4].decode(answer.encoding or "utf-8", "replace"))[:MOST_SHOWN]
    took = time.monotonic() - began
    return Exchange(address, body, answer.status_code, answer.reason or "", shown, text, took, kept)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "").lower()


def _check_json(body: str) -> None:
    try:
        json.loads(body)
    except ValueError as error:
        where = (
            f"line {error.lineno}, column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise BadInput(f"The body is no JSON ({where}).", code="body-json") from error


def _keep(folder: Path | None, body: str) -> str:
    """Keep a body that a service failed on; equal ones once."""
    import hashlib

    if folder is None:
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"failed-{hashlib.sha256(body.encode()).hexdigest()[:10]}.json"
    path.write_text(body, "utf-8")
    path.chmod(0o600)
    return str(path)


def send_files(
    address: str,
    paths: Iterable[Path],
    *,
    headers: Mapping[str, str] | None = None,
    seconds: float = 120,
    keep: Path | None = None,
) -> Iterator[tuple[Path, Exchange | str]]:
    """Send the content of files one after another; give an exchange for each, or the sentence that says why not."""
    for path in paths:
        try:
            yield path, send(address, path.read_text("utf-8"), headers=headers, seconds=seconds, keep=keep)
        except (BadInput, NotConnected, ServiceFailed) as error:
            yield path, error.message
        except (OSError, UnicodeDecodeError) as error:
            yield path, f"The file cannot be read: {error}"


def schema(address: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any] | None:
    """Return the service's swagger document; None when it has none."""
    import requests

    base = re.sub(r"/score/?$", "", address)
    try:
        answer = requests.get(f"{base}/swagger.json", headers=dict(headers or {}), timeout=10)
        found = answer.json() if answer.ok else None
    except (requests.RequestException, ValueError):
        return None
    return found if isinstance(found, dict) else None


def sample_of(document: Mapping[str, Any] | None) -> str:
    """Return a body that fits a swagger document: its example, else one made of the types; empty without a schema."""
    definitions: Any = (document or {}).get("definitions")
    wanted = definitions.get("ServiceInput") if isinstance(definitions, dict) else None
    if not isinstance(wanted, dict) or not wanted:
        return ""
    return json.dumps(_Sample(definitions).made(wanted, 0), indent=1)


_DEEPEST, _MOST_VALUES = 10, 1000


class _Sample:
    """Makes a value that fits a definition; what a hostile document makes of it is bounded in depth and number."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions, self._left = definitions, _MOST_VALUES

    def made(self, wanted: Any, depth: int) -> Any:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0 or not isinstance(wanted, dict):
            return None
        if "example" in wanted:
            return wanted["example"]
        if "$ref" in wanted:
            return self.made(self._definitions.get(str(wanted["$ref"]).rpartition("/")[2]), depth + 1)
        kind, inner = wanted.get("type"), wanted.get("properties")
        if kind == "object" or isinstance(inner, dict):
            named = inner.items() if isinstance(inner, dict) else ()
            return {key: self.made(value, depth + 1) for key, value in named}
        if kind == "array":
            return [self.made(wanted.get("items") or {}, depth + 1)]
        return {"integer": 0, "number": 0.0, "boolean": False}.get(str(kind), "text")


def exported(address: str, body: str, *, service: str = "", needs_key: bool = False) -> dict[str, str]:
    """Return the request as code: ``curl``, ``requests`` and ``az``; a key is named, never written.

    Args:
        address: The scoring address.
        body: What is sent.
        service: Name of the service, for the Azure CLI.
        needs_key: Whether the service wants one.
    """
    import shlex

    key_curl = ' \\\n  -H "Authorization: Bearer $KEY"' if needs_key else ""
    key_python = '\nheaders["Authorization"] = f"Bearer {os.environ[\'KEY\']}"' if needs_key else ""
    return {
        "curl": (
            f"curl -sS -X POST {shlex.quote(address)} \\\n  -H 'Content-Type: application/json'{key_curl} \\\n"
            f"  -d {shlex.quote(body)}"
        ),
        "requests": (
            ("import os\n\n" if needs_key else "") + "import requests\n\n"
            f'headers = {{"Content-Type": "application/json"}}{key_python}\n'
            f"answer = requests.post({address!r}, data={body!r}, headers=headers, timeout=60)\n"
            "print(answer.status_code, answer.text)\n"
        ),
        "az": (
            f"# SDK v1\naz ml service run -n {shlex.quote(service or 'SERVICE')} -d {shlex.quote(body)}\n"
            f"# v2, with the body in a file\naz ml online-endpoint invoke -n {shlex.quote(service or 'ENDPOINT')} "
            "--request-file request.json"
        ),
    }
