#!/bin/sh
# SPDX-License-Identifier: ISC
# Port 0 for a name server of several threads or processes.
#
# Expected: refused, or one port, the same for UDP and TCP.
# True: each thread binds zero anew, since it shares the port of the others
# by SO_REUSEPORT only when told its number.  named with two threads is at
# four ports: two of UDP, two of TCP, and its log says "127.0.0.1#0".  NSD
# with two servers and `reuseport: yes` is at three: two of UDP, one of TCP.
# unbound refuses zero ("port number expected").
#
# Debian bind9 9.18.49, nsd 4.6.1, unbound 1.17.1.

set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin
directory=$(mktemp -d) || exit 77
pid=
finish() {
	[ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null
	[ -z "$pid" ] || wait "$pid" 2>/dev/null
	rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

for program in named nsd unbound unbound-checkconf ss; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
named -v
nsd -v 2>&1 | head -n 1
unbound -V | head -n 1
cd "$directory" || exit 77

cat >named.conf <<END
options {
	directory "$directory";
	listen-on port 0 { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
};
controls { };
END
cat >nsd.conf <<END
server:
	ip-address: 127.0.0.1@0
	server-count: 2
	reuseport: yes
	username: ""
	pidfile: "$directory/nsd.pid"
	database: ""
	zonelistfile: "$directory/zonelist"
	xfrdfile: "$directory/xfrd"
	xfrdir: "$directory"
remote-control:
	control-enable: no
END
cat >unbound.conf <<END
server:
	interface: 127.0.0.1
	port: 0
	chroot: ""
	username: ""
	directory: "$directory"
END

# The ports of protocol $1 (u, t) on 127.0.0.1 that the program holds.
ports() {
	ss -Hlnp"$1" | grep "pid=$pid," |
	    sed -n 's/.* 127\.0\.0\.1:\([0-9]*\) .*/\1/p'
}

# look NAME PATTERN COMMAND [ARG]...: sets counts to "UDP TCP" of it, once
# its log has the pattern.
look() {
	name=$1 pattern=$2
	shift 2
	: >log
	"$@" >log 2>&1 &
	pid=$!
	tries=100
	until grep -q "$pattern" log; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { cat log; exit 77; }
		sleep 0.1
	done
	sleep 0.3
	udp=$(ports u)
	tcp=$(ports t)
	echo "$name: UDP $udp TCP $tcp $(grep -o 'listening on .*' log)" |
	    tr '\n' ' '
	echo
	counts="$(echo "$udp" | sort -u | wc -l)"
	counts="$counts $(echo "$tcp" | sort -u | wc -l)"
	kill -TERM "$pid"
	wait "$pid" 2>/dev/null
	pid=
}

look named ' running$' named -g -n 2 -c "$directory/named.conf"
named=$counts
said=$(grep -c '127.0.0.1#0' log)
look nsd 'nsd started' nsd -d -c "$directory/nsd.conf"
nsd=$counts
refused=$(unbound-checkconf unbound.conf 2>&1 | grep -o 'error: .*' |
    head -n 1)
echo "unbound: $refused"

if [ "$named;$nsd;$refused" != \
    '2 2;2 1;error: port number expected' ] || [ "$said" = 0 ]; then
	echo 'This has changed.'
	exit 1
fi
echo 'As recorded: several ports for one listen-on.'
