#!/bin/sh
# SPDX-License-Identifier: ISC
# php -S with PHP_CLI_SERVER_WORKERS, and SIGTERM to the process that was
# started, which is what a supervisor, a container or a CI step sends.
#
# Expected: the master stops its workers, and the port is closed.
# True: the master dies of the signal and tells nobody.  The workers go to
# the reaper, keep the listening socket and answer for ever; the next start
# on this port finds it taken.
#
# Debian php8.2-cli 8.2.36-1~deb12u1.

set -u
export LC_ALL=C
directory=$(mktemp -d) || exit 77
pids=
finish() {
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null
	done
	rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

for program in php8.2 curl; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
php8.2 --version | head -n 1
echo 'hello' >"$directory/index.html"

# The children of $1.
children() {
	cat "/proc/$1/task/$1/children" 2>/dev/null
}

# Starts a server with $1 workers; sets master, workers and url.
start() {
	: >"$directory/log"
	PHP_CLI_SERVER_WORKERS=$1 php8.2 -S 127.0.0.1:0 -t "$directory" \
	    >"$directory/log" 2>&1 &
	master=$!
	pids="$pids $master"
	tries=50
	until [ "$(grep -c started "$directory/log")" -ge "$2" ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { cat "$directory/log"; exit 77; }
		sleep 0.1
	done
	workers=$(children "$master")
	pids="$pids $workers"
	url=$(sed -n 's/.*(\(http.*\)) started/\1/p;' "$directory/log" |
	    head -n 1)
}

ask() {
	curl -s -m 3 "$url/" || echo "no answer"
}

start 1 1
kill -TERM "$master"
wait "$master" 2>/dev/null
alone="status $?, $(ask)"
echo "no workers:    SIGTERM: $alone"

start 3 4
kill -TERM "$master"
wait "$master" 2>/dev/null
shared="status $?, $(ask)"
left=0
for worker in $workers; do
	kill -0 "$worker" && left=$((left + 1))
done
echo "three workers: SIGTERM: $shared; $left workers are left"
php8.2 -S "${url#http://}" -t "$directory" >"$directory/log" 2>&1 &
pids="$pids $!"
wait $!
again=$?
echo "a new start:   status $again:" \
    "$(grep -o 'Failed to listen.*' "$directory/log")"

if [ "$alone;$shared;$left;$again" != \
    'status 143, no answer;status 143, hello;3;1' ]; then
	echo 'This has changed.'
	exit 1
fi
echo 'As recorded: the workers outlive their master.'
