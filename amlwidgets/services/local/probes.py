"""What can be asked of a running container with one click, and what the answers mean.

Every probe runs :mod:`~amlwidgets.services.local.probe_script` with the container's own interpreter, and is also
shown as the command that a person would type.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.errors import BadInput, ServiceFailed
from amlwidgets.services.local import readings

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlwidgets.core.checks import CheckState
    from amlwidgets.services.local.inside import Inside

MARK = "\x1eamlwidgets-probe "


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found.

    Attributes:
        probe: Its name.
        state: ``ok``, ``warn`` or ``fail``.
        sentence: What it means.
        command: What a person would type to see the same.
        table: Rows of the answer, the first one being the heading.
        text: Long output: a traceback, what a script printed.
        data: All facts, as the container said them, with secrets masked.
    """

    probe: str
    state: CheckState
    sentence: str
    command: str
    table: list[list[str]] = field(default_factory=list)
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer for a view or JSON."""
        names = ("probe", "sentence", "command", "table", "text", "data")
        return {"state": self.state.value} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Probe:
    """A question.

    Attributes:
        name: Of the function in the script.
        title: On the button.
        command: What a person would type; ``{name}`` stands for options.
        read: Makes sense of the facts.
        takes: Names of options that it needs.
        seconds: Time limit.
    """

    name: str
    title: str
    command: str
    read: Callable[[dict[str, Any]], readings.Reading]
    takes: tuple[str, ...] = ()
    seconds: float = 30

    def typed(self, options: dict[str, Any]) -> str:
        """Return the command with the options in it."""
        return self.command.format_map({key: shlex.quote(str(value)) for key, value in options.items()})


_MODEL_PATH = (
    "cd $AML_APP_ROOT && python -c 'import logging, sys; logging.basicConfig(level=logging.DEBUG); "
    "from azureml.core.model import Model; print(Model.get_model_path(sys.argv[1]))' {name}"
)
_CALL = "cd $AML_APP_ROOT && python -c 'import score; score.init()'"

PROBES = {
    probe.name: probe
    for probe in (
        Probe("where", "Folder and user", "id; ls -la /var/azureml-app", readings.where),
        Probe("model_dir", "Model folder", "ls -lR $AZUREML_MODEL_DIR", readings.model_dir),
        Probe("model_path", "get_model_path", _MODEL_PATH, readings.model_path, ("name",)),
        Probe("packages", "Packages", "pip freeze", readings.packages),
        Probe("pickles", "What the model was saved with", "python -m pickletools MODEL.pkl", readings.pickles),
        Probe("call", "Call init() and run()", _CALL, readings.call, seconds=300),
        Probe("script", "python score.py", "cd $AML_APP_ROOT && python score.py", readings.script, seconds=60),
        Probe("variables", "Environment variables", "env | sort", readings.variables),
        Probe("ports", "Open ports", "ss -ltn", readings.ports),
        Probe("disk", "Disk and memory", "df -h; cat /sys/fs/cgroup/memory.max", readings.disk),
    )
}


def ask(inside: Inside, name: str, /, **options: Any) -> Answer:
    """Ask one question of a container.

    Args:
        inside: The container.
        name: A key of ``PROBES``.
        **options: What the probe takes: ``name`` of a model; ``sample`` (text of a request), ``seconds``.

    Raises:
        BadInput: There is no such probe, or it needs an option.
        ServiceFailed: Nothing can be run in the container.
    """
    probe = PROBES.get(name)
    if probe is None:
        raise BadInput(f"There is no probe “{name}”; there are {', '.join(PROBES)}.", code="probe-unknown")
    missing = [option for option in probe.takes if not options.get(option)]
    if missing:
        raise BadInput(f"“{probe.title}” needs a {missing[0]}.", code="probe-option")
    command = inside.as_typed(probe.typed(options))
    data = _asked(inside, probe, options)
    reading = probe.read(data)
    return Answer(name, reading.state, mask(reading.sentence), command, reading.table, mask(reading.text), data)


def _asked(inside: Inside, probe: Probe, options: dict[str, Any]) -> dict[str, Any]:
    seconds = float(options.get("seconds") or probe.seconds)
    ran = inside.run([inside.python, "-c", _script(), probe.name, json.dumps(options)], seconds=seconds)
    _, found, said = ran.output.rpartition(MARK)
    if not found:
        raise ServiceFailed(_no_answer(probe, ran.exit_code, seconds, ran.output), code="probe-failed")
    result = json.loads(said.splitlines()[0])
    if not result["ok"]:
        raise ServiceFailed(f"“{probe.title}” failed in the container: {result['error']}", code="probe-failed")
    data: dict[str, Any] = _masked(result["data"])
    return data


def _masked(value: Any, name: str = "") -> Any:
    """Mask secrets, also those that only the name of a variable gives away."""
    if isinstance(value, dict):
        return {key: _masked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    if not isinstance(value, str):
        return value
    shown = mask(f"{name}={value}") if name else mask(value)
    return shown.removeprefix(f"{name}=") if name else shown


def _no_answer(probe: Probe, code: int | None, seconds: float, output: str) -> str:
    if code is None:
        return f"“{probe.title}” did not end within {seconds:g} s and was ended."
    if code == readings.KILLED:
        return f"“{probe.title}” was killed (exit code 137): the container's memory is too small for it and the server."
    last = output.strip().splitlines()[-1:] or ["it printed nothing"]
    return f"“{probe.title}” ended with exit code {code}: {last[0][:300]}"


@cache
def _script() -> str:
    return files("amlwidgets.services.local").joinpath("probe_script.py").read_text("utf-8")
