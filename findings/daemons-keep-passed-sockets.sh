#!/bin/sh
# SPDX-License-Identifier: ISC
# A service that was passed a listening socket at descriptor 3 starts a
# daemon: an agent, a terminal server, a cache; and ends.
#
# Expected: a program that makes itself a daemon closes what it inherited
# and does not know, the first step of daemon(7): the port is closed once
# the service has ended.
# True: of ten, only sshd does.  Each other keeps the socket for as long as
# it lives: clients of the service are let in by the kernel and wait, and
# the service's next start finds its port taken.  So a service marks the
# socket close-on-exec, as sd_listen_fds(3) does, before it starts anything.
#
# Debian openssh 9.2p1, gpg-agent 2.2.40, tmux 3.3a, redis-server 7.0.15,
# memcached 1.6.18, nginx 1.22.1, haproxy 2.6.12, mosquitto 2.0.11,
# php8.2-fpm 8.2.36.

set -u
export LC_ALL=C
PATH=$PATH:/usr/sbin
for program in python3 ss ssh-agent sshd ssh-keygen gpg-agent tmux \
    redis-server memcached nginx haproxy mosquitto php-fpm8.2; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
[ -d /run/sshd ] || { echo 'no /run/sshd, which sshd needs'; exit 77; }
directory=$(mktemp -d) || exit 77
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' HUP INT TERM
cd "$directory" || exit 77
chmod 755 .
sshd -V 2>&1 | grep -o 'OpenSSH[^,]*'
gpg-agent --version | head -n 1
tmux -V
redis-server --version | cut -d ' ' -f 1-3
memcached --version
nginx -v 2>&1
haproxy -v | head -n 1
mosquitto -h | head -n 1
php-fpm8.2 -v | head -n 1
ssh-keygen -q -t ed25519 -N '' -f key
mkdir -m 700 gpg
mkdir -m 777 open

cat >nginx.conf <<END
pid $directory/nginx.pid;
error_log $directory/nginx.log;
events { }
http { access_log off; server { listen unix:$directory/nginx.sock; } }
END
cat >haproxy.cfg <<END
defaults
	mode http
	timeout connect 1s
	timeout client 1s
	timeout server 1s
frontend f
	bind unix@$directory/haproxy.sock
END
cat >mosquitto.conf <<END
listener 0 $directory/open/mosquitto.sock
END
cat >fpm.conf <<END
[global]
error_log = $directory/fpm.log
[www]
listen = $directory/fpm.sock
pm = static
pm.max_children = 1
user = nobody
END
cat >sshd.conf <<END
ListenAddress 127.0.0.1
HostKey $directory/key
PidFile $directory/sshd.pid
END

cat >look.py <<'PYTHON'
import os
import re
import signal
import socket
import subprocess
import sys
import time

HERE = os.getcwd()


def free_port():
    """A port that was free."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def holders(port):
    """The processes that hold a socket that listens there."""
    out = subprocess.run(['ss', '-Hlntp', f'sport = :{port}'], text=True,
                         stdout=subprocess.PIPE, check=True).stdout
    return {int(pid) for pid in re.findall(r'pid=(\d+)', out)}


def client(port):
    """What the service's next client gets."""
    try:
        with socket.create_connection(('127.0.0.1', port), 1) as sock:
            sock.recv(1)
            return 'answered'
    except ConnectionRefusedError:
        return 'refused'
    except socket.timeout:
        return 'waits'


def start(port):
    """What the service's next start gets."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(('127.0.0.1', port))
            sock.listen()
            return 'starts'
        except OSError as error:
            return error.strerror


def service(command):
    """Stands for the service: starts the daemon, and ends."""
    with socket.socket() as listener, open('log', 'wb') as log:
        listener.bind(('127.0.0.1', 0))
        listener.listen()
        port = listener.getsockname()[1]
        pid = os.fork()
        if pid == 0:
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
            with open(os.devnull, 'rb') as null:
                os.dup2(null.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            os.closerange(4, 64)
            try:
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            with open('log', encoding='utf-8', errors='replace') as text:
                print(command[0], 'does not start:', text.read())
            sys.exit(77)
    return port


DAEMONS = [
    ['ssh-agent', '-a', f'{HERE}/agent'],
    ['gpg-agent', '--homedir', f'{HERE}/gpg', '--daemon'],
    ['tmux', '-S', f'{HERE}/tmux', '-f', '/dev/null', 'new-session', '-d',
     'sleep 20'],
    ['redis-server', '--port', '0', '--unixsocket', f'{HERE}/redis.sock',
     '--daemonize', 'yes', '--save', ''],
    ['memcached', '-d', '-u', 'nobody', '-s', f'{HERE}/open/memcached.sock'],
    ['nginx', '-c', f'{HERE}/nginx.conf'],
    ['haproxy', '-D', '-p', f'{HERE}/haproxy.pid', '-f',
     f'{HERE}/haproxy.cfg'],
    ['mosquitto', '-d', '-c', f'{HERE}/mosquitto.conf'],
    ['php-fpm8.2', '-D', '-y', f'{HERE}/fpm.conf'],
    # Its path is to be absolute.
    ['/usr/sbin/sshd', '-f', f'{HERE}/sshd.conf', '-p', str(free_port())],
]
changed = False
for argv in DAEMONS:
    name = os.path.basename(argv[0])
    where = service(argv)
    time.sleep(1)
    left = holders(where)
    result = f'client {client(where)}, next start: {start(where)}'
    print(f'{name}: {"keeps" if left else "closes"} it; {result}')
    changed |= result != (
        'client refused, next start: starts' if name == 'sshd' else
        'client waits, next start: Address already in use')
    for holder in left:
        try:
            os.kill(holder, signal.SIGKILL)
        except ProcessLookupError:
            pass    # a child that went with its parent
    if name == 'sshd':
        with open('sshd.pid', encoding='ascii') as pid_file:
            os.kill(int(pid_file.read()), signal.SIGTERM)
if changed:
    print('This has changed.')
    sys.exit(1)
print('As recorded: the socket stays open in nine of ten.')
PYTHON
unset LISTEN_FDS LISTEN_PID
PYTHONDONTWRITEBYTECODE=1 timeout 120 python3 look.py
