"""Environments that exist in every workspace by name. They are the sandbox's definitions, not Microsoft's."""

from __future__ import annotations

from typing import Any

_NOTE = "A definition of the amlwidgets sandbox. Azure's curated environment of this name has other versions."


def _environment(name: str, packages: list[str]) -> dict[str, Any]:
    dependencies: list[Any] = ["python>=3.11", {"pip": ["azureml-defaults", *packages]}]
    return {
        "name": name,
        "version": "1",
        "description": _NOTE,
        "labels": ["latest"],
        "number": 1,
        "assetId": f"azureml://registries/azureml/environments/{name}/versions/1",
        "environmentVariables": {},
        "inferencingStackVersion": None,
        "python": {
            "interpreterPath": "python",
            "userManagedDependencies": False,
            "condaDependenciesFile": None,
            "baseCondaEnvironment": None,
            "condaDependencies": {
                "name": "project_environment",
                "channels": ["conda-forge"],
                "dependencies": dependencies,
            },
        },
        "docker": {
            "arguments": [],
            "baseDockerfile": None,
            "baseImage": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
            "baseImageRegistry": {"address": None, "password": None, "registryIdentity": None, "username": None},
            "buildContext": None,
            "enabled": False,
            "platform": {"architecture": "amd64", "os": "Linux"},
            "sharedVolumes": True,
            "shmSize": None,
        },
        "spark": {"packages": [], "precachePackages": True, "repositories": []},
        "r": None,
    }


CURATED: dict[str, dict[str, Any]] = {
    environment["name"]: environment
    for environment in (
        _environment("AzureML-Minimal", []),
        _environment("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", ["scikit-learn", "pandas"]),
        _environment("AzureML-Scikit-learn-0.24.1", ["scikit-learn"]),
    )
}
