"""ARM templates: their dialect of JSON with positions, their expressions, and the resources that they declare.

Pure and on the standard library alone: the Key Vault checks read templates with it, and the sandbox deploys them.
Source: "Understand the structure and syntax of ARM templates" and "ARM template functions" of Azure's documents.
"""
