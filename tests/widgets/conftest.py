"""A comm that records: what a widget sends, and a way to deliver what a view would send."""

from __future__ import annotations

import json

import comm
import pytest
from comm.base_comm import BaseComm


class RecordingComm(BaseComm):
    """Keeps every message; ``sizes`` gives bytes per message."""

    def __init__(self, *args, **kwargs):
        self.messages = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        self.messages.append((msg_type, data or {}, list(buffers or [])))

    @property
    def sizes(self):
        return [len(json.dumps(data)) + sum(map(len, buffers)) for _, data, buffers in self.messages]

    def sent(self, kind):
        return [
            d["content"]
            for _, d, _ in self.messages
            if d.get("method") == "custom" and d["content"].get("kind") == kind
        ]

    def windows(self, stage=None):
        """Return the lines of all pushed windows, by row."""
        rows = {}
        for _, data, buffers in self.messages:
            content = data.get("content", {})
            if content.get("kind") == "log" and "window" in content and content.get("stage") == stage:
                texts = bytes(buffers[0]).decode().split("\n")[: content["window"]["count"]]
                rows |= {content["window"]["start"] + n: text for n, text in enumerate(texts)}
        return rows

    def ask_log(self, op, stage=None, /, **payload):
        """Ask a log; returns the answer and the bytes beside it."""
        where = {} if stage is None else {"stage": stage}
        answer = self.ask("log", op=op, payload=payload, **where)
        return answer.get("result", answer), [bytes(b) for b in self.messages[-1][2]]

    def ask(self, name, /, **payload):
        """Deliver a request as the view does and return the answer."""
        content = {"kind": "request", "id": f"t{len(self.messages)}", "name": name, "payload": payload}
        self.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
        return next(m for m in reversed(self.sent("reply")) if m["id"] == content["id"])


@pytest.fixture(autouse=True)
def recording_comm(monkeypatch):
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
