#!/bin/sh
# SPDX-License-Identifier: ISC
# bash's coproc, and a server in it that ends before the script waits for it.
#
# Expected: NAME_PID keeps the process ID, as $! does, and `wait "$NAME_PID"`
# gives the server's status whenever it ended.
# True: bash unsets NAME and NAME_PID as soon as it has noticed the end.  `wait
# "$NAME_PID"` is then `wait ""`: an error of its own, status 1, and a script
# with set -u ends.  The server that fails early is the one whose status is
# lost; one that ends late is waited for as expected.  What was copied before,
# or $!, is good for ever.
#
# bash 5.2.15.

set -u
export LC_ALL=C
command -v bash >/dev/null || { echo 'no bash'; exit 77; }
bash -c 'echo "bash $BASH_VERSION"'

# shellcheck disable=SC2016 # for bash
said=$(timeout 20 bash -c '
	coproc SERVER { exit 3; }
	early=$!
	while kill -0 "$early" 2>/dev/null; do sleep 0.05; done
	echo "ended: SERVER_PID is ${SERVER_PID-unset}"
	wait "${SERVER_PID-}" 2>/dev/null
	echo "wait SERVER_PID: $?"
	wait "$early"
	echo "wait \$!: $?"
	coproc SERVER { read -r line; exit 4; }
	exec {SERVER[1]}>&-
	wait "$SERVER_PID"
	echo "one that lives: $?"
' 2>&1)
echo "$said"
[ "$said" = 'ended: SERVER_PID is unset
wait SERVER_PID: 1
wait $!: 3
one that lives: 4' ] || { echo 'This has changed.'; exit 1; }
echo 'As recorded: the status of the one that failed early is lost.'
