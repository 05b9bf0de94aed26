import pytest

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.names import MODEL, SERVICE
from amlwidgets.core.spec import DeploymentSpec, inputs_of
from amlwidgets.core.stages import STAGES, Stage
from amlwidgets.errors import BadInput


def test_a_spec_survives_json_and_drops_fields_of_a_newer_version():
    spec = DeploymentSpec(folder="/x", model_name="m", memory_gb=2.5)
    assert DeploymentSpec.from_json(spec.to_json()) == spec
    assert DeploymentSpec.from_json('{"folder": "/x", "from_the_future": 1}').folder == "/x"


def test_values_of_a_form_are_converted_and_a_wrong_one_names_its_field():
    assert DeploymentSpec().changed(memory_gb="1.5").memory_gb == 1.5
    with pytest.raises(BadInput, match="“Memory, GB” needs a number, not “much”"):
        DeploymentSpec().changed(memory_gb="much")
    with pytest.raises(BadInput, match="no setting “colour”"):
        DeploymentSpec().changed(colour="red")


def test_every_setting_with_a_label_stands_in_exactly_one_form():
    spec = DeploymentSpec()
    names = [i["name"] for stage in STAGES for i in inputs_of(stage, spec)]
    assert len(names) == len(set(names))
    assert {"model_path", "conda_file", "entry_script", "service_name", "sample"} <= set(names)


def test_fields_that_do_not_apply_are_not_asked_for():
    aci = [i["name"] for i in inputs_of(Stage.SCHEDULE, DeploymentSpec())]
    local = [i["name"] for i in inputs_of(Stage.SCHEDULE, DeploymentSpec(target="Local"))]
    image = [i["name"] for i in inputs_of(Stage.IMAGE, DeploymentSpec(generation="Image.create"))]
    assert "image_name" in image
    assert "image_name" not in [i["name"] for i in inputs_of(Stage.IMAGE, DeploymentSpec())]
    assert "port" not in aci
    assert "port" in local


@pytest.mark.parametrize("name", ["abc", "a-1", "my-service", "a" * 32])
def test_service_names_that_azure_takes(name):
    assert SERVICE.matches(name)


@pytest.mark.parametrize("name", ["ab", "1ab", "ab-", "Abc", "a_b", "a" * 33, "", "abc\n"])
def test_service_names_that_azure_refuses(name):
    assert not SERVICE.matches(name)


def test_model_names():
    assert MODEL.matches("my_best.model-1")
    assert not MODEL.matches("_x")
    assert not MODEL.matches("a b")


def test_a_log_in_pieces_is_the_log_in_one_piece():
    text = "one\ntwo\r\nthree\n\nfive"
    whole, pieces = LogBuffer("a"), LogBuffer("b")
    whole.append(text)
    for letter in text.replace("\r\n", "\n"):
        pieces.append(letter)
    assert whole.window(0, 99) == pieces.window(0, 99) == ["one", "two", "three", "", "five"]
    assert whole.text() == text.replace("\r\n", "\n")


def test_windows_and_search():
    log = LogBuffer("log")
    log.append("".join(f"line {n}\n" for n in range(1000)))
    assert len(log) == 1000
    assert log.window(998, 10) == ["line 998", "line 999"]
    assert log.find("LINE 99") == [99, *range(990, 1000)]
    assert log.find("") == []
    log.clear()
    assert len(log) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cpu_cores", "nan"), ("cpu_cores", -1), ("memory_gb", 0), ("memory_gb", "inf"), ("model_version", -3), ("port", 0),
        ("target", "FOO"), ("generation", "x"), ("model_source", "zzz"), ("auth_enabled", "maybe"), ("folder", "/tmp"),
    ],
)  # fmt: skip
def test_values_out_of_their_limits_are_refused(name, value):
    with pytest.raises(BadInput):
        DeploymentSpec().changed(**{name: value})


def test_words_for_true_and_false():
    assert DeploymentSpec().changed(auth_enabled="true").auth_enabled is True
    assert DeploymentSpec().changed(auth_enabled="false").auth_enabled is False
