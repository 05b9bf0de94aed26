"""pip's configuration told to uv."""

from __future__ import annotations

import os

from amlwidgets.sandbox.build import index


def test_sections_and_variables_override_each_other_as_in_pip():
    listing = (
        "global.index-url='https://a/simple'\nglobal.find-links='/x /y'\ninstall.index-url='https://b/simple'\n"
        ":env:.cert='/c.pem'\nglobal.cert='/d.pem'\nfreeze.timeout='10'\n"
    )
    settings = index.parse_settings(listing)
    assert settings == {"index-url": "https://b/simple", "find-links": "/x /y", "cert": "/c.pem"}
    environment = index.uv_environment(settings, {})
    assert environment["UV_DEFAULT_INDEX"] == "https://b/simple"
    assert environment["UV_FIND_LINKS"] == "/x,/y"
    assert environment["SSL_CERT_FILE"] == "/c.pem"


def test_the_real_pip_is_asked(tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nextra-index-url =\n    file:///one\n    file:///two\n[install]\nno-index = true\n")
    settings = index.pip_settings({"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(config), "HOME": str(tmp_path)})
    assert index.uv_environment(settings, {})["UV_INDEX"] == "file:///one file:///two"
    assert index.uv_options(settings) == ["--no-index"]
    assert index.uv_options({"only-binary": "a,b"}) == ["--only-binary", "a", "--only-binary", "b"]


def test_what_is_set_for_uv_itself_wins():
    base = {"UV_DEFAULT_INDEX": "https://uv", "UV_INDEX_STRATEGY": "first-index", "VIRTUAL_ENV": "/v"}
    environment = index.uv_environment({"index-url": "https://pip"}, base)
    assert environment["UV_DEFAULT_INDEX"] == "https://uv"
    assert environment["UV_INDEX_STRATEGY"] == "first-index"
    assert "VIRTUAL_ENV" not in environment


def test_credentials_are_no_part_of_the_fingerprint_nor_of_the_log():
    with_, without = ({"index-url": f"https://{who}host/simple"} for who in ("user:secret@", ""))
    assert index.fingerprint(with_, {}) == index.fingerprint(without, {})
    assert "secret" not in index.masked("Looking in indexes: https://user:secret@host/simple")


def test_pips_own_wheel_serves_where_pip_is_not_installed(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else real(name))
    command = index.pip_command()
    assert command is None or command[1].endswith(".whl/pip")
