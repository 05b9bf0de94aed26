"""AKS with the unmodified azureml-core: clusters, scheduling, replicas, the router, the autoscaler."""

from __future__ import annotations

import pytest

from amlwidgets import diagnose

pytestmark = [pytest.mark.sandbox, pytest.mark.network]

AKS = """
import json, threading, time
import requests
from azureml.core import Environment, Model
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AksWebservice, Webservice
env = Environment.from_conda_specification("serving", "myenv.yml")
def inference(script="score.py"):
    return InferenceConfig(entry_script=script, environment=env)
def deploy(name, target="sandbox-aks", script="score.py", **config):
    target = AksCompute(ws, target)
    settings = AksWebservice.deploy_configuration(**{"cpu_cores": 0.2, "memory_gb": 0.5} | config)
    return Model.deploy(ws, name, [], inference(script), settings, deployment_target=target, overwrite=True)
def outcome(service):
    try:
        service.wait_for_deployment()
    except Exception as exc:
        return str(exc)
    return "fine"
"""

SCRIPT = """
import json, os, time
def init():
    print("replica", os.getpid())
def run(data):
    asked = json.loads(data)
    time.sleep(asked.get("sleep", 0))
    if asked.get("die"):
        os.kill(os.getppid(), 9)
        os._exit(9)
    if asked.get("raise"):
        raise ValueError("no column 'age'")
    return asked
"""


@pytest.fixture
def aks(sandbox, run, tmp_path):
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "broken.py").write_text("import torchlight\ndef init(): pass\ndef run(data): return data\n")
    yield lambda code: run(AKS + code)
    sandbox.reset()  # the services of one test take room on the nodes from the next


def test_clusters_are_attached_made_and_removed(aks):
    found = aks("""
def attach(name, cluster, **purpose):
    config = AksCompute.attach_configuration(resource_group=ws.resource_group, cluster_name=cluster, **purpose)
    made = ComputeTarget.attach(ws, name, config)
    made.wait_for_completion()
    return made
dev = AksCompute.ClusterPurpose.DEV_TEST
small = attach("small", "small-aks", cluster_purpose=dev)
refused = [failure(attach, "tiny", "gpu-aks"), failure(attach, "twice", "small-aks", cluster_purpose=dev),
           failure(attach, "ghost", "no-such-aks")]
config = AksCompute.provisioning_configuration(agent_count=4, vm_size="Standard_F4s_v2")
made = ComputeTarget.create(ws, "fresh", config)
made.wait_for_completion()
state = made.provisioning_state
names = sorted(ws.compute_targets)
kept = failure(small.delete)
small.detach()
made.delete()
result([small.agent_count, small.agent_vm_size, small.cluster_purpose, refused, made.agent_count,
        state, names, kept, sorted(ws.compute_targets), failure(AksCompute, ws, "fresh")])
""")
    count, size, purpose, refused, made, state, names, kept, left, gone = found
    assert (count, size, purpose, made, state) == (1, "Standard_A2_v2", "DevTest", 4, "Succeeded")
    assert "At least 3 machine(s) are required" in refused[0]
    assert "attached already, as small" in refused[1]
    assert "sandbox cluster" in refused[2]
    assert names == ["fresh", "sandbox-aks", "small"]
    assert "can only be detached" in kept
    assert left == ["sandbox-aks"]
    assert "ComputeTargetNotFound" in gone
    assert diagnose(refused[0]).top.cause == "aks-cluster-too-small"


def test_a_service_of_replicas(aks):
    found = aks("""
service = deploy("many", num_replicas=2)
service.wait_for_deployment(show_output=True)
first = [service.state, service.run('{"a": 1}'), service.deployment_status, service.scoring_uri, service.num_replicas]
keyless = requests.post(service.scoring_uri, data="{}").status_code
key = service.get_keys()[0]
service.regen_key("Primary")
stale = requests.post(service.scoring_uri, data="{}", headers={"Authorization": f"Bearer {key}"}).status_code
raised = failure(service.run, '{"raise": 1}')
# Asked once: run() asks up to four times, which kills a replica each, and reports the last answer.
death = requests.post(service.scoring_uri, data='{"die": 1}', headers={"Authorization": "Bearer " + service.get_keys()[0]})
died = [death.status_code, death.text]
log = service.get_logs()
answers, stop = [], threading.Event()
def keep_asking():
    headers = {"Authorization": "Bearer " + service.get_keys()[0]}
    while not stop.is_set():
        answers.append(requests.post(service.scoring_uri, data='{"a": 2}', headers=headers).status_code)
asking = threading.Thread(target=keep_asking)
service.update(auth_enabled=True, max_request_wait_time=20000, num_replicas=3)
asking.start()
Path("score.py").write_text(Path("score.py").read_text().replace("return asked", "return 'newer'"))
service.update(models=[], inference_config=inference())
service.wait_for_deployment()
second = [service.run("{}"), service.deployment_status]
stop.set()
asking.join()
service.delete()
result([first, keyless, stale, raised, died, log, second, sorted(set(answers)), list(ws.webservices)])
""")
    first, keyless, stale, raised, died, log, second, answers, left = found
    assert first[:3] == ["Healthy", {"a": 1}, {"availableReplicas": 2, "replicas": 2}]
    assert first[3].startswith("http://203.0.113.")
    assert first[3].endswith(":80/api/v1/service/many/score")
    assert first[4] == 2
    assert (keyless, stale) == (401, 401)
    assert "Response Code: 502" in raised
    assert "x-ms-run-function-failed" in raised
    assert died == [502, "Replica closed connection before replying"]
    assert "Users's init has completed successfully" in log
    assert second[0] == "newer"
    assert second[1] == {"availableReplicas": 3, "replicas": 3}
    assert answers == [200]  # one version took over from the other without a refused request
    assert left == []


def test_what_no_node_can_hold(aks):
    found = aks("""
result([outcome(deploy("wide", cpu_cores=8)), outcome(deploy("tall", memory_gb=64)),
        outcome(deploy("cards", gpu_cores=1)), Webservice(ws, "wide").state,
        failure(deploy, "greedy", autoscale_enabled=True, autoscale_min_replicas=20)])
""")
    wide, tall, cards, state, greedy = found
    assert "didn't have available resources after trying for 00:05:00" in wide
    assert "0/3 nodes are available: 3 Insufficient cpu." in wide
    assert "3 Insufficient memory." in tall
    assert "3 Insufficient nvidia.com/gpu." in cards
    assert state == "Unschedulable"
    assert "minReplicas (20) is larger than maxReplicas (10)" in greedy
    assert [diagnose(text).top.cause for text in (wide, tall, cards)] == [
        "insufficient-cpu-memory",
        "insufficient-cpu-memory",
        "insufficient-gpu",
    ]


def test_replicas_that_crash(aks):
    found = aks("""
service = deploy("crashing", script="broken.py", num_replicas=2)
text = outcome(service)
result([text, service.state, service.get_logs()])
""")
    text, state, log = found
    assert "KubernetesDeploymentFailed" in text
    assert "CrashLoopBackOff" in text
    assert state == "Failed"
    report = diagnose([text, log])
    assert report.top.cause == "missing-python-module"
    assert "torchlight" in report.top.title


def test_too_much_load_too_slow_and_more_replicas(aks):
    found = aks("""
service = deploy("busy", autoscale_enabled=True, autoscale_min_replicas=1, autoscale_max_replicas=3,
                 autoscale_target_utilization=50, scoring_timeout_ms=3000, max_request_wait_time=100)
service.wait_for_deployment()
headers = {"Authorization": "Bearer " + service.get_keys()[0]}
def ask(seconds):
    answer = requests.post(service.scoring_uri, data=json.dumps({"sleep": seconds}), headers=headers)
    return answer.status_code, answer.text
slow = ask(4)
answers = []
threads = [threading.Thread(target=lambda: answers.append(ask(1.5))) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
most = 1
while most < 3:
    helpers = [threading.Thread(target=ask, args=(1.0,)) for _ in range(3)]
    for thread in helpers:
        thread.start()
    for thread in helpers:
        thread.join()
    most = max(most, Webservice(ws, "busy").deployment_status["replicas"])
while Webservice(ws, "busy").deployment_status["replicas"] > 1:
    time.sleep(0.5)
result([slow, sorted(answers), most])
""")
    slow, answers, most = found
    assert slow == [504, "Request to service busy timed out after 3000 ms"]
    assert [503, "Too many requests for service busy (overloaded)"] in answers
    assert most == 3


def test_nothing_is_lost_while_much_changes_at_once(aks):
    """A request at work outlives the update that replaces its replica; what is set meanwhile counts afterwards."""
    found = aks("""
service = deploy("moving", num_replicas=1, max_request_wait_time=30000, scoring_timeout_ms=60000)
service.wait_for_deployment()
answers = []
def ask(seconds):
    headers = {"Authorization": "Bearer " + service.get_keys()[0]}
    answer = requests.post(service.scoring_uri, data=json.dumps({"sleep": seconds}), headers=headers)
    answers.append([answer.status_code, answer.text])
long = threading.Thread(target=ask, args=(8,))
long.start()
while not Webservice(ws, "moving").get_logs().count("replica"):
    time.sleep(0.1)
Path("score.py").write_text(Path("score.py").read_text().replace("return asked", "return 'newer'"))
old = service.get_keys()[0]
service.update(models=[], inference_config=inference())
service.regen_key("Primary", "chosen-meanwhile")
service.update(num_replicas=2)
service.wait_for_deployment()
long.join()
fresh = Webservice(ws, "moving")
refused = requests.post(fresh.scoring_uri, data="{}", headers={"Authorization": f"Bearer {old}"}).status_code
ask(0)
while Webservice(ws, "moving").deployment_status != {"availableReplicas": 2, "replicas": 2}:
    time.sleep(0.2)
service.update(autoscale_enabled=True, autoscale_min_replicas=1, autoscale_max_replicas=2)
switched = Webservice(ws, "moving")
service.update(autoscale_enabled=False, num_replicas=1)
back = Webservice(ws, "moving")
result([answers, refused, fresh.num_replicas, fresh.get_keys()[0], switched.autoscaler.autoscale_enabled,
        back.autoscaler.autoscale_enabled, back.num_replicas, failure(AksCompute(ws, "sandbox-aks").detach)])
""")
    answers, refused, count, key, switched, back, left, detach = found
    assert answers == [[200, '{"sleep": 8}'], [200, '"newer"']]
    assert (refused, count, key) == (401, 2, "chosen-meanwhile")
    assert (switched, back, left) == (True, False, 1)
    assert "is used by the services" in detach


def test_two_clients_that_deploy_the_same_name_and_one_that_deletes_it(aks):
    found = aks("""
from concurrent.futures import ThreadPoolExecutor
settings = AksWebservice.deploy_configuration(cpu_cores=0.2, memory_gb=0.5, num_replicas=1)
def create(_):
    target = AksCompute(ws, "sandbox-aks")
    return outcome(Model.deploy(ws, "twin", [], inference(), settings, deployment_target=target))
def attempt(number):
    try:
        return create(number)
    except Exception as error:
        return str(error)
with ThreadPoolExecutor() as pool:
    outcomes = sorted(pool.map(attempt, range(2)), key=len)
deploy("twin", num_replicas=2)
Webservice(ws, "twin").delete()
result([outcomes, "twin" in ws.webservices])
""")
    (first, second), left = found
    assert first == "fine"
    assert "already a service with name twin" in second
    assert left is False


def test_fewer_nodes(aks, sandbox):
    """Replicas of a node that is gone start anew on another one; what finds no room waits."""
    sandbox.make_cluster(name="shrinking", nodes=3, size="Standard_D2_v2")
    aks("""
config = AksCompute.attach_configuration(resource_group=ws.resource_group, cluster_name="shrinking",
                                         cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST)
ComputeTarget.attach(ws, "shrinking", config).wait_for_completion()
service = deploy("spread", target="shrinking", num_replicas=3)
service.wait_for_deployment()
""")
    before = sandbox.make_cluster(name="shrinking", nodes=3, size="Standard_D2_v2")["nodes"]
    assert [len(node["pods"]) for node in before].count(0) < 2  # most of them are on nodes that go now
    sandbox.make_cluster(name="shrinking", nodes=1, size="Standard_D2_v2")
    found = aks("""
while True:
    service = Webservice(ws, "spread")
    if service.deployment_status["availableReplicas"] == 3:
        break
    time.sleep(0.2)
result([service.run("{}"), service.state])
""")
    assert found == [{}, "Healthy"]
    (node,) = sandbox.make_cluster(name="shrinking", nodes=1, size="Standard_D2_v2")["nodes"]
    assert len(node["pods"]) == 3
    aks('Webservice(ws, "spread").delete(); AksCompute(ws, "shrinking").detach()')
