"""Key vaults in ARM templates: what a redeploy does to access policies, checks with their remedies.

Pure: templates in, findings out. Source of rules and check ids: keyvault-arm.md.
"""
