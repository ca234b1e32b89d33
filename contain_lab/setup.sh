#!/usr/bin/env bash
# The set-up, called by make. It may be run as often as one likes, and says what it does.
#
#   contain_lab/setup.sh lab     what the notebooks need
#   contain_lab/setup.sh test    and the tools of `make test`
#   contain_lab/setup.sh all     and the peers and the browser of `make test-all`
#
# It touches the distribution's packages (as root; else it names them and stops), .venv, and our own data folder.
# PYTHON=/path/to/python3 chooses the interpreter, where the distribution's is not the right one.
set -euo pipefail

level=${1:-lab}
case $level in lab | test | all) ;; *) echo "usage: $0 lab|test|all" >&2; exit 2 ;; esac
cd "$(dirname "$(readlink -f "$0")")/.."
venv=$PWD/.venv

say() { printf 'set-up: %s\n' "$*"; }
stop() {    # MESSAGE [HINT]
    printf 'contain-lab: set-up: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
    exit 1
}

# ---- the real interpreter: not a version manager's shim, which costs up to 250 ms at each start

real_interpreter() {    # prints the path of the interpreter behind $1, if that is Python 3.11 or newer
    local said
    said=$("$1" -IS -c 'import os, sys
if sys.version_info >= (3, 11): print(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))
' 2>/dev/null) && [ -x "$said" ] && echo "$said"
}

find_interpreter() {
    if [ -n "${PYTHON:-}" ]; then
        real_interpreter "$PYTHON" || stop "PYTHON=$PYTHON: not a Python 3.11 or newer"
        return
    fi
    local each    # a .venv that works keeps its own
    for each in "$venv/bin/python" /usr/bin/python3 /usr/bin/python3.{14,13,12,11} python3 python3.{14,13,12,11}; do
        if real_interpreter "$each"; then return; fi
    done
}

# ---- packages of the distribution

has() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }
has_static_busybox() {    # the package `busybox` has a command of that name too, which needs the host's libraries
    if has dpkg-query; then [ "$(dpkg-query -W -f '${db:Status-Status}' busybox-static 2>/dev/null)" = installed ]; else has busybox; fi
}

missing_packages() {    # prints those that this level needs and the machine has not
    has_static_busybox || echo busybox-static
    has ip || echo iproute2
    [ -n "$python" ] || echo python3 python3-venv
    [ -z "$python" ] || "$python" -IS -c 'import ensurepip, venv' 2>/dev/null || echo "$(basename "$python")-venv"
    [ "$level" = lab ] || has git || echo git
    [ "$level" = lab ] || has strace || echo strace
    [ "$level" = lab ] || has newuidmap || echo uidmap
    [ "$level" = all ] || return 0
    has podman || echo podman
    has runc || echo runc
    has crun || echo crun
    has chromium || echo chromium
    has "qemu-system-$(uname -m)" || echo qemu-system-x86
    has mmdebstrap || echo mmdebstrap
    has mkfs.erofs || echo erofs-utils
    has zstd || echo zstd
    [ -d /usr/share/fonts/truetype/dejavu ] || echo fonts-dejavu-core
}

apt() {    # waits for another apt, instead of failing
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o APT::Install-Recommends=false "$@" </dev/null
}

available() {    # prints those of these packages that the distribution has: Ubuntu has no chromium, say
    local each
    for each in "$@"; do
        if apt-cache show "$each" >/dev/null 2>&1; then echo "$each"; else say "$each: not in this distribution" >&2; fi
    done | xargs
}

install_packages() {
    local wanted
    wanted=$(missing_packages | xargs)
    [ -n "$wanted" ] || return 0
    command -v apt-get >/dev/null || stop "$wanted: missing, and this is no Debian or Ubuntu" \
        "install what these packages hold, then run make again"
    [ "$(id -u)" = 0 ] || stop "$wanted: missing, and only root can install packages" \
        "sudo apt-get install --no-install-recommends $wanted"
    say "apt-get install $wanted"
    local try
    for try in 1 2 3 4 5 6; do    # the lists have a lock of their own, for which apt-get does not wait
        if apt update; then break; fi
        if [ "$try" = 6 ]; then stop "apt-get update failed"; fi
        sleep 10
    done
    if [ "$level" = all ]; then wanted=$(available $wanted); fi
    # shellcheck disable=SC2086 — one word per package
    apt install $wanted >/dev/null || stop "apt-get install $wanted failed" "its own message stands above"
}

# ---- .venv, and the two commands in it

make_venv() {
    if [ -d "$venv" ] && [ "$(real_interpreter "$venv/bin/python" || true)" != "$python" ]; then
        say ".venv: made anew, for it belongs to another interpreter"
        rm -rf "$venv"
    fi
    if ! [ -x "$venv/bin/pip" ]; then
        say ".venv: made from $python"
        "$python" -m venv "$venv"
    fi
}

install_python_packages() {
    local extras=lab key stamp
    [ "$level" = lab ] || extras=lab,dev
    key="$(sha256sum <pyproject.toml | cut -c 1-64) $PWD $python"
    for stamp in "$venv/.set-up-$extras" "$venv/.set-up-lab,dev"; do
        if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && [ -x "$venv/bin/contain-lab" ]; then return 0; fi
    done
    make_venv
    say "pip install -e .[$extras] (a minute or two the first time)"
    "$venv/bin/pip" install -qq --disable-pip-version-check -e ".[$extras]" || stop "pip install failed" \
        "it needs the Python package index; its own message stands above"
    printf '%s\n' "$key" >"$venv/.set-up-$extras"
}

write_runtime_command() {    # an entry that starts in 8 ms: no site, no venv, no search for garbage, modules or the interpreter
    local file=$venv/bin/contain-lab-runtime packed=$venv/lib/contain-lab-runtime.packed text
    if ! [ -f "$packed" ] || [ -n "$(find contain_lab -name '*.py' -newer "$packed" -print -quit)" ]; then
        "$venv/bin/python" -m contain_lab.cli.packed "$packed"
    fi
    text="#!$python -IS
import gc, sys
gc.disable()
sys.path.insert(0, '${PWD//\'/\\\'}')
from contain_lab.cli import packed
packed.install('${packed//\'/\\\'}')
from contain_lab.cli.oci import command
command()"
    if [ "$(cat "$file" 2>/dev/null)" = "$text" ]; then return 0; fi
    say "contain-lab-runtime: written with $python"
    printf '%s\n' "$text" >"$file.new"
    chmod 755 "$file.new"
    mv "$file.new" "$file"
}

write_jupyter_settings() {    # in .venv, below the student's own settings; nothing asks the world for news
    install -D -m 644 contain_lab/labkit/jupyter/kernel.json "$venv/share/jupyter/kernels/python3/kernel.json"
    install -D -m 644 contain_lab/labkit/jupyter/overrides.json "$venv/share/jupyter/lab/settings/overrides.json"
}

exec 9<pyproject.toml    # one set-up at a time in this folder; the next one finds it done
flock -n 9 || { say "waiting for another set-up in this folder"; flock 9; }

python=$(find_interpreter)
install_packages
python=$(find_interpreter)
[ -n "$python" ] || stop "no Python 3.11 or newer" "install one, and say PYTHON=/path/to/python3 make lab"
install_python_packages
write_runtime_command
write_jupyter_settings
if ! "$venv/bin/contain-lab" image bootstrap 9<&-; then    # of the two images, only busybox is in every lab
    "$venv/bin/contain-lab" image bootstrap busybox 9<&- || stop "image 'busybox' could not be made"
    say "going on without the image debian; contain-lab doctor says which labs miss it"
fi
