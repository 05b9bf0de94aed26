"""``%aml gallery``: failures to try in a notebook. It joins the sandbox, which provokes, and the diagnosis."""

from __future__ import annotations

import html
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlwidgets.core.findings import Report
    from amlwidgets.sandbox.gallery import Item


def listed() -> tuple[str, str]:
    """Return the table of failures, as HTML and as text."""
    from amlwidgets.sandbox import gallery
    from amlwidgets.sandbox.gallery.commands import listed as as_text

    rows = "".join(
        f"<tr><td><code>{html.escape(item.name)}</code></td><td>{html.escape(item.title)}</td>"
        f"<td>{html.escape(item.stage)}</td><td><code>{html.escape(item.cause)}</code></td></tr>"
        for item in gallery.items().values()
    )
    head = "<tr><th>%aml gallery …</th><th>What fails</th><th>Stage</th><th>Cause to find</th></tr>"
    return f"<table>{head}{rows}</table>", as_text()


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that was provoked.

    Attributes:
        item: What was provoked.
        report: Its diagnosis.
        seconds: How long it took until it failed.
        when: When it had failed, in seconds since 1970.
    """

    item: Item
    report: Report
    seconds: float
    when: float

    def runbook(self) -> Any:
        """Return it as a notebook that provokes it again."""
        from amlwidgets.sandbox.gallery import FILES
        from amlwidgets.services.runbook_script import of_script

        item = self.item
        return of_script(
            self.report, item.script, FILES | item.files,
            title=item.title, story=item.story, stage=item.stage, seconds=self.seconds,
        )  # fmt: skip


def provoke(name: str) -> Failure:
    """Provoke a failure, printing what the client prints, and diagnose it.

    Raises:
        BadInput: The gallery has no such failure.
        NotInstalled: Something that it needs is not here.
    """
    from amlwidgets.sandbox import client, gallery
    from amlwidgets.sandbox.gallery import runner
    from amlwidgets.services.diagnose import diagnose

    item = gallery.find(name)
    print(f"{item.title}. {item.story}\n")
    folder = Path(tempfile.mkdtemp(prefix=f"aml-gallery-{item.name}-"))
    began = time.time()
    done = runner.run(item, client.start(), folder)
    print(f"\nIts script and logs are in {folder}. The cause to find is {item.cause}.")
    return Failure(item, diagnose(done.sources), time.time() - began, time.time())
