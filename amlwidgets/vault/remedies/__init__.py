"""The remedies of a template that takes access away, one module each (keyvault-arm.md, section 4)."""
