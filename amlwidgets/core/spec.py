"""What is to be deployed: one frozen object that the wizard edits, the stages run and the journal keeps."""

from __future__ import annotations

import json
import typing
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from amlwidgets.core.stages import Generation, Stage, Target
from amlwidgets.errors import BadInput


class ModelSource(StrEnum):
    """Where the model comes from."""

    PATH = "a file or folder"
    REGISTERED = "a registered model"
    RUN = "a run's output"


def _field(default: Any, *, label: str, help: str, stage: Stage, kind: str = "text", **more: Any) -> Any:  # noqa: A002 - the word of the form
    """Declare an input: its default, label and help text are used by the form, the docs and the messages."""
    return field(default=default, metadata={"label": label, "help": help, "stage": stage, "kind": kind, **more})


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """Everything that a deployment needs to know. Paths are relative to ``folder``, as azureml-core wants them.

    Memory is in GB, CPU in cores; both are requests and limits of one container.
    """

    folder: str = "."
    model_source: str = _field(
        ModelSource.PATH.value,
        label="Model comes from",
        stage=Stage.REGISTER,
        kind="choice",
        choices=tuple(s.value for s in ModelSource),
        help="A path is uploaded and registered as a new version.",
    )
    model_path: str = _field(
        "",
        label="Model file or folder",
        stage=Stage.REGISTER,
        help="Relative to the working folder; for a run: the path below its outputs, such as outputs/model.pkl.",
    )
    model_name: str = _field("", label="Model name", stage=Stage.REGISTER, help="Name in the workspace's registry.")
    model_version: int = _field(
        0,
        label="Version",
        stage=Stage.REGISTER,
        kind="int",
        minimum=0,
        help="0 is the newest.",
        only_if=("model_source", ModelSource.REGISTERED.value),
    )
    run_id: str = _field(
        "",
        label="Run id",
        stage=Stage.REGISTER,
        help="The run whose output is registered.",
        only_if=("model_source", ModelSource.RUN.value),
    )
    conda_file: str = _field(
        "",
        label="Conda file",
        stage=Stage.IMAGE,
        help="The environment that scores, with azureml-defaults under pip.",
    )
    environment_name: str = _field(
        "",
        label="Or a curated environment",
        stage=Stage.IMAGE,
        help="Its name; used when no conda file is given.",
    )
    image_name: str = _field(
        "",
        label="Image name",
        stage=Stage.IMAGE,
        help="Empty: the service's. Script and model become part of it; each build is a new version.",
        only_if=("uses_image", True),
    )
    entry_script: str = _field(
        "score.py",
        label="Entry script",
        stage=Stage.SCHEDULE,
        help="Has init() and run(data).",
    )
    source_directory: str = _field(
        "",
        label="Source folder",
        stage=Stage.SCHEDULE,
        help="Uploaded whole; empty when the script stands alone.",
    )
    service_name: str = _field("", label="Service name", stage=Stage.SCHEDULE, help="3 to 32 characters.")
    cpu_cores: float = _field(
        0.5, label="CPU cores", stage=Stage.SCHEDULE, kind="float", minimum=0.1, step=0.1, help="Of one container."
    )
    memory_gb: float = _field(
        1.0, label="Memory, GB", stage=Stage.SCHEDULE, kind="float", minimum=0.1, step=0.5, help="Of one container."
    )
    auth_enabled: bool = _field(
        default=False, label="Ask for a key", stage=Stage.SCHEDULE, kind="bool", help="Key in a header."
    )
    aks_cluster: str = _field(
        "",
        label="AKS cluster",
        stage=Stage.SCHEDULE,
        help="Name of the attached cluster.",
        only_if=("target", Target.AKS.value),
    )
    port: int = _field(
        8890,
        label="Port",
        stage=Stage.SCHEDULE,
        kind="int",
        minimum=1,
        help="On this machine.",
        only_if=("target", Target.LOCAL.value),
    )
    sample: str = _field(
        '{"data": [[0]]}',
        label="Sample input",
        stage=Stage.SCORE,
        kind="area",
        help="The body that is posted to /score.",
    )
    target: str = Target.ACI.value
    generation: str = Generation.MODEL_DEPLOY.value

    def to_json(self) -> str:
        """Return the JSON text that ``from_json`` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DeploymentSpec:
        """Read ``to_json``'s text; unknown fields (of a newer version) are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in json.loads(text).items() if k in known})

    def changed(self, **values: Any) -> DeploymentSpec:
        """Return a copy with ``values``, converted to each field's type.

        Raises:
            BadInput: a name is no field, or a value has the wrong type.
        """
        hints = typing.get_type_hints(type(self))
        converted = {name: _convert(name, value, hints) for name, value in values.items()}
        return replace(self, **converted)

    @property
    def environment_label(self) -> str:
        """Name under which the environment is registered."""
        return self.environment_name or f"{self.service_name or 'service'}-env"

    @property
    def uses_image(self) -> bool:
        """Whether an Image is made and deployed; a local service is always deployed with Model.deploy."""
        return self.generation == Generation.IMAGE_CREATE and self.target != Target.LOCAL

    @property
    def image_label(self) -> str:
        """Name under which the Image is made."""
        return self.image_name or self.service_name

    def stage_of(self, name: str) -> Stage | None:
        """Return the stage that a setting belongs to; None where it concerns all of them."""
        if name == "entry_script" and self.uses_image:
            return Stage.IMAGE
        entry = next(entry for entry in fields(self) if entry.name == name)
        stage: Stage | None = entry.metadata.get("stage")
        return stage


def _convert(name: str, value: Any, hints: dict[str, Any]) -> Any:
    """Convert a form's value to the field's type and check its limits, or say which field is wrong."""
    kind = hints.get(name)
    if kind is None or name == "folder":
        known = ", ".join(sorted(hints.keys() - {"folder"}))
        raise BadInput(f"There is no setting “{name}”.", code="unknown-setting", todo=f"There are: {known}.")
    converted = _typed(name, value, kind)
    _check_limits(name, converted)
    return converted


_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _typed(name: str, value: Any, kind: Any) -> Any:
    if isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)):
        return value
    if kind is bool and str(value).lower() in (*_TRUE, *_FALSE):
        return str(value).lower() in _TRUE
    try:
        if kind is bool:
            raise ValueError
        return kind(value)
    except (TypeError, ValueError):
        words = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, kind.__name__)
        raise BadInput(f"“{label_of(name)}” needs {words}, not “{value}”.", code="setting-type") from None


def _check_limits(name: str, value: Any) -> None:
    meta = next(entry.metadata for entry in fields(DeploymentSpec) if entry.name == name)
    choices = meta.get("choices") or _CHOICES.get(name)
    if choices and value not in choices:
        raise BadInput(
            f"“{label_of(name)}” cannot be “{value}”.",
            code="setting-choice",
            todo=f"Choose one of: {', '.join(choices)}.",
        )
    minimum = meta.get("minimum")
    if minimum is not None and not (minimum <= value < float("inf")):  # NaN compares with nothing
        raise BadInput(f"“{label_of(name)}” must be at least {minimum}, not {value}.", code="setting-range")


_CHOICES = {"target": tuple(t.value for t in Target), "generation": tuple(g.value for g in Generation)}


def label_of(name: str) -> str:
    """Return the label that people see for a field of the specification."""
    for entry in fields(DeploymentSpec):
        if entry.name == name:
            return str(entry.metadata.get("label", name.capitalize()))
    return name


def inputs_of(stage: Stage, spec: DeploymentSpec) -> list[dict[str, Any]]:
    """Return the form of one stage: a dict per input (name, label, help, kind, value and limits)."""
    form = []
    for entry in fields(spec):
        meta = dict(entry.metadata)
        if meta.get("stage") != stage:
            continue
        only_if = meta.pop("only_if", None)
        if only_if and getattr(spec, only_if[0]) != only_if[1]:
            continue
        meta.pop("stage")
        form.append({"name": entry.name, "value": getattr(spec, entry.name), **meta})
    return form
