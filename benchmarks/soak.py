"""Hours in minutes: a live log, polls of every kind without growth of the daemon, kills at random points (`make soak`).

``python -m benchmarks.soak [--live SECONDS] [--hours N] [--polls N] [--kills N] [--seed N] [--runtime docker]``.
Ends with 1 when something grew or went wrong.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

if TYPE_CHECKING:
    from collections.abc import Callable

LIVE, POLLS, KILLS, SEED = 60, 20_000, 100, 4
CLIENTS = 8
LOOKS = 5
MORE_MB, MORE_FILES, MORE_THREADS = 16.0, 3, 3
"""What may be more at the end than after the warm-up: memory of the daemon (MB), open files or files, threads."""

_DEPLOY = """
from azureml.core import Environment, Model
from azureml.core.compute import AksCompute
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice, AksWebservice
env = Environment.from_conda_specification("serving", "myenv.yml")
inference = InferenceConfig(entry_script="score.py", environment=env)
model = Model.register(ws, model_path="m.txt", model_name="kept")
small = {"cpu_cores": 0.5, "memory_gb": 0.5, "auth_enabled": False}
one = Model.deploy(ws, "one", [model], inference, AciWebservice.deploy_configuration(**small))
config = AksWebservice.deploy_configuration(num_replicas=1, **small)
two = Model.deploy(ws, "two", [model], inference, config, AksCompute(ws, "sandbox-aks"))
for service in (one, two):
    service.wait_for_deployment()
mms = one._mms_endpoint.rpartition("/services/")[0]
link = next(iter(model.get_sas_urls().values()))
result([mms, one._operation_endpoint, one.scoring_uri, two.scoring_uri, link])
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What the daemon holds at one moment."""

    polls: int
    megabytes: float
    descriptors: int
    threads: int
    files: int
    log_kilobytes: float


def main() -> int:
    """Run all parts and print their tables."""
    from benchmarks import live_log, soak_follow

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=LIVE, help="seconds of the live log")
    parser.add_argument("--hours", type=float, default=soak_follow.HOURS, help="simulated, of following a deployment")
    parser.add_argument("--polls", type=int, default=POLLS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--runtime", choices=("process", "docker"), default="process", help="of the kills")
    options = parser.parse_args()
    problems = live_log.main(options.live) if options.live else []
    with tempfile.TemporaryDirectory() as name:
        if options.hours:
            problems += soak_follow.follow(Path(name) / "follow", options.hours)
        if options.polls:
            problems += polling(Path(name) / "polls", options.polls)
        if options.kills:
            problems += kills(Path(name) / "kills", options.kills, options.seed, options.runtime)
    print("\n".join(problems) or "soak: nothing grew, nothing was lost, nothing remained")
    return int(bool(problems))


# -- polling


def polling(folder: Path, polls: int) -> list[str]:
    """Poll a sandbox with two services; returns what has grown."""
    import sandbox_support as support

    folder.mkdir()
    (folder / "myenv.yml").write_text(support.CONDA)
    (folder / "score.py").write_text(support.GOOD_SCORE)
    (folder / "m.txt").write_text("forty-two")
    sandbox = support.start_sandbox(folder / "home")
    try:
        kinds = kinds_of_polls(sandbox, support.run_client(_DEPLOY, folder, sandbox))
        begin, looks = time.monotonic(), []
        _many(kinds, polls // 10)  # warm-up: caches fill, threads of the pool start
        for step in range(LOOKS):
            looks.append(look(sandbox, step * polls // (LOOKS - 1)))
            if step < LOOKS - 1:
                _many(kinds, polls // (LOOKS - 1))
        print(f"soak: {polls} polls of {len(kinds)} kinds by {CLIENTS} clients in {time.monotonic() - begin:.0f} s")
        return table(looks)
    finally:
        sandbox.stop()


def _many(kinds: dict[str, Callable[[], None]], polls: int) -> None:
    calls = list(kinds.items())

    def one(number: int) -> None:
        name, call = calls[number % len(calls)]
        try:
            call()
        except Exception as exc:
            raise RuntimeError(f"poll {number} ({name}) failed: {exc}") from exc

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(polls)))


def kinds_of_polls(sandbox: Any, addresses: list[str]) -> dict[str, Callable[[], None]]:
    """Return calls that raise unless they are answered as they should be."""
    import sandbox_support as support

    from amlwidgets.sandbox import tokens

    mms, operation, aci, aks, link = addresses
    token = tokens.issue(sandbox.identity, "https://management.azure.com")

    def get(url: str, status: int = 200, words: bytes = b"") -> None:
        found, _, body = support.ask(sandbox, "GET", url, token=token)
        assert found == status, (found, body[:200])
        assert words in body, body[:200]

    def score(uri: str) -> None:
        answer = _score(sandbox, uri, support.proxy_headers(sandbox))
        assert answer["echo"] == {"x": 1}, answer

    def abandoned() -> None:
        with socket.create_connection(("127.0.0.1", sandbox.identity.port), 30) as connection:
            connection.sendall(b"POST /sandbox/status HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")

    return {
        "operation": lambda: get(operation, 200, b'"Succeeded"'),
        "live operation": lambda: get(f"{operation}?offset=0", 200, b"streamingOperationLog"),
        "services": lambda: get(f"{mms}/services", 200, b'"one"'),
        "service": lambda: get(f"{mms}/services/two", 200, b'"Healthy"'),
        "logs": lambda: get(f"{mms}/services/one/logs?tail=100", 200, b"azmlinfsrv"),
        "models": lambda: get(f"{mms}/models?count=255", 200, b'"kept"'),
        "unknown service": lambda: get(f"{mms}/services/none", 404),
        "unknown route": lambda: get("https://management.azure.com/nothing", 501),
        "status": lambda: None if sandbox.status()["services"] else _fail("no services"),
        "replicas": lambda: None if sandbox.replicas("two") else _fail("no replicas"),
        "score on ACI": lambda: score(aci),
        "score on AKS": lambda: score(aks),
        "blob": lambda: get(link, 200, b"forty-two"),
        "abandoned": abandoned,
    }


def _fail(words: str) -> None:
    raise AssertionError(words)


def _score(sandbox: Any, uri: str, credentials: dict[str, str]) -> Any:
    for _ in range(100):  # one replica with eight clients may say that it is busy
        connection = http.client.HTTPConnection("127.0.0.1", sandbox.identity.port, timeout=60)
        try:
            connection.request("POST", uri, b'{"x": 1}', {"Content-Type": "application/json", **credentials})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 503:
            break
    assert answer.status == 200, (answer.status, body[:200])
    return json.loads(body)


def look(sandbox: Any, polls: int) -> Look:
    """Return what the daemon holds once no client is connected any more."""
    import psutil
    import sandbox_support as support

    daemon = psutil.Process(sandbox.pid)

    def connected() -> bool:
        return any(
            one.status == psutil.CONN_ESTABLISHED and one.laddr.port == sandbox.identity.port
            for one in daemon.net_connections("tcp")
        )

    support.until(lambda: not connected(), 60, "the end of every connection")
    log = (sandbox.home / "daemon.log").stat().st_size
    files = sum(1 for _ in sandbox.home.rglob("*"))
    megabytes = daemon.memory_info().rss / 1e6
    return Look(polls, megabytes, daemon.num_fds(), daemon.num_threads(), files, log / 1000)


def table(looks: list[Look]) -> list[str]:
    """Print the looks and return what has grown."""
    print("    polls   memory MB  open files  threads  files  log kB")
    for one in looks:
        print("{:9d} {:11.1f} {:11d} {:8d} {:6d} {:7.1f}".format(*astuple(one)))
    first, last = looks[0], looks[-1]
    grown = []
    for name, more in (("megabytes", MORE_MB), ("descriptors", MORE_FILES), ("threads", MORE_THREADS), ("files", 3)):
        if getattr(last, name) > getattr(first, name) + more:
            grown.append(f"soak: {name} grew from {getattr(first, name):g} to {getattr(last, name):g}")
    return grown


# -- kills


def kills(folder: Path, number: int, seed: int, runtime: str) -> list[str]:
    """Kill a sandbox at random points; returns what remained of it."""
    from kills import Rounds

    rounds, begin = Rounds(folder, seed, runtime), time.monotonic()
    try:
        rounds.prepare()
        for done in range(number):
            rounds.round(done)
            if (done + 1) % 10 == 0:
                print(f"soak: {done + 1} kills, {dict(rounds.outcomes)}", flush=True)
    finally:
        left = rounds.finish()
    print(f"soak: {number} kills in {time.monotonic() - begin:.0f} s; operations afterwards: {dict(rounds.outcomes)}")
    return [f"soak: remains {line}" for line in left]


if __name__ == "__main__":
    sys.exit(main())
