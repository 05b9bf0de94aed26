"""Real logs and the development corpus, where they lie beside the repository."""

import json
from pathlib import Path

import pytest

from amlwidgets.causes import catalogue, find_causes

SHARED = Path(__file__).parents[3] / "shared"
LOGS = SHARED / "reference" / "server-logs"
CORPUS = SHARED / "corpus"
PROVOKED = Path(__file__).parent / "provoked"
EXPECTED = {
    "client_gave_up": None, "healthy_start": None, "init_slow": None, "model_dir_missing_on_disk": None,
    "one_worker_queue": None, "worker_count_4": None,
    "entry_script_env_unset": "entry-script-missing", "entry_script_missing_file": "entry-script-missing",
    "init_exits": "init-exception", "init_raises": "init-exception", "init_missing_model_file": "model-path-not-found",
    "init_model_dir_unset": "model-path-not-found", "init_missing_module": "missing-python-module",
    "missing_init": "entry-script-invalid", "missing_run": "entry-script-invalid",
    "run_wrong_signature": "entry-script-invalid", "syntax_error": "entry-script-invalid",
    "port_in_use": "port-in-use", "run_not_serialisable": "output-not-serializable",
    "run_returns_numpy": "output-not-serializable", "run_raises": "run-exception",
    "scoring_timeout_ms": "scoring-timeout", "two_workers_kill_one": "worker-out-of-memory",
    "worker_killed_from_outside": "worker-out-of-memory", "worker_killed_in_run": "worker-out-of-memory",
    "worker_timeout": "worker-timeout",
}  # fmt: skip
needs_logs = pytest.mark.skipif(not LOGS.is_dir(), reason="the recorded server logs are not beside the repository")
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the repository")


def cases(name):
    return [json.loads(line) for line in (CORPUS / name).read_text("utf-8").splitlines() if line.strip()]


@needs_logs
@pytest.mark.parametrize(("name", "cause"), EXPECTED.items())
def test_real_server_logs(name, cause):
    findings = find_causes([(name, (LOGS / f"{name}.txt").read_text("utf-8"))])
    assert (findings[0].cause if findings else None) == cause


@needs_corpus
def test_healthy_logs_are_silent():
    alarms = {c["id"]: f[0].cause for c in cases("healthy.jsonl") if (f := find_causes([("log", c["text"])]))}
    assert not alarms


def said_surely(texts):
    """Every finding said with at least 0.9, and whether it is right."""
    return [
        (f.cause, f.cause in accepted)
        for text, accepted in texts
        for f in find_causes([("t", text)])
        if f.confidence >= 0.9
    ]


@needs_corpus
def test_confidence_is_calibrated_on_the_corpus():
    told = said_surely((c["text"], {c["cause"], *c["also_ok"]}) for c in cases("failures.jsonl"))
    print(f"corpus: of {len(told)} findings said with 0.9 or more, {sum(ok for _, ok in told)} are right")
    assert len(told) > 20
    assert sum(ok for _, ok in told) >= 0.95 * len(told), [cause for cause, ok in told if not ok]


def test_confidence_is_calibrated_on_what_was_provoked():
    index = json.loads((PROVOKED / "INDEX.json").read_text("utf-8"))
    told = said_surely(((PROVOKED / f"{name}.txt").read_text("utf-8"), {e["cause"]}) for name, e in index.items())
    assert sum(ok for _, ok in told) >= 0.95 * len(told), [cause for cause, ok in told if not ok]


@needs_corpus
def test_failures_are_named(record_property):
    known = {cause.slug for cause in catalogue().causes}
    right, asked, wrong = 0, 0, []
    for case in cases("failures.jsonl"):
        accepted = {case["cause"], *case["also_ok"]}
        findings = find_causes([("log", case["text"])])
        named = findings[0].cause if findings else None
        asked += bool(accepted & known)
        right += named in accepted
        if named not in accepted:
            wrong.append((case["id"], case["cause"], named))
    record_property("corpus", f"{right} of {asked}")
    print(f"corpus: {right} of {asked} first findings right; not: {wrong}")
    assert right >= 0.95 * asked, wrong


def forms_of_the_guides():
    """The printed forms of the internal error (portal, SDK, CLI), cut from every guide that has them."""
    for path in sorted((SHARED / "guides").glob("*.txt")):
        lines = path.read_text("utf-8").split("\n")
        for start, end in (
            ("Create image ", "Create image "),
            ("azureml.exceptions", "Content: b"),
            ("ERROR: {'Azure-cli-ml", "b\\'{"),
        ):
            at = next(
                (
                    i
                    for i, line in enumerate(lines)
                    if line.startswith(start) and "nternal" in "".join(lines[i : i + 5])
                ),
                None,
            )
            if at is not None:
                last = next(i for i in range(at, at + 8) if lines[i].startswith(end))
                yield pytest.param("\n".join(lines[at : last + 1]), id=f"{path.stem[:3]}-{start.strip()[:12]}")


@pytest.mark.skipif(not (SHARED / "guides").is_dir(), reason="the guides are not beside the repository")
def test_guides_are_there():
    assert len(list(forms_of_the_guides())) >= 9


@pytest.mark.parametrize("text", list(forms_of_the_guides()))
def test_internal_error_as_the_guides_print_it(text):
    assert find_causes([("t", text)])[0].cause == "service-internal-error"
