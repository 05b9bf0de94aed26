"""What the router adds to a request, beside the same replica asked directly: in turn, in one run."""

from __future__ import annotations

import http.client
import sys
import tempfile
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.sandbox import timed

REQUESTS, WARM = 1000, 100
MEAN_BUDGET, P99_BUDGET = 3.0, 15.0
"""Milliseconds that the router may add to the mean and to the 99th percentile."""

_BODY = b'{"data": [1, 2, 3]}'
_SCRIPT = "def init(): pass\ndef run(data): return data\n"
_DEPLOY = """
from azureml.core import Environment, Model
from azureml.core.compute import AksCompute
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AksWebservice
env = Environment.from_conda_specification("serving", "myenv.yml")
config = AksWebservice.deploy_configuration(cpu_cores=1, memory_gb=0.5, num_replicas=1, auth_enabled=False)
inference = InferenceConfig(entry_script="score.py", environment=env)
service = Model.deploy(ws, "routed", [], inference, config, AksCompute(ws, "sandbox-aks"))
service.wait_for_deployment()
result(service.scoring_uri)
"""


def main() -> None:
    """Print milliseconds of a request to the replica, through the router, and through the proxy and the router."""
    import sandbox_support as support

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "myenv.yml").write_text(support.CONDA)
        (folder / "score.py").write_text(_SCRIPT)
        sandbox = support.start_sandbox(folder / "home")
        try:
            measure(sandbox, support.run_client(_DEPLOY, folder, sandbox), support.proxy_headers(sandbox))
        finally:
            sandbox.stop()


def measure(sandbox: Any, uri: str, credentials: dict[str, str]) -> None:
    """Ask the three in turn, so that a slow moment of the machine hits all of them."""
    router, replica = ports(sandbox)
    address, path = uri.removeprefix("http://").split("/", 1)
    ways = {
        "replica": lambda: ask(replica, "/score", {}),
        "router": lambda: ask(router, f"/{path}", {"Host": address}),
        "proxy and router": lambda: ask(sandbox.identity.port, uri, {"Host": address, **credentials}),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(WARM + REQUESTS):
        for way, call in ways.items():
            seconds = timed(call, 1)
            found[way] += seconds if turn >= WARM else []
    report(found)


def ask(port: int, target: str, headers: dict[str, str]) -> None:
    """Send one request on a connection of its own, as the replica's server wants it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", target, _BODY, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200, answer.status


def ports(sandbox: Any) -> tuple[int, int]:
    """Return the ports of the router and of the one replica."""
    import psutil

    def listening(process: Any) -> set[int]:
        return {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}

    daemon = psutil.Process(sandbox.pid)
    (replica,) = set().union(*(listening(child) for child in daemon.children(recursive=True)))
    (router,) = listening(daemon) - {replica, sandbox.identity.port}
    return router, replica


def report(found: dict[str, list[float]]) -> None:
    """Print one line for each way, and what the router adds beside its budget."""
    rows = {way: (1000 * mean(times), 1000 * median(times), p99(times)) for way, times in found.items()}
    print(f"router, {REQUESTS} requests in turn     mean  median     p99")
    for way, values in rows.items():
        print(f"  {way:<26}" + "".join(f"{value:8.2f}" for value in values) + " ms")
    more, tail = rows["router"][0] - rows["replica"][0], rows["router"][2] - rows["replica"][2]
    print(f"  the router adds {more:.2f} ms (budget {MEAN_BUDGET:g}), {tail:.2f} ms at p99 (budget {P99_BUDGET:g})")


def p99(times: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1000 * quantiles(times, n=100)[98]


if __name__ == "__main__":
    main()
