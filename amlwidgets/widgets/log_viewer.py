"""A log that is looked at in windows: a text, a file, or a web service's log."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import traitlets as t

from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.core.redact import mask
from amlwidgets.errors import BadInput
from amlwidgets.services.azureml import service_log
from amlwidgets.services.diagnose import diagnose
from amlwidgets.widgets.assets import script, style
from amlwidgets.widgets.base import AmlWidget, request


class LogViewer(AmlWidget):
    """Scrollable view of one log. The lines stay in the kernel; the view asks for windows of them.

    Args:
        source: A text (``str``), a file (``os.PathLike``) or a web service of azureml-core.

    Raises:
        BadInput: the source is none of these, or the file cannot be read.
    """

    _esm = script("log_viewer")
    _css = style("log_view", "log_viewer")

    name = t.Unicode("log").tag(sync=True)
    """Name of the source."""
    total = t.Int(0).tag(sync=True)
    """Lines known so far. The lines themselves are requested in windows."""
    marks: t.List[Any] = t.List().tag(sync=True)
    """Indices of lines that are evidence of a finding."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        name, text = _read(source)
        self._log = LogBuffer(name)
        self._log.append(mask(text))
        self.report = diagnose([(name, text)])
        with self.hold_sync():
            self.name, self.total = name, len(self._log)
            self.marks = sorted({e.first_line - 1 for f in self.report.findings for e in f.evidence})

    @request
    def window(self, start: int, count: int) -> dict[str, Any]:
        """Return up to 500 lines from index ``start``."""
        return {
            "start": start,
            "total": len(self._log),
            "lines": [x[:4000] for x in self._log.window(start, min(count, 500))],
        }

    @request
    def find(self, query: str) -> dict[str, Any]:
        """Return the indices of lines that contain ``query``."""
        return {"hits": self._log.find(query)}

    def to_text(self) -> str:
        """Return the last lines."""
        return "\n".join(self._log.window(len(self._log) - 40, 40))


def _read(source: Any) -> tuple[str, str]:
    if isinstance(source, str):
        return "log", source
    if isinstance(source, PathLike):
        path = Path(source)
        try:
            return path.name, path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.", code="log-unreadable") from error
    if hasattr(source, "get_logs"):
        return f"log of {source.name}", service_log(source)
    raise BadInput(
        f"A {type(source).__name__} has no log.", code="no-log", todo="Give a text, a path or a web service."
    )
