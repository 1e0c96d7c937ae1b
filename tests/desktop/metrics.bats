#!/usr/bin/env bats
# control/metrics by the program that Prometheus checks it with.

load ../lib/mount

# promtool says nothing, not even a warning.
checked() {
	promtool check metrics <"$M/control/$1" >"$T/said" 2>&1
	equal "$(cat "$T/said")" ""
}

@test "promtool takes control/metrics and metrics.prom, before and after the first picture" {
	need promtool
	mount_up
	checked metrics
	ask fox "a fox"
	get fox >/dev/null
	checked metrics
	checked metrics.prom
}
