#!/bin/sh
# SPDX-License-Identifier: ISC
# A service that is to listen at two addresses, one of which is taken.
#
# Expected: it ends with an error, as nginx, haproxy, redis, memcached,
# unbound and others do.
# True: sshd, dropbear, ngircd and squid say so in their log, and go on with
# what is left.  named, whose TCP port is taken while its UDP port is free,
# goes on with UDP alone: who asks by TCP reaches the other one.  sshd, squid
# and named even tell systemd READY=1.
#
# Debian openssh-server 9.2p1, dropbear-bin 2022.83, ngircd 26.1, squid 5.7,
# bind9 9.18.49; redis 7.0.15 as one of those that end.

set -u
export LC_ALL=C
for program in python3 sshd dropbear ngircd squid named redis-server \
    ssh-keygen ss; do
	PATH=$PATH:/usr/sbin command -v "$program" >/dev/null ||
	    { echo "no $program"; exit 77; }
done
PATH=$PATH:/usr/sbin
[ -d /run/sshd ] || { echo 'no /run/sshd, which sshd needs'; exit 77; }
directory=$(mktemp -d) || exit 77
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' HUP INT TERM
sshd -V 2>&1 | grep -o 'OpenSSH[^,]*'
dropbear -V 2>&1
ngircd --version | head -n 1
squid -v | head -n 1
named -v
redis-server --version
cd "$directory" || exit 77
ssh-keygen -q -t ed25519 -N '' -f key

cat >look.py <<'PYTHON'
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.getcwd()
taken = socket.socket()
taken.bind(('127.0.0.1', 0))
taken.listen()
PORT = taken.getsockname()[1]
USER = pwd.getpwuid(os.getuid()).pw_name

FILES = {
    'sshd.conf': f'''Port {PORT}
ListenAddress 127.0.0.1
ListenAddress 127.0.0.2
HostKey {HERE}/key
PidFile none
''',
    'ngircd.conf': f'''[Global]
Name = irc.example
Listen = 127.0.0.1,127.0.0.2
Ports = {PORT}
MotdPhrase = hello
ServerUID = {USER}
ServerGID = {os.getgid()}
[Options]
PAM = no
Ident = no
''',
    'squid.conf': f'''http_port 127.0.0.1:{PORT}
http_port 127.0.0.2:{PORT}
pid_filename none
cache_log stdio:/dev/stderr
access_log none
cache_mem 8 MB
shutdown_lifetime 1 seconds
''',
    'named.conf': f'''options {{
    directory "{HERE}";
    listen-on port {PORT} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
}};
controls {{ }};
''',
}
# Name, command, what its log says.
SERVICES = [
    ('sshd', ['-D', '-e', '-f', f'{HERE}/sshd.conf'], 'failed: Address'),
    ('dropbear', ['-F', '-E', '-R', '-p', f'127.0.0.1:{PORT}',
                  '-p', f'127.0.0.2:{PORT}'], 'Failed listening'),
    ('ngircd', ['-n', '-f', f'{HERE}/ngircd.conf'], "Can't bind"),
    ('squid', ['-N', '-f', f'{HERE}/squid.conf'], 'Address already in use'),
    ('named', ['-g', '-n', '1', '-c', f'{HERE}/named.conf'],
     'creating TCP socket'),
    ('redis-server', ['--bind', '127.0.0.1', '127.0.0.2', '--port',
                      str(PORT), '--save', ''], 'Could not create'),
]
AS_RECORDED = {
    'sshd': 'lives, tcp 127.0.0.2, READY=1',
    'dropbear': 'lives, tcp 127.0.0.2',
    'ngircd': 'lives, tcp 127.0.0.2',
    'squid': 'lives, tcp 127.0.0.2, READY=1',
    'named': 'lives, udp 127.0.0.1, READY=1',
    'redis-server': 'ends with status 1',
}


def sockets(pid):
    """What a process has at the port."""
    out = subprocess.run(['ss', '-Hlntup', f'sport = :{PORT}'],
                         stdout=subprocess.PIPE, text=True, check=True)
    for line in out.stdout.splitlines():
        if f'pid={pid},' in line:
            word = line.split()
            yield f'{word[0]} {word[4].rpartition(":")[0]}'


def outcome(name, arguments):
    """How one service takes it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, \
         open('log', 'wb') as log:
        notify.bind(f'notify.{name}')
        os.chmod(f'notify.{name}', 0o666)
        notify.settimeout(0)
        service = subprocess.Popen(
            [shutil.which(name), *arguments], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, env={
                **os.environ, 'NOTIFY_SOCKET': f'{HERE}/notify.{name}'})
        try:
            end = time.monotonic() + 10
            said = []
            settled = 0
            while time.monotonic() < end and not settled:
                if service.poll() is not None:
                    return f'ends with status {service.returncode}'
                time.sleep(0.2)
                if list(sockets(service.pid)):
                    time.sleep(2)
                    settled = service.poll() is None
            try:
                said = [i for i in notify.recv(4096).decode().split('\n')
                        if i == 'READY=1']
            except BlockingIOError:
                pass
            return ', '.join(['lives', *sorted(set(sockets(service.pid))),
                              *said])
        finally:
            if service.poll() is None:
                service.send_signal(signal.SIGTERM)
                try:
                    service.wait(10)
                except subprocess.TimeoutExpired:
                    service.kill()
                    service.wait()


os.chmod(HERE, 0o755)
for file_name, text in FILES.items():
    with open(file_name, 'w', encoding='utf-8') as file:
        file.write(text)
changed = False
for service_name, options, pattern in SERVICES:
    seen = outcome(service_name, options)
    changed |= seen != AS_RECORDED[service_name]
    print(f'{service_name}: {seen}')
    with open('log', encoding='utf-8', errors='replace') as file:
        line = [i.strip() for i in file if pattern in i][:1]
    print('    its log:', *line)
    changed |= not line
if changed:
    print('This has changed.')
    sys.exit(1)
print('As recorded: they go on with what is left.')
PYTHON
PYTHONDONTWRITEBYTECODE=1 timeout 150 python3 look.py
