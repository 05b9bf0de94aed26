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

DATA_ROLES = frozenset(
    {
        *ROLE_NAMES,
        "a4417e6f-fecd-4de8-b567-7b0420556985",  # Key Vault Certificates Officer
        "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",  # Key Vault Crypto Officer
        "12338af0-0e69-4776-bea7-57ae8d297424",  # Key Vault Crypto User
    }
)
"""Roles that open what a vault holds; Contributor and Owner do not."""
