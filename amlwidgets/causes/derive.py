"""Fields computed from other fields: a small, closed set of functions, named in the catalogue's ``[[derive]]``."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PACKAGES = {
    "Crypto": "pycryptodome",
    "Levenshtein": "levenshtein",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "absl": "absl-py",
    "attr": "attrs",
    "azure.ai.ml": "azure-ai-ml",
    "azure.identity": "azure-identity",
    "azure.keyvault": "azure-keyvault-secrets",
    "azure.storage.blob": "azure-storage-blob",
    "azureml.ai.monitoring": "azureml-ai-monitoring",
    "azureml.contrib.services": "azureml-contrib-services",
    "azureml.core": "azureml-core",
    "azureml.dataprep": "azureml-dataprep",
    "azureml.dataset": "azureml-dataset-runtime",
    "azureml.monitoring": "azureml-monitoring",
    "azureml_inference_server_http": "azureml-inference-server-http",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "distutils": "setuptools",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google.protobuf": "protobuf",
    "inference_schema": "inference-schema",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "pkg_resources": "setuptools<81",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pytorch_lightning": "pytorch-lightning",
    "ruamel": "ruamel.yaml",
    "sentence_transformers": "sentence-transformers",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "usb": "pyusb",
    "win32api": "pywin32",
    "yaml": "pyyaml",
}
"""Modules whose package has another name on the package index."""

_COMMON = (
    "azureml-core azureml-defaults azureml-contrib-services azure-ai-ml azure-identity azure-storage-blob "
    "azureml-inference-server-http applicationinsights inference-schema numpy pandas scipy scikit-learn xgboost "
    "lightgbm catboost statsmodels joblib matplotlib seaborn plotly torch torchvision torchaudio tensorflow "
    "tensorflow-cpu keras onnxruntime transformers tokenizers sentence-transformers datasets accelerate spacy "
    "nltk gensim pillow opencv-python opencv-python-headless scikit-image flask gunicorn requests pyyaml pyarrow "
    "fastparquet sqlalchemy psycopg2-binary pyodbc mlflow mlflow-skinny pydantic beautifulsoup4 lxml cryptography "
    "prophet shap imbalanced-learn category-encoders dill cloudpickle protobuf grpcio websockets aiohttp fastapi "
    "uvicorn "
)
COMMON = tuple(_COMMON.split())
"""Packages that entry scripts often need; used to recognise a misspelt name."""

_SPLIT = re.compile(r"[,;\s]+")


def package(module: str) -> str:
    """Name of the package that provides a module."""
    parts = module.split(".")
    for size in range(len(parts), 0, -1):
        name = ".".join(parts[:size])
        if name in PACKAGES:
            return PACKAGES[name]
    return parts[0].replace("_", "-")


def closest(name: str, names: str) -> str:
    """The one among ``names`` (separated by commas, perhaps with ``:version``) that is most like ``name``."""
    choices = [n.rsplit(":", 1)[0] for n in _SPLIT.split(names) if n]
    if not choices or name in choices:
        return ""
    near = difflib.get_close_matches(name, choices, 1, 0.3)
    return near[0] if near else (choices[0] if len(choices) == 1 else "")


def quoted_names(names: str) -> str:
    """Names with quotation marks and without versions, for a sentence."""
    plain = dict.fromkeys(n.rsplit(":", 1)[0] for n in _SPLIT.split(names) if n)
    return ", ".join(f"“{n}”" for n in plain)


def double(number: str) -> str:
    """Twice a number of GB, rounded up to a half."""
    try:
        return f"{math.ceil(float(number) * 4) / 2:g}"
    except ValueError:
        return ""


def basename(path: str) -> str:
    """Last part of a path, on either system."""
    return re.split(r"[\\/]", path.rstrip("\\/.,;:"))[-1]


def loosened(requirement: str) -> str:
    """A requirement without its pin."""
    match = re.match(r"[A-Za-z0-9][\w.\-]{0,100}(?:\[[\w,\- ]{1,100}\])?", requirement.strip())
    return match[0] if match else ""


def corrected(requirement: str) -> str:
    """A requirement with conda's single ``=`` turned into pip's ``==``, if that is its only fault."""
    fixed = re.sub(r"^([A-Za-z0-9][\w.\-]{0,100}(?:\[[\w,\- ]{1,100}\])?) ?=(?![=]) ?", r"\1==", requirement.strip())
    return fixed if fixed != requirement.strip() else ""


def known_package(name: str) -> str:
    """A well-known package whose name is nearly, but not exactly, this one."""
    plain = name.lower().replace("_", "-")
    if plain in COMMON:
        return ""
    if name in PACKAGES:
        return PACKAGES[name]
    near = difflib.get_close_matches(plain, COMMON, 1, 0.82)
    return near[0] if near else ""


def same(value: str) -> str:
    """The value itself, under another name."""
    return value


FUNCTIONS: Mapping[str, Callable[..., str]] = {
    "package": package,
    "closest": closest,
    "quoted-names": quoted_names,
    "double": double,
    "basename": basename,
    "loosened": loosened,
    "corrected": corrected,
    "known-package": known_package,
    "same": same,
}
