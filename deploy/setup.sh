#!/usr/bin/env bash
# Makes the virtual environment: pinned packages, and the build of torch that was chosen. Run by `make setup`.
set -euo pipefail
venv=$1
say() { printf '%s\n' "$*" >&2; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  say "covergen needs Python 3.11 or newer; $("$PYTHON" --version) is too old. Choose another: make setup PYTHON=python3.11"
  exit 2
}
if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing the system package python3-venv"
    apt-get -qq update && apt-get -qq install -y python3-venv >/dev/null
  else
    say "This Python cannot make virtual environments: install your system's python3-venv package, then run again."
    exit 2
  fi
fi

[ -x "$venv/bin/python" ] || { say "Making $venv with $("$PYTHON" --version)"; "$PYTHON" -m venv "$venv"; }
pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@" 2> >(grep -v 'is ignored: it is neither a file nor a directory' >&2); }

build() { "$venv/bin/python" -W ignore -c 'import torch; print("cuda" if torch.version.cuda else "cpu")' 2>/dev/null || true; }
say "Installing torch (TORCH=$TORCH)"
pip install -c constraints.txt uv
if [ "$TORCH" != auto ] && [ -n "$(build)" ] && [ "$TORCH" != "$(build)" ]; then
  pip uninstall --yes torch  # pip would take the other build of this version for the one asked for
fi
pip install -c constraints.txt torch ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"}
built=$(build)
if [ "$TORCH" != auto ] && [ "$TORCH" != "$built" ]; then
  say "You chose TORCH=$TORCH, but pip gave a $built build of torch. Name the index that holds the $TORCH build: make setup TORCH=$TORCH TORCH_INDEX=ADDRESS (the README says where to find it)."
  exit 2
fi

say "Installing covergen and what it needs (constraints.txt)"
extras=dev
[ "$built" = cuda ] && extras=dev,gpu
VIRTUAL_ENV=$venv "$venv/bin/uv" pip install --quiet -c constraints.txt -e ".[$extras]"
say "Ready: $("$venv/bin/python" -c 'import torch, ray; print(f"torch {torch.__version__}, ray {ray.__version__}")')"
