"""Which world this kernel is in: a real workspace's or the sandbox's. Never both.

The sandbox is a separate program; this module only knows the marks that it leaves in the environment, so that the
service layer does not import it.
"""

from __future__ import annotations

import os
from typing import Any

from amlwidgets.errors import NotConnected

MARK = "AMLWIDGETS_SANDBOX"
"""Environment variable that names the sandbox's state folder while a process is in its world."""

CONFIG = "AMLWIDGETS_SANDBOX_WORKSPACE"
"""``subscription/resource group/workspace`` of the sandbox's own workspace."""


def in_sandbox() -> bool:
    """Whether this process is in the sandbox's world."""
    return bool(os.environ.get(MARK))


def sandbox_workspace() -> Any:
    """Return the sandbox's workspace; a config file of the working folder comes first, as it does in Azure.

    Raises:
        NotConnected: the sandbox does not answer.
    """
    from azureml.core import Workspace
    from azureml.exceptions import UserErrorException

    try:
        try:
            return Workspace.from_config()
        except UserErrorException:
            subscription, group, name = os.environ[CONFIG].split("/")
            return Workspace(subscription, group, name)
    except Exception as error:
        raise NotConnected(
            f"The sandbox does not answer: {type(error).__name__}.",
            code="sandbox-not-running",
            todo="Start it again: %aml sandbox on",
        ) from error
