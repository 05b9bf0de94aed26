"""Runs one script that has to fail, and keeps what a person would have afterwards: ``python -m … SCRIPT``.

It runs in the sandbox's environment, in the folder of the script. Exit code 0: it failed, as it should.
"""

from __future__ import annotations

import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from amlwidgets.sandbox.gallery import BUILD, CONTAINER, ERROR

_SECONDS = 30


def main(script: str) -> int:
    """Run the script and collect what it leaves behind."""
    folder = Path(script).parent
    sys.path.insert(0, str(folder))
    try:
        runpy.run_path(script, run_name="__main__")
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it is, it is what the user would see
        _keep(folder, traceback.format_exc(), sys.exc_info()[1])
        return 0
    print("It did not fail.")
    return 1


def _keep(folder: Path, text: str, error: BaseException | None) -> None:
    print(text)
    (folder / ERROR).write_text(text, encoding="utf-8")
    found = _variables(error)
    for name, read in ((CONTAINER, _container_log), (BUILD, _build_log)):
        try:
            content = read(found)
        except Exception as exc:  # noqa: BLE001 - a log that cannot be had must not hide the failure itself
            print(f"{name} cannot be had: {exc}")
            continue
        if content:
            (folder / name).write_text(content, encoding="utf-8")


def _variables(error: BaseException | None) -> dict[str, Any]:
    """Return the variables of the frames that the exception went through, innermost last."""
    found: dict[str, Any] = {}
    frame = error.__traceback__ if error is not None else None
    while frame is not None:
        if "azureml" not in str(frame.tb_frame.f_globals.get("__name__")):
            found |= frame.tb_frame.f_locals
        frame = frame.tb_next
    return found


def _container_log(found: dict[str, Any]) -> str:
    service: Any = found.get("service")
    return str(service.get_logs() or "") if hasattr(service, "get_logs") else ""


def _build_log(found: dict[str, Any]) -> str:
    image: Any = found.get("image")
    service: Any = found.get("service")
    link = getattr(image, "image_build_log_uri", None)
    if link is None and getattr(service, "_operation_endpoint", None):
        headers = service._auth.get_authentication_header()  # noqa: SLF001 - the SDK prints this link, it gives it to nobody
        link = _get(service._operation_endpoint, headers=headers).json().get("operationLog")  # noqa: SLF001
    return _get(link).text if link else ""


def _get(link: str, **options: Any) -> Any:
    import requests

    return requests.get(link, timeout=_SECONDS, **options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
