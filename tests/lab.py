"""A real JupyterLab in a real Chromium; every wait is for a condition."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# What JupyterLab itself says on a healthy page.
NOT_OURS = re.compile(
    # Notebook 7.6 with an empty notebook: "Cannot read properties of undefined (reading 'schema')".
    r"reading 'schema'|favicon|ResizeObserver loop|/api/(workspaces|listings|translations)|deprecat|WebGL|Autofocus|/lsp/"
    # Containers that come and go beside the test.
    r"|ERR_NETWORK_CHANGED",
    re.IGNORECASE,
)
READY = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


def write_notebook(path: Path, *sources: str) -> None:
    """Write a notebook with a code cell for each source."""
    import nbformat

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)


def save_with_widgets(page) -> None:
    """Save the open notebook with the state of its widgets."""
    page.evaluate(
        """async () => { const c = jupyterapp.commands, id = '@jupyter-widgets/jupyterlab-manager:saveWidgetState';
        if (!c.isToggled(id)) await c.execute(id);
        await jupyterapp.shell.currentWidget.context.save() }"""
    )


REOPENINGS = 4


def reopen_without_kernel(page, drawn) -> None:
    """End the notebook's kernel, open the saved notebook again, and wait for ``drawn``, a locator in a saved widget.

    JupyterLab restores saved widgets after it has asked the notebook's new kernel for living ones. When that kernel is
    late and starts once more, it gives up, silently and for good, until the page is loaded again; so do people.
    """
    from playwright.sync_api import TimeoutError as Late

    page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    for _ in range(REOPENINGS - 1):
        page.reload(wait_until="domcontentloaded")
        try:
            return drawn.wait_for(timeout=25_000)
        except Late:
            continue
    page.reload(wait_until="domcontentloaded")
    return drawn.wait_for(timeout=60_000)


class Lab:
    """A JupyterLab, or a Notebook 7, of its own settings and data, serving ``root``."""

    def __init__(self, root: Path, own: Path, env: dict[str, str], *, app: str = "jupyterlab") -> None:
        self.root, self.own = root, own
        self.pages = "doc/tree" if app == "jupyterlab" else "notebooks"
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        self._settings("apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False})
        self._settings("notebook-extension/tracker", {"windowingMode": "none"})
        clean = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
        places = {"CONFIG_DIR": "config", "RUNTIME_DIR": "runtime", "DATA_DIR": "data"}
        clean |= {f"JUPYTER_{name}": str(own / folder) for name, folder in places.items()}
        clean |= {
            "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        }
        clean |= {
            "IPYTHONDIR": str(own / "ipython"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **env,
        }
        self.log = (own / "lab.log").open("wb")
        options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={self.url.rsplit(':', 1)[1]}"]
        options += [
            f"--IdentityProvider.token={self.token}",
            f"--{'LabApp' if app == 'jupyterlab' else 'JupyterNotebookApp'}.expose_app_in_browser=True",
            # A long print is shown whole, not cut by the server.
            "--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1e12",
            "--ZMQChannelsWebsocketConnection.iopub_msg_rate_limit=1e9",
            "--ServerApp.port_retries=0",
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", app, *options], cwd=root, env=clean,
            stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        self._wait()

    def _settings(self, name: str, values: dict) -> None:
        file = self.own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while True:
            try:
                self.api("status")
                return
            except OSError:
                text = (self.own / "lab.log").read_text()[-2000:]
                assert self.process.poll() is None, f"JupyterLab ended:\n{text}"
                assert time.monotonic() < deadline, f"JupyterLab does not answer:\n{text}"
                time.sleep(0.1)

    def api(self, path: str, method: str = "GET"):
        request = urllib.request.Request(
            f"{self.url}/api/{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def close(self) -> None:
        for kernel in self.api("kernels"):
            self.api(f"kernels/{kernel['id']}", "DELETE")
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(15)
        self.log.close()


class Notebook:
    """A notebook that is open in a page."""

    def __init__(self, page, lab: Lab, name: str) -> None:
        self.page, self.lab, self.problems = page, lab, []
        page.on("console", lambda m: m.type == "error" and self._note(f"console: {m.text} {m.location.get('url', '')}"))
        page.on("pageerror", lambda e: self._note(f"page: {e}"))
        page.on("dialog", lambda d: d.accept())
        self.open(name)

    def _note(self, text: str) -> None:
        if not NOT_OURS.search(text):
            self.problems.append(text)

    def open(self, name: str) -> None:
        self.page.goto(
            f"{self.lab.url}/{self.lab.pages}/{name}?token={self.lab.token}&reset", wait_until="domcontentloaded"
        )
        self.page.wait_for_function(READY, timeout=90_000)

    def start(self, command: str) -> None:
        """Run a command of JupyterLab without waiting for it."""
        self.page.evaluate(
            "name => { window.__ended = false; jupyterapp.commands.execute(name).finally(() => window.__ended = true) }",
            command,
        )

    def wait(self, seconds: float = 180) -> None:
        self.page.wait_for_function("() => window.__ended", timeout=seconds * 1000)

    def run_all(self, seconds: float = 180) -> None:
        self.start("notebook:run-all-cells")
        self.wait(seconds)

    def run_cell(self, index: int, *, wait: bool = True, seconds: float = 180) -> None:
        self.page.evaluate("i => { jupyterapp.shell.currentWidget.content.activeCellIndex = i }", index)
        self.start("notebook:run-cell")
        if wait:
            self.wait(seconds)

    def restart(self) -> None:
        """Restart the kernel and wait until it is ready."""
        self.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.restartKernel() }")
        self.page.wait_for_function(READY, timeout=90_000)

    def set_cell(self, index: int, source: str) -> None:
        """Put ``source`` into the cell of that index; a new one is made at the end when there is none."""
        self.page.evaluate(
            """([i, text]) => { const nb = jupyterapp.shell.currentWidget.content;
            if (i >= nb.widgets.length) nb.model.sharedModel.insertCell(nb.widgets.length, {cell_type: 'code', source: text});
            else nb.widgets[i].model.sharedModel.setSource(text) }""",
            [index, source],
        )

    def output(self, index: int) -> str:
        return self.page.locator(".jp-Cell").nth(index).locator(".jp-Cell-outputArea").inner_text()

    def cell_errors(self) -> list:
        return self.page.evaluate(
            """() => [...jupyterapp.shell.currentWidget.content.widgets].flatMap((w, i) =>
            (w.model.toJSON().outputs ?? []).filter(o => o.output_type === 'error').map(o => [i, o.ename, o.evalue]))"""
        )

    def stage(self, name: str) -> str:
        return self.page.locator(f".aml-rail li[data-stage={name}]").get_attribute("data-state")

    def wait_stage(self, name: str, state: str, seconds: float = 180) -> None:
        self.page.locator(f".aml-rail li[data-stage={name}][data-state={state}]").wait_for(timeout=seconds * 1000)

    def theme(self, name: str) -> None:
        self.page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
        light = "true" if "Light" in name else "false"
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'")
        # JupyterLab lays a picture over the page while it changes the theme.
        self.page.wait_for_function("() => !document.querySelector('#jupyterlab-splash')")

    def shot(self, name: str, css: str = ".aml-wizard") -> None:
        """Keep a picture when somebody wants to look: set AMLWIDGETS_SHOTS to a folder."""
        if folder := os.environ.get("AMLWIDGETS_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.locator(css).first.screenshot(path=str(Path(folder) / f"{name}.png"))

    def shots(self, name: str, css: str = ".aml-wizard") -> None:
        """Keep four pictures when somebody wants to look: wide and 700 px, light and dark."""
        if "AMLWIDGETS_SHOTS" not in os.environ:
            return
        size = self.page.viewport_size
        for theme in ("Dark", "Light"):
            self.theme(f"JupyterLab {theme}")
            for width in (700, size["width"]):
                self.page.set_viewport_size({"width": width, "height": size["height"]})
                self.shot(f"{name}-{theme.lower()}-{width}", css)
