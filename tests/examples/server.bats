#!/usr/bin/env bats
# A service for the tests of this file, at a port that the kernel picks.

setup_file() {
	# The pipe is for the port alone.  bats waits for who has its own fd 3.
	exec 4< <(exec portexec -p /dev/fd/9 -- \
	    python3 server.py --port '{port}' 9>&1 >&2 3>&-)
	SERVICE=$!
	read -r PORT <&4
	export SERVICE PORT
}

teardown_file() {
	kill "$SERVICE"
}

@test 'says hello' {
	run curl -fsS "http://127.0.0.1:$PORT/bats"
	[ "$output" = 'hello from /bats' ]
}
