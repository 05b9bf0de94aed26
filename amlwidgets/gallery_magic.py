"""``%aml gallery``: failures to try in a notebook. It joins the sandbox, which provokes, and the diagnosis."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlwidgets.core.findings import Report


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


def provoked(name: str) -> Report:
    """Provoke a failure, printing what the client prints, and return its diagnosis.

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
    done = runner.run(item, client.start(), folder)
    print(f"\nIts script and logs are in {folder}. The cause to find is {item.cause}.")
    return diagnose(done.sources)
