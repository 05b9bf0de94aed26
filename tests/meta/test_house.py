"""The house: imports run one way, files stay short, starting costs nearly nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "amlwidgets"
FILES = sorted(PACKAGE.rglob("*.py"))

MAY_IMPORT = {
    "core": set(),
    "arm": set(),
    "causes": {"core"},
    "capacity": {"core"},
    "vault": {"core", "arm"},
    "services": {"core", "arm", "causes", "capacity", "vault"},
    "widgets": {"core", "arm", "causes", "capacity", "vault", "services"},
    "sandbox": {"core", "arm"},
}
"""Room → rooms that it may import; ``errors`` and ``_version`` are open to all."""

SANDBOX_MAY_TAKE = {"amlwidgets.core.machines", "amlwidgets.core.stages", "amlwidgets.core.names"}
"""The sandbox is a program of its own: it takes enumerations and naming rules only."""


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "amlwidgets" and len(parts) > 1 and parts[1] in MAY_IMPORT else None


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_run_one_way(file):
    own = file.relative_to(PACKAGE).parts[0]
    if own not in MAY_IMPORT:
        return  # magics and CLI are the doors: they may call everyone
    for module in imports(file):
        other = room(module)
        if other in (None, own):
            continue
        assert other in MAY_IMPORT[own], f"{file.relative_to(PACKAGE)} imports {module}"
        if own == "sandbox" and other == "core":
            assert (
                any(module == m or module.startswith(f"{m}.") for m in SANDBOX_MAY_TAKE) or module == "amlwidgets.core"
            ), module


PURE = [f for f in FILES if f.relative_to(PACKAGE).parts[0] in ("core", "arm")]


@pytest.mark.parametrize("file", PURE, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_core_and_arm_stand_on_the_standard_library_alone(file):
    for module in imports(file):
        top = module.split(".")[0]
        assert top == "amlwidgets" or top in sys.stdlib_module_names, module


@pytest.mark.parametrize("file", [*FILES, *PACKAGE.rglob("*.js")], ids=lambda f: str(f.relative_to(PACKAGE)))
def test_files_stay_short(file):
    limit = 400 if file.suffix == ".py" else 300
    assert len(file.read_text().splitlines()) <= limit


HEAVY = [
    "azureml",
    "docker",
    "plotly",
    "numpy",
    "pandas",
    "nbformat",
    "jsonschema",
    "ipywidgets",
    "anywidget",
    "psutil",
    "cryptography",
    "requests",
]


def test_loading_the_extension_loads_nothing_heavy():
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell; ip = InteractiveShell.instance();"
        "before = set(sys.modules); ip.run_line_magic('load_ext', 'amlwidgets');"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        f"print(sorted(new & set({HEAVY!r}))); print(len(set(sys.modules) - before))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert out[-2] == "[]"
    assert int(out[-1]) < 25, "modules that the extension brings along"


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("from amlwidgets.capacity import replicas; replicas(20, 10)", set()),
        # Its numbers need numpy; charts, parallel sweeps, compiling and Azure load when they are asked for.
        (
            "from amlwidgets import ReplicaCalculator; ReplicaCalculator()",
            {"numpy", "ipywidgets", "anywidget", "psutil"},
        ),
    ],
)
def test_the_calculator_loads_what_it_uses(code, allowed):
    heavy = {*HEAVY, "joblib", "numba", "aiohttp", "scipy"}
    program = f"import sys; {code}; print(sorted({{m.split('.')[0] for m in sys.modules}} & {heavy!r}))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert set(ast.literal_eval(out.splitlines()[-1])) <= allowed


def test_nothing_of_one_machine_stands_in_the_project():
    root = PACKAGE.parent
    words = ["/" + "work/", "pypi" + ".org", "files.python" + "hosted"]
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=False).stdout.split()
    for name in listed:
        file = root / name
        if file.suffix in (".py", ".md", ".toml", ".sh", ".js", ".ipynb", "") and file.is_file():
            text = file.read_text(encoding="utf-8", errors="ignore")
            assert not [w for w in words if w in text], name


def test_no_two_test_files_have_the_same_name():
    """pytest imports them by name: the second of two would not be collected when all tests run."""
    tests = Path(__file__).resolve().parents[1]
    names = [path.name for path in tests.rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


NOTEBOOKS = sorted((PACKAGE.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_hold_no_outputs(path):
    """They would hide what a run says today, and change with every run."""
    import nbformat

    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count is not None]
    assert "widgets" not in book.metadata
