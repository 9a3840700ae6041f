#!/bin/sh
# SPDX-License-Identifier: ISC
# READY=1, which a service of Type=notify says when it can be used.
#
# Expected: a client that comes after READY=1 is served; where the service
# cannot serve, it ends without having said it.
# True: gunicorn says it when its master listens, before a worker has so
# much as imported the application.  A module that does not exist is READY=1
# and then status 3; one that gives up after a second is READY=1, with a
# new worker each second, and a client waits.  Only --preload keeps it
# silent.  Squid says it between its bind() and its listen(): a client that
# comes on READY=1 can be refused.
#
# strace is to show the latter: it holds listen(2) back for a second.
#
# Debian gunicorn 20.1.0, squid 5.7.

set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin
for program in gunicorn squid strace python3; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
directory=$(mktemp -d) || exit 77
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' HUP INT TERM
gunicorn --version
squid -v | head -n 1
cd "$directory" || exit 77
strace -o trace true || { echo 'no ptrace'; exit 77; }

cat >good.py <<'PYTHON'
def application(environ, start):
    start('200 OK', [])
    return [b'hello']
PYTHON
cat >ends.py <<'PYTHON'
import time
time.sleep(1)
raise SystemExit('no database')
PYTHON

cat >look.py <<'PYTHON'
import os
import signal
import socket
import subprocess
import sys
import time

HERE = os.getcwd()
os.chmod(HERE, 0o755)


def free_port():
    """A port that was free."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def client(port):
    """What a client gets within three seconds."""
    try:
        with socket.create_connection(('127.0.0.1', port), 3) as sock:
            sock.sendall(b'GET / HTTP/1.0\r\n\r\n')
            return 'answered' if sock.recv(1) else 'cut off'
    except ConnectionRefusedError:
        return 'refused'
    except ConnectionResetError:
        return 'cut off'
    except socket.timeout:
        return 'no answer'


def outcome(name, port, command):
    """Whether it says READY=1, what a client gets then, how it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, \
         open('log', 'wb') as log:
        notify.bind(f'notify.{name}')
        os.chmod(f'notify.{name}', 0o666)
        notify.settimeout(0.05)
        service = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, 'NOTIFY_SOCKET': f'{HERE}/notify.{name}'})
        try:
            seen = ['says nothing']
            end = time.monotonic() + 10
            while time.monotonic() < end:
                try:
                    if b'READY=1' in notify.recv(4096):
                        seen = ['READY=1', client(port)]
                        break
                except socket.timeout:
                    if service.poll() is not None:
                        break
            try:
                seen.append(f'ends with status {service.wait(2)}')
            except subprocess.TimeoutExpired:
                seen.append('lives')
            return ', '.join(seen)
        finally:
            try:
                os.killpg(service.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            service.wait()


def gunicorn(*arguments):
    """The port, and the command for it."""
    port = free_port()
    return port, ['gunicorn', '-b', f'127.0.0.1:{port}', *arguments]


def squid():
    """The port, and the command for it."""
    port = free_port()
    with open('squid.conf', 'w', encoding='utf-8') as file:
        file.write(f'''http_port 127.0.0.1:{port}
pid_filename none
cache_log stdio:/dev/stderr
access_log none
cache_mem 8 MB
''')
    return port, ['strace', '-f', '-o', 'trace', '-e', 'trace=listen', '-e',
                  'inject=listen:delay_enter=1000000', 'squid', '-N', '-f',
                  f'{HERE}/squid.conf']


CASES = [
    ('gunicorn, good', gunicorn('good:application'),
     'READY=1, answered, lives'),
    ('gunicorn, no such module', gunicorn('absent:application'), None),
    ('gunicorn, module gives up', gunicorn('ends:application'),
     'READY=1, no answer, lives'),
    ('gunicorn --preload, gives up',
     gunicorn('--preload', 'ends:application'),
     'says nothing, ends with status 1'),
    ('squid, listen() held back', squid(), 'READY=1, refused, lives'),
]
changed = False
for number, (title, (where, argv), recorded) in enumerate(CASES):
    result = outcome(number, where, argv)
    print(f'{title}: {result}')
    if recorded is None:    # the client is cut off, or already refused
        changed |= not (result.startswith('READY=1, ') and
                        result.endswith(', ends with status 3'))
    else:
        changed |= result != recorded
if changed:
    print('This has changed.')
    sys.exit(1)
print('As recorded: READY=1 comes before the service can serve.')
PYTHON
PYTHONDONTWRITEBYTECODE=1 timeout 120 python3 look.py
