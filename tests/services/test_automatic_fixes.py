"""Every automatic fix of the catalogue: from the text of a failure to the change of a realistic folder."""

from pathlib import Path

import pytest

from amlwidgets.causes import catalogue
from amlwidgets.core.spec import DeploymentSpec
from amlwidgets.services import fixes
from amlwidgets.services.diagnose import diagnose

PIP = "  - pip:\n      - azureml-core\n      - {line}\n"
CONDA = "name: project\ndependencies:\n  - python=3.11\n"
SCRIPT = (
    "import os\n\nimport joblib\nfrom azureml.core.model import Model\n\n\ndef init():\n    global model\n"
    "    model = joblib.load(Model.get_model_path(model_name='my-best-model'))\n\n\ndef run(data):\n    return 1\n"
)
NOT_CACHED = (
    'Traceback (most recent call last):\n  File "/var/azureml-app/score.py", line 9, in init\n'
    "    model = joblib.load(Model.get_model_path(model_name='my-best-model'))\n"
    "azureml.exceptions._azureml_exception.ModelNotFoundException: ModelNotFoundException:\n"
    "\tMessage: Model my-best-model not found in cache at azureml-models or in current working directory /app.\n"
)
NO_MATCH = (
    "ERROR: Could not find a version that satisfies the requirement {0} (from versions: {1})\n"
    "ERROR: No matching distribution found for {0}\n"
)
CASES = {
    ("pip-package-not-found", 0): (NO_MATCH.format("scikit-lern==1.5", "none"), "scikit-lern==1.5", "+      - scikit-learn"),
    ("pip-package-not-found", 1): (NO_MATCH.format("idna==99.9", "3.4, 3.7, 3.10"), "idna==99.9", "+      - idna==3.10"),
    ("pip-package-not-found", 2): (
        ("Because there is no version of idna==99.9 and you require idna==99.9, we can conclude that your requirements "
        "are unsatisfiable.\n"),
        "idna==99.9",
        "+      - idna\n",
    ),
    ("requirement-syntax-invalid", 0): (
        "ERROR: Invalid requirement: 'idna=3.4' (from line 1 of r.txt)\nHint: = is not a valid operator. Did you mean == ?\n",
        "idna=3.4",
        "+      - idna==3.4",
    ),
    ("port-in-use", 0): (
        ("docker: Error response from daemon: driver failed programming external connectivity on endpoint svc: "
        "Bind for 0.0.0.0:6789 failed: port is already allocated\n"),
        "",
        "+Port",
    ),
    ("model-path-not-found", 0): (NOT_CACHED, "", "+    model = joblib.load(Model.get_model_path(model_name='diabetes'))"),
    ("missing-inference-server", 0): ("/bin/sh: 1: exec: gunicorn: not found\n", "", "+      - azureml-defaults"),
    ("missing-python-module", 0): (
        ('Traceback (most recent call last):\n  File "/var/azureml-app/score.py", line 3, in <module>\n'
        "    import joblib\nModuleNotFoundError: No module named 'joblib'\n"),
        "",
        "+      - joblib",
    ),
    ("worker-out-of-memory", 0): (
        "[2026-11-21 04:15:22 +0000] [12] [ERROR] Worker (pid:31) was sent SIGKILL! Perhaps out of memory?\n",
        "",
        "+Memory, GB = 1.0",
    ),
}  # fmt: skip


def automatic():
    return {(cause.slug, n) for cause in catalogue().causes for n, fix in enumerate(f for f in cause.fixes if f.apply)}


@pytest.fixture
def spec(tmp_path, request):
    (tmp_path / "score.py").write_text(SCRIPT)
    line = getattr(request, "param", "") or "pandas"
    (tmp_path / "env.yml").write_text(CONDA + PIP.format(line=line))
    return DeploymentSpec(folder=str(tmp_path), conda_file="env.yml", memory_gb=0.5)


def test_every_automatic_fix_has_a_case():
    assert automatic() == CASES.keys()


@pytest.mark.parametrize(
    ("case", "spec"), [(k, v[1]) for k, v in CASES.items()], indirect=["spec"], ids=map(str, CASES)
)
def test_fix_is_proposed_applied_and_undone(case, spec, tmp_path):
    slug, number = case
    text, _, expected = CASES[case]
    top = diagnose(text, context={"models": "diabetes:1"}).top
    assert top.cause == slug
    proposals = [p for fix in top.fixes if (p := fixes.propose(fix, spec))]
    assert any(expected in p.diff(spec) for p in proposals), [p.diff(spec) for p in proposals]
    (proposal,) = [p for p in proposals if expected in p.diff(spec)]
    wanted = [f for c in catalogue().causes if c.slug == slug for f in c.fixes if f.apply][number]
    assert proposal.title.split(" ")[0] == wanted.title.split(" ")[0]
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    changed, applied = fixes.apply(proposal, spec, Path(tmp_path, "backups"))
    assert changed != spec or {p: p.read_bytes() for p in before} != before
    assert fixes.undo(applied, changed, tmp_path / "backups") == spec
    assert {p: p.read_bytes() for p in before} == before
