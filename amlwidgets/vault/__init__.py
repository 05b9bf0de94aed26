"""(to come) ARM template reader, policy semantics, checks, remedies."""
