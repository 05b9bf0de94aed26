"""One debugging session: what the panel's buttons do, as plain calls with plain results."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlwidgets.core.redact import mask
from amlwidgets.errors import BadInput
from amlwidgets.services.diagnose import diagnose
from amlwidgets.services.journal import home
from amlwidgets.services.local import catching, compare, debugger, request
from amlwidgets.services.local.probes import ask
from amlwidgets.services.local.targets import ContainerTarget

if TYPE_CHECKING:
    from amlwidgets.core.findings import Finding
    from amlwidgets.services.local.condition import State
    from amlwidgets.services.local.inside import Ran
    from amlwidgets.services.local.targets import Target

_SHELL_SECONDS = 120
_MOST_FILES = 200
_CELL = """


# The service has the model's folder in AZUREML_MODEL_DIR; here it is yours to name.
import os

os.environ.setdefault("AZUREML_MODEL_DIR", ".")
init()
print(run({body!r}))
"""


class LocalSession:
    """Look inside, edit and reload, send data, attach a debugger.

    Args:
        target: What is debugged.
        conda: Text of the conda file that the environment was made from; empty when it is not known.
        script: Entry script, relative to the scripts' folder.
        folder: The user's working folder, for the debugger's configuration.
    """

    def __init__(
        self, target: Target, *, conda: str = "", script: str = "score.py", folder: Path | None = None
    ) -> None:
        self.target, self.conda, self.script = target, conda, script
        self.folder = folder or Path.cwd()
        self.exchanges: list[request.Exchange] = []
        """The last two requests: the newest is the last."""
        self.debugging: debugger.Debugging | None = None
        self._originals: dict[str, str] = {}

    # ---- look inside

    def look(self, name: str, /, **options: Any) -> dict[str, Any]:
        """Ask a question of the container; see ``probes.ask``."""
        if name in ("call", "script"):
            options.setdefault("script", self.script)
        return ask(self.target.inside, name, **options).to_dict()

    def differences(self) -> list[compare.Difference]:
        """Compare the container's packages with the conda file, with this notebook, and with the model's pickle."""
        inside = self.target.inside
        installed = ask(inside, "packages").data["packages"]
        here = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
        wanted = compare.requirements_of(self.conda) if self.conda else []
        pickles = ask(inside, "pickles").data["files"]
        return compare.differences(installed, requirements=wanted, notebook=here, pickles=pickles)

    def shell(self, line: str) -> Ran:
        """Run one shell line in the folder of the scripts."""
        if not line.strip():
            raise BadInput("Which command?", code="shell-what")
        return self.target.inside.run(["sh", "-c", line], seconds=_SHELL_SECONDS)

    # ---- edit and reload

    def source(self, path: str = "") -> str:
        """Return a file of the scripts' folder; the entry script by default."""
        return self.target.read(path or self.script)

    def save(self, text: str, path: str = "") -> None:
        """Replace a file; its first text is kept for :meth:`undo`."""
        path = path or self.script
        self._originals.setdefault(path, self.target.read(path))
        self.target.write(path, text)

    def undo(self, path: str = "") -> str:
        """Put back the text that a file had before the first edit, and return it.

        Raises:
            BadInput: Nothing was edited.
        """
        path = path or self.script
        if path not in self._originals:
            raise BadInput(f"{path} was not edited here.", code="nothing-to-undo")
        text = self._originals.pop(path)
        self.target.write(path, text)
        return text

    def as_cell(self) -> str:
        """Return the entry script with the last body, as a cell through which the notebook's own debugger can step."""
        body = self.exchanges[-1].body if self.exchanges else '{"data": [[0]]}'
        return f"{self.source().rstrip()}{_CELL.format(body=body)}"

    def edited(self) -> list[str]:
        """Return the files that are not as they were."""
        return sorted(self._originals)

    def reload(self, seconds: float = 60) -> State:
        """Start the server again with the files as they are now."""
        return self.target.reload(seconds)

    def catch_errors(self, *, on: bool) -> str:
        """Put the guides' error-catching ``run()`` in, or take it out; return the script's new text."""
        text = self.source()
        changed = catching.put_in(text) if on else catching.take_out(text)
        self.save(changed)
        return changed

    # ---- send data

    def sample(self) -> str:
        """Return a body that fits the service's own description; empty when it has none."""
        return request.sample_of(request.schema(self.target.address, headers=self.target.headers()))

    def send(self, body: str, seconds: float = 120) -> request.Exchange:
        """Send a request; what the service fails on is kept for replay."""
        if not self.target.address:
            raise BadInput(f"{self.target.name} has no address.", code="no-address")
        sent = request.send(
            self.target.address, body, headers=self.target.headers(), seconds=seconds, keep=payloads(self.target.name)
        )
        self.exchanges = [*self.exchanges[-1:], sent]
        return sent

    def send_files(self, pattern: str, seconds: float = 120) -> list[list[str]]:
        """Send the content of files one after another; return name, status and the beginning of the answer of each.

        Args:
            pattern: Of file names, relative to the working folder, such as ``"samples/*.json"``.
            seconds: For each.
        """
        paths = sorted(path for path in self.folder.glob(pattern) if path.is_file())[:_MOST_FILES]
        if not paths:
            raise BadInput(f"No file fits {pattern} in {self.folder}.", code="no-files")
        keep, rows = payloads(self.target.name), []
        for path, got in request.send_files(
            self.target.address, paths, headers=self.target.headers(), seconds=seconds, keep=keep
        ):
            said = [got, ""] if isinstance(got, str) else [f"{got.status} in {got.seconds:.2f} s", got.answer[:200]]
            rows.append([path.name, *said])
        return rows

    def findings(self, exchange: request.Exchange, log: str = "") -> list[Finding]:
        """Name the cause of an answer that is none; what the log says of it leads to the line in the script."""
        if exchange.ok:
            return []
        sources = [("answer", exchange.as_text()), *([("log", log)] if log else [])]
        return list(diagnose(sources, stage="score").findings)

    def code(self, body: str) -> dict[str, str]:
        """Return the request as code."""
        needs_key = any(name.lower() == "authorization" for name in self.target.headers())
        return request.exported(self.target.address, body, service=self.target.name, needs_key=needs_key)

    # ---- debugger

    def debug(self) -> debugger.Debugging:
        """Start a copy of the container that waits for a debugger.

        Raises:
            BadInput: The target is no container of this machine's engine.
        """
        if not isinstance(self.target, ContainerTarget):
            raise BadInput(
                "A debugger attaches to a container of this machine's Docker engine only.",
                code="debug-where",
                todo="Start an engine and open %aml local again; a remote service is never touched.",
            )
        self.stop_debugging()
        self.debugging = debugger.attach(self.target.local, script=self.script, folder=self.folder)
        return self.debugging

    def stop_debugging(self) -> None:
        """Undo it: the copy, its image and the configuration go."""
        debugging, self.debugging = self.debugging, None
        if debugging is not None:
            debugging.close()

    def terminal(self) -> str:
        """Return the command that opens an interactive shell in the container, for a terminal."""
        name = getattr(getattr(self.target, "local", None), "name", "")
        return f"docker exec -it {shlex.quote(name)} sh" if name else ""

    def close(self) -> None:
        """Remove what is ours."""
        self.stop_debugging()
        self.target.close()


def payloads(service: str) -> Path:
    """Return the folder of the bodies that a service failed on."""
    return home() / "payloads" / re.sub(r"[^\w.-]", "_", mask(service))
