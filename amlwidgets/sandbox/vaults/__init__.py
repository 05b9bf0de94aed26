"""Key vaults with access policies, role assignments, and templates that are deployed onto both."""
