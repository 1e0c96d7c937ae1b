#!/bin/bash
# Is the instrument any good? Each patch of tests/sim/mutants brings one old mistake back; the
# simulation must find it. Prints the seed and what it found there; ends with 1 if one goes unfound.
# usage: tests/sim/mutants.sh [SECONDS [NAME...]]     (at most so long for each: 120)
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 2

seconds=${1:-120}
shift
scratch=$(mktemp -d "${TMPDIR:-/tmp}/pimagefs-mutants.XXXXXX") || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
make --no-print-directory sim-program >"$scratch/log" 2>&1 || {
	cat "$scratch/log"
	exit 2
}
mkdir "$scratch/tree"
cp -a Makefile config include src tests build "$scratch/tree/" || exit 2

unfound=0
for patch in tests/sim/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
	if ! patch -s -p1 -d "$scratch/tree" <"$patch" ||
		! make -C "$scratch/tree" --no-print-directory sim-program >"$scratch/log" 2>&1; then
		echo "$name: does not apply or build any more"
		tail -n 5 "$scratch/log"
		unfound=1
	elif "$scratch/tree/build/release/sim/sim" --seeds 100000000 --seconds "$seconds" --stop 1 \
		>"$scratch/log" 2>&1; then
		echo "$name: NOT FOUND ($(grep -E '^[0-9]+ seeds' "$scratch/log" | cut -d, -f1))"
		unfound=1
	else
		echo "$name: $(grep -m1 -E '^seed [0-9]+: ' "$scratch/log" | cut -c1-160)"
	fi
	patch -s -R -p1 -d "$scratch/tree" <"$patch"
done
exit $unfound
