"""The variables of a container: a short list of our own, and the deployment's; nothing of this process leaks in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlwidgets.sandbox.protocols import ContainerSpec
    from amlwidgets.sandbox.run.isolation import View


def variables(spec: ContainerSpec, view: View) -> dict[str, str]:
    """Return the environment of the container's first process.

    ``AZUREML_MODEL_DIR`` is absolute: old images set it relative to the app root, which breaks for scripts that
    change their folder; newer ones, and the server's own check, work with the absolute path.
    """
    ours = {
        # /usr/local/bin is left out: a server installed on the machine must not stand in for a missing one.
        "PATH": f"{view.prefix}/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
    }
    contract = {
        "HOME": view.home,
        "TMPDIR": str(spec.root / "tmp"),
        "HOSTNAME": spec.name,
        "AML_APP_ROOT": view.app_root,
        "AZUREML_MODEL_DIR": f"{view.app_root}/{spec.model_dir}",
        "AZUREML_ENTRY_SCRIPT": spec.entry_script,
    }
    return ours | dict(spec.environment) | contract
