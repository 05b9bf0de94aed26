"""Run history and metrics, as far as a training script needs them to log, upload and register a model."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import artifacts, tokens
from amlwidgets.sandbox.api import NOT_FOUND, SCOPE, ApiError, Call, Routes, json_response

if TYPE_CHECKING:
    from amlwidgets.sandbox.wire import Response

ROUTES = Routes()
BASE = "/history/v1.0" + SCOPE
METRICS = "/metric/v2.0" + SCOPE
_RUN = "/runs/{run}"
_EVENTS = {
    "Microsoft.MachineLearning.Run.Start": "Running",
    "Microsoft.MachineLearning.Run.Completed": "Completed",
    "Microsoft.MachineLearning.Run.Failed": "Failed",
    "Microsoft.MachineLearning.Run.Canceled": "Canceled",
}
_ENDED = ("Completed", "Failed", "Canceled")
_EXPERIMENTS = ("/experiments/{experiment}", "/experimentids/{experiment}")


def _now() -> str:
    return datetime.now(UTC).isoformat()


# -- experiments


def _experiment(call: Call) -> dict[str, Any]:
    key = call["experiment"]
    for experiment in call.app.store.all("experiment", call.scope):
        if key in (experiment["experimentId"], experiment["name"]):
            return experiment
    raise ApiError(NOT_FOUND, "UserError", f"Experiment {key} not found in workspace {call['workspace']}.")


@ROUTES.add("GET", BASE + "/experiments/{experiment}")
@ROUTES.add("GET", BASE + "/experimentids/{experiment}")
def get_experiment(call: Call) -> Response:
    """Return an experiment by name or id."""
    return json_response(_experiment(call))


@ROUTES.add("POST", BASE + "/experiments/{experiment}")
def create_experiment(call: Call) -> Response:
    """Make an experiment unless it exists."""
    store, scope, name = call.app.store, call.scope, call["experiment"]
    with store.transaction():
        found = store.get("experiment", scope, name)
        if found is None:
            found = {
                "experimentId": str(uuid.uuid4()),
                "name": name,
                "description": None,
                "createdUtc": _now(),
                "tags": {},
                "archivedTime": None,
            }
            store.put("experiment", scope, name, found)
    return json_response(found)


@ROUTES.add("POST", BASE + "/experiments:query")
def list_experiments(call: Call) -> Response:
    """List experiments."""
    return json_response({"value": call.app.store.all("experiment", call.scope), "continuationToken": None})


# -- runs


def _new_run(call: Call, experiment: dict[str, Any]) -> dict[str, Any]:
    run = call["run"]
    identifier = str(uuid.uuid4())
    return {
        "runNumber": call.app.store.next_number("run", call.scope, experiment["name"]),
        "rootRunId": run,
        "runId": run,
        "runUuid": identifier,
        "rootRunUuid": identifier,
        "experimentId": experiment["experimentId"],
        "experimentName": experiment["name"],
        "createdUtc": _now(),
        "status": "NotStarted",
        "startTimeUtc": None,
        "endTimeUtc": None,
        "dataContainerId": f"dcid.{run}",
        "hidden": False,
        "runType": None,
        "properties": {},
        "tags": {},
        "target": "local",
        "userId": tokens.USER_OBJECT,
        "createdBy": {"userObjectId": tokens.USER_OBJECT, "userName": "sandbox"},
        "inputDatasets": [],
        "outputDatasets": [],
        "warnings": [],
    }


def _run(call: Call) -> dict[str, Any]:
    run = call.app.store.get("run", call.scope, call["run"])
    if run is None:
        raise ApiError(NOT_FOUND, "UserError", f"Run {call['run']} was not found.")
    return run


def _with_token(call: Call, run: dict[str, Any]) -> dict[str, Any]:
    expiry = datetime.now(UTC) + timedelta(seconds=tokens.LIFETIME)
    token = tokens.issue(call.app.identity, "https://ml.azure.com", run["runId"])
    return run | {"token": token, "tokenExpiryTimeUtc": expiry.isoformat()}


def _patch_run(call: Call) -> Response:
    changes = call.document()
    with call.app.store.transaction():
        run = call.app.store.get("run", call.scope, call["run"]) or _new_run(call, _experiment(call))
        for key in ("tags", "properties"):
            run[key] = {**run[key], **(changes.pop(key, None) or {})}
        changes.pop("runId", None)
        run |= {key: value for key, value in changes.items() if value is not None}
        call.app.store.put("run", call.scope, run["runId"], run)
    return json_response(_with_token(call, run))


def _get_run(call: Call) -> Response:
    return json_response(_with_token(call, _run(call)))


def _token(call: Call) -> Response:
    run = _with_token(call, _run(call))
    return json_response({"token": run["token"], "expiryTimeUtc": run["tokenExpiryTimeUtc"]})


def _details(call: Call) -> Response:
    keys = ("runId", "target", "status", "startTimeUtc", "endTimeUtc", "properties", "inputDatasets", "outputDatasets")
    run = _run(call)
    return json_response({key: run[key] for key in keys} | {"warnings": [], "logFiles": {}, "services": {}})


def _event(call: Call) -> Response:
    _apply_event(call, call.document())
    return json_response({})


def _apply_event(call: Call, event: dict[str, Any]) -> None:
    status = _EVENTS.get(str(event.get("name")))
    if status is None:
        return  # heartbeats and the like change nothing that is kept
    with call.app.store.transaction():
        run = _run(call)
        if run["status"] in _ENDED:
            return
        run["status"] = status
        run["endTimeUtc" if status in _ENDED else "startTimeUtc"] = _now()
        call.app.store.put("run", call.scope, run["runId"], run)


def _metrics_wait(_call: Call) -> Response:
    return json_response({})  # metrics are kept before their request is answered


for _prefix in _EXPERIMENTS:
    _path = BASE + _prefix + _RUN
    ROUTES.add("PATCH", _path)(_patch_run)
    ROUTES.add("GET", _path)(_get_run)
    ROUTES.add("GET", _path + "/token")(_token)
    ROUTES.add("GET", _path + "/details")(_details)
    ROUTES.add("POST", _path + "/events")(_event)
    ROUTES.add("GET", _path + "/metricsingest/wait")(_metrics_wait)
ROUTES.add("GET", BASE + _RUN)(_get_run)


@ROUTES.add("POST", BASE + "/experiments/{experiment}/batch/events")
def batch_events(call: Call) -> Response:
    """Take several events."""
    for entry in call.document().get("events") or []:
        call.params["run"] = str(entry.get("runId") or "")
        _apply_event(call, entry)
    return json_response({"errors": []})


@ROUTES.add("POST", BASE + "/experiments/{experiment}/runs:query")
def list_runs(call: Call) -> Response:
    """List the runs of an experiment, newest first."""
    experiment = _experiment(call)
    runs = [r for r in call.app.store.all("run", call.scope) if r["experimentId"] == experiment["experimentId"]]
    return json_response({"value": runs[::-1], "continuationToken": None})


@ROUTES.add("GET", BASE + "/experiments/{experiment}/runs/{run}/artifacts")
def run_artifacts(call: Call) -> Response:
    """List the files of a run."""
    prefix = f"ExperimentRun/{_run(call)['dataContainerId']}"
    names = artifacts.under(call.app, call.scope, prefix)
    parts = [name.split("/", 2) for name in names]
    value = [{"artifactId": "/".join(p), "origin": p[0], "container": p[1], "path": p[2]} for p in parts]
    return json_response({"value": value, "continuationToken": None})


# -- metrics


@ROUTES.add("POST", METRICS + "/runs/{run}/batch")
def post_metrics(call: Call) -> Response:
    """Keep metric values of a run."""
    with call.app.store.transaction():
        for metric in call.document().get("values") or []:
            found = call.app.store.get("metric", call.scope, f"{call['run']}/{metric['name']}")
            if found is not None:
                metric["value"] = found["value"] + metric["value"]
            call.app.store.put("metric", call.scope, f"{call['run']}/{metric['name']}", metric)
    return json_response({"errors": []})


@ROUTES.add("POST", METRICS + "/runs/{run}/list")
def list_metrics(call: Call) -> Response:
    """List the metrics of a run."""
    prefix = f"{call['run']}/"
    names = [name for name in call.app.store.names("metric", call.scope) if name.startswith(prefix)]
    found = [call.app.store.get("metric", call.scope, name) for name in names]
    container = f"dcid.{call['run']}"
    value = [
        {
            "metricKey": {"dataContainerId": container, "name": metric["name"], "type": None, "runId": call["run"]},
            "columns": metric.get("columns"),
            "properties": metric.get("properties"),
        }
        for metric in found
        if metric is not None
    ]
    return json_response({"value": value, "continuationToken": None})


@ROUTES.add("POST", METRICS + "/runs/{run}/full")
def full_metric(call: Call) -> Response:
    """Return the values of one metric."""
    name = str(call.document().get("metricName") or "")
    metric = call.app.store.get("metric", call.scope, f"{call['run']}/{name}")
    if metric is None:
        raise ApiError(NOT_FOUND, "UserError", f"Run {call['run']} has no metric {name}.")
    return json_response(metric | {"dataContainerId": f"dcid.{call['run']}", "continuationToken": None})
