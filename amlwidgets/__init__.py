"""amlwidgets: find out, inside the notebook, why an Azure ML deployment failed, and fix it."""

from amlwidgets._version import __version__

__all__ = ["__version__"]
