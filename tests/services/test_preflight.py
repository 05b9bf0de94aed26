import socket

import pytest

from amlwidgets.cli import main
from amlwidgets.core.checks import CheckState
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.services import preflight as p
from amlwidgets.services.host import check_azure_cli, check_docker

GOOD = "def init():\n    pass\n\n\ndef run(data):\n    return 1\n"


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "score.py").write_text(GOOD)
    (tmp_path / "env.yml").write_text("dependencies:\n  - pip:\n      - azureml-defaults>=1.0.45\n")
    (tmp_path / "m.pkl").write_bytes(b"x" * 2500)
    return DeploymentSpec(str(tmp_path), model_path="m.pkl", model_name="m", conda_file="env.yml", service_name="svc")


def test_a_good_folder_passes_every_check(spec):
    checks = list(p.preflight(spec, sandbox=True))
    assert {c.state for c in checks} <= {CheckState.OK, CheckState.SKIP}
    assert all(c.looked_at for c in checks if c.state == CheckState.OK)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("def init(:\n", "Line 1 does not parse"),
        ("def run(data): pass\n", "There is no init()."),
        ("def init(): pass\n", "There is no run()."),
        ("def init(): pass\ndef run(): pass\n", "run() must take the input data."),
        ("def init(): pass\ndef run(*args): pass\n", "cannot take *args"),
        ("def init(x): pass\ndef run(data): pass\n", "init() must not need an argument."),
    ],
)
def test_a_script_that_cannot_serve(spec, tmp_path, script, words):
    (tmp_path / "score.py").write_text(script)
    check = p.check_entry_script(spec)
    assert check.state == CheckState.FAIL
    assert words in check.detail


@pytest.mark.parametrize(
    "script",
    [
        "from impl import init, run\n",
        "import impl\ninit = impl.init\nrun = impl.run\n",
        "def init(): pass\n@input_schema('data')\ndef run(data, flag=1): pass\n",
        "try:\n    from a import init, run\nexcept ImportError:\n    from b import init, run\n",
    ],
)
def test_a_script_that_binds_its_functions_otherwise_is_not_refused(spec, tmp_path, script):
    (tmp_path / "score.py").write_text(script)
    assert p.check_entry_script(spec).state == CheckState.OK


def test_a_missing_script_names_the_files_that_are_there(spec, tmp_path):
    (tmp_path / "score.py").rename(tmp_path / "scoring.py")
    check = p.check_entry_script(spec)
    assert check.detail == "There is no file score.py."
    assert "scoring.py" in check.todo


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"dependencies: [\n", "not YAML"),
        (b"name: x\n", "no list called dependencies"),
        (b"dependencies:\n  - python=3.11\n", "azureml-defaults is not under pip"),
        (b"dependencies:\n  - pip:\n    - azureml-defaults==1.0.2\n", "too old"),
        (b"dependencies:\n  - pip:\n    - azureml-defaults<1.0.45\n", "too old"),
        ("name: é\n".encode("latin-1"), "cannot be read"),
    ],
)
def test_a_conda_file_that_cannot_serve(spec, tmp_path, content, words):
    (tmp_path / "env.yml").write_bytes(content)
    check = p.check_environment(spec)
    assert check.state == CheckState.FAIL
    assert words in check.detail


@pytest.mark.parametrize("pin", ["azureml-defaults", "azureml_defaults==1.45.*", "azureml-defaults<2,>=1.40"])
def test_a_conda_file_that_serves(spec, tmp_path, pin):
    (tmp_path / "env.yml").write_text(f"dependencies:\n  - pip:\n    - {pin}\n")
    assert p.check_environment(spec).state == CheckState.OK


def test_model_paths(spec, tmp_path):
    assert p.check_model(spec).detail == "2.5 KB to upload."
    assert "no file or folder absent.pkl" in p.check_model(spec.changed(model_path="absent.pkl")).detail
    (tmp_path.parent / "outside.pkl").write_text("x")
    assert "outside the working folder" in p.check_model(spec.changed(model_path="../outside.pkl")).detail
    (tmp_path / "empty").mkdir()
    assert "empty" in p.check_model(spec.changed(model_path="empty")).detail


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"image_name": "Big"}, "It cannot be an image name"),
        ({"conda_file": "", "environment_name": "AzureML-x"}, "takes a conda file, no environment"),
        ({"source_directory": "src"}, "from the working folder only"),
        ({"entry_script": "src/score.py"}, "from the working folder only"),
    ],
)
def test_what_image_create_cannot_take(spec, settings, words):
    older = spec.changed(generation="Image.create")
    assert p.check_image(older).state == CheckState.OK
    check = p.check_image(older.changed(**settings))
    assert (check.state, words in check.detail) == (CheckState.FAIL, True), check
    assert "image" in [c.id for c in p.preflight(older, sandbox=True)]
    assert "image" not in [c.id for c in p.preflight(spec, sandbox=True)]


def test_names_say_the_rule(spec):
    check = p.check_names(spec.changed(service_name="My_Service"))
    assert check.state == CheckState.FAIL
    assert "“My_Service” cannot be a service name. The rule: 3 to 32 characters" in check.detail


def test_a_taken_port(spec):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        check = p.check_port(spec.changed(target="Local", port=port))
        assert check.state == CheckState.FAIL
        assert f"Port {port} is taken" in check.detail
    assert p.check_port(spec.changed(target="Local", port=port)).state == CheckState.OK


def test_the_azure_cli_and_its_extensions(tmp_path, monkeypatch):
    assert check_azure_cli(needed=False).state == CheckState.SKIP
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AZURE_EXTENSION_DIR", str(tmp_path / "ext"))
    assert "not installed" in check_azure_cli(needed=True).detail
    (tmp_path / "az").write_text("#!/bin/sh\n")
    (tmp_path / "az").chmod(0o755)
    assert "no machine learning extension" in check_azure_cli(needed=True).detail
    for name in ("ml", "azure-cli-ml"):
        folder = tmp_path / "ext" / name / f"{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    both = check_azure_cli(needed=True)
    assert both.state == CheckState.FAIL
    assert "conflict" in both.detail


def test_an_engine_that_does_not_answer(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    check = check_docker(needed=True)
    assert check.state == CheckState.FAIL
    assert "no.sock, which does not exist" in check.todo


@pytest.mark.docker
def test_the_engine_runs_a_container_made_from_nothing():
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env().ping()
    except DockerException as error:
        pytest.skip(f"no Docker engine: {error}")
    check = check_docker(needed=True)
    assert check.state == CheckState.OK, check
    assert "ran a tiny container" in check.detail


def test_a_folder_without_anything_gets_one_sentence(tmp_path, capsys):
    assert main(["preflight", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "has nothing to deploy: no entry script, no conda file, no model." in said.err
    assert len(said.err.strip().splitlines()) == 1
