"""The error-catching run() goes in and comes out without a trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlwidgets.errors import BadInput
from amlwidgets.services.local.catching import is_in, put_in, take_out

PLAIN = '''import json


def init():
    pass


def run(data):
    """Answer.

    The text of a
  string keeps its indentation.
    """
    values = json.loads(data)["data"]  # may fail
    return {"sum": sum(values)}
'''


def scripts():
    signatures = [
        "data",
        "data: dict[str, int] = {}",
        "data, *, more=1",
        "\n    data,  # a comment: with a colon\n    other=None,\n",
    ]
    bodies = [
        "\n    return 1 / 0\n",
        " return data['x']\n",
        "\n\n    # a comment\n    x = '''\n a'''\n    raise KeyError(x)\n",
    ]
    heads = ["", "import json\n\n", "def deco(f):\n    return f\n\n\n@deco\n"]
    tails = ["", "\n\nx = 1\n", "\n\ndef other():\n    return run\n"]
    return st.builds(
        lambda head, signature, arrow, body, tail: f"{head}def run({signature}){arrow}:{body}{tail}",
        st.sampled_from(heads), st.sampled_from(signatures), st.sampled_from(["", " -> dict"]), st.sampled_from(bodies),
        st.sampled_from(tails),
    )  # fmt: skip


@given(scripts())
def test_in_and_out_again(source):
    changed = put_in(source)
    assert is_in(changed)
    assert put_in(changed) == changed
    scope = {}
    exec(compile(changed, "score.py", "exec"), scope)  # noqa: S102 - that is what the server does
    answer = scope["run"]({"y": 1})
    assert set(answer) == {"error"}
    assert take_out(changed) == source
    assert take_out(source) == source


def test_the_error_is_the_answer(capsys):
    scope = {}
    exec(put_in(PLAIN), scope)  # noqa: S102
    assert scope["run"]('{"data": [1, 2]}') == {"sum": 3}
    assert scope["run"]('{"other": 1}') == {"error": "KeyError: 'data'"}
    assert "Traceback" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "said"), [("def init(): pass\n", "no plain function run"), ("def run(:\n", "mistake in line 1")]
)
def test_what_cannot_be_wrapped(source, said):
    with pytest.raises(BadInput, match=said):
        put_in(source)
