#!/bin/sh
# Stands in for the program under "make valgrind": what valgrind finds goes to files below
# PIMAGEFS_FINDS, because a daemon has no stderr.
# usage: valgrind.sh ARGUMENT...             runs PIMAGEFS_PROGRAM
#        valgrind.sh --program FILE ARG...   runs FILE
set -u
program=${PIMAGEFS_PROGRAM:-}
if [ "${1:-}" = --program ]; then
	program=$2
	shift 2
fi
exec valgrind --quiet --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite --track-fds=no --num-callers=24 \
	--log-file="$PIMAGEFS_FINDS/valgrind.%p" "$program" "$@"
