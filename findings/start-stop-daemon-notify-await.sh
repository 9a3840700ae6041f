#!/bin/sh
# SPDX-License-Identifier: ISC
# start-stop-daemon --notify-await, which waits for READY=1 of a service.
#
# Expected: it notices that the service has ended before it was ready, and
# fails at once, as systemd does; and a service that was not ready in time,
# or that reported an error, is stopped, as systemd does.
# True: it has no eye on the process.  One that ends with status 3 at once
# is waited for until the timeout, 60 s unless told; so is one that has
# said STOPPING=1.  One that is late, or has said ERRNO=2, is left running
# and its pid file stays, while the caller reads "failed".
#
# Debian dpkg 1.21.22.

set -u
export LC_ALL=C
directory=$(mktemp -d) || exit 77
pid=
finish() {
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
	rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

for program in start-stop-daemon python3; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
start-stop-daemon --help | grep -q notify-await ||
    { echo 'no --notify-await'; exit 77; }
start-stop-daemon --version | head -n 1

# service.py [MESSAGE] SECONDS: says it, and lives that long.
cat >"$directory/service.py" <<'PYTHON'
import os
import socket
import sys
import time

*messages, seconds = sys.argv[1:]
path = os.environ['NOTIFY_SOCKET']
if path[0] == '@':
    path = '\0' + path[1:]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    for message in messages:
        sock.sendto(message.encode(), path)
time.sleep(float(seconds))
sys.exit(3)
PYTHON

# try NAME [MESSAGE] SECONDS: sets result to what comes of it within 4 s.
try() {
	name=$1
	shift
	begin=$(date +%s)
	start-stop-daemon --start --background --make-pidfile \
	    --pidfile "$directory/pid" --notify-await --notify-timeout 4 \
	    --startas "$(command -v python3)" -- "$directory/service.py" \
	    "$@" 2>"$directory/said"
	result="status $?"
	if [ $(($(date +%s) - begin)) -ge 3 ]; then
		result="$result after the timeout"
	else
		result="$result at once"
	fi
	pid=$(cat "$directory/pid")
	if kill -KILL "$pid" 2>/dev/null; then
		result="$result, left running"
	else
		result="$result, nothing runs"
	fi
	pid=
	rm -f "$directory/pid"
	echo "$name: $result: $(sed 's/.*daemon: //' "$directory/said")"
	results="$results$result;"
}

results=
try 'READY=1, lives' READY=1 20
try 'ends at once  ' 0
try 'STOPPING=1    ' STOPPING=1 0
try 'says nothing  ' 20
try 'ERRNO=2, lives' ERRNO=2 20

expected='status 0 at once, left running;'
expected="${expected}status 2 after the timeout, nothing runs;"
expected="${expected}status 2 after the timeout, nothing runs;"
expected="${expected}status 2 after the timeout, left running;"
expected="${expected}status 2 at once, left running;"
[ "$results" = "$expected" ] || { echo 'This has changed.'; exit 1; }
echo 'As recorded: it watches the socket, not the process.'
