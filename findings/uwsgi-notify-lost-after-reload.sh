#!/bin/sh
# SPDX-License-Identifier: ISC
# uWSGI under a unit of Type=notify, and a reload by SIGHUP.
#
# Expected: after each reload it says READY=1 and "uWSGI is ready" again, as
# at its start.
# True: it says "initializing uWSGI", and then never anything.  The new
# life's own sendmsg() fails with EISCONN ("Transport endpoint is already
# connected"): so `systemctl status` shows a service that initializes, for
# as long as it runs, while it serves.
#
# Debian uwsgi-core and uwsgi-plugin-python3 2.0.21.

set -u
export LC_ALL=C
for program in uwsgi python3; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
echo "uWSGI $(uwsgi --version)"
directory=$(mktemp -d) || exit 77
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' HUP INT TERM
cd "$directory" || exit 77
cat >app.py <<'PYTHON'
def application(environ, start):
    start('200 OK', [])
    return [b'hello']
PYTHON

cat >look.py <<'PYTHON'
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind('notify')
notify.settimeout(0.1)
with open('log', 'wb') as log:
    uwsgi = subprocess.Popen(
        ['uwsgi', '--http-socket', '127.0.0.1:0', '--master', '--need-app',
         '--plugin', 'python3', '--wsgi-file', 'app.py'],
        stdout=log, stderr=log, start_new_session=True,
        env={**os.environ, 'NOTIFY_SOCKET': os.path.abspath('notify')})


def log_text():
    with open('log', encoding='utf-8', errors='replace') as file:
        return file.read()


def messages(seconds, until):
    """What it says, until that has come."""
    heard = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and not any(until in i for i in heard):
        try:
            heard.append(notify.recv(4096).decode().strip())
        except socket.timeout:
            pass
    return heard


def answer():
    """What a client is told on the last port."""
    port = re.findall(r'bound to TCP address 127.0.0.1:(\d+)',
                      log_text())[-1]
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/',
                                timeout=3) as reply:
        return reply.read().decode()


try:
    start = messages(10, 'READY=1')
    print('start:  ', start, answer())
    if not any('READY=1' in i for i in start):
        sys.exit(77)
    changed = False
    for number in 1, 2:
        uwsgi.send_signal(signal.SIGHUP)
        heard = messages(4, 'READY=1')
        print(f'reload {number}:', heard, answer())
        changed |= heard != ['STATUS=initializing uWSGI']
    failed = re.findall(r'sendmsg\(\): (Transport [^\[]*)', log_text())
    print(len(failed), 'times in its log:', *set(failed))
    if changed or len(failed) < 2:
        print('This has changed.')
        sys.exit(1)
    print('As recorded: initializing, for ever.')
finally:
    os.killpg(uwsgi.pid, signal.SIGKILL)
    uwsgi.wait()
PYTHON
PYTHONDONTWRITEBYTECODE=1 timeout 60 python3 look.py
