"""A template with a secret in every place where one can be put."""

from __future__ import annotations

MARK = "hunter2"
_KV, _WS = "Microsoft.KeyVault/vaults", "Microsoft.MachineLearningServices/workspaces"
_NAME = "[concat('kv-', parameters('plain'), variables('connectionString'))]"

TEMPLATE = {
    "parameters": {
        "pw": {"type": "secureString", "defaultValue": f"{MARK}-default"},
        "plain": {"type": "string"},
        "adminPassword": {"type": "string", "defaultValue": f"{MARK}-by-name"},
        "object": {"type": "secureObject", "defaultValue": {"a": {"b": f"{MARK}-object"}}},
        "joined": {"type": "secureString", "defaultValue": f"[concat('{MARK}-joined', 'x')]"},
        "decides": {"type": "secureString"},
    },
    "variables": {"connectionString": f"Server=x;Password={MARK}-variable;"},
    "resources": [
        {
            "type": _KV, "apiVersion": "2022-07-01", "name": "[concat('kv-', parameters('pw'))]",
            "condition": "[equals(parameters('decides'), 'x')]",
            "properties": {"accessPolicies": [{"objectId": "[parameters('plain')]", "permissions": {"secrets": ["all"]}}]},
        },
        {"type": _KV, "apiVersion": "2022-07-01", "name": _NAME, "properties": {"accessPolicies": []}},
        {
            "type": f"{_KV}/secrets", "apiVersion": "2022-07-01", "name": "kv/a",
            "properties": {"value": "[parameters('plain')]"},
        },
        {
            "type": f"{_KV}/secrets", "apiVersion": "2022-07-01", "name": "kv/b",
            "properties": {"value": f"line one\n{MARK}-of-lines"},
        },
        {
            "type": _WS, "apiVersion": "2023-04-01", "name": "[parameters('adminPassword')]",
            "properties": {"keyVault": f"[resourceId('{_KV}', {_NAME[1:-1]})]"},
        },
        {
            "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "n",
            "properties": {"mode": "Complete", "templateLink": {"uri": "[concat('https://x/t?sig=', parameters('plain'))]"}},
        },
    ],
    "outputs": {"o": {"type": "string", "value": "[parameters('pw')]"}},
}  # fmt: skip

PARAMETERS = {"plain": f"{MARK}-given", "pw": f"{MARK}-given", "decides": f"{MARK}-decides"}
