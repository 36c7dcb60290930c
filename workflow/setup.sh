#!/bin/sh
# Makes the virtual environment every other command uses. Idempotent: returns at once while the stamp is current.
#   VENV=.venv             where it goes           EXTRAS=workflow,notebooks,provenance,studio,test   what comes with the package
#   PYTHON=python3.12      which interpreter       TORCH=auto|cpu|cuda|keep                    which torch build
#   TORCH_SPEC=torch==…    which torch version
set -eu
cd "$(dirname "$0")/.."
VENV=${VENV:-.venv}
EXTRAS=${EXTRAS:-workflow,notebooks,provenance,studio,test}
TORCH=${TORCH:-auto}
TORCH_SPEC=${TORCH_SPEC:-torch==2.13.0}
STAMP=$VENV/.photo51-installed
KEY="$(cat pyproject.toml constraints.txt workflow/setup.sh | cksum) $EXTRAS $TORCH $TORCH_SPEC"
[ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$KEY" ] && exit 0
say() { printf 'setup: %s\n' "$*" >&2; }

# 1. an interpreter that is new enough
PY=""
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    PY=$candidate
    break
  fi
done
[ -n "$PY" ] || { say "need Python 3.11 or newer, found none; name one with PYTHON=/path/to/python"; exit 1; }

# 2. the environment; Debian's python3 may lack venv, uv does not need it
if [ ! -x "$VENV/bin/python" ]; then
  say "new environment in $VENV ($("$PY" -V))"
  if ! "$PY" -m venv "$VENV" 2>/dev/null; then
    rm -rf "$VENV"
    command -v uv >/dev/null 2>&1 || { say "$PY has no venv module: install python3-venv, or uv"; exit 1; }
    uv venv -q --seed --python "$PY" "$VENV"
  fi
fi
VPY=$VENV/bin/python

# 3. an installer: uv where it can be had (several times faster), else pip
if ! UV=$(command -v uv); then
  if "$VPY" -m pip install -q uv >/dev/null 2>&1; then UV=$VENV/bin/uv; else UV=""; fi
fi
# uv does not read pip's settings: hand on those that say where wheels are
[ -n "${PIP_FIND_LINKS:-}" ] && export UV_FIND_LINKS="${UV_FIND_LINKS:-$(printf %s "$PIP_FIND_LINKS" | tr ' ' ',')}"
[ -n "${PIP_INDEX_URL:-}" ] && export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"
install() {
  if [ -n "$UV" ]; then "$UV" pip install -q --python "$VPY" "$@"; else "$VPY" -m pip install -q "$@"; fi
}

# 4. torch first, so that the package finds it and nothing pulls another build
if [ "$TORCH" != keep ] && ! "$VPY" -c "import torch" >/dev/null 2>&1; then
  gpu=no
  command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && gpu=yes
  [ "$TORCH" = cuda ] && gpu=yes
  [ "$TORCH" = cpu ] && gpu=no
  found=$("$VPY" -m pip install --dry-run --no-deps --quiet --report - "$TORCH_SPEC" 2>/dev/null |
    "$VPY" -c 'import json, sys; print(json.load(sys.stdin)["install"][0]["metadata"]["version"])' 2>/dev/null || echo none)
  if [ "$(uname -s)" != Linux ]; then
    say "torch for $(uname -s)"
    install "$TORCH_SPEC"
  elif [ $gpu = no ] && [ "${found#*+cpu}" != "$found" ]; then
    say "torch $found, from the wheels pip is set up for"
    "$VPY" -m pip install -q "$TORCH_SPEC"
  elif [ -n "$UV" ]; then
    backend=auto
    [ $gpu = no ] && backend=cpu
    say "torch, build chosen by uv (--torch-backend=$backend)"
    if ! install --torch-backend=$backend "$TORCH_SPEC"; then
      say "no such build in reach: taking the default wheel, on Linux several GB"
      install "$TORCH_SPEC"
    fi
  else
    say "default torch wheel: on Linux this brings several GB of CUDA libraries"
    install "$TORCH_SPEC"
  fi
fi

# 5. the package, at the versions it was tested with
say "photo51 and what it needs"
install -c constraints.txt -e ".[$EXTRAS]"
# every stage is a process of its own: without compiled bytecode each would compile its imports anew, for seconds
"$VPY" -m compileall -q -j 0 "$VENV/lib" src >/dev/null 2>&1 || true
"$VPY" - <<'CHECK' >&2
import anndata, numba, pysam, torch, transformers
import photo51.cli
print("setup: ready, torch", torch.__version__, "cuda" if torch.cuda.is_available() else "cpu")
CHECK
printf '%s' "$KEY" >"$STAMP"
