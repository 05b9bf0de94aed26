"""Kubernetes clusters: declared nodes, a scheduler that computes what fits, and services that run as replicas.

The cluster's *state* is kept here and its answers are computed from it; the replicas themselves are real servers.
"""
