"""Diagnosis of a stage that failed: gathers its texts and what is known of the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlwidgets.errors import AmlWidgetsError, BadInput, NotConnected, NotInstalled
from amlwidgets.services import azureml
from amlwidgets.services.explain import vault_context

if TYPE_CHECKING:
    from amlwidgets.core.findings import Finding
    from amlwidgets.core.logbuffer import LogBuffer
    from amlwidgets.core.spec import DeploymentSpec
    from amlwidgets.core.stages import Stage


def diagnose_stage(
    stage: Stage,
    spec: DeploymentSpec,
    log: LogBuffer,
    error: Exception,
    sources: list[tuple[str, str]],
    namespace: dict[str, Any],
) -> tuple[Finding, ...]:
    """Return the findings of a failed stage, best first.

    Args:
        stage: Where it failed.
        spec: What was deployed.
        log: The stage's log; its line numbers are those of the evidence.
        error: What the stage raised.
        sources: Further texts by name, such as the deployment's error.
        namespace: Variables of the calls; used for names of models.
    """
    from amlwidgets.services.diagnose import diagnose

    texts: list[Any] = [(log.name, log.text()), *sources]
    if isinstance(error, NotConnected | NotInstalled | BadInput) and not log.text().strip():
        return ()  # our own sentence says it; there is nothing of the deployment to look at
    if not sources and not isinstance(error, AmlWidgetsError):
        texts.append(error)
    context = context_of(stage, spec, namespace)
    report = diagnose(texts, context=context)
    looked = vault_context(report, namespace.get("ws"))
    return tuple((diagnose(texts, context=context | looked) if looked else report).findings)


def context_of(stage: Stage, spec: DeploymentSpec, namespace: dict[str, Any]) -> dict[str, str]:
    """Return what causes may put into their words and fixes."""
    context = {
        "entry_script": spec.entry_script,
        "memory_gb": f"{spec.memory_gb:g}",
        "service": spec.service_name,
        "conda_file": spec.conda_file,
        "model_name": spec.model_name,
        "wizard_stage": stage.value,
    }
    models = [namespace["model"]] if "model" in namespace else []
    if models and "ws" in namespace:
        context |= azureml.model_names(namespace["ws"], models)
    return {key: value for key, value in context.items() if value}
