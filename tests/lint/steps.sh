#!/bin/bash
# No step of the engine calls another one, or the schedule: each ends in a move or a change of its
# job, and only the schedule knows what comes next. And a state changes in jobs.c alone; foretell.c
# lets a row say what will be so, and nothing else.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0

steps='create poll download cancel'
for step in $steps; do
	others=$(echo "$steps schedule recover engine" | tr ' ' '\n' | grep -vx "$step" | paste -sd '|')
	found=$(awk -f tests/lint/strip.awk "src/engine/$step.c" |
		grep -nE "(^|[^A-Za-z0-9_>.])($others)_[a-z_]+[ ]*\(" |
		grep -vE 'engine_now_ms')
	if [ -n "$found" ]; then
		echo "src/engine/$step.c calls another step:"
		echo "$found"
		bad=1
	fi
done

found=$(awk -f tests/lint/strip.awk src/engine/*.c src/tree/*.c src/mount/*.c |
	grep -E '(job_move\(|->state = )' | grep -vE '^src/engine/(jobs|foretell)\.c:')
if [ -n "$found" ]; then
	echo 'a state changes outside of src/engine/jobs.c:'
	echo "$found"
	bad=1
fi
exit $bad
