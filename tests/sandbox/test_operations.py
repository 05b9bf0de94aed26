"""An operation moves only along its allowed transitions."""

from __future__ import annotations

import threading

import pytest

from amlwidgets.core.stages import OperationState
from amlwidgets.sandbox.operations import BUILD, DEPLOY, KIND, Operation
from amlwidgets.sandbox.store import Store


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path)
    yield found
    found.close()


@pytest.fixture
def operation(store):
    return Operation.create(store, "scope", "Service", service="s")


def test_every_step_is_kept(operation, store):
    operation.start()
    operation.part(BUILD, "log")
    operation.say("one")
    kept = Operation(store, "scope", store.get(KIND, "scope", operation.id))
    assert kept.state is OperationState.RUNNING
    assert kept.view(None)["operationDetails"] == {"subOperationType": BUILD}
    assert kept["entries"][0].endswith("|one")


def test_parts_do_not_go_back(operation):
    operation.start()
    operation.part(DEPLOY)
    with pytest.raises(ValueError, match="cannot follow"):
        operation.part(BUILD)


def test_the_first_end_counts(operation):
    operation.start()
    operation.end(OperationState.FAILED, {"code": "x"})
    operation.end(OperationState.SUCCEEDED)
    assert operation.state is OperationState.FAILED
    assert operation.view(None)["error"] == {"code": "x"}


def test_success_needs_a_start(operation):
    with pytest.raises(ValueError, match="cannot go"):
        operation.end(OperationState.SUCCEEDED)


def test_the_stream_by_offsets_is_the_whole_stream(operation):
    operation.start()
    offset, stream = 0, ""
    for text in ("one", "two | # three", "four"):
        operation.say(text)
        piece = operation.view(offset)["streamingOperationLog"]
        stream, offset = stream + piece, offset + len(piece)
    assert [entry.split("|")[1] for entry in stream.split("#")] == ["one", "two /   three", "four"]
    assert operation.view(offset)["streamingOperationLog"] == ""


def test_a_held_poll_ends_with_the_operation(operation):
    operation.start()
    ended = threading.Event()
    waiting = threading.Thread(target=lambda: (operation.wait(30), ended.set()))
    waiting.start()
    assert not ended.wait(0.05)
    operation.end(OperationState.SUCCEEDED)
    assert ended.wait(5)


def test_what_is_let_go_is_not_kept_any_more(operation, store):
    operation.start()
    operation.let_go()
    operation.end(OperationState.CANCELLED)
    assert store.get(KIND, "scope", operation.id)["state"] == "Running"
