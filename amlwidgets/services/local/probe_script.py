"""Runs inside a container and prints what it finds there as one line of JSON.

It is sent as text to the container's own interpreter (``python -c``), so it uses the standard library alone, and
only what Python 3.6 has: images of 2019 are looked at as well. Arguments: the probe's name, and a JSON object.
"""

import io
import json
import os
import re
import sys
import time
import traceback
from typing import Any, Callable, Dict, Optional, Set, Tuple

Facts = Dict[str, Any]

MOST = 500
MARK = "\x1eamlwidgets-probe "
"""Stands before the result, because user code prints as well."""


def app_root() -> str:
    """Folder of the scripts, as the image says."""
    for place in (os.environ.get("AML_APP_ROOT"), os.environ.get("AZUREML_SOURCE_DIRECTORY"), "/var/azureml-app"):
        if place and os.path.isdir(place):
            return place
    return os.getcwd()


def tree(folder: str) -> Facts:
    """Entries below a folder: path relative to it, size in bytes, whether it is a folder."""
    found: Any = []
    total, truncated = 0, False
    for place, folders, files in os.walk(folder):
        folders.sort()
        folders[:] = [name for name in folders if name not in ("__pycache__", ".git")]
        for name in sorted(files) + folders:
            path = os.path.join(place, name)
            is_folder = name in folders
            size = 0 if is_folder else _size(path)
            total += size
            if len(found) < MOST:
                found.append({"path": os.path.relpath(path, folder), "bytes": size, "folder": is_folder})
            else:
                truncated = True
    return {"entries": sorted(found, key=lambda e: e["path"]), "bytes": total, "truncated": truncated}


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def where(_options: Facts) -> Facts:
    """Who runs here, and what lies in the folder of the scripts."""
    root = app_root()
    uid = os.getuid() if hasattr(os, "getuid") else 0
    answer = tree(root)
    answer.update(
        app_root=root, uid=uid, user=_user(uid), home=os.path.expanduser("~"), python=sys.version.split()[0],
        executable=sys.executable, machine=os.uname().machine, entry_script=os.environ.get("AZUREML_ENTRY_SCRIPT", ""),
        writable=os.access(root, os.W_OK),
    )  # fmt: skip
    return answer


def _user(uid: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def model_dir(_options: Facts) -> Facts:
    """What AZUREML_MODEL_DIR points to."""
    said = os.environ.get("AZUREML_MODEL_DIR", "")
    # Older images set it relative to the folder of the scripts.
    resolved = os.path.join(app_root(), said) if said else ""
    answer: Facts = {"variable": said, "path": resolved, "exists": bool(said) and os.path.isdir(resolved)}
    answer.update(tree(resolved) if answer["exists"] else {"entries": [], "bytes": 0, "truncated": False})
    models = os.path.join(app_root(), "azureml-models")
    answer["models"] = []
    if os.path.isdir(models):
        for name in sorted(os.listdir(models)):
            folder = os.path.join(models, name)
            versions = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
            answer["models"].append({"name": name, "versions": versions})
    return answer


def model_path(options: Facts) -> Facts:
    """Model.get_model_path(name), with its log at the level DEBUG."""
    import logging

    log = io.StringIO()
    logging.basicConfig(stream=log, level=logging.DEBUG)
    os.chdir(app_root())
    answer = {"name": options["name"], "version": options.get("version"), "path": "", "error": ""}
    try:
        from azureml.core.model import Model

        answer["path"] = str(Model.get_model_path(options["name"], version=options.get("version")))
    except Exception as error:
        answer["error"] = "%s: %s" % (type(error).__name__, error)
    lines = [line for line in log.getvalue().splitlines() if "azureml" in line or "model" in line.lower()]
    answer["log"] = "\n".join(lines[-60:])
    return answer


def packages(_options: Facts) -> Facts:
    """What is installed: names and versions."""
    try:
        from importlib.metadata import distributions

        found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    except ImportError:
        import pkg_resources  # type: ignore[import-untyped]

        found = {d.project_name: d.version for d in pkg_resources.working_set}
    return {"packages": found, "python": sys.version.split()[0]}


def pickles(options: Facts) -> Facts:
    """With which packages the model was pickled; read from the opcodes, nothing is unpickled."""
    folder = options.get("folder") or model_dir(options)["path"]
    files = []
    for entry in tree(folder)["entries"] if os.path.isdir(folder) else []:
        if not entry["folder"] and entry["path"].lower().endswith((".pkl", ".pickle", ".joblib", ".sav", ".p")):
            facts = _pickled(os.path.join(folder, entry["path"]))
            facts["path"] = entry["path"]
            files.append(facts)
    return {"files": files, "folder": folder}


def _pickled(path: str) -> Facts:
    import pickletools

    modules: Set[str] = set()
    strings: Any = []
    sklearn = error = ""
    try:
        for opcode, argument, _place in pickletools.genops(_opened(path)):
            if opcode.name == "GLOBAL":
                modules.add(str(argument).split(" ")[0])
            elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                modules.add(strings[-2])
            elif isinstance(argument, str) and "UNICODE" in opcode.name:
                if strings and strings[-1] == "_sklearn_version":
                    sklearn = argument
                strings = [*strings[-7:], argument]
    except Exception as problem:  # raw arrays of joblib end the opcodes; what came before counts
        error = "%s: %s" % (type(problem).__name__, problem)
    named = sorted(m for m in modules if re.match(r"^[A-Za-z_][\w.]*$", m))
    return {"modules": named, "sklearn": sklearn, "error": "" if named else error}


def _opened(path: str) -> Any:
    import bz2
    import gzip
    import lzma
    import zlib

    with open(path, "rb") as file:
        head = file.read(6)
    if head[:2] == b"\x1f\x8b":
        return gzip.open(path)
    if head[:3] == b"BZh":
        return bz2.open(path)
    if head[:6] == b"\xfd7zXZ\x00":
        return lzma.open(path)
    if head[:1] == b"\x78":
        with open(path, "rb") as file:
            return io.BytesIO(zlib.decompressobj().decompress(file.read(64 << 20), 64 << 20))
    return open(path, "rb")


def script(options: Facts) -> Facts:
    """Run the script alone, as ``python score.py`` does."""
    import subprocess

    name = _entry(options)
    began = time.time()
    done = subprocess.Popen([sys.executable, name], cwd=app_root(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said = done.communicate(timeout=options.get("seconds", 60))[0]
        code = done.returncode
    except subprocess.TimeoutExpired:
        done.kill()
        said, code = done.communicate()[0], None
    text = said[-20000:].decode("utf-8", "replace")
    return {"script": name, "exit": code, "seconds": time.time() - began, "output": text}


def call(options: Facts) -> Facts:
    """Call init() alone, or init() and run(sample), in a process of its own."""
    name = _entry(options)
    os.chdir(app_root())
    sys.path.insert(0, os.path.dirname(os.path.join(app_root(), name)) or app_root())
    answer: Facts = {"script": name, "steps": []}
    scope: Facts = {}

    def step(what: str, work: "Callable[[], Any]") -> "Tuple[bool, Any]":
        began, before = time.time(), _peak()
        entry = {"what": what, "ok": True, "error": "", "said": ""}
        try:
            result = work()
        except BaseException as error:  # SystemExit of user code is a finding as well
            entry.update(ok=False, error=_trace(error), said=_said(error))
            result = None
        entry.update(seconds=time.time() - began, memory_bytes=_peak(), grown_bytes=max(0, _peak() - before))
        answer["steps"].append(entry)
        return bool(entry["ok"]), result

    def load() -> None:
        with open(name, "rb") as file:
            source = file.read()
        scope.update({"__name__": "main", "__file__": os.path.join(app_root(), name)})
        exec(compile(source, scope["__file__"], "exec"), scope)
        missing = [wanted for wanted in ("init", "run") if not callable(scope.get(wanted))]
        if missing:
            raise AttributeError("%s defines no %s()" % (name, missing[0]))

    went, _ = step("import " + name, load)
    if went:
        went, _ = step("init()", scope["init"])
    if went and options.get("sample") is not None:
        went, result = step("run(sample)", lambda: scope["run"](options["sample"]))
        if went:
            answer["type"] = type(result).__name__
            answer["answer"] = repr(result)[:20000]
            try:
                json.dumps(result)
                answer["serialisable"] = True
            except (TypeError, ValueError):
                answer["serialisable"] = hasattr(result, "get_data")  # AMLResponse and other responses
    return answer


def _entry(options: Facts) -> str:
    if options.get("script"):
        return str(options["script"])
    said = os.environ.get("AZUREML_ENTRY_SCRIPT") or ""
    for name in (said, "main.py", "score.py"):
        if name and os.path.isfile(os.path.join(app_root(), name)):
            return name
    return said or "score.py"


def _said(error: BaseException) -> str:
    """Return type and first line: what follows is often an address or advice."""
    first = str(error).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first])


def _trace(error: BaseException) -> str:
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return "".join(line for line in lines if 'File "<string>"' not in line)[-20000:]


def _peak() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def variables(_options: Facts) -> Facts:
    """The environment."""
    return {"variables": dict(os.environ)}


def ports(_options: Facts) -> Facts:
    """TCP ports on which somebody listens."""
    found: Set[Tuple[int, str]] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                for line in file.readlines()[1:]:
                    fields = line.split()
                    if fields[3] == "0A":
                        host, port = fields[1].split(":")
                        found.add((int(port, 16), "all" if set(host) == {"0"} else "loopback"))
        except OSError:
            continue
    return {"ports": [{"port": port, "address": address} for port, address in sorted(found)]}


def disk(_options: Facts) -> Facts:
    """Free space, and the memory that the container may use."""
    places = []
    for place in ("/", "/tmp", app_root()):
        try:
            facts = os.statvfs(place)
        except OSError:
            continue
        size, free = facts.f_blocks * facts.f_frsize, facts.f_bavail * facts.f_frsize
        places.append({"path": place, "free_bytes": free, "bytes": size})
    old, new = "/sys/fs/cgroup/memory/memory.", "/sys/fs/cgroup/memory."
    return {
        "places": places,
        "memory_limit_bytes": _number(old + "limit_in_bytes", new + "max"),
        "memory_used_bytes": _number(old + "usage_in_bytes", new + "current"),
    }


def _number(*paths: str) -> "Optional[int]":
    for path in paths:
        try:
            with open(path) as file:
                value = int(file.read().strip())
            return None if value > 1 << 60 else value
        except (OSError, ValueError):
            continue
    return None


PROBES = {
    function.__name__: function
    for function in (where, model_dir, model_path, packages, pickles, script, call, variables, ports, disk)
}

if __name__ == "__main__":
    try:
        result = {"ok": True, "data": PROBES[sys.argv[1]](json.loads(sys.argv[2]))}
    except Exception as error:
        result = {"ok": False, "error": "%s: %s" % (type(error).__name__, error)}
    sys.stdout.flush()
    os.write(1, ("\n" + MARK + json.dumps(result, default=str) + "\n").encode())
