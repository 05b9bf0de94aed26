"""Python tracebacks: chained, escaped, prefixed by a logger, cut at either end, with lost indentation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from amlwidgets.causes.facts.base import Fact, Parser
from amlwidgets.causes.facts.frames import Frame, parse_frame, users_frame
from amlwidgets.causes.facts.workers import phase_at

if TYPE_CHECKING:
    from amlwidgets.causes.document import Document
    from amlwidgets.causes.lines import Line

HEADER = "Traceback (most recent call"
_CHAIN = ("The above exception was the direct cause", "During handling of the above exception")
_SUFFIXES = r"(?:Error|Exception|Exit|Interrupt|Warning|Timeout|NotFound|Failure|Expired|Fault)"
_NAMED = re.compile(
    r"(?:^|[\s|>\]}:;'\"(,=])((?:[A-Za-z_]\w{0,80}\.){0,12}(?!User-?Agent)[A-Za-z]\w{0,80}"
    + _SUFFIXES
    + r")(?::(?=\s|$)[ ]?(.{0,3000}))?$"
)
_ANY = re.compile(r"^((?:[A-Za-z_]\w{0,80}\.){0,12}[A-Za-z_]\w{0,80})(?::[ ](.{0,3000})|:?)$")
_MARKS = re.compile(r"^[\s|^~]*[\^~]{1,}[\s^~]*$")
_STATED = re.compile(
    r"(?:^|[\s|>\]}:;'\"(])((?:[A-Za-z_]\w{0,80}\.){0,12}[A-Za-z]\w{0,80}(?:Error|Exception|NotFound)): (\S.{0,3000})$"
)
_PHASE_OF = {
    "load_script": "import", "invoke_init": "init", "invoke_run": "run", "handle_score": "run",
    "run_scoring": "run", "_run_scoring": "run", "init_all": "init", "user_main_init": "init",
}  # fmt: skip
_LOADS_THE_SCRIPT = {"load_wsgi", "load_wsgiapp", "init_process", "spawn_worker", "create_app", "import_app"}
"""Older servers import the script while gunicorn loads the application."""
_MESSAGE_LINES = 30
_AZUREML_SAYS = 3
_LOOK_AHEAD = 6


@dataclass
class _Trace:
    first: int
    frames: list[Frame] = field(default_factory=list)
    exception: str = ""
    message: str = ""
    last: int = 0
    proof: int = -1
    link: str = ""


def parse(doc: Document) -> list[Fact]:
    """Read every traceback and every exception that is stated on a line of its own."""
    lines = doc.lines
    traces: list[_Trace] = []
    i = 0
    while i < len(lines):
        text = lines[i].text
        if HEADER in text or parse_frame(text, i):
            trace = _read(lines, i)
            traces.append(trace)
            i = max(trace.last + 1, i + 1)
        else:
            bare = _bare(text, i)
            if bare:
                traces.append(bare)
            i += 1
    _link(lines, traces)
    return [_fact(doc, traces, n) for n in range(len(traces))]


def _bare(text: str, i: int) -> _Trace | None:
    """An exception stated without its frames, at the end of a line."""
    if "Error: " not in text and "Exception: " not in text and "NotFound: " not in text:
        return None
    match = _STATED.search(text)
    if match is None:
        return None
    return _Trace(i, exception=match[1], message=match[2].strip(), last=i, proof=i)


def _read(lines: list[Line], start: int) -> _Trace:
    """Read one traceback that starts (or, cut, continues) at ``start``."""
    trace = _Trace(start, last=start)
    i = start if HEADER not in lines[start].text else start + 1
    quiet = 0
    while i < len(lines) and quiet <= _LOOK_AHEAD:
        text = lines[i].text
        if HEADER in text or any(mark in text for mark in _CHAIN):
            break
        frame = parse_frame(text, i)
        if frame:
            trace.frames.append(frame)
            quiet = 0
        elif _is_exception(lines, i, trace):
            _take(lines, i, trace)
            return trace
        else:
            quiet += 1
        trace.last = i
        i += 1
    trace.last = trace.frames[-1].at if trace.frames else start
    return trace


def _is_exception(lines: list[Line], i: int, trace: _Trace) -> bool:
    text = lines[i].text
    after_frame = bool(trace.frames) and trace.frames[-1].at == i - 1
    if _NAMED.search(text) and not text.lstrip().startswith(("raise ", "except ", "from ", "import ", "return ")):
        return True
    return not after_frame and bool(_ANY.match(text)) and not text[:1].isspace()


def _take(lines: list[Line], i: int, trace: _Trace) -> None:
    text = lines[i].text
    match = _ANY.match(text) or _NAMED.search(text)
    if match is None:  # pragma: no cover - the caller has matched one of the two
        return
    trace.exception, trace.message = match[1], (match[2] or "").strip()
    trace.proof = trace.last = i
    more = [trace.message] if trace.message else []
    for j in range(i + 1, min(i + 1 + _MESSAGE_LINES, len(lines))):
        following = lines[j].text
        stop = not following.strip() or HEADER in following or _LOG_LINE.match(following) or parse_frame(following, j)
        if stop or any(mark in following for mark in _CHAIN):
            break
        more.append(following)
        if following.lstrip().startswith("Message: ") and j <= i + _AZUREML_SAYS:
            trace.proof = trace.last = (
                j  # azureml's exceptions say what happened here, after a line with their bare name
            )
    trace.message = "\n".join(more)


_LOG_LINE = re.compile(r"^\[?\d{4}-\d\d-\d\d[ T]|^\d{2}/\w{3}/\d{4}|^(?:INFO|WARNING|ERROR|DEBUG)\b|^\S{1,80} - - \[")


def _link(lines: list[Line], traces: list[_Trace]) -> None:
    """Mark which traceback followed from the one before it."""
    for before, after in pairwise(traces):
        between = range(before.last, min(after.first + 1, before.last + _MESSAGE_LINES + 6))
        if after.first - before.last <= _MESSAGE_LINES + 6 and before.frames:
            for j in between:
                if _CHAIN[0] in lines[j].text:
                    after.link = "cause"
                elif _CHAIN[1] in lines[j].text:
                    after.link = "context"


def _fact(doc: Document, traces: list[_Trace], n: int) -> Fact:
    lines, trace = doc.lines, traces[n]
    chain = [trace]
    for later in traces[n + 1 :]:
        if not later.link:
            break
        chain.append(later)
    frames = trace.frames
    if frames and frames[0].at - 1 > 0 and "most recent call first" in lines[frames[0].at - 1].text:
        frames = frames[::-1]
    own = users_frame(frames)
    fields = {
        "exception": trace.exception.rsplit(".", 1)[-1],
        "exception_full": trace.exception,
        "message": trace.message,
        "summary": _summary(trace.message),
        "chain": "only" if len(chain) == 1 and not trace.link else ("outer" if trace.link else "root"),
        "outer": " ".join(t.exception.rsplit(".", 1)[-1] for t in chain[1:]),
        "phase": _phase([f for t in chain for f in t.frames], own) or phase_at(doc, trace.first),
        "frames": "\n".join(f"{f.path}:{f.function}" for f in frames[-60:]),
    }
    if frames:
        fields["deepest"] = frames[-1].path
        fields["in_library"] = "yes" if frames[-1].is_library else "no"
    if own:
        fields |= {"file": own.name, "path": own.path, "line": own.line, "function": own.function}
        fields["source_line"] = _source_line(lines, own)
    proof = trace.proof if trace.proof >= 0 else trace.last
    shown = (own.at, own.at + bool(fields.get("source_line"))) if own else None
    known = {k: v for k, v in fields.items() if v}
    return Fact("traceback", known, trace.first, max(trace.last, proof), proof, shown)


def _summary(message: str) -> str:
    """First telling line of a message; azureml's exceptions put it after ``Message:``."""
    lines = [line.strip() for line in message.split("\n")]
    for line in lines[:4]:
        if line.startswith("Message: "):
            return line[9:309]
    return next((line for line in lines if any(map(str.isalnum, line))), "")[:300]


def _source_line(lines: list[Line], frame: Frame) -> str:
    following = lines[frame.at + 1].text.strip() if frame.at + 1 < len(lines) else ""
    unfit = not following or "File " in following or HEADER in following or _NAMED.search(following)
    return "" if unfit or _MARKS.match(following) else following[:200]


def _phase(frames: list[Frame], own: Frame | None) -> str:
    """Where in the life of the service it happened, as the frames of the server tell."""
    phases = [_PHASE_OF[f.function] for f in frames if f.function in _PHASE_OF and f.is_library]
    if phases:
        return phases[0]
    called = {f.function for f in frames}
    if called & _LOADS_THE_SCRIPT and "handle_request" not in called and own is not None:
        return "import"
    functions = {f.function for f in frames if not f.is_library}
    if own is None:
        return ""
    if "run" in functions:
        return "run"
    if "init" in functions:
        return "init"
    return ""


PARSER = Parser("traceback", (HEADER, "Error", "Exception", "NotFound", "line "), parse)
