"""Checks that need no deployment: files, names, target and the host's tools.

Each check says what it looked at. Only a failed check stops the deployment; a skipped one says why it was skipped.
Source of the rules: azureml-core 1.61 and azureml-inference-server-http 1.5 (``user_script.py``).
"""

from __future__ import annotations

import ast
import json
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core import names
from amlwidgets.core.checks import Check, CheckState
from amlwidgets.core.redact import mask
from amlwidgets.core.spec import DeploymentSpec, ModelSource
from amlwidgets.core.stages import Target
from amlwidgets.services.host import check_azure_cli, check_docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OLDEST_DEFAULTS = "1.0.45"
"""The first azureml-defaults that carries what hosts a model as a web service."""


def preflight(spec: DeploymentSpec, *, sandbox: bool) -> Iterator[Check]:
    """Yield the checks of ``spec`` one after another, as each ends.

    Args:
        spec: What is to be deployed.
        sandbox: Whether the target is the sandbox; the Azure CLI is needed only for a real workspace.
    """
    checks: list[Callable[[], Check]] = [
        lambda: check_names(spec),
        lambda: check_entry_script(spec),
        lambda: check_environment(spec),
        *([lambda: check_image(spec)] if spec.uses_image else []),
        lambda: check_model(spec),
        lambda: check_sample(spec),
        lambda: check_port(spec),
        lambda: check_docker(needed=spec.target == Target.LOCAL),
        lambda: check_azure_cli(needed=not sandbox),
    ]
    for check in checks:
        yield check()


def check_names(spec: DeploymentSpec) -> Check:
    """Check service and model names against Azure's rules."""
    wrong = [
        f"“{name}” cannot be a {rule.kind} name. The rule: {rule.words}."
        for rule, name in ((names.SERVICE, spec.service_name), (names.MODEL, spec.model_name))
        if not rule.matches(name)
    ]
    looked = f"{spec.service_name or '(empty)'}, {spec.model_name or '(empty)'}"
    if wrong:
        return Check("names", "Names", CheckState.FAIL, looked, " ".join(wrong), "Choose another name.")
    return Check("names", "Names", CheckState.OK, looked, "Both names keep Azure's rules.")


def script_path(spec: DeploymentSpec) -> Path:
    """Return the entry script's path."""
    return Path(spec.folder, spec.source_directory, spec.entry_script)


def check_entry_script(spec: DeploymentSpec) -> Check:
    """Check that the entry script exists, parses, and has init() and run(data)."""
    path = script_path(spec)
    shown = str(Path(spec.source_directory, spec.entry_script))

    def result(state: CheckState, detail: str, todo: str = "") -> Check:
        return Check("entry-script", "Entry script", state, shown, detail, todo)

    if not path.is_file():
        there = ", ".join(sorted(p.name for p in path.parent.glob("*.py"))[:5]) if path.parent.is_dir() else ""
        return result(CheckState.FAIL, f"There is no file {shown}.", f"Python files here: {there or 'none'}.")
    if path.suffix != ".py" or not path.stem.isidentifier():
        return result(CheckState.FAIL, f"{path.name} cannot be imported.", "Name it like score.py: letters, digits, _.")
    try:
        tree = ast.parse(path.read_bytes(), filename=shown)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return result(
            CheckState.FAIL, f"Line {line} does not parse: {getattr(error, 'msg', error)}.", "Correct the line."
        )
    problems = _entry_point_problems(tree)
    if problems:
        return result(CheckState.FAIL, " ".join(problems), "The server calls init() once and run(data) per request.")
    return result(CheckState.OK, "It parses and has init() and run(data).")


def _entry_point_problems(tree: ast.Module) -> list[str]:
    """Return what is wrong with init() and run(); names bound by import or assignment are taken on trust."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    bound = {a.asname or a.name for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    bound |= {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    nested = any(isinstance(n, ast.If | ast.Try | ast.With) for n in tree.body)
    problems = [
        f"There is no {name}()."
        for name in ("init", "run")
        if name not in functions | dict.fromkeys(bound) and not nested
    ]
    init, run = functions.get("init"), functions.get("run")
    if init is not None and len(init.args.args) + len(init.args.posonlyargs) > len(init.args.defaults):
        problems.append("init() must not need an argument.")
    if run is not None and (run.args.vararg or run.args.kwarg or run.args.posonlyargs):
        problems.append("run() cannot take *args, **kwargs or positional-only arguments.")
    elif run is not None and not run.args.args:
        problems.append("run() must take the input data.")
    return problems


def check_environment(spec: DeploymentSpec) -> Check:
    """Check that the conda file is readable and lists azureml-defaults."""
    if not spec.conda_file:
        if spec.environment_name:
            return Check("environment", "Environment", CheckState.OK, spec.environment_name, "A curated environment.")
        return Check(
            "environment",
            "Environment",
            CheckState.FAIL,
            "(empty)",
            "Neither a conda file nor an environment is given.",
            "Name a conda file, such as env.yml.",
        )
    path = Path(spec.folder, spec.conda_file)

    def result(state: CheckState, detail: str, todo: str = "") -> Check:
        return Check("environment", "Conda file", state, spec.conda_file, detail, todo)

    try:
        content = _read_yaml(path)
    except FileNotFoundError:
        return result(
            CheckState.FAIL, f"There is no file {spec.conda_file}.", "Check the path; it starts at this notebook."
        )
    except (OSError, UnicodeDecodeError) as error:
        return result(CheckState.FAIL, f"It cannot be read: {error}.", "Save it as UTF-8 text.")
    except ValueError as error:
        return result(CheckState.FAIL, str(error), "Correct the YAML; indent with spaces, two per level.")
    return _check_dependencies(content, result)


def _read_yaml(path: Path) -> Any:
    """Return the content of a YAML file; a fault of its text is a ValueError in one sentence."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = path.read_text(encoding="utf-8")
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"Line {mark.line + 1} is" if mark else "It is"
        raise ValueError(f"{where} not YAML: {getattr(error, 'problem', None) or error}.") from error


def _check_dependencies(content: Any, result: Callable[..., Check]) -> Check:
    dependencies = content.get("dependencies") if isinstance(content, dict) else None
    if not isinstance(dependencies, list):
        return result(CheckState.FAIL, "It has no list called dependencies.", "See a conda environment file's layout.")
    lists = (d["pip"] for d in dependencies if isinstance(d, dict) and isinstance(d.get("pip"), list))
    pip: list[Any] = next(lists, [])
    found = [str(r) for r in pip if re.match(r"azureml[-_]defaults\b", str(r), re.IGNORECASE)]
    if not found and any(str(r).lower().startswith("azureml-inference-server-http") for r in pip):
        return result(CheckState.OK, "It lists azureml-inference-server-http, which hosts the model.")
    if not found:
        return result(
            CheckState.FAIL,
            "azureml-defaults is not under pip, and without it nothing can host the model.",
            f"Add  - azureml-defaults>={OLDEST_DEFAULTS}  under pip.",
        )
    if _too_old(found[0]):
        return result(
            CheckState.FAIL, f"{found[0]} is too old to host a model.", f"Ask for azureml-defaults>={OLDEST_DEFAULTS}."
        )
    return result(CheckState.OK, f"It lists {found[0]}; {len(pip)} pip and {len(dependencies)} conda entries.")


def _too_old(requirement: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import Version

    try:
        pins = [s for s in Requirement(requirement).specifier if s.operator in ("==", "<", "<=")]
    except InvalidRequirement:
        return False
    oldest = Version(OLDEST_DEFAULTS)
    return any(
        Version(p.version.rstrip(".*")) < oldest or (p.operator == "<" and Version(p.version) <= oldest) for p in pins
    )


def check_image(spec: DeploymentSpec) -> Check:
    """Check that Image.create can take what is to be deployed: it knows no environments and no source folders."""
    looked = spec.image_label or "(empty)"

    def result(state: CheckState, detail: str, todo: str = "") -> Check:
        return Check("image", "Image", state, looked, detail, todo)

    if not names.IMAGE.matches(spec.image_label):
        rule = names.IMAGE.words
        return result(CheckState.FAIL, f"It cannot be an image name. The rule: {rule}.", "Choose another name.")
    if not spec.conda_file:
        return result(CheckState.FAIL, "Image.create takes a conda file, no environment.", "Name a conda file.")
    if spec.source_directory or Path(spec.entry_script).parent != Path():
        detail = "Image.create takes the entry script from the working folder only."
        return result(CheckState.FAIL, detail, "Move it there, and leave the source folder empty; or use Model.deploy.")
    return result(CheckState.OK, "Script, model and conda file become its next version.")


def check_model(spec: DeploymentSpec) -> Check:
    """Check that the model's path exists below the working folder."""
    if spec.model_source != ModelSource.PATH:
        shown = spec.run_id if spec.model_source == ModelSource.RUN else spec.model_name
        return Check(
            "model", "Model", CheckState.SKIP, shown, f"It is {spec.model_source}; the workspace is asked later."
        )

    def result(state: CheckState, detail: str, todo: str = "") -> Check:
        return Check("model", "Model", state, spec.model_path or "(empty)", detail, todo)

    if not spec.model_path:
        return result(
            CheckState.FAIL, "No model file or folder is given.", "Name the file that you saved the model to."
        )
    path, folder = Path(spec.folder, spec.model_path), Path(spec.folder)
    if not path.exists():
        return result(
            CheckState.FAIL, f"There is no file or folder {spec.model_path}.", f"It is looked for in {folder}."
        )
    if not path.resolve().is_relative_to(folder.resolve()):
        return result(
            CheckState.FAIL,
            "It lies outside the working folder, and the SDK uploads from below it only.",
            f"Copy it below {folder}.",
        )
    if path.is_dir() and not any(p.is_file() for p in path.rglob("*")):
        return result(CheckState.FAIL, "The folder is empty.", "Save the model into it first.")
    return result(CheckState.OK, f"{_size(path)} to upload.")


def _size(path: Path) -> str:
    total = float(sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()))
    for unit in ("bytes", "KB", "MB"):
        if total < 1000:  # noqa: PLR2004 - decimal units
            return f"{total:.0f} {unit}" if unit == "bytes" else f"{total:.1f} {unit}"
        total /= 1000
    return f"{total:.1f} GB"


def check_sample(spec: DeploymentSpec) -> Check:
    """Check that the sample input is JSON; a script that takes raw bodies may want something else."""
    looked = mask(spec.sample)[:60]
    try:
        json.loads(spec.sample)
    except ValueError as error:
        return Check(
            "sample",
            "Sample input",
            CheckState.WARN,
            looked,
            f"It is not JSON: {error}.",
            "Correct it, unless your script reads raw bodies.",
        )
    return Check("sample", "Sample input", CheckState.OK, looked, "It is JSON.")


def check_port(spec: DeploymentSpec) -> Check:
    """Check that the port of a local service is free."""
    if spec.target != Target.LOCAL:
        return Check("port", "Port", CheckState.SKIP, "", f"{spec.target} needs no port of this machine.")
    looked = f"127.0.0.1:{spec.port}"
    if spec.port not in range(1, 65536):
        return Check("port", "Port", CheckState.FAIL, looked, "A port is a number from 1 to 65535.", "Choose another.")
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", spec.port))
        except OSError as error:
            detail = f"Port {spec.port} is taken ({error.strerror})."
            return Check("port", "Port", CheckState.FAIL, looked, detail, "Choose another, or stop what uses it.")
    return Check("port", "Port", CheckState.OK, looked, "It is free.")
