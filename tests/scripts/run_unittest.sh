#!/bin/bash
# Runs the Python unit tests in the modules named. (py_test would need a command
# called python, which Debian doesn't install with python3.)

set -euo pipefail
exec python3 -m unittest --verbose "$@"
