"""A wizard whose image fails for the vault's sake leads to the checklist, which gives the access back."""

import pytest
from test_resume import SETUP, write_deployment, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.timeout(600)]
WIPE = """\
from azure.identity import DefaultAzureCredential
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault.models import VaultAccessPolicyParameters, VaultAccessPolicyProperties
from azureml.core import Workspace

ws = Workspace.from_config()
parts = ws.get_details()["keyVault"].split("/")
client = KeyVaultManagementClient(DefaultAzureCredential(), ws.subscription_id)
client.vaults.update_access_policy(
    parts[4], parts[-1], "replace", VaultAccessPolicyParameters(properties=VaultAccessPolicyProperties(access_policies=[]))
)
print("wiped")
"""


def test_the_button_on_the_wizards_card_opens_the_checklist(work, open_notebook):
    write_deployment(work)
    book = open_notebook(write_notebook(work, SETUP, WIPE, "%aml"))
    page = book.page
    for cell in (0, 1, 2):
        book.run_cell(cell)
    assert "wiped" in book.output(1)
    wizard = page.locator(".aml-wizard").first
    wizard.get_by_role("button", name="Run to the end").click()
    book.wait_stage("image", "failed")
    card = wizard.locator(".aml-card").first
    assert card.get_attribute("data-cause") == "key-vault-policy-wiped"
    look = card.get_by_role("button", name="Look at the key vault")
    look.focus()
    page.keyboard.press("Enter")
    step = wizard.locator(".aml-checklist li[data-step=access]")
    step.and_(page.locator("[data-state='needs you']")).wait_for(timeout=60_000)
    book.shots("wizard-vault")
    step.get_by_role("button", name="Give access").click()
    wizard.locator(".aml-ask").get_by_role("button", name="Yes, give access").click()
    wizard.locator(".aml-checklist li[data-step=access][data-state=done]").wait_for(timeout=60_000)
    assert book.cell_errors() == []
    assert book.problems == []
