#!/bin/sh
# Brings what the browser and Docker tests need: Chromium, a Docker engine and mmdebstrap from Debian's packages; the
# engine is started when it does not run. Without the rights to install, it says in one line what is missing and which tests that skips.
set -u
missing=""
have() { command -v "$1" >/dev/null 2>&1; }
browser() { have chromium || have chromium-browser || have google-chrome; }
engine() { have docker && docker version >/dev/null 2>&1; }
engine_program() { have dockerd; }
base_image() { have mmdebstrap; }

packages=""
browser || packages="$packages chromium"
engine || engine_program || packages="$packages docker.io"
base_image || packages="$packages mmdebstrap"
if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ] && have apt-get; then
        echo "host: installing$packages"
        apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >/dev/null
    fi
fi
if ! engine && engine_program && [ "$(id -u)" = 0 ]; then
    log=${TMPDIR:-/tmp}/amlwidgets-dockerd.log
    # In a session of its own, so that it outlives make and is not hit by Ctrl-C.
    setsid dockerd >"$log" 2>&1 </dev/null &
    tries=0
    until engine || [ $tries -ge 60 ]; do tries=$((tries + 1)); sleep 0.5; done
fi
browser || missing="$missing Chromium (browser tests are skipped)"
engine || missing="$missing a running Docker engine (Docker tests are skipped)"
base_image || missing="$missing mmdebstrap, which makes the Docker base image (Docker tests are skipped)"
[ -z "$missing" ] || echo "host: missing:$missing"
exit 0
