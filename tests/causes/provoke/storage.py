"""Failures that Azure's storage words: Microsoft's own emulator answers the client that azureml-core brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provoke.base import free_port, listening, provokes, python_says, running, wait_until

if TYPE_CHECKING:
    from pathlib import Path

# Azurite's published account; it opens nothing but the emulator.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_HEAD = f"""
import datetime
from azureml._vendor.azure_storage.blob import BlobServiceClient, BlobClient, generate_blob_sas, BlobSasPermissions

account, key = "{_ACCOUNT}", "{_KEY}"
address = "http://127.0.0.1:PORT/" + account
service = BlobServiceClient(address, credential=key)
container = service.create_container("azureml")
"""


def _storage_says(code: str, folder: Path) -> str:
    port = free_port()
    emulator = ("azurite-blob", "--silent", "--skipApiVersionCheck", "--blobPort", str(port), "--location", folder)
    with running(*emulator, cwd=folder, log=folder / "emulator.log"):
        if not wait_until(lambda: listening(port)):
            raise RuntimeError((folder / "emulator.log").read_text())
        return python_says(_HEAD.replace("PORT", str(port)) + code, folder)


@provokes(
    "model-artifact-missing-in-storage",
    "download of a model's blob that was deleted, with azureml-core's storage client, from Azurite",
    needs=("azurite-blob",),
)
def storage_blob_gone(folder: Path) -> str:
    """The blob was never there."""
    return _storage_says('container.download_blob("ExperimentRun/dcid.run_1/outputs/model.pkl").readall()\n', folder)


@provokes(
    "identity-storage-access-missing",
    "download with a shared access signature that lets one write and not read, from Azurite",
    needs=("azurite-blob",),
)
def storage_may_not_read(folder: Path) -> str:
    """A signature of the right kind without the right."""
    code = """
container.upload_blob("model.pkl", b"model")
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
may = BlobSasPermissions(write=True)
sas = generate_blob_sas(account, "azureml", "model.pkl", account_key=key, permission=may, expiry=end)
BlobClient.from_blob_url(address + "/azureml/model.pkl?" + sas).download_blob().readall()
"""
    return _storage_says(code, folder)
