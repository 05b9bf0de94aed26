"""What the answers of the probes mean: a state, one sentence, a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from amlwidgets.core.checks import CheckState

KILLED = 137
_OK, _WARN, _FAIL = CheckState.OK, CheckState.WARN, CheckState.FAIL
_LOW_DISK = 200 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """What facts mean; see ``probes.Answer``."""

    state: CheckState
    sentence: str
    table: list[list[str]] = field(default_factory=list)
    text: str = ""


def size(count: float | None) -> str:
    """Return bytes as people read them."""
    if count is None:
        return "no limit"
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - the step of the units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _tree(facts: dict[str, Any]) -> list[list[str]]:
    rows = [
        [e["path"] + ("/" if e["folder"] else ""), "" if e["folder"] else size(e["bytes"])] for e in facts["entries"]
    ]
    return [["file", "size"], *rows, *([["… more", ""]] if facts["truncated"] else [])]


def where(facts: dict[str, Any]) -> Reading:
    """Folder of the scripts, user, interpreter."""
    sentence = f"{facts['app_root']}, as {facts['user']} with Python {facts['python']}"
    entry = facts["entry_script"]
    if entry and not any(e["path"] == entry for e in facts["entries"]) and not facts["truncated"]:
        return Reading(_FAIL, f"The entry script {entry} is not in {facts['app_root']}.", _tree(facts))
    return Reading(_OK, f"{sentence}: {size(facts['bytes'])}.", _tree(facts))


def model_dir(facts: dict[str, Any]) -> Reading:
    """Where the model lies."""
    there = [f"{m['name']} ({', '.join(m['versions']) or 'empty'})" for m in facts["models"]]
    there_are = f" There is: {'; '.join(there)}." if there else " There is no folder azureml-models either."
    if not facts["variable"]:
        return Reading(_WARN, "AZUREML_MODEL_DIR is not set." + there_are)
    if not facts["exists"]:
        return Reading(_FAIL, f"AZUREML_MODEL_DIR is {facts['path']}, and that folder does not exist." + there_are)
    if not any(not entry["folder"] for entry in facts["entries"]):
        return Reading(_FAIL, f"AZUREML_MODEL_DIR is {facts['path']}, and there is no file in it.")
    return Reading(_OK, f"{facts['path']}: {size(facts['bytes'])}.", _tree(facts))


def model_path(facts: dict[str, Any]) -> Reading:
    """Where azureml-core finds a model."""
    if facts["error"]:
        words = f"Model.get_model_path({facts['name']!r}): {facts['error']}"
        if "No module named 'azureml" in facts["error"]:
            words += ". azureml-core is not in this environment; AZUREML_MODEL_DIR names the folder without it."
        return Reading(_FAIL, words, text=facts["log"])
    return Reading(_OK, f"Model.get_model_path({facts['name']!r}) is {facts['path']}.", text=facts["log"])


def packages(facts: dict[str, Any]) -> Reading:
    """What is installed."""
    rows = [[name, version] for name, version in sorted(facts["packages"].items(), key=lambda i: i[0].lower())]
    words = f"{len(rows)} packages, Python {facts['python']}."
    if not any(name.lower() in ("azureml-inference-server-http", "azureml-defaults") for name, _ in rows):
        words = f"{words} The inference server is not among them: no request will be answered."
        return Reading(_FAIL, words, [["package", "version"], *rows])
    return Reading(_OK, words, [["package", "version"], *rows])


def pickles(facts: dict[str, Any]) -> Reading:
    """What the model was saved with."""
    rows = []
    for file in facts["files"]:
        tops = sorted({module.split(".")[0] for module in file["modules"]})
        rows.append(
            [file["path"], ", ".join(tops) or file["error"], file["sklearn"] and f"scikit-learn {file['sklearn']}"]
        )
    if not rows:
        return Reading(_OK, "There is no pickled model here.")
    own = sorted({row[0] for row, file in zip(rows, facts["files"], strict=True) if "__main__" in file["modules"]})
    if own:
        words = f"{own[0]} needs a class that was defined in a notebook or in the script itself (__main__)."
        return Reading(_FAIL, f"{words} Move it into a module of its own.", [["file", "uses", "saved with"], *rows])
    return Reading(_OK, f"{len(rows)} pickled file(s).", [["file", "uses", "saved with"], *rows])


def call(facts: dict[str, Any]) -> Reading:
    """How init() and run() went."""
    rows = [["step", "time", "memory", ""]]
    rows += [
        [s["what"], f"{s['seconds']:.2f} s", size(s["memory_bytes"]), "ok" if s["ok"] else s["said"]]
        for s in facts["steps"]
    ]
    failed = next((s for s in facts["steps"] if not s["ok"]), None)
    if failed is not None:
        return Reading(_FAIL, f"{failed['what']} failed: {failed['said']}", rows, failed["error"])
    if facts.get("serialisable") is False:
        words = f"run() returned {facts['type']}, which is not serialisable as JSON; the server would answer 500."
        return Reading(_FAIL, words, rows, facts["answer"])
    if "answer" in facts:
        return Reading(_OK, f"run(sample) answered {facts['answer'][:200]}", rows, facts["answer"])
    return Reading(_OK, f"init() of {facts['script']} went well.", rows)


def script(facts: dict[str, Any]) -> Reading:
    """How ``python score.py`` ended."""
    if facts["exit"] is None:
        return Reading(_WARN, f"{facts['script']} did not end; it was ended.", text=facts["output"])
    if facts["exit"]:
        words = f"{facts['script']} ended with exit code {facts['exit']}: {_last(facts['output'])}"
        return Reading(_FAIL, words, text=facts["output"])
    words = f"{facts['script']} ran in {facts['seconds']:.2f} s. (init() and run() are only defined, not called.)"
    return Reading(_OK, words, text=facts["output"])


def variables(facts: dict[str, Any]) -> Reading:
    """The environment, what matters for a deployment first."""
    ours = ("AZUREML", "AML", "SCORING", "WORKER", "SERVICE")
    rows = sorted(facts["variables"].items(), key=lambda item: (not item[0].startswith(ours), item[0]))
    return Reading(_OK, f"{len(rows)} variables; secrets are masked.", [["variable", "value"], *map(list, rows)])


def ports(facts: dict[str, Any]) -> Reading:
    """Who listens."""
    rows = [[str(p["port"]), p["address"]] for p in facts["ports"]]
    listening = any(p["port"] == 5001 for p in facts["ports"])  # noqa: PLR2004 - the server's port
    if not rows:
        return Reading(_FAIL, "Nobody listens on any port: the server is not up (yet).")
    if not listening:
        return Reading(_WARN, "Nobody listens on port 5001, the inference server's own.", [["port", "address"], *rows])
    if any(p["port"] == 5001 and p["address"] == "loopback" for p in facts["ports"]):  # noqa: PLR2004
        words = "The server listens on the container's loopback only; from outside nobody reaches it."
        return Reading(_WARN, words, [["port", "address"], *rows])
    return Reading(_OK, "The server listens on port 5001.", [["port", "address"], *rows])


def disk(facts: dict[str, Any]) -> Reading:
    """What is free."""
    rows = [[p["path"], f"{size(p['free_bytes'])} of {size(p['bytes'])} free"] for p in facts["places"]]
    limit, used = facts["memory_limit_bytes"], facts["memory_used_bytes"]
    rows.append(["memory", f"{size(used)} used, limit {size(limit)}" if used is not None else f"limit {size(limit)}"])
    low = next((p for p in facts["places"] if p["free_bytes"] < _LOW_DISK), None)
    if low is not None:
        return Reading(_WARN, f"Only {size(low['free_bytes'])} are free on {low['path']}.", [["where", ""], *rows])
    if limit and used and used > 0.9 * limit:
        return Reading(_WARN, f"{size(used)} of {size(limit)} memory are in use.", [["where", ""], *rows])
    return Reading(_OK, f"Memory limit: {size(limit)}.", [["where", ""], *rows])


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
