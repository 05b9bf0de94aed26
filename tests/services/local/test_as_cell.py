"""The entry script as a cell: a kernel's own debugger stops in it, and in nothing else, whatever address it is told."""

import pytest
from jupyter_client.manager import KernelManager

from amlwidgets.services.local.session import LocalSession

SCRIPT = """\
import json


def init():
    pass


def run(data):
    total = sum(json.loads(data)["data"][0])
    return {"total": total}
"""


class Scripts:
    """As much of a target as a cell needs: its script."""

    def read(self, _path: str) -> str:
        return SCRIPT


class Kernel:
    """A kernel, and what JupyterLab's debugger asks it."""

    def __init__(self) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.number = 0

    def ask(self, command: str, **arguments) -> dict:
        self.number += 1
        content = {"seq": self.number, "type": "request", "command": command, "arguments": arguments}
        message = self.client.session.msg("debug_request", content)
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert reply["content"]["success"], reply
                return reply["content"].get("body", {})

    def seen(self, kind: str, wanted) -> dict:
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["msg_type"] == kind and wanted(message["content"]):
                return message["content"]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel():
    started = Kernel()
    yield started
    started.close()


def test_a_kernels_own_debugger_stops_in_the_cell(kernel):
    code = LocalSession(Scripts()).as_cell()
    kernel.ask("initialize", clientID="test", adapterID="", linesStartAt1=True, columnsStartAt1=True, pathFormat="path")
    # The address of a debugger elsewhere: nobody listens there, and the kernel does not care.
    kernel.ask("attach", connect={"host": "127.0.0.1", "port": 1})
    path = kernel.ask("dumpCell", code=code)["sourcePath"]
    line = code.splitlines().index('    return {"total": total}') + 1
    kernel.ask("setBreakpoints", breakpoints=[{"line": line}], source={"path": path}, sourceModified=False)
    kernel.ask("configurationDone")
    kernel.client.execute(code)
    stopped = kernel.seen("debug_event", lambda content: content["event"] == "stopped")
    frame = kernel.ask("stackTrace", threadId=stopped["body"]["threadId"])["stackFrames"][0]
    assert (frame["name"], frame["line"]) == ("run", line)
    kernel.ask("continue", threadId=stopped["body"]["threadId"])
    assert kernel.seen("stream", lambda content: "total" in content["text"])["text"] == "{'total': 0}\n"
