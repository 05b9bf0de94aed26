"""A file is replaced whole or not at all."""

from __future__ import annotations

import pytest

from amlwidgets.services.whole_files import write_whole


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.ipynb"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new, then what no file takes: \ud800")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.ipynb"]


def test_rights_of_a_new_file_are_given_and_of_an_old_one_kept(tmp_path):
    path = tmp_path / "run.ipynb"
    write_whole(path, "one", rights=0o644)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    write_whole(path, "two\r\n", rights=0o644)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"two\r\n"
