"""The directory (login.microsoftonline.com) as far as a service principal needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from amlwidgets.sandbox import tokens
from amlwidgets.sandbox.api import Call, Routes, json_response

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
_HOST = "https://login.microsoftonline.com"


def _configuration(tenant: str) -> dict[str, object]:
    return {
        "issuer": f"{_HOST}/{tenant}/v2.0",
        "authorization_endpoint": f"{_HOST}/{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{_HOST}/{tenant}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{_HOST}/{tenant}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{_HOST}/{tenant}/discovery/v2.0/keys",
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["HS256"],
    }


@ROUTES.add("GET", "/{tenant}/v2.0/.well-known/openid-configuration", open_=True)
def openid_configuration(call: Call) -> Response:
    """Describe the directory; every tenant is this sandbox."""
    return json_response(_configuration(call["tenant"]))


@ROUTES.add("GET", "/common/discovery/instance", open_=True)
def instance_discovery(call: Call) -> Response:
    """Confirm that the authority is a known one."""
    endpoint = call.query("authorization_endpoint", f"{_HOST}/common/oauth2/v2.0/authorize")
    return json_response(
        {
            "tenant_discovery_endpoint": endpoint.split("/oauth2")[0] + "/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [],
        }
    )


@ROUTES.add("POST", "/{tenant}/oauth2/v2.0/token", open_=True)
def token(call: Call) -> Response:
    """Give a service principal a token of the sandbox.

    Any client id with any password is taken, so that a script written for Azure runs unchanged; the password is
    neither kept nor logged.
    """
    try:
        sent = call.request.body.read_all().decode()
    except UnicodeDecodeError:
        return _refused("invalid_request", "AADSTS900144: The request body is not UTF-8.")
    form = {name: values[-1] for name, values in parse_qs(sent).items()}
    if form.get("grant_type") != "client_credentials":
        return _refused("unsupported_grant_type", "AADSTS70003: The sandbox signs in service principals only.")
    if not form.get("client_id") or not form.get("client_secret"):
        return _refused("invalid_client", "AADSTS7000216: 'client_id' and 'client_secret' are required.")
    audience = form.get("scope", "").removesuffix("/.default") or "https://management.azure.com"
    if not tokens.knows(audience):
        return _refused(
            "invalid_resource",
            f"AADSTS500011: The sandbox has no token for {audience}, only for Azure Resource Manager and Azure Machine "
            "Learning. Switch the sandbox off to sign in to Azure.",
        )
    seconds = call.app.faults.token_seconds(call.request, tokens.LIFETIME)
    return json_response(
        {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": tokens.issue(call.app.identity, audience, form["client_id"], seconds=seconds),
        }
    )


def _refused(error: str, description: str) -> Response:
    return json_response({"error": error, "error_description": description, "error_codes": []}, status=400)
