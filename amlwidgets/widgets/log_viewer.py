"""A log that is looked at in windows: live, searchable, with its findings in the margin."""

from __future__ import annotations

import html
import threading
from typing import TYPE_CHECKING, Any

import traitlets as t

from amlwidgets.core.ansi import plain
from amlwidgets.core.logbuffer import LogBuffer
from amlwidgets.services.log_feed import LogFeed
from amlwidgets.services.log_pick import source_of
from amlwidgets.widgets.assets import packed
from amlwidgets.widgets.base import AmlWidget, request
from amlwidgets.widgets.coalesce import Coalescer
from amlwidgets.widgets.findings_view import shown_findings
from amlwidgets.widgets.log_excerpt import excerpt, excerpt_html, excerpt_text
from amlwidgets.widgets.log_pane import LogPane
from amlwidgets.widgets.presence import Presence

if TYPE_CHECKING:
    from amlwidgets.core.findings import Report


class LogViewer(AmlWidget):
    """Scrollable view of a log of any size. The lines stay in the kernel; the view asks for windows of them.

    Secrets are masked before anything is kept. The work of following a source ends when its last view is closed, and
    goes on without gaps when one is opened again.

    Args:
        source: A text (``str``, ``bytes``), a file (``os.PathLike``; also growing, rotated, gzip), a web service or an
            image of azureml-core, a Docker container, or an iterable of lines. A list of these, or a ``dict`` from
            names to these, is merged by time, with a column of the names.

    Raises:
        BadInput: the source is none of these, or the file cannot be read.
    """

    _esm = packed("log_viewer", "finding_card", "log_view", "log_viewer")

    name = t.Unicode("log").tag(sync=True)
    """Name of the source."""
    total = t.Int(0).tag(sync=True)
    """Lines known so far. The lines themselves are requested in windows."""
    findings: t.List[Any] = t.List().tag(sync=True)
    """The best findings in their JSON form; their evidence stands in the margin."""
    excerpt: t.List[Any] = t.List().tag(sync=True)
    """Lines for a saved notebook, as ``(index, text)``: the first, the last, and those around findings."""
    status = t.Unicode("").tag(sync=True)
    """What is to be said of the source, such as why it ended."""

    def __init__(self, source: Any) -> None:
        origin = source_of(source)
        super().__init__()
        self._log = LogBuffer(origin.name)
        self._pane = LogPane(self._log, lambda message, buffers: self.send(message, buffers=buffers))
        self._pane.sources = getattr(origin, "names", ())
        self._changes: Coalescer[str] = Coalescer(self.guarded(self._push))
        self._feed = LogFeed(self._log, origin, self._changes.add)
        self._presence = Presence(self._feed.start, self._feed.stop)
        if origin.quick:
            stopped = threading.Event()
            stopped.set()
            origin.run(self._log, stopped)
            self._log.settle()
        with self.hold_sync():
            self.name = origin.name
            self._keep()
        if not origin.live:
            self._feed.start()

    # ---- for code ------------------------------------------------------------------------------------

    @property
    def report(self) -> Report:
        """What the log shows, as far as it was looked at; of a finished log, all of it."""
        if not self._feed.source.live:
            self._feed.wait(60)
        return self._feed.report

    def start(self) -> None:
        """Follow the source, as an open view does."""
        self._feed.start()

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until the source has ended and all of it was looked at; return whether that is so.

        When it is, the traits tell it, too.
        """
        done = self._feed.wait(seconds)
        if done:
            self._changes.tell()
        return done

    def close(self) -> None:
        """End the work and take the widget away."""
        # Python closes what its source was refused for, too.
        if "_feed" in self.__dict__:
            self._feed.stop()
            self._changes.close()
            super().close()

    # ---- requests of the view ------------------------------------------------------------------------

    @request
    def log(self, op: str, payload: dict[str, Any]) -> Any:
        """Answer a question about the log; the operations are those of ``LogPane``."""
        return self._pane.answer(op, payload)

    @request
    def seen(self, view: str, *, closed: bool = False) -> None:
        """Note that a view is open, or that it was closed; without any view the work ends."""
        self._presence.seen(view, closed=closed)

    # ---- drawing -------------------------------------------------------------------------------------

    def _push(self, changes: set[str]) -> None:
        with self.hold_sync():
            if "report" in changes:
                self.findings = shown_findings(self._feed.report)
            if changes & {"report", "status"}:
                self._keep()
            if "status" in changes:
                self.status = self._feed.ended
        if changes & {"report", "status"}:
            self.keep_static()
        if "log" in changes:
            self._pane.push()

    def _keep(self) -> None:
        """Keep what a saved notebook shows."""
        self.total = len(self._log)
        marks = sorted({e.first_line - 1 for f in self._feed.report.findings[:4] for e in f.evidence[:2]})
        self.excerpt = excerpt(self._log, marks)

    # ---- static form -----------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return an excerpt: the first lines, the last ones, and those around findings."""
        return excerpt_text(self._log.name, len(self._log), self._lines_now())

    def to_html(self) -> str:
        """Return the excerpt and the findings as HTML without scripts."""
        titles = [html.escape(plain(f.title)) for f in self._feed.report.findings[:4]]
        return excerpt_html(self._log.name, len(self._log), self._lines_now(), titles)

    def _lines_now(self) -> list[tuple[int, str]]:
        marks = [e.first_line - 1 for f in self._feed.report.findings[:4] for e in f.evidence[:2]]
        return excerpt(self._log, sorted(set(marks)))
