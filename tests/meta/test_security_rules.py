"""What no file of ours does: switch TLS checks off, unpickle, run text as code, listen to the network, write HTML from data."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "amlwidgets"
FILES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(PACKAGE.rglob("*.js"))

UNPICKLE = {"pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "dill.load", "dill.loads", "cloudpickle.load",
            "cloudpickle.loads", "marshal.loads", "shelve.open", "numpy.load", "pandas.read_pickle"}  # fmt: skip
CODE = {"eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput", "tempfile.mktemp", "__import__"}
MAY = {
    # The container's own code runs in the container: user code is what is looked at.
    "services/local/probe_script.py": {"exec", "compile"},
    # Whether a file of the user can be read as Python; nothing of it runs.
    "services/execute.py": {"compile"},
}
MAY_LISTEN = {"services/local/debugger.py": "inside the container; the engine publishes it on 127.0.0.1"}


def called(node):
    """Return the dotted name of what a call calls."""
    parts, at = [], node.func
    while isinstance(at, ast.Attribute):
        parts.append(at.attr)
        at = at.value
    return ".".join(reversed([*parts, at.id])) if isinstance(at, ast.Name) else ""


def problems(text, may=frozenset()):
    """Return what a source text does that it must not."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            found += of_call(node, text, may)
        elif isinstance(node, ast.Attribute) and node.attr in ("CERT_NONE", "CERT_OPTIONAL", "disable_warnings"):
            found.append(f"line {node.lineno}: {node.attr}")
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and not node.value.value:
            names = {t.attr for t in node.targets if isinstance(t, ast.Attribute)}
            if names & {"check_hostname", "verify"}:
                found.append(f"line {node.lineno}: TLS is not checked")
    return found


def of_call(node, text, may):
    name, given = called(node), {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    unchecked = any(given.get(key) is False for key in ("verify", "ssl", "verify_ssl", "check_hostname"))
    rules = {
        "TLS is not checked": unchecked or name.endswith("_create_unverified_context"),
        name: name in UNPICKLE | CODE and name not in may,
        "a shell": given.get("shell") is True,
        "an archive may write anywhere": name.endswith(".extractall")
        and "filter" not in {k.arg for k in node.keywords},
        "YAML that makes objects": name.startswith("yaml.") and name != "yaml.safe_load" and "YAML(" not in text,
    }
    return [f"line {node.lineno}: {words}" for words, hit in rules.items() if hit]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_source(file):
    name = file.relative_to(PACKAGE).as_posix()
    text = file.read_text()
    assert problems(text, MAY.get(name, frozenset())) == []
    listens = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant) and n.value == "0.0.0.0"]  # noqa: S104
    assert not listens or name in MAY_LISTEN
    assert not re.search(
        r"PYTHONHTTPSVERIFY|(REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)['\"]?\]? ?= ?['\"]{2}|--trusted-host", text
    )


@pytest.mark.parametrize(
    "text",
    [
        "requests.get(a, verify=False)", "context.verify_mode = ssl.CERT_NONE", "context.check_hostname = False", "session.verify = False",
        "ssl._create_unverified_context()", "pickle.loads(label)", "joblib.load(path)", "eval(text)", "subprocess.run(a, shell=True)",
        "tar.extractall(here)", "urllib3.disable_warnings()", "client.post(a, ssl=False)", "yaml.load(text)",
    ],
)  # fmt: skip
def test_the_rule_sees_it(text):
    assert problems(text)


def test_the_scripts_of_widgets_write_text_only():
    bad = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment"
        r"|XMLHttpRequest|EventSource|sendBeacon|importScripts|javascript:|localStorage|sessionStorage"
    )
    for script in SCRIPTS:
        text = re.sub(r"^\s*(//|\*|/\*).*$", "", script.read_text(), flags=re.MULTILINE)
        assert not bad.search(text), (script.name, bad.search(text))
    parsing = {s.name for s in SCRIPTS if "DOMParser" in s.read_text()}
    assert parsing == {"chart_host.js"}, "only the saved picture of a chart, of which only drawn elements are kept"
    fetching = {s.name for s in SCRIPTS if re.search(r"await fetch\(", s.read_text())}
    fetching |= {s.name for s in SCRIPTS if "WebSocket" in s.read_text()}
    assert fetching <= {"container_shell.js"}, "only the terminal asks, and only its own Jupyter server"


def test_every_test_that_the_threat_model_names_is_there():
    page = (ROOT / "docs" / "threat_model.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 25
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert not test or re.search(rf"def {test}\(", (ROOT / file).read_text()), (file, test)
