#!/bin/sh
# SPDX-License-Identifier: ISC
# nginx -t, which tests a configuration.
#
# Expected: it reads files, and leaves ports alone.
# True: it binds and listens on each of them, for as long as the test takes:
# a client is let in and then reset, so that a check of the port by
# connecting says "ready", and a service that starts on that port meanwhile
# finds it taken.  An address that this machine does not have fails the
# test; a port that somebody else has does not.  haproxy -c and
# lighttpd -tt make no socket.
#
# strace is to show it: it holds listen(2) back for a second.
#
# Debian nginx 1.22.1, haproxy 2.6.12, lighttpd 1.4.69.

set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin
directory=$(mktemp -d) || exit 77
pid=
finish() {
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
	rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

for program in nginx haproxy lighttpd strace python3; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
nginx -v 2>&1
haproxy -v | head -n 1
lighttpd -v | head -n 1
cd "$directory" || exit 77
strace -o trace true || { echo 'no ptrace'; exit 77; }

port=$(python3 -c '
import socket
with socket.socket() as sock:
    sock.bind(("127.0.0.1", 0))
    print(sock.getsockname()[1])')

# The configuration for address $1.
nginx_conf() {
	cat <<END
pid $directory/nginx.pid;
error_log stderr;
events { }
http { access_log off; server { listen $1:$port; } }
END
}
nginx_conf 127.0.0.1 >nginx.conf
nginx_conf 192.0.2.1 >absent.conf
cat >haproxy.cfg <<END
defaults
	mode http
	timeout connect 1s
	timeout client 1s
	timeout server 1s
frontend f
	bind 127.0.0.1:$port
END
cat >lighttpd.conf <<END
server.document-root = "$directory"
server.bind = "127.0.0.1"
server.port = $port
END

cat >look.py <<'PYTHON'
import socket
import sys
import time

port = int(sys.argv[1])
for _ in range(100):
    client = socket.socket()
    client.settimeout(5)
    try:
        client.connect(('127.0.0.1', port))
        break
    except ConnectionRefusedError:
        client.close()
        time.sleep(0.05)
else:
    print('client refused')
    sys.exit()
print('client let in', end=', ')
with socket.socket() as service:
    service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        service.bind(('127.0.0.1', port))
        service.listen()
        print('service starts', end=', ')
    except OSError as error:
        print('service:', error.strerror, end=', ')
try:
    print('client read', client.recv(1))
except OSError as error:
    print('client:', error.strerror)
PYTHON

strace -f -o trace -e trace=listen -e inject=listen:delay_exit=1500000 \
    nginx -t -c "$directory/nginx.conf" 2>log &
pid=$!
during=$(python3 look.py "$port")
wait "$pid"
tested=$?
pid=
cat log
echo "nginx -t: status $tested, meanwhile: $during"

nginx -t -c "$directory/absent.conf" 2>log
absent=$?
echo "nginx -t of 192.0.2.1: status $absent: $(grep -o 'bind().*' log)"

python3 -c '
import socket, sys, time
with socket.socket() as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", int(sys.argv[1])))
    sock.listen()
    open("held", "w").close()
    time.sleep(20)' "$port" &
pid=$!
tries=50
until [ -e held ]; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || exit 77
	sleep 0.1
done
nginx -t -c "$directory/nginx.conf" 2>log
taken=$?
echo "nginx -t, port taken: status $taken: $(tail -n 1 log)"
kill -TERM "$pid"
wait "$pid" 2>/dev/null
pid=

# How often $@ calls bind() or listen() for the port.
calls() {
	strace -f -o trace -e trace=bind,listen "$@" >log 2>&1 ||
	    { cat log >&2; exit 77; }
	grep -c "htons($port)\|listen(" trace
}
haproxy=$(calls haproxy -c -f haproxy.cfg)
lighttpd=$(calls lighttpd -tt -f lighttpd.conf)
echo "calls of bind, listen: haproxy -c $haproxy, lighttpd -tt $lighttpd"

expected='client let in, service: Address already in use,'
expected="$expected client: Connection reset by peer"
if [ "$during;$tested;$absent;$taken;$haproxy;$lighttpd" != \
    "$expected;0;1;0;0;0" ]; then
	echo 'This has changed.'
	exit 1
fi
echo 'As recorded: nginx -t listens.'
