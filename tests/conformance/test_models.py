"""Registering, finding, downloading and changing models with the unmodified azureml-core."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.sandbox


def test_register_file_and_folder(run, tmp_path):
    found = run("""
from azureml.core import Model
Path("model.pkl").write_bytes(b"hello")
Path("net/weights").mkdir(parents=True)
Path("net/a.txt").write_text("a")
Path("net/weights/b.bin").write_bytes(bytes(70_000))
first = Model.register(ws, model_path="model.pkl", model_name="file", tags={"area": "x"}, properties={"p": "1"})
second = Model.register(ws, model_path="model.pkl", model_name="file", description="the second")
folder = Model.register(ws, model_path="net", model_name="net")
where = [first.download("out"), folder.download("out")]
result({
    "ids": [first.id, second.id, folder.id],
    "latest": Model(ws, "file").id, "by version": Model(ws, "file", version=1).id, "by id": Model(ws, id="file:1").id,
    "list": sorted(m.id for m in Model.list(ws, name="file")),
    "newest": sorted(m.id for m in Model.list(ws, latest=True) if m.name in ("file", "net")),
    "by tag": [m.id for m in Model.list(ws, tags=[["area", "x"]])],
    "by other tag": [m.id for m in Model.list(ws, tags=[["area", "y"]])],
    "mapping": ws.models["file"].id,
    "where": where,
    "sizes": sorted((str(p.relative_to("out")), p.stat().st_size) for p in Path("out").rglob("*") if p.is_file()),
    "description": second.description,
})
""")
    assert found["ids"] == ["file:1", "file:2", "net:1"]
    assert (found["latest"], found["by version"], found["by id"]) == ("file:2", "file:1", "file:1")
    assert found["list"] == ["file:1", "file:2"]
    assert found["newest"] == ["file:2", "net:1"]
    assert found["by tag"] == ["file:1"]
    assert found["by other tag"] == []
    assert found["mapping"] == "file:2"
    assert found["sizes"] == [["model.pkl", 5], ["net/a.txt", 1], ["net/weights/b.bin", 70_000]]
    assert (tmp_path / "out/model.pkl").read_bytes() == b"hello"


def test_large_model_goes_up_in_blocks_and_comes_back_whole(run):
    found = run("""
import hashlib, os
from azureml.core import Model
with open("big.bin", "wb") as file:
    for _ in range(75):
        file.write(os.urandom(1_000_000))
model = Model.register(ws, model_path="big.bin", model_name="big")
path = model.download("out")
digest = lambda name: hashlib.sha256(Path(name).read_bytes()).hexdigest()
result([digest("big.bin") == digest(path), Path(path).stat().st_size])
""")
    assert found == [True, 75_000_000]


def test_change_and_delete(run):
    found = run("""
from azureml.core import Model
model = Model.register(ws, model_path="m.txt", model_name="short-lived")
model.add_tags({"a": "1", "b": "2"})
model.remove_tags(["a"])
model.add_properties({"made.by": "test/case"})
model.update(description="changed")
again = Model(ws, "short-lived")
model.delete()
next_one = Model.register(ws, model_path="m.txt", model_name="short-lived")
result([again.tags, again.properties, again.description, next_one.id,
        failure(Model, ws, "nobody"), failure(Model, ws, id="short-lived:1"),
        failure(Model.register, ws, model_path="missing.pkl", model_name="x")])
""")
    assert found[:3] == [{"b": "2"}, {"made.by": "test/case"}, "changed"]
    assert found[3] == "short-lived:2", "a version that was deleted is not given again"
    assert "ModelNotFound: Model with name nobody not found" in found[4]
    assert "ModelNotFound" in found[5]
    assert "does not exist" in found[6]


def test_run_output_becomes_a_model(run):
    found = run("""
from azureml.core import Experiment
run = Experiment(ws, "training").start_logging(snapshot_directory=None)
run.log("mse", 1.5)
run.log("alpha", 0.1)
run.log("alpha", 0.2)
run.tag("kind", "ridge")
run.upload_file("outputs/model.txt", "m.txt")
run.complete()
model = run.register_model(model_name="from-run", model_path="outputs/model.txt")
result([run.get_status(), run.get_metrics(), run.get_file_names(), run.get_tags(), model.id, model.run_id == run.id,
        Path(model.download("out")).read_text(), [r.id == run.id for r in Experiment(ws, "training").get_runs()]])
""")
    assert found[0] == "Completed"
    assert found[1] == {"mse": 1.5, "alpha": [0.1, 0.2]}
    assert found[2] == ["outputs/model.txt"]
    assert found[3]["kind"] == "ridge"
    assert found[4:] == ["from-run:1", True, "forty-two", [True]]


def test_outputs_of_a_run_are_uploaded_at_its_end(run):
    found = run("""
from azureml.core import Experiment
Path("outputs").mkdir()
Path("outputs/model.txt").write_text("forty-two")
run = Experiment(ws, "training").start_logging(snapshot_directory=None)
run.complete()
model = run.register_model(model_name="of-outputs", model_path="outputs/model.txt")
result([run.get_file_names(), Path(model.download("out")).read_text()])
""")
    assert found == [["outputs/model.txt"], "forty-two"]


def test_two_clients_at_once_get_different_versions(sandbox, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    import sandbox_support as support

    code = """
from azureml.core import Model
Path("m.txt").write_text("x")
result([Model.register(ws, model_path="m.txt", model_name="shared").version for _ in range(5)])
"""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor() as pool:
        versions = list(pool.map(lambda folder: support.run_client(code, folder, sandbox), folders))
    assert sorted(versions[0] + versions[1]) == list(range(1, 11))


def test_odd_file_names_come_back_as_they_were(run):
    found = run("""
from azureml.core import Model
names = ["a b", "\u00fc", "(x)", "a+b", "a,b", "q'q", "a&b=c", "%41", "c#d", "a:b", "100%", "a%2520b", "[1]", "x~y"]
Path("odd dir").mkdir()
for name in names:
    Path("odd dir", name).write_text(name, encoding="utf-8")
Path("odd dir", "in ner").mkdir()
Path("odd dir", "in ner", "d\u00e9 \u00e0").write_text("deep", encoding="utf-8")
whole = Model.register(ws, model_path="odd dir", model_name="odd")
whole.download("out")
each = {}
for number, name in enumerate(names):
    if set(name) & set("%#"):
        continue  # as a model of their own, the client asks for these by an address that it does not encode
    path = Model.register(ws, model_path=str(Path("odd dir", name)), model_name=f"odd-{number}").download(f"o{number}")
    each[name] = [Path(path).name, Path(path).read_text(encoding="utf-8")]
back = {str(p.relative_to("out/odd dir")): p.read_text(encoding="utf-8") for p in Path("out").rglob("*") if p.is_file()}
result([names, back, each])
""")
    names, back, each = found
    assert back == {name: name for name in names} | {"in ner/d\u00e9 \u00e0": "deep"}
    assert each == {name: [name, name] for name in names if not set(name) & set("%#")}
    assert len(each) >= 10
