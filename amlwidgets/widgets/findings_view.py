"""Findings as cards, for a failure outside the wizard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.widgets.assets import script, style
from amlwidgets.widgets.base import AmlWidget, request

if TYPE_CHECKING:
    from amlwidgets.core.findings import Report

_MOST = 6
"""Findings shown; more would hide the best ones."""


_NOTHING = "Nothing known was found in this text."


class FindingsView(AmlWidget):
    """Cards of a report's findings.

    Args:
        report: What ``diagnose`` or ``explain`` returned.
        ws: The workspace in which it failed, for the key vault checklist; None finds it.
    """

    _esm = script("findings_view")
    _css = style("finding_card")

    findings: t.List[Any] = t.List().tag(sync=True)
    """Findings in their JSON form, best first."""

    nothing: t.Unicode[Any, Any] = t.Unicode().tag(sync=True)
    """What is said where nothing was found."""

    def __init__(self, report: Report, ws: Any = None) -> None:
        super().__init__()
        self._ws = ws
        self.report = report
        self.nothing = f"{_NOTHING} {report.unexplained or 'That is no proof that nothing is wrong.'}"
        self.findings = shown_findings(report)

    @request
    def checklist(self) -> dict[str, str]:
        """Make a key vault checklist, which the view shows below the card."""
        return {"model": checklist_of(self._ws)}

    @request
    def calculator(self) -> dict[str, str]:
        """Make a replica calculator with the service's own settings, which the view shows below the card."""
        named = [finding.facts.get("service", "") for finding in self.report.findings]
        return {"model": calculator_of(self._ws, next(filter(None, named), ""))}

    def to_text(self) -> str:
        """Return the findings as text."""
        if not self.report.findings:
            return str(self.nothing)
        lines = []
        for finding in self.report.findings[:_MOST]:
            evidence = finding.evidence[0] if finding.evidence else None
            lines.append(f"{finding.title} ({finding.cause}, {finding.confidence:.2f})")
            if evidence:
                lines.append(f"  > {evidence.source}, line {evidence.first_line}: {evidence.text.strip()[:200]}")
            lines += [f"  {fix.title}" for fix in finding.fixes[:1]]
        return "\n".join(lines)


def container_of(service: Any, script: str) -> str:
    """Make a panel on the container of a service, and return the identifier of its model."""
    from amlwidgets.services import doors
    from amlwidgets.services.local.opening import open_at_once
    from amlwidgets.widgets.container_panel import ContainerPanel

    return str(ContainerPanel(open_at_once(service, doors.sandbox_client()), script=script).model_id)


def checklist_of(ws: Any) -> str:
    """Make a key vault checklist after a failure, and return the identifier of its model."""
    from amlwidgets.widgets.vault_checklist import VaultChecklist

    return str(VaultChecklist(ws=ws, after_failure=True).model_id)


def calculator_of(ws: Any, name: str, service: Any = None) -> str:
    """Make a replica calculator after a 503, and return the identifier of its model.

    Args:
        ws: The workspace; None finds it.
        name: The service that refused; empty where the text does not tell.
        service: The service itself, where it is at hand.
    """
    from amlwidgets.errors import AmlWidgetsError
    from amlwidgets.services import azureml
    from amlwidgets.widgets.calculator import ReplicaCalculator

    try:
        found = service if service is not None or not name else azureml.find_service(name, ws)
        return str(ReplicaCalculator(found).model_id)
    except AmlWidgetsError as error:
        # Without the service the question is still worth asking: with settings that everybody starts from.
        calculator = ReplicaCalculator()
        calculator.show_problem(error)
        return str(calculator.model_id)


def shown_findings(report: Report) -> list[dict[str, Any]]:
    """Return the best findings as cards show them outside the wizard."""
    return [_shown(f.to_dict()) for f in report.findings[:_MOST]]


def _shown(finding: dict[str, Any]) -> dict[str, Any]:
    """Keep the saved notebook small: long evidence is cut, and outside the wizard nothing can be applied."""
    finding["evidence"] = [e | {"text": e["text"][:1500]} for e in finding["evidence"][:3]]
    finding["fixes"] = [fix | {"automatic": False} for fix in finding["fixes"]]
    return finding
