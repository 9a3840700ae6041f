#!/bin/sh
# SPDX-License-Identifier: ISC
# `postfix start-fg`, which is for containers and supervisors, and SIGTERM to
# the process that was started.
#
# Expected: Postfix stops, and the port is closed, as with other daemons in
# the foreground.
# True: only a shell script was in the foreground.  It dies of the signal, and
# tells nobody.  The master goes to the reaper, keeps the listening socket and
# answers; the next start-fg fails, with status 1.
# As process 1 the script becomes the master, so a container that has nothing
# else does stop.
#
# Debian postfix 3.7.11.  It takes root.

set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin
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

[ "$(id -u)" -eq 0 ] || { echo 'not root'; exit 77; }
for program in postfix postconf python3 timeout unshare; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
postconf -d mail_version
chmod 755 "$directory"
conf=$directory/conf
mkdir -p "$conf/spool"
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
cat >"$conf/main.cf" <<'END'
compatibility_level = 3.6
queue_directory = $config_directory/spool
data_directory = $config_directory/data
inet_protocols = ipv4
mydestination =
local_recipient_maps =
maillog_file = /dev/stdout
END
cat >"$conf/master.cf" <<END
127.0.0.1:$port inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
END

# The first three letters of what it says to a client, or why there are none.
ask() {
	python3 -c 'import socket, sys
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 3) as s:
        print(s.recv(3).decode())
except OSError as error:
    print(type(error).__name__)' "$port"
}

# wait_for ANSWER: what is answered within ten seconds, ANSWER if it can be.
wait_for() {
	tries=50
	until [ "$(ask)" = "$1" ] || [ "$tries" -eq 0 ]; do
		tries=$((tries - 1))
		sleep 0.2
	done
	ask
}

# parent PID: its parent's.
parent() {
	sed -n 's/^PPid:[^0-9]*//p' "/proc/$1/status" 2>/dev/null
}

postfix -c "$conf" start-fg >"$directory/log" 2>&1 &
started=$!
pids=$started
before=$(wait_for 220)
master=$(tr -d ' ' <"$conf/spool/pid/master.pid")
pids="$pids $master"
[ "$before" = 220 ] || { cat "$directory/log"; exit 77; }
of=$(parent "$master")
[ "$of" = "$started" ] && of="what was started"
echo "started: a client is told $before; the master's parent is $of"
kill -TERM "$started"
wait "$started"
status=$?
pids=$master
sleep 1
after=$(ask)
echo "SIGTERM: status $status; a client is told $after"
timeout 20 postfix -c "$conf" start-fg >"$directory/log" 2>&1
again=$?
echo "started again: status $again"
kill -TERM "$master"
closed=$(wait_for ConnectionRefusedError)
echo "SIGTERM to the master: a client is told $closed"

# Process 1 of a process namespace of its own.
unshare --pid --fork --kill-child postfix -c "$conf" start-fg \
    >"$directory/log" 2>&1 &
outside=$!
pids=$outside
first=$(wait_for 220)
one=$(cat "/proc/$outside/task/$outside/children" 2>/dev/null)
# shellcheck disable=SC2086 # a process ID and a blank
kill -TERM $one
gone=$(wait_for ConnectionRefusedError)
echo "as process 1: a client is told $first, and after SIGTERM $gone"

[ "$before $status $after $again" = '220 143 220 1' ] &&
    [ "$closed $first $gone" = \
    'ConnectionRefusedError 220 ConnectionRefusedError' ]
