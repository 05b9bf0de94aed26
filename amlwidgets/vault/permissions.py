"""What a workspace's identity needs in its vault: all permissions but purge (keyvault-arm.md, sections 3 and 5)."""

from __future__ import annotations

ALL_BUT_PURGE = {
    "keys": [
        "get", "list", "create", "update", "import", "delete", "recover", "backup", "restore",
        "encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey",
    ],
    "secrets": ["get", "list", "set", "delete", "recover", "backup", "restore"],
    "certificates": [
        "get", "list", "create", "update", "import", "delete", "recover", "backup", "restore",
        "managecontacts", "manageissuers", "getissuers", "listissuers", "setissuers", "deleteissuers",
    ],
}  # fmt: skip

ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
ROLE_NAMES = {
    ADMINISTRATOR: "Key Vault Administrator",
    SECRETS_OFFICER: "Key Vault Secrets Officer",
    SECRETS_USER: "Key Vault Secrets User",
}
"""Built-in roles of the data plane, by identifier."""
