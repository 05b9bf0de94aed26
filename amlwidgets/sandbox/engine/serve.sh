#!/bin/sh
# What an image of the sandbox runs: the real inference server, on the script that the variable names, or on main.py.
# The shell says so when the server is missing: azureml-defaults brings it.
cd "${AML_APP_ROOT:-/var/azureml-app}" || exit 1
exec azmlinfsrv --entry_script "${AZUREML_ENTRY_SCRIPT:-main.py}" --port 5001
