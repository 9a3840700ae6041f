# SPDX-License-Identifier: ISC
"""The services of tests/examples that take a socket, one a language."""

import contextlib
import os
import re
import shutil
import socket
import struct
import subprocess

import harness
from harness import DEADLINE, TOP, connect

EXAMPLES = os.path.join(TOP, 'tests', 'examples')
REQUEST = b'GET / HTTP/1.0\r\n\r\n'
O_CLOEXEC = 0o2000000       # in /proc/PID/fdinfo

# Executes what follows when there is a file "go".
HELD = ('sh', '-c', 'while [ ! -e go ]; do sleep 0.01; done; exec "$@"', 'sh')


class Hello:
    """FILE is what the command's last word is, or what it makes ./hello of;
    closed says whether the service sets close-on-exec."""

    def __init__(self, file, *command, options=(), fd=3, closed=True):
        self.file, self.command, self.options = file, command, options
        self.fd, self.closed = fd, closed


HELLOS = {
    'c': Hello('hello.c', 'cc', '-Wall', '-Wextra', '-Werror', '-o', 'hello'),
    'go': Hello('hello.go', 'go', 'build', '-o', 'hello'),
    'java': Hello('Hello.java', 'java', options=('--inetd',), fd=0,
                  closed=False),
    'node': Hello('hello.js', 'node'),
    'perl': Hello('hello.pl', 'perl'),
    'php': Hello('hello.php', 'php', closed=False),
    'python': Hello('hello.py', 'python3'),
    'ruby': Hello('hello.rb', 'ruby'),
    'rust': Hello('hello.rs', 'rustc', '--edition=2021', '-Dwarnings', '-o',
                  'hello'),
}


class Hellos(harness.Tree):
    def setUp(self):
        super().setUp()
        self.env.update(GO111MODULE='off', GOCACHE=self.path('cache'))

    def prepare(self, hello):
        """The words that start it."""
        if shutil.which(hello.command[0]) is None:
            self.skipTest(f'{hello.command[0]} is not installed')
        command = [*hello.command, os.path.join(EXAMPLES, hello.file)]
        if 'hello' not in command:
            return command
        done = subprocess.run(command, cwd=self.directory, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=5 * DEADLINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return ['./hello']

    def start(self, hello, *command):
        """The service, held back, and the address of its socket."""
        with open(self.path('log'), 'w') as log:
            process = self.launch('-p', 'port', *hello.options, '--', *HELD,
                                  *command, env=self.env, stdout=log,
                                  stderr=log)
        harness.wait_for(lambda: os.path.exists(self.path('port')),
                         'the port')
        return process, '127.0.0.1:' + self.read('port').strip()

    def hang_up(self, address, request):
        """As a client that resets its connection."""
        with connect(address) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack('ii', 1, 0))
            client.sendall(request)

    def passed(self, pid, address):
        """[whether it is close-on-exec] for all its descriptors of the
        socket that listens there."""
        end = f':{int(address.rpartition(":")[2]):04X}'
        with open('/proc/net/tcp') as table:
            rows = [line.split() for line in table]
        inode, = [row[9] for row in rows
                  if row[1].endswith(end) and row[3] == '0A']
        found = []
        for fd in os.listdir(f'/proc/{pid}/fd'):
            with contextlib.suppress(FileNotFoundError):    # a client's
                if os.readlink(f'/proc/{pid}/fd/{fd}') != f'socket:[{inode}]':
                    continue
                with open(f'/proc/{pid}/fdinfo/{fd}') as file:
                    flags = re.search(r'flags:\s*(\d+)', file.read())[1]
                found.append(bool(int(flags, 8) & O_CLOEXEC))
        return found

    def check_serves(self, hello):
        process, address = self.start(hello, *self.prepare(hello))
        answer = f'\nhello from fd {hello.fd}\n'
        try:
            with connect(address) as client:
                client.sendall(REQUEST)
                self.write('go', '')
                self.assertIn(answer, harness.read_all(client).decode())
            self.hang_up(address, b'')
            self.hang_up(address, REQUEST)
            self.assertIn(answer, harness.http_get(address))
            self.assertEqual(set(self.passed(process.pid, address)),
                             {hello.closed})
        except (AssertionError, OSError) as error:
            self.fail(f'{error!r}\n{self.read("log")}')

    def check_refuses(self, hello):
        """What is for a process in between, more than one, none."""
        command = self.prepare(hello)
        for words in (['--', 'sh', '-c', '"$@"; exit "$?"', 'sh'],
                      ['-l', '0', '-l', '0', '--'],
                      ['--', 'env', '-u', 'LISTEN_FDS', '-u', 'LISTEN_PID']):
            with self.subTest(words=words):
                done = self.run_portexec('-q', *words, *command, status=None,
                                         env=self.env)
                self.assertIn(done.returncode, (1, 255))
                self.assertRegex(done.stderr, r'^(\S+ \S+ )?hello: expects '
                                 r'(one|a listening) socket.*\n$')


def add_tests(name, hello):
    setattr(Hellos, f'test_{name}_serves',
            lambda self: self.check_serves(hello))
    setattr(Hellos, f'test_{name}_refuses',
            lambda self: self.check_refuses(hello))


for each, row in HELLOS.items():
    add_tests(each, row)


class Pages(harness.Case):
    def test_all_are_here(self):
        files = {name for name in os.listdir(EXAMPLES)
                 if name.lower().startswith('hello.')}
        self.assertEqual(files, {row.file for row in HELLOS.values()})
