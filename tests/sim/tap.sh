#!/bin/bash
# The simulation as one test; its figures are comments.
# usage: tests/sim/tap.sh SIM ARGUMENT...
set -u -o pipefail

echo 1..1
if "$@" 2>&1 | cut -c1-400 | sed 's/^/# /'; then
	echo "ok 1 - nothing goes wrong in any of the lives"
else
	echo "not ok 1 - something goes wrong in a life"
	exit 1
fi
