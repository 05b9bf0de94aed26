import pytest
import traitlets as t

from amlwidgets.errors import BadInput
from amlwidgets.widgets.base import AmlWidget, request


class Sample(AmlWidget):
    _esm = "export default { render() {} }"
    value = t.Int(0).tag(sync=True)

    @request
    def double(self, n):
        return 2 * n

    @request
    def refuse(self):
        raise BadInput("That does not work.", code="no", todo="Try another.")

    @request
    def crash(self):
        raise KeyError("sig=abcDEF123%2Fabc%3D at https://a.blob.core.windows.net/c?sig=abcDEF123%2Fabc%3D")

    def secret(self):
        return "not for the view"

    def to_text(self):
        return f"value <{self.value}>"


def test_an_unknown_argument_is_refused_with_a_sentence():
    with pytest.raises(TypeError, match="Sample has no “colour”. It takes: .*value"):
        Sample(colour="red")


def test_a_request_is_answered():
    assert Sample().comm.ask("double", n=21)["result"] == 42


def test_a_refused_request_is_answered_and_shown():
    widget = Sample()
    error = widget.comm.ask("refuse")["error"]
    assert error == {"message": "That does not work.", "todo": "Try another.", "code": "no"}
    assert widget.problem == error
    widget.comm.ask("dismiss")
    assert widget.problem == {}


def test_a_crash_is_answered_shown_and_masked():
    widget = Sample()
    assert "abcDEF123" not in str(widget.comm.ask("crash"))
    assert "KeyError" in widget.problem["message"]


@pytest.mark.parametrize("name", ["secret", "close", "absent", "__init__"])
def test_only_marked_methods_can_be_called(name):
    assert Sample().comm.ask(name)["error"]["code"] == "view-old"


def test_a_guarded_callback_shows_its_error():
    widget = Sample()
    assert widget.guarded(lambda: 1 / 0)() is None
    assert "ZeroDivisionError" in widget.problem["message"]
    assert widget.guarded(lambda: 5)() == 5


def test_a_host_without_widgets_gets_text_and_html():
    widget = Sample(value=3)
    data = widget._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert data["text/plain"] == "value <3>"
    assert "value &lt;3&gt;" in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert repr(widget) == "<Sample>"
