"""The workspace's own login to its registry, through azureml-core; it goes to no other registry."""

import pytest

pytestmark = pytest.mark.sandbox


def test_it_is_for_the_workspaces_own_registry_only(run):
    own, other, alike = run("""
from amlwidgets.services.azureml import registry_login
own = registry_login(ws, "sandboxregistry.azurecr.io")
result([[own[0], len(own[1])], registry_login(ws, "other.azurecr.io"),
        registry_login(ws, "sandboxregistry.azurecr.io.example.com")])
""")
    assert own == ["sandboxregistry", 40]
    assert (other, alike) == (None, None)
