"""What is released, made and looked at: sdist, wheel, a clean environment with the wheel, its SBOM, licences, vulnerabilities.

``python tests/release.py DIST`` is ``make release``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FREE = (
    "mit", "bsd", "apache", "isc", "python software foundation", "psf", "mozilla", "mpl", "0bsd", "zlib", "unlicense",
    "public domain", "cc0", "hpnd", "the unlicense", "cnri",
)  # fmt: skip
"""Parts of the names of licences that ask for no more than to be named."""
KNOWN = {
    # name: why it is no problem that its licence is another one, or is not told in its metadata.
    "azureml-core": "Microsoft's licence of the SDK; the product works with it and does not contain it",
    "azureml-inference-server-http": "the SDK's licence; as above",
    "azureml": "the SDK's licence; as above",
    "adal": "MIT; the metadata say nothing",
    "backports.weakref": "Python's own licence; the metadata say nothing",
    "jsonpickle": "BSD; the metadata say nothing",
    "pkginfo": "MIT; the metadata say nothing",
    "paramiko": "LGPL: used as a library, unchanged (the SDK needs it)",
    "SecretStorage": "BSD; the metadata say nothing",
}
ACCEPTED: dict[str, str] = {}
"""Vulnerabilities without a fix that was released: their id, and why we can live with it."""


def build(out: Path) -> tuple[Path, Path]:
    """Build sdist and, from it, the wheel; return both."""
    subprocess.run([sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", str(out), str(ROOT)], check=True)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def clean() -> dict[str, str]:
    """Return an environment without paths of this checkout."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}


def install(wheel: Path, prefix: Path, extra: str = "") -> Path:
    """Install a wheel into a new environment; return its Python."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(prefix)], check=True, env=clean())
    python = prefix / "bin" / "python"
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", str(python), f"{wheel}{extra}"], check=True, env=clean()
    )
    return python


def sbom(python: Path, file: Path) -> dict:
    """Write the list of everything in an environment (CycloneDX, checked against its schema); return it."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml"), "--validate",
               "--output-reproducible", "--of", "JSON", "-o", str(file), str(python)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(file.read_text())


def licences(python: Path) -> dict[str, str]:
    """Return the licence of each package in an environment."""
    command = [Path(sys.executable).with_name("pip-licenses"), "--python", str(python), "--from=mixed", "--format=json"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {one["Name"]: " ".join(one["License"].split())[:200] for one in json.loads(found)}


def not_free(found: dict[str, str]) -> dict[str, str]:
    """Return the packages whose licence somebody has to look at."""
    return {
        name: licence
        for name, licence in found.items()
        if name not in KNOWN and not any(word in licence.lower() for word in FREE)
    }


def vulnerabilities(python: Path) -> tuple[list[str], str]:
    """Return known vulnerabilities of an environment that nobody accepted; and why nothing can be known, or nothing."""
    site = next((python.parents[1] / "lib").glob("python3*/site-packages"))
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--path",
        str(site),
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--timeout",
        "10",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    try:
        looked = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return [], f"the advisories cannot be read: {done.stderr.strip()[-300:]}"
    known = [one for one in looked if "vulns" in one]
    if not known:
        return [], "the advisories cannot be read: the index here knows none of the packages"
    return [
        f"{one['name']} {one['version']}: {vuln['id']}, mended in {vuln['fix_versions']}"
        for one in known
        for vuln in one["vulns"]
        if vuln["id"] not in ACCEPTED
    ], ""


def main() -> int:
    """Make all into a folder; 1 when something has to be looked at."""
    out = Path(sys.argv[1]).resolve()
    out.mkdir(exist_ok=True)
    for old in (*out.glob("*.whl"), *out.glob("*.tar.gz")):
        old.unlink()
    _, wheel = build(out)
    with tempfile.TemporaryDirectory() as folder:
        python = install(wheel, Path(folder) / "env")
        sbom(python, out / "sbom.json")
        named = licences(python)
        (out / "licences.txt").write_text("".join(f"{name}: {licence}\n" for name, licence in sorted(named.items())))
        bad, unknown = vulnerabilities(python)
    problems = [*bad, *(f"{name}: {licence}" for name, licence in not_free(named).items())]
    print("\n".join([f"{wheel.name}: {wheel.stat().st_size / 1000:.0f} kB, {len(named)} packages", unknown, *problems]))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
