"""Runs the blocks of a guide in one namespace, unmodified; what the guide takes for granted is there before them.

Started by :func:`guides.run` in a fresh folder, in the sandbox's environment. Writes ``results.json``.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

SCORE = """
import json
import pickle

from azureml.core.model import Model


def init():
    global weights
    with open(Model.get_model_path("my_best_model"), "rb") as file:
        weights = pickle.load(file)


def run(input_data):
    rows = json.loads(input_data)["data"]
    return {"result": [sum(w * x for w, x in zip(weights, row)) for row in rows]}
"""
ENVIRONMENT = "name: myenv\ndependencies:\n- python=3.11\n- pip:\n  - azureml-defaults>=1.0.45\n"
IMPORTS = """
import json
from azureml.core import Environment, Experiment, Model, Workspace
from azureml.core.image import ContainerImage, Image
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, LocalWebservice, Webservice
"""
NAMED = "ws.webservices['mysvc']"


def main() -> None:
    """Run the blocks that the named file lists."""
    warnings.simplefilter("ignore")
    blocks = json.loads(Path(sys.argv[1]).read_text())
    codes = [block["code"] for block in blocks]
    namespace = prepare(codes)
    results = []
    for block in blocks:
        before(block["code"], codes, namespace)
        with vault_wiped(namespace) if block["vault_wiped"] else contextlib.nullcontext():
            results.append(one(block, namespace))
    Path("results.json").write_text(json.dumps(results))
    delete_local(namespace)


def prepare(codes: list[str]) -> dict[str, object]:
    """Write the files, and return the names that the guide uses without defining them."""
    Path("score.py").write_text(SCORE)
    Path("myenv.yml").write_text(ENVIRONMENT)
    Path("outputs").mkdir()
    for path in ("my_model.pkl", "outputs/my_model.pkl"):
        Path(path).write_bytes(pickle.dumps([0.5] * 10))
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(IMPORTS, namespace)  # noqa: S102
    ws = namespace["Workspace"].from_config()
    run = namespace["Experiment"](ws, "guide").start_logging(snapshot_directory=None)
    run.complete()  # uploads outputs/
    namespace |= {"ws": ws, "best_run": run}
    if any("different_model" in code for code in codes):
        namespace["different_model"] = namespace["Model"].register(ws, "my_model.pkl", "different_model")
    return namespace


def before(code: str, codes: list[str], namespace: dict[str, object]) -> None:
    """Supply what a block takes for granted and no block before it has made."""
    if "service" not in namespace and "aci_service" in namespace:
        # Where the local service cannot be had, the guide's calls go to this one.
        namespace["service"] = namespace["aci_service"]
    if NAMED in code and not any("name='mysvc'" in other for other in codes):
        ws, model, config = namespace["ws"], namespace["model"], namespace["inference_config"]
        aci = namespace["AciWebservice"].deploy_configuration(cpu_cores=1, memory_gb=1)
        namespace["Model"].deploy(ws, "mysvc", [model], config, aci).wait_for_deployment()


@contextlib.contextmanager
def vault_wiped(namespace: dict[str, object]) -> Iterator[None]:
    """What the guide says has happened before its transcript: a template emptied the vault's access policies."""
    from azure.core.credentials import AccessToken
    from azure.mgmt.keyvault import KeyVaultManagementClient

    ws = namespace["ws"]

    class Credential:
        def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
            return AccessToken(ws._auth_object.get_authentication_header()["Authorization"].split()[1], 9999999999)

    vaults = KeyVaultManagementClient(Credential(), ws.subscription_id).vaults
    group, name = ws.resource_group, ws.get_details()["keyVault"].rpartition("/")[2]
    vault = vaults.get(group, name)
    policies = [policy.as_dict() for policy in vault.properties.access_policies]
    properties = {"tenantId": vault.properties.tenant_id, "sku": {"family": "A", "name": "standard"}}
    body = {"location": vault.location, "properties": {**properties, "accessPolicies": []}}
    vaults.begin_create_or_update(group, name, body).result()
    try:
        yield
    finally:
        vaults.update(group, name, {"properties": {"accessPolicies": policies}})


def one(block: dict[str, object], namespace: dict[str, object]) -> dict[str, object]:
    """Run one block; what it raises is diagnosed as a user would have it diagnosed."""
    printed, error, finding = io.StringIO(), "", None
    started = time.monotonic()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(block["code"], f"line {block['line']}", "exec"), namespace)  # noqa: S102
        except Exception as exc:  # noqa: BLE001
            from amlwidgets import diagnose

            error = "".join(traceback.format_exception_only(exc))
            seconds = time.monotonic() - started
            top = diagnose(exc).top
            finding = top and {"cause": top.cause, "confidence": top.confidence, "title": top.title}
        else:
            seconds = time.monotonic() - started
    state = "fails" if error else "passes"
    return {"state": state, "error": error, "finding": finding, "printed": printed.getvalue(), "seconds": seconds}


def delete_local(namespace: dict[str, object]) -> None:
    """Leave no container of a local service behind."""
    service = namespace.get("service")
    if type(service).__name__ == "LocalWebservice":
        service.delete()


if __name__ == "__main__":
    main()
