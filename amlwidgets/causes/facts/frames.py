"""Frames of Python tracebacks, in every form in which they are printed."""

from __future__ import annotations

import re
from typing import NamedTuple

_FRAME = re.compile(r'File "([^"\n]{1,400})", line (\d{1,7})(?:,? in (.{1,120}))?')
_UNQUOTED = re.compile(r"File (?:\x00)?([^\s\"':,(][^\n\":,]{0,300}?\.py):(\d{1,7}), in (.{1,120})")
_CUT = re.compile(r'^([^\s"][^"\n]{0,300}|)", line (\d{1,7}), in (.{1,120})')
_LIBRARY = re.compile(
    r"site-packages|dist-packages|[\\/]lib[\\/]python\d|[\\/]Python\d+[\\/][Ll]ib[\\/]|<frozen|"
    r"azureml_inference_server_http|azureml-server|[\\/]bin[\\/]|importlib[\\/]|anaconda\d?[\\/][Ll]ib[\\/]"
)
_NOT_A_FILE = re.compile(r"^<(?!ipython|string)")


class Frame(NamedTuple):
    """One frame: where it is, what it runs, and at which logical line it is printed."""

    path: str
    line: str
    function: str
    at: int

    @property
    def name(self) -> str:
        """Last part of the path, on either system."""
        return re.split(r"[\\/]", self.path)[-1]

    @property
    def is_library(self) -> bool:
        """Whether the frame is in an installed package, the interpreter or the server."""
        return bool(_LIBRARY.search(self.path) or _NOT_A_FILE.match(self.path))


def parse_frame(text: str, index: int) -> Frame | None:
    """Read a frame from a line, whatever stands before it."""
    if "File " not in text:
        match = _CUT.match(text) if '", line ' in text else None  # the beginning of the text was cut off here
    else:
        match = _FRAME.search(text) or _UNQUOTED.search(text)
    if match is None:
        return None
    return Frame(match[1], match[2], (match[3] or "").strip(), index)


def users_frame(frames: list[Frame]) -> Frame | None:
    """Deepest frame in a file of the user's own."""
    for frame in reversed(frames):
        if not frame.is_library:
            return frame
    return None
