"""How far containers can be separated here is found by trying; one try that something spoils does not decide it."""

from __future__ import annotations

from amlwidgets.sandbox.run import isolation


def test_one_spoilt_try_does_not_decide(monkeypatch, tmp_path, caplog):
    spoilt = f"test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; echo spoilt >&2; exit 1; }}"
    monkeypatch.setattr(isolation, "launch", lambda *_, **__: ["sh", "-c", spoilt])
    assert isolation._works("root", tmp_path)
    assert caplog.text == ""


def test_where_it_never_works_the_log_says_why(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(isolation, "launch", lambda *_, **__: ["sh", "-c", "echo not permitted >&2; exit 1"])
    assert not isolation._works("root", tmp_path)
    assert "not separated from this machine (root): not permitted" in caplog.text
