"""Settings as code, YAML and calls: what azureml-core itself says of them, and the traps it has."""

from __future__ import annotations

import pytest
from azureml.core.webservice import AksWebservice
from azureml.exceptions import WebserviceException
from ruamel.yaml import YAML

from amlwidgets.capacity import Settings
from amlwidgets.errors import BadInput
from amlwidgets.services import scaling

SETTINGS = Settings(min_replicas=7, max_replicas=13, target=60.0, cores=0.5)


def accepts(**values):
    AksWebservice.deploy_configuration(**values).validate_configuration()


def test_the_code_shown_is_what_the_sdk_takes():
    accepts(**scaling.deploy_values(SETTINGS))
    spoken = {}
    exec(scaling.v1_code(SETTINGS), spoken)  # noqa: S102 - the product's own code
    config = spoken["config"]
    assert (config.autoscale_min_replicas, config.autoscale_max_replicas, config.autoscale_target_utilization) == (
        7,
        13,
        60,
    )
    assert (config.cpu_cores, config.scoring_timeout_ms, config.max_request_wait_time) == (0.5, 60_000, 500)
    update = scaling.v1_code(SETTINGS, "diabetes-ridge")
    assert 'AksWebservice(ws, "diabetes-ridge")' in update
    assert "service.update(" in update
    assert "cpu_cores" not in update
    assert "import os" not in scaling.v1_code(SETTINGS, '"); import os; ("'), (
        "a name that is none stays out of the code"
    )


def test_the_yaml_is_yaml_with_the_documented_keys():
    found = YAML(typ="safe").load(scaling.v2_yaml(SETTINGS))
    assert found["scale_settings"] == {
        "type": "target_utilization", "min_instances": 7, "max_instances": 13, "target_utilization_percentage": 60,
        "polling_interval": 1,
    }  # fmt: skip
    assert found["request_settings"]["max_queue_wait_ms"] == 500
    managed = scaling.managed_yaml(SETTINGS).partition("\n\n")[0]
    found = YAML(typ="safe").load(managed)
    assert found["instance_count"] == 7
    assert found["request_settings"]["request_timeout_ms"] == 60_000


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"autoscale_min_replicas": 2}, "needs autoscale_enabled=True"),
        ({"autoscale_enabled": True, "num_replicas": 2}, "exclude each other"),
        ({"autoscale_enabled": False}, "needs num_replicas"),
        ({"autoscale_enabled": True, "autoscale_min_replicas": 9, "autoscale_max_replicas": 4}, "is 4: raise"),
    ],
)
def test_what_the_sdk_refuses_is_said_before(values, words):
    assert any(words in said for said in scaling.traps(values))
    with pytest.raises(WebserviceException):
        accepts(**values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"autoscale_enabled": True, "autoscale_min_replicas": 20}, "stays at its default of 10"),
        ({"autoscale_enabled": True, "autoscale_target_utilization": 130}, "say 1 to 100"),
    ],
)
def test_what_the_sdk_takes_and_means_otherwise(values, words):
    accepts(**values)
    assert any(words in said for said in scaling.traps(values))


def test_nodes_that_cannot_hold_the_maximum():
    nodes = [(3.5, 10.0)] * 3
    assert scaling.most_pods(nodes, 0.5, 1.0) == 15
    said = scaling.traps(scaling.deploy_values(Settings(max_replicas=20, cores=0.5, memory_gb=1.0)), nodes)
    words = "The cluster's nodes hold 15 replicas of this size: of 20, the other 5 would stay pending."
    assert said == [f"{words} Add nodes, or ask for less."]
    assert scaling.traps(scaling.deploy_values(SETTINGS)) == []


def test_what_has_no_replicas_is_refused():
    with pytest.raises(BadInput, match="A str has no replicas"):
        scaling.settings_of("x")
