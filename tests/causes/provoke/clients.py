"""Failures that a Python library words: azureml-core, scikit-learn, PyTorch, NumPy, Flask; and the Azure CLI."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provoke.base import BIN, provokes, python_of, python_says, said

if TYPE_CHECKING:
    from pathlib import Path


@provokes("workspace-config-missing", "Workspace.from_config() in an empty folder")
def no_config(folder: Path) -> str:
    return python_says("from azureml.core import Workspace\n\nws = Workspace.from_config()\n", folder)


@provokes("sdk-version-incompatible", "from azureml.core import of a class that this version does not have")
def sdk_without_class(folder: Path) -> str:
    return python_says("from azureml.core import ManagedOnlineEndpoint\n", folder)


@provokes(
    "model-path-not-found", "Model.get_model_path of azureml-core outside of a deployment, in a script with init()"
)
def get_model_path(folder: Path) -> str:
    script = "from azureml.core.model import Model\n\n\ndef init():\n    return Model.get_model_path('my-model')\n\n\ninit()\n"
    (folder / "azureml-models").mkdir()
    return python_says(script, folder)


@provokes(
    "model-registration-path-missing", "Model.register(model_path=…) of azureml-core, of a file that is not there"
)
def register_absent(folder: Path) -> str:
    code = (
        "from azureml.core.model import Model\n\n"
        "ws = None  # the client looks at the path before it asks the workspace\n"
        "Model.register(workspace=ws, model_path='outputs/absent.pkl', model_name='m')\n"
    )
    return python_says(code, folder)


@provokes(
    "model-library-version-mismatch",
    "unpickling a class in a module of scikit-learn that the installed version no longer has",
    needs=("python:sklearn",),
)
def sklearn_module_gone(folder: Path) -> str:
    (folder / "model.pkl").write_bytes(b"csklearn.linear_model.base\nLinearRegression\n.")
    return python_says("import pickle\n\n\ndef init():\n    pickle.load(open('model.pkl', 'rb'))\n\n\ninit()\n", folder)


@provokes(
    "model-library-version-mismatch",
    "joblib.load of a class that the installed scikit-learn does not have in that module",
    needs=("python:sklearn",),
)
def sklearn_attribute_gone(folder: Path) -> str:
    (folder / "model.pkl").write_bytes(b"csklearn.tree._tree\nNodeRecordOfOldDays\n.")
    return python_says("import joblib\n\n\ndef init():\n    joblib.load('model.pkl')\n\n\ninit()\n", folder)


@provokes(
    "model-gpu-cpu-mismatch",
    "torch.load of a file whose tensors were on cuda:0, on a machine without",
    needs=("python:torch",),
    mark="network",
)
def torch_without_cuda(folder: Path) -> str:
    code = (
        "import torch\nfrom torch import serialization\n\n"
        "# saved as on a GPU: the file says where its tensors were\n"
        "serialization.register_package(0, lambda storage: 'cuda:0', lambda storage, place: None)\n"
        "torch.save(torch.ones(3), 'model.pt')\nserialization._package_registry.pop(0)\n\n\n"
        "def init():\n    torch.load('model.pt')\n\n\ninit()\n"
    )
    return python_says(code, folder, python_of("torch"))


@provokes(
    "python-dependency-incompatible",
    "import flask 1.1.2 beside itsdangerous 2.1 and jinja2 3.1, as old environments resolve today",
    mark="network",
)
def old_flask(folder: Path) -> str:
    said(
        BIN / "uv", "pip", "install", "-q", "--no-deps", "--target", "site", "flask==1.1.2", "itsdangerous==2.1.2",
        "jinja2==3.1.4", "werkzeug==2.0.3", "markupsafe==2.1.5", "click==8.1.7", cwd=folder,
    )  # fmt: skip
    return python_says("from flask import Flask\n", folder, PYTHONPATH=str(folder / "site"))


@provokes("output-not-serializable", "json.dumps of a numpy array in run()", needs=("python:numpy",))
def numpy_to_json(folder: Path) -> str:
    script = (
        "import json\n\nimport numpy\n\n\ndef run(data):\n    return json.dumps({'y': numpy.ones(2)})\n\n\nrun('{}')\n"
    )
    return python_says(script, folder)


@provokes(
    "cli-extension-conflict",
    "az ml model list with an Azure CLI that has no extension for it",
    needs=("az",),
    mark="network",
)
def az_without_ml(folder: Path) -> str:
    return said(
        "az", "ml", "model", "list", cwd=folder, AZURE_CONFIG_DIR=str(folder), AZURE_CORE_COLLECT_TELEMETRY="no",
        AZURE_EXTENSION_USE_DYNAMIC_INSTALL="no",
    )  # fmt: skip


@provokes("missing-python-module", "python -c of an import that is not installed")
def import_absent(folder: Path) -> str:
    return said(sys.executable, "-c", "import skimage_x.transform", cwd=folder)
