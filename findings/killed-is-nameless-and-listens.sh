#!/bin/sh
# SPDX-License-Identifier: ISC
# A script restarts its server: it sends SIGKILL, waits until `pgrep -f` no
# longer finds the command line, and starts the server again.
#
# Expected: a process that pgrep no longer finds has closed its sockets.
# True: the kernel takes the memory away first, and the command line and the
# environment with it; the descriptors are closed when all the memory has been
# given back (do_exit() of kernel/exit.c: exit_mm(), exit_files()).  With 1 GiB
# that takes some tenths of a second.  Until then pgrep -f finds nothing,
# /proc/PID/environ is empty, clients are let in, and the next server's bind()
# fails.  `kill -0` still finds it, and a pidfd is not yet readable: these two
# tell the truth.
#
# Linux 6.18, procps 4.0.2.  It takes 1 GiB of memory for a second.

set -u
export LC_ALL=C
for program in python3 pgrep; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
uname -sr
pgrep --version
exec timeout 50 python3 - <<'END'
import os, select, signal, socket, subprocess, sys, time

SERVER = '''
import mmap, signal, socket, sys
memory = mmap.mmap(-1, 1 << 30)
for at in range(0, 1 << 30, 4096):
    memory[at] = 1
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
signal.pause()
'''
MARK = f'server-of-{os.getpid()}'


def serve():
    server = subprocess.Popen([sys.executable, '-c', SERVER, MARK],
                              stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline())


def is_named():
    return subprocess.call(['pgrep', '-f', MARK],
                           stdout=subprocess.DEVNULL) == 0


def environment(pid):
    try:
        with open(f'/proc/{pid}/environ', 'rb') as file:
            return len(file.read())
    except OSError:
        return 0


def bind(port):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(('127.0.0.1', port))
        except OSError as error:
            return error.strerror
    return 'bound'


def connect(port):
    with socket.socket() as client:
        return 'let in' if client.connect_ex(
            ('127.0.0.1', port)) == 0 else 'refused'


seen = []
for _ in range(5):
    server, port = serve()
    pidfd = os.pidfd_open(server.pid)
    before = is_named(), environment(server.pid) > 0
    server.kill()
    begin = time.monotonic()
    for _ in range(1000):       # as a script waits
        if not is_named():
            break
    again, client = bind(port), connect(port)
    told = environment(server.pid), len(select.select([pidfd], [], [], 0)[0])
    os.kill(server.pid, 0)
    select.select([pidfd], [], [], 30)
    seconds = time.monotonic() - begin
    seen.append((before, again, client, told, bind(port)))
    print(f'{seconds:.2f} s from SIGKILL to the end')
    server.wait()
    os.close(pidfd)
for before, again, client, (size, ended), then in seen:
    print(f'pgrep found it before: {before[0]}; it finds nothing: bind() says '
          f'"{again}", a client is {client}, {size} bytes of environment, '
          f'pidfd readable: {bool(ended)}; when that is: "{then}"')
sys.exit(not any(one == ((True, True), 'Address already in use', 'let in',
                         (0, 0), 'bound') for one in seen))
END
