#!/usr/bin/env bash
# Makes .venv with the newest Python from 3.11 on that is there, and installs the project with the pinned packages.
#   setup/venv.sh [EXTRA,EXTRA...]
set -eu
extras=${1:-live}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }
python=
for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    echo "Colla Parte needs Python 3.11, 3.12 or 3.13; found none. Debian 12: sudo apt-get install python3 python3-venv" >&2
    exit 1
fi
if [ ! -x .venv/bin/python ]; then
    "$python" -m venv .venv || {
        rm -rf .venv
        echo "Python cannot make environments here. Debian: sudo apt-get install python3-venv; then try again." >&2
        exit 1
    }
fi
echo "Installing the packages into .venv ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$extras]"
