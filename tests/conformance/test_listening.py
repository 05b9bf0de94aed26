"""Whatever a busy sandbox listens on is a loopback address, and scoring wants the service's keys."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from test_clusters import AKS
from test_deploy import DEPLOY

pytestmark = [pytest.mark.sandbox, pytest.mark.network]
LISTENING, UNCONNECTED = "0A", "07"


def inodes(pid):
    """Sockets that a process has open."""
    found = set()
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        for entry in Path(f"/proc/{process.pid}/fd").iterdir():
            target = str(entry.readlink())
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def addresses(pid):
    """Return (table, address, port) of every socket on which the process or a descendant can be reached."""
    mine, found = inodes(pid), []
    for table, state in (("tcp", LISTENING), ("tcp6", LISTENING), ("udp", UNCONNECTED), ("udp6", UNCONNECTED)):
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]]
        for row in rows:
            if row[3] == state and row[9] in mine:
                address, _, port = row[1].partition(":")
                found.append((table, address, int(port, 16)))
    return found


def test_loopback_only_and_no_scoring_without_a_key(run, sandbox):
    sandbox.reset()
    uri, replicas = run(
        AKS
        + DEPLOY.replace("def deploy(", "def deploy_aci(")
        + """
deploy_aci("small", [register()]).wait_for_deployment()
service = deploy("large", num_replicas=2)
service.wait_for_deployment()
while service.deployment_status["availableReplicas"] < 2:
    service.update_deployment_state()
    service = Webservice(ws, "large")
result([service.scoring_uri, service.deployment_status["availableReplicas"]])
"""
    )
    assert replicas == 2
    found = addresses(sandbox.pid)
    assert len(found) >= 5, "the proxy, the router and three servers at least"
    assert ("tcp", "0100007F", sandbox.identity.port) in found
    assert [entry for entry in found if (entry[0], entry[1]) != ("tcp", "0100007F")] == []
    # The router is a port of its own: whoever finds it still needs the service's key.
    host, path = uri.removeprefix("http://").split("/", 1)
    statuses = {asked(port, f"/{path}", host.partition(":")[0]) for _, _, port in found}
    assert 401 in statuses, "the router asks for the key"
    run("from azureml.core.webservice import Webservice\nfor s in Webservice.list(ws): s.delete()\nresult(1)")


def asked(port, path, host):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, b"{}", {"Host": host})
        status = connection.getresponse().status
    finally:
        connection.close()
    assert status not in (200, 502, 503), (port, status)
    return status
