#!/bin/sh
# install-environment PREFIX REQUIREMENTS: fills an environment as the sandbox's own builder does (build/packages.py):
# uv first, azureml's packages at their newest, since pip prefers the newest of what was asked for and uv, left alone,
# goes back years in them; then pip, whose message is the one that builds in Azure print, where uv finds no way.
set -u
prefix=$1 wanted=$2 work=$(mktemp -d) python=$1/bin/python
resolve() { uv pip compile --quiet --no-header --no-annotate --python "$python" -o "$work/lock.txt" "$@"; }
uv_installs() {
    grep -i '^azureml' "$wanted" >"$work/azureml.txt" &&
        uv pip compile --quiet --no-header --no-annotate --no-deps --python "$python" \
            -o "$work/newest.txt" "$work/azureml.txt" >/dev/null 2>&1 &&
        resolve "$wanted" -c "$work/newest.txt" >/dev/null 2>&1 || resolve "$wanted" || return
    grep -E '^(-i|-f|--index-url|--extra-index-url|--find-links|--no-index)' "$wanted" >"$work/places.txt"
    uv pip install --no-deps --python "$python" -r "$work/lock.txt" -r "$work/places.txt"
}
uv_installs
status=$?
if [ $status -ne 0 ]; then
    echo "sandbox: uv cannot install this; asking pip, which builds in Azure use"
    timeout 180 "$python" -m pip install --no-input --progress-bar off --disable-pip-version-check -r "$wanted"
    status=$?
fi
if [ $status -eq 0 ]; then
    # Every container begins with the image's files: what is not compiled here would be compiled anew at each start.
    server=azureml_inference_server_http
    (cd / && "$python" -c "import $server.amlserver, $server.server.create_app, gunicorn.app.base") >/dev/null 2>&1
fi
rm -rf "$work" /root/.cache
exit $status
