#!/usr/bin/env bats
# A service for the tests of this file.

# It also ends with bats, whose ends of the pipes are closed then: cat(1) ends,
# and portexec stops the service.  bats waits for who has its own fd 3.
setup_file() {
	coproc SERVICE {
		exec portexec -t 3 -c 'echo {port} >&9; exec cat' -- \
		    python3 server.py --port '{port}' 9>&1 >&2 3>&-
	}
	portexec=$SERVICE_PID	# bash forgets it when that has ended
	read -r PORT <&"${SERVICE[0]}"
	export PORT
}

teardown_file() {
	exec {SERVICE[1]}>&-
	wait "$portexec"
}

@test 'says hello' {
	run curl -fsS "http://127.0.0.1:$PORT/bats"
	[ "$output" = 'hello from /bats' ]
}

@test 'says hello again' {
	run curl -fsS "http://127.0.0.1:$PORT/again"
	[ "$output" = 'hello from /again' ]
}
