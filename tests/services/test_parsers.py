"""Every parser takes any text: it gives what it promises or raises the error that it documents, nothing else.

``AMLWIDGETS_FUZZ=5000`` tries that many examples of each.
"""

import contextlib
import importlib
import json
import os
import pathlib
import sqlite3
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amlwidgets.arm import expressions, reader
from amlwidgets.capacity import scenario, traffic
from amlwidgets.capacity import settings as capacity_settings
from amlwidgets.causes import catalogue
from amlwidgets.causes.document import Document
from amlwidgets.causes.facts import frames, http
from amlwidgets.core import ansi
from amlwidgets.core.redact import mask
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.sandbox.build import conda
from amlwidgets.sandbox.image_definition import docker_variables
from amlwidgets.services import azureml, preflight, runbook_run
from amlwidgets.services.journal import Journal
from amlwidgets.services.local import catching, compare, request

fuzz = settings(
    max_examples=int(os.environ.get("AMLWIDGETS_FUZZ", "60")), deadline=None, suppress_health_check=list(HealthCheck)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
LINES = st.sampled_from([
    "dependencies:", "  - python=3.11", "  - pip:", "      - azureml-defaults>=1.0.45", "      - azureml-defaults==", "- a: &x [*x]", "name: !!python/object:os.system x",
    "dependencies: 5", "  - pip: 5", "- [", "? ", "\t", "---", "...", "%YAML 9", "2020-13-45", "1_0:99", "dependencies: [{pip: {a: 1}}]", "<<: 3", "'", "      - 7", "  - null", "  - {pip: [null]}",
])  # fmt: skip
YAML = st.lists(LINES | st.text(max_size=10), max_size=8).map("\n".join)
PYTHON = st.lists(
    st.sampled_from(["def init():", "    pass", "def run(data):", "async def run(", "    return 1", "class A:", "import x", "\x00", "\\", "'''", "run = 5", "def run(*, a): ...", "\tpass", "lambda:"])
    | st.text(max_size=8),
    max_size=8,
).map("\n".join)  # fmt: skip
SIGNS = st.sampled_from(
    [
        *catalogue().literals[::3],
        "\n",
        '"',
        "\\",
        "{",
        "}",
        'File "a.py", line 1',
        "Traceback (most recent call last):",
        "HTTP/1.1 503",
        "\x1b[31m",
    ]
)
LOG = st.lists(SIGNS | st.text(max_size=10), max_size=30).map("".join)


@pytest.mark.parametrize("name", ["bodies", "builds", "http", "json_errors", "scheduling", "tracebacks", "workers"])
def test_facts(name):
    parse = importlib.import_module(f"amlwidgets.causes.facts.{name}").parse

    @fuzz
    @given(LOG)
    def check(text):
        doc = Document.scan(text, catalogue().plan)
        assert len(parse(doc)) <= len(text) + 1

    check()


@fuzz
@given(LOG)
def test_frames_status_and_ansi(text):
    assert frames.parse_frame(text, 3) is None or frames.parse_frame(text, 3).name is not None
    assert http.status_of(text) is None or http.status_of(text).isdigit()
    assert ansi.plain(ansi.plain(text)) == ansi.plain(text)
    assert mask(mask(text)) == mask(text)


@fuzz
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["[", "]", "concat(", ")", "'", ",", "parameters('a')", "[[", "1", ".", "x"]), max_size=14
    ).map("".join)
)
def test_expressions_of_templates(text):
    with contextlib.suppress(reader.TemplateError):
        expressions.parse(text)


@fuzz
@given(JSON.map(json.dumps) | st.text(max_size=40))
def test_templates(text):
    try:
        document = reader.read(text)
    except reader.TemplateError:
        return
    assert document is not None


def _at(text, name):
    folder = tempfile.mkdtemp(prefix="parsers-")
    (pathlib.Path(folder) / name).write_text(text, "utf-8", errors="surrogatepass") if name else None
    return folder


@fuzz
@given(YAML)
def test_conda_files(text):
    spec = DeploymentSpec(folder=_at(text.encode("utf-8", "replace").decode(), "env.yml"), conda_file="env.yml")
    check = preflight.check_environment(spec)
    assert check.detail
    try:
        wanted = compare.requirements_of(text)
    except ValueError:
        return
    assert all(isinstance(one, str) for one in wanted)


@fuzz
@given(PYTHON)
def test_entry_scripts(text):
    folder = _at(text.encode("utf-8", "replace").decode(), "score.py")
    assert preflight.check_entry_script(DeploymentSpec(folder=folder)).detail
    try:
        with_it = catching.put_in(text)
    except BadInput:
        return
    assert catching.is_in(with_it)
    catching.take_out(with_it)


@fuzz
@given(st.text(max_size=30))
def test_samples_names_and_requirements_of_conda(text):
    assert preflight.check_sample(DeploymentSpec(sample=text)).detail
    assert preflight.check_names(DeploymentSpec(service_name=text, model_name=text)).state
    with contextlib.suppress(conda.CondaSpecError):
        assert conda.parse(text).name
    assert isinstance(docker_variables(text), dict)


@fuzz
@given(st.dictionaries(st.sampled_from([*DeploymentSpec.__dataclass_fields__, "absent"]), JSON, max_size=4))
def test_settings_of_deployments(values):
    try:
        changed = DeploymentSpec().changed(**values)
    except BadInput:
        return
    assert DeploymentSpec.from_json(changed.to_json()) == changed


@fuzz
@given(JSON)
def test_scenarios_and_the_calculators_settings(value):
    with contextlib.suppress(BadInput):
        scenario.from_dict(value)
    if isinstance(value, dict):
        with contextlib.suppress(BadInput):
            capacity_settings.settings_from(value)


@fuzz
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "arrivals",
                "service_seconds",
                "autoscaler",
                "replicas",
                "per_container",
                "max_wait_seconds",
                "timeout_seconds",
            ]
        ),
        JSON | st.lists(st.floats(), max_size=3),
    )
)
def test_scenarios_with_the_right_names(value):
    with contextlib.suppress(BadInput):
        scenario.check(scenario.from_dict(value))


@fuzz
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["2026-11-21T10:00:00Z", "1,2", "\n", '"POST /score" 200', "time", "nan", "-1", "1e400"]),
        max_size=8,
    ).map("".join)
)
def test_traffic(text):
    with contextlib.suppress(BadInput):
        traffic.parse_trace(text)


@fuzz
@given(JSON | st.dictionaries(st.sampled_from(["definitions"]), st.dictionaries(st.sampled_from(["ServiceInput", "A"]),
    st.fixed_dictionaries({}, optional={"$ref": st.sampled_from(["#/definitions/A", "#/definitions/ServiceInput", 5]), "type": st.sampled_from(["object", "array", 3]), "properties": JSON, "items": JSON, "example": JSON}))))  # fmt: skip
def test_swagger(document):
    if isinstance(document, dict):
        made = request.sample_of(document)
        assert made == "" or json.loads(made) is not ...


def test_a_swagger_document_that_multiplies_is_bounded():
    many = {"type": "object", "properties": {f"p{n}": {"$ref": "#/definitions/ServiceInput"} for n in range(50)}}
    assert len(request.sample_of({"definitions": {"ServiceInput": many}})) < 100_000


@fuzz
@given(st.text(max_size=60))
def test_news_of_operations(text):
    assert all(len(entry) == 2 for entry in azureml._entries(text))


@fuzz
@given(JSON.map(json.dumps) | st.text(max_size=40))
def test_runbooks(text):
    path = pathlib.Path(_at("", "")) / "x.ipynb"
    path.write_bytes(text.encode("utf-8", "replace"))
    with pytest.raises(BadInput):
        runbook_run.load(path)


@fuzz
@given(st.sampled_from(["spec", "workspace", "state"]), JSON.map(json.dumps) | st.text(max_size=20))
def test_a_spoiled_journal(column, text):
    path = pathlib.Path(_at("", "")) / "journal.db"
    journal = Journal(path)
    run = journal.create(DeploymentSpec(folder="/x"), {})
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE runs SET {column}=?", (text.encode("utf-8", "replace").decode(),))  # noqa: S608
    try:
        saved = journal.load(run)
        assert saved.id == run
    except ServiceFailed as error:
        assert error.code == "run-unreadable"
    assert journal.latest_unfinished("/x") is None
    journal.close()
