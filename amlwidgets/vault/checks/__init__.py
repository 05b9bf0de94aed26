"""One module a check. Each has ``CHECK``, a ``check.Check``."""
