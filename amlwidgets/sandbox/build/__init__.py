"""The image stage: an environment definition becomes an environment that can run, resolved and installed for real."""

from amlwidgets.sandbox.build.builder import UvBuilder

__all__ = ["UvBuilder"]
