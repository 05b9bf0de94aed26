"""Failures of the real inference server with entry scripts of all kinds."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from provoke.base import BIN, free_port, listening, provokes, running, said, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = "def init():\n    pass\n\n\ndef run(data):\n    return 1\n"


def served(folder: Path, script: str, *, body: bytes | None = None, until: str = "", **env: str) -> str:
    """Serve a script; score once if there is a body; return the log (and the answer to the client)."""
    (folder / "score.py").write_text(script)
    port, log, answer = free_port(), folder / "server.log", ""
    command = (BIN / "azmlinfsrv", "--entry_script", "score.py", "--port", str(port))
    with running(*command, cwd=folder, log=log, **env) as server:

        def logged(what: str) -> Callable[[], bool]:
            return lambda: what in log.read_text("utf-8", "replace") or server.poll() is not None

        if body is None:
            wait_until(logged(until or "GET / 200"), 30)
        elif wait_until(lambda: _alive(port) or server.poll() is not None, 30):
            answer = score(port, body)
            wait_until(logged(until or "/score"), 30)
    return log.read_text("utf-8", "replace") + answer


def _alive(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def score(port: int, body: bytes) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/score", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return f"HTTP Error {error.code}: {error.read().decode()}"
    except OSError as error:
        return str(error)


def ends(folder: Path, script: str, **env: str) -> str:
    return served(folder, script, until="Worker exiting", **env)


@provokes("entry-script-missing", "azmlinfsrv --entry_script of a file that is not there")
def server_entry_script_missing(folder: Path) -> str:
    return said(BIN / "azmlinfsrv", "--entry_script", "nosuch.py", "--port", str(free_port()), cwd=folder)


@provokes("entry-script-invalid", "azmlinfsrv with a score.py whose def init() lacks its colon")
def server_syntax_error(folder: Path) -> str:
    return ends(folder, "def init()\n    pass\n")


@provokes("entry-script-invalid", "azmlinfsrv with a score.py without run()")
def server_no_run(folder: Path) -> str:
    return ends(folder, "def init():\n    pass\n")


@provokes("init-exception", "azmlinfsrv; init() divides by zero")
def server_init_raises(folder: Path) -> str:
    return ends(folder, "def init():\n    limit = 1 / 0\n\n\ndef run(data):\n    return 1\n")


@provokes("missing-python-module", "azmlinfsrv; score.py imports a module that is not installed")
def server_missing_module(folder: Path) -> str:
    return ends(folder, "import lightgbm_x\n\n\n" + GOOD)


@provokes("model-path-not-found", "azmlinfsrv; init() opens a model that is not in AZUREML_MODEL_DIR")
def server_model_missing(folder: Path) -> str:
    script = "import os\n\n\ndef init():\n    open(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model.pkl'), 'rb')\n\n\ndef run(data):\n    return 1\n"
    return ends(folder, script, AZUREML_MODEL_DIR=str(folder / "azureml-models"))


@provokes("port-in-use", "azmlinfsrv twice on one port")
def server_port_in_use(folder: Path) -> str:
    (folder / "score.py").write_text(GOOD)
    port = free_port()
    command = (BIN / "azmlinfsrv", "--entry_script", "score.py", "--port", str(port))
    with running(*command, cwd=folder, log=folder / "first.log"):
        wait_until(lambda: listening(port))
        return said(*command, cwd=folder)


@provokes("output-not-serializable", "azmlinfsrv; run() returns a set")
def server_returns_set(folder: Path) -> str:
    return served(folder, GOOD.replace("return 1", "return {1, 2}"), body=b"{}")


@provokes("run-exception", "azmlinfsrv; run() looks for a key that the body does not have")
def server_run_raises(folder: Path) -> str:
    script = "import json\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    rate = 1 / (json.loads(data)['n'] - 3)\n    return rate\n"
    return served(folder, script, body=b'{"n": 3}')


@provokes("input-json-invalid", "azmlinfsrv; run() reads a body with single quotes")
def server_bad_json(folder: Path) -> str:
    script = "import json\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return json.loads(data)['x']\n"
    return served(folder, script, body=b"{'x': 1}")


@provokes("input-schema-mismatch", "azmlinfsrv; a scikit-learn model of 2 features gets 3", needs=("python:sklearn",))
def server_features(folder: Path) -> str:
    script = (
        "import json\n\nfrom sklearn.linear_model import Ridge\n\n\ndef init():\n    global model\n"
        "    model = Ridge().fit([[1, 2], [3, 5]], [1, 2])\n\n\ndef run(data):\n"
        "    return model.predict(json.loads(data)['data']).tolist()\n"
    )
    return served(folder, script, body=b'{"data": [[1, 2, 3]]}', until="/score 500")


@provokes("output-double-serialized", "azmlinfsrv; run() returns json.dumps(...); the body as the client gets it")
def server_double_json(folder: Path) -> str:
    script = (
        "import json\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return json.dumps({'prediction': [1.5]})\n"
    )
    return served(folder, script, body=b"{}").splitlines()[-1] + "\n"


@provokes("scoring-timeout", "azmlinfsrv with SCORING_TIMEOUT_MS=500; run() sleeps for 3 s")
def server_scoring_timeout(folder: Path) -> str:
    script = "import time\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    time.sleep(3)\n    return 1\n"
    return served(folder, script, body=b"{}", until="/score 500", SCORING_TIMEOUT_MS="500")


@provokes("worker-timeout", "azmlinfsrv with WORKER_TIMEOUT=1; run() sleeps for 20 s")
def server_worker_timeout(folder: Path) -> str:
    script = "import time\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    time.sleep(20)\n    return 1\n"
    return served(folder, script, body=b"{}", until="WORKER TIMEOUT", WORKER_TIMEOUT="1")


@provokes("worker-out-of-memory", "azmlinfsrv; the worker gets signal 9 in run(), as from the kernel when memory ends")
def server_killed(folder: Path) -> str:
    script = (
        "import os, signal\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    return served(folder, script, body=b"{}", until="out of memory")


@provokes("model-custom-class-missing", "azmlinfsrv; init() unpickles an object of a class of another script")
def server_custom_class(folder: Path) -> str:
    said(
        sys.executable, "-c",
        "import pickle\nclass Scaler:\n    pass\npickle.dump(Scaler(), open('model.pkl', 'wb'))", cwd=folder,
    )  # fmt: skip
    return ends(
        folder,
        "import pickle\n\n\ndef init():\n    pickle.load(open('model.pkl', 'rb'))\n\n\ndef run(data):\n    return 1\n",
    )


@provokes("missing-inference-server", "sh -c 'exec gunicorn …' where gunicorn is not installed", mark="network")
def no_gunicorn(folder: Path) -> str:
    return said("sh", "-c", "exec gunicorn --bind 0.0.0.0:5001 entry:app", cwd=folder, PATH="/usr/bin:/bin")


@provokes("container-crash-unspecified", "azmlinfsrv; compiled code reads address 0 in init()")
def server_crashes(folder: Path) -> str:
    script = "import ctypes\n\n\ndef init():\n    ctypes.string_at(0)\n\n\ndef run(data):\n    return 1\n"
    return served(folder, script, until="sent SIG")
