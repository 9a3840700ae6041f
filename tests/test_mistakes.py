# SPDX-License-Identifier: ISC
"""What people type by mistake: what is said, and that nothing is left.  And
that nothing is said where it is right."""

import os
import re
import socket

import harness
from harness import PORTEXEC, free_number, listening

ANNOUNCED = re.compile(
    r'portexec: (\S+: )?((listening on|inherited) .*, (fds? \d+.*|until .* '
    r'binds it)|\d+ reserved for .*|.* listens when .* binds it)$')
ENOENT = 'No such file or directory'
NO_PORT = "there is no port, and a path begins with '/' or '.': write "
NO_TYPE = 'is neither a type nor a numeric host: write '

# What is typed, and the one line that is said; status 125.
REFUSED = [
    # The socket: test_spelling.c has all of them.
    ('-l tcp://127.0.0.1:0 true', "socket 'tcp://127.0.0.1:0': a path is for "
     'unix, unixgram and unixpacket: write tcp:127.0.0.1:0'),
    ('-l 0.0.0.0 true', f"socket '0.0.0.0': {NO_PORT}0.0.0.0:0"),
    ('-l localhost true', f"socket 'localhost': {NO_PORT}localhost:0"),
    ('-l auto true', f"socket 'auto': {NO_PORT}0"),
    ('-l udp true', f"socket 'udp': {NO_PORT}udp:0"),
    ('-l :8080 true', "socket ':8080': the host is missing; '*' is all "
     "addresses: write '*:8080'"),
    ('-l http://localhost:0 true',
     f"socket 'http://localhost:0': 'http' {NO_TYPE}localhost:0"),
    ('-l ::1:0 true', "socket '::1:0': the host is not numeric, '*' or "
     "localhost: write '[::1]:0'"),
    ('-l web:0 true', f"socket 'web:0': 'web' {NO_TYPE}web=0 for a socket of "
     'that name'),
    ('-l any:0 true', f"socket 'any:0': 'any' {NO_TYPE}'*:0'"),
    ('-l tcp6:0 true', f"socket 'tcp6:0': 'tcp6' {NO_TYPE}'tcp:[::1]:0'"),
    ('-l vsock::80 true', "socket 'vsock::80': 'vsock' is neither a type nor "
     'a numeric host: there are tcp, udp and unix sockets only'),
    ('-l 99999 true',
     "socket '99999': the port is not a number from 0 to 65535"),

    # Options of others, and values that are none.
    ('-d -l 8080 true', "unknown option '-d': write -l udp:PORT, or -l "
     'unixgram:PATH'),
    ('--fdname=web -l 8080 true', "unknown option '--fdname=web': write -l "
     'NAME=ADDRESS'),
    ('-E A=b true', "unknown option '-E': write -e NAME=VALUE"),
    ('--accept true', "unknown option '--accept': write portexec -- "
     'systemd-socket-activate -a COMMAND'),
    ('--timeout 30 true', "unknown option '--timeout': write -t SECONDS, or "
     'timeout SECONDS portexec'),
    ('--host 0.0.0.0 true', "unknown option '--host': write -l HOST:PORT"),
    ('--wait true', "unknown option '--wait': a client can connect before "
     'COMMAND starts; -c runs one'),
    ('--nonsense true', "unknown option '--nonsense' (try 'portexec --help')"),
    ('-p -- true', "option '-p' needs a value, not '--'"),
    ('--port -- true', "option '--port' needs a value, not '--'"),
    ('-e -- true', "option '-e' needs a value, not '--'"),
    ('-w -- true', "option '-w' needs a value, not '--'"),
    ('-p 8080 true', "-p '8080': a port, not a file (-l 8080 opens that port, "
     '-p ./8080 is a file)'),
    ('--port 8080 true', "-p '8080': a port, not a file (-l 8080 opens that "
     'port, -p ./8080 is a file)'),
    ('', "no command (try 'portexec --help')"),

    # What the service cannot have.
    ('-H adopt -- true --port {fd}', '{fd}: the service gets no descriptor'),
]

# A COMMAND that is none: what is said after the announcement; status 127.
UNKNOWN = [
    (['help'], f"execute help: {ENOENT}: try 'portexec --help'"),
    (['version'], f"execute version: {ENOENT}: try 'portexec --version'"),
    (['-H', 'adopt', '--', 'help'],
     f"execute help: {ENOENT}: try 'portexec --help'"),
    (['--', 'node env.js'], f"execute 'node env.js': {ENOENT}: it is one word: "
     'write it without quotes, or behind sh -c'),
    (['--', 'PORT={port}', 'node', 'env.js'], f'execute PORT={{port}}: '
     f'{ENOENT}: for a variable write -e PORT={{port}}, or env before it'),
    (['--', 'cd', 'app', '&&', 'npm', 'start'], f"execute cd: {ENOENT}: it is "
     "the shell's: write sh -c 'cd app && npm start'"),
    (['--', 'export', 'A=b c'],
     f"execute export: {ENOENT}: it is the shell's: write sh -c"),
    (['-p', 'port', '--', './crlf.sh'], f"execute ./crlf.sh: {ENOENT}: its "
     "interpreter '/bin/sh?' is not there (its lines end with CR LF)"),
    (['-e', 'PATH=.', '--', 'nowhere.sh'], f"execute nowhere.sh: {ENOENT}: its "
     "interpreter '/no/where' is not there"),
    (['-c', 'ask', '{addr}', '--', 'node', 'x'], f'execute {{addr}}: {ENOENT}: '
     "-c takes one word: write -c 'ask {addr}'"),
    (['-q', '-c', 'npm', 'nosuch', 'x', '--', 'npm', 'start'], 'execute '
     f"nosuch: {ENOENT}: -c takes one word: write -c 'npm nosuch x'"),
    (['--', './missing'], f'execute ./missing: {ENOENT}'),
    (['--', 'missing', 'help'], f'execute missing: {ENOENT}'),
    (['--', ''], f"execute '': {ENOENT}"),
    (['-c', 'true', '--', 'missing', '--', 'x'],
     f'execute missing: {ENOENT}'),
]

# What runs as it stands, and the hint.
HINTED = [
    ('-- true --port {prot}', "'{prot}' is no placeholder: write {port}"),
    ('-- true --port={PORT}', "'{PORT}' is no placeholder: write {port}"),
    ('-- true --port $port', "'$port' is no placeholder: write {port}"),
    ('-- true --port ${PORT}', "'${PORT}' is no placeholder: write {port}"),
    ('-- true --port %port%', "'%port%' is no placeholder: write {port}"),
    ('-- true --port {{port}}', "'{{port}}' is no placeholder: write {port}"),
    ('-H adopt -- true <ADDR>', "'<ADDR>' is no placeholder: write {addr}"),
    ('-e PORT={PORT} -- true', "'{PORT}' is no placeholder: write {port}"),
    ('-e URL=http://{host}:{PORT}/ -- true',
     "'{PORT}' is no placeholder: write {port}"),
    ('-e PORT=8080 -- true', "-e PORT=8080: that is no port of portexec's: "
     'write -e PORT for any, or -l 8080 too'),
    ('-e PORT,API_PORT -- true', "-e sets a variable named 'PORT,API_PORT': "
     'write -e for each variable'),
    ('-e 8080 -- true', "-e sets a variable named '8080': to open a port "
     'write -l'),
    ('-e {port} -- true', "-e sets a variable named '{port}': write -e "
     'NAME={port}'),
    ('-e -q -- true', "-e sets a variable named '-q': an option before it "
     'lacks its value'),
    ('-e X={fd} -- true --port {port}', 'by {fd} it is inherit: true is '
     "passed the socket, and a bind() of its own for '{port}' will fail"),
    ('-- true --fd {fd} --port=<port>', 'by {fd} it is inherit: true is '
     'passed the socket, and a bind() of its own for '
     "'--port=<port>' will fail"),
]

# A service that the client's end ends, in words of its own.
LASTS = ['sh', '-c', 'exec sleep 300', 'sh']

# What is right, or may be: nothing is said.
RIGHT = [
    ['--', 'true', '--port', '{port}'],
    ['--', 'true', '{PORT}', '{port}'],
    ['-e', 'PORT', '--', 'true', '{PORT}', '$PORT'],
    ['-m', '8080', '--', 'true', '{PORT}'],
    ['-H', 'inherit', '--', 'true', '{PORT}'],
    ['--inetd', '--', 'true', '{PORT}'],
    ['--', 'true', '--id', '{id}', '--fmt', '{"port": "{PORT}"}'],
    ['--', 'true', 'exec ./server --port $PORT', '%p', '%{host}'],
    ['--', 'true', '--route', '/users/{post}', '{cost}', '{ports}'],
    ['--', 'true', PORTEXEC, '{{port}}'],
    ['-l', '0', '-e', 'LOG_PORT=514', '--', 'true'],
    ['-H', 'inherit', '-e', 'PORT=8080', '--', 'true'],
    ['-m', '8080', '-e', 'PORT=8080', '--', 'true'],
    ['-e', 'server.port={port}', '-e', 'a-b', '-e', 'F(x)%%', '--', 'true'],
    ['-e', 'SERVER_STARTER_PORT={addr}={fd}', '--', 'true', '--fd', '{fd}'],
    ['-e', 'URL=http://{addr}/', '--', 'true', '--fd', '{fd}'],
    ['--', 'true', '--fd', '{fd}', '--url', 'http://{addr}/'],
    ['-H', 'inherit', '-e', 'X={fd}', '--', 'true', '--port', '{port}'],
    ['-c', 'true', '--', *LASTS, '--', 'sh'],
    ['-c', 'true', *LASTS, '--', 'sh'],
    ['-c', './check', *LASTS, '--', 'sh'],
    ['-c', 'sh check', *LASTS, '--', 'sh'],
    ['-c', 'sh', *LASTS],
    ['--', 'true', '{port}', '-c', 'app.conf'],
    ['--', 'true', '-c', 'a b', '{port}'],
    ['--', 'true', 'sh', '-c', 'exec a b', 'sh', '{port}'],
]


class Mistakes(harness.Tree):
    def setUp(self):
        super().setUp()
        self.write('crlf.sh', '#!/bin/sh\r\nexit 0\r\n', 0o755)
        self.write('check', '#!/bin/sh\n', 0o755)
        self.write('nowhere.sh', '#!/no/where\n', 0o755)

    def run_it(self, arguments, status, **options):
        """The lines that are said beside the announcement of its sockets;
        there is no other file than before, and no process."""
        before = sorted(os.listdir(self.directory))
        done = self.run_portexec(*arguments, status=status, **{
            'env': self.env, **options})
        self.assertEqual(sorted(os.listdir(self.directory)), before)
        self.assert_nothing_left()
        return [line for line in done.stderr.splitlines()
                if not ANNOUNCED.match(line)]

    def test_refused(self):
        for typed, line in REFUSED:
            with self.subTest(typed):
                self.assertEqual(self.run_it(typed.split(), 125),
                                 ['portexec: ' + line])

    def test_no_such_command(self):
        for arguments, line in UNKNOWN:
            with self.subTest(arguments):
                self.assertEqual(self.run_it(arguments, 127),
                                 ['portexec: ' + harness.said(line)])

    def test_no_dynamic_loader(self):
        """As of a program that was made for another libc."""
        with open(os.path.realpath('/bin/sh'), 'rb') as file:
            program = file.read()
        found = re.search(rb'/lib[\w./-]*/ld-[\w.-]+', program)
        if found is None:
            self.skipTest('/bin/sh is linked statically')
        with open(self.path('other'), 'wb') as file:
            file.write(program.replace(found[0], b'/no' + found[0][3:]))
        os.chmod(self.path('other'), 0o755)
        self.assertEqual(self.run_it(['./other'], 127), [harness.said(
            f'portexec: execute ./other: {ENOENT}: it is there, but not its '
            'dynamic loader')])

    def test_not_executable(self):
        """What was right stays."""
        self.write('n.sh', '')
        for name in './n.sh', '.':
            self.assertEqual(self.run_it([name], 126), [harness.said(
                f'portexec: execute {name}: Permission denied')])

    def test_hints(self):
        """The status is COMMAND's, and -q leaves them out."""
        for typed, line in HINTED:
            with self.subTest(typed):
                self.assertEqual(self.run_it(typed.split(), 0),
                                 ['portexec: ' + line])
                self.assertEqual(self.run_it(['-q', *typed.split()], 0), [])

    def test_a_client_without_quotes(self):
        """What stands for COMMAND then may be a program, and runs."""
        hint = "portexec: -c takes one word: write -c '%s'"
        self.assertIn(hint % 'npm test', self.run_it(
            ['-c', 'npm', 'test', '--', 'npm', 'start'], None))
        self.assertIn(hint % 'ask test', self.run_it(
            ['-c', 'ask', 'test', '--', 'npm', 'start'], None))
        self.assertIn(hint % 'sh true x', self.run_it(
            ['-c', 'sh', 'true', 'x', '--', 'sh', 'y'], None))
        self.assertEqual(
            self.run_it(['-c', 'curl', '{addr}', '--', 'node'], 127),
            [hint % 'curl {addr}',
             harness.said(f'portexec: execute {{addr}}: {ENOENT}')])

    def test_a_port_as_the_last_argument(self):
        """As of python3 -m http.server; any other number may be no port."""
        port = str(free_number())
        hint = (f'portexec: {port} of -l is an argument of true: if true binds '
                'it, write -H adopt')
        for arguments, expected in (
                (['true', 'http.server', port], [hint]),
                (['true', '--uid', port], []),
                (['true', port, 'x'], []),
                (['true', '--port', port], []),
                (['true', '{fd}', port], []),
                (['-H', 'inherit', 'true', port], []),
                (['-H', 'adopt', 'true', port], [])):
            with self.subTest(arguments):
                self.assertEqual(
                    self.run_it(['-l', '0', '-l', port, *arguments], 0),
                    expected)

    def test_options_behind_the_command(self):
        self.assertEqual(
            self.run_it(['--', 'true', '--port', '{port}', '-c', 'curl {addr}'],
                        0),
            ["portexec: options come before COMMAND, so -c is true's"])

    def test_nothing_where_it_is_right(self):
        for arguments in RIGHT:
            with self.subTest(arguments):
                self.assertEqual(self.run_it(arguments, None), [])

    def test_shortened_options(self):
        self.assertEqual(self.run_it(['--verb', '--listen', '0', '--hand',
                                      'reserve', '--', 'false'], 1)[1:], [])
        self.assertEqual(
            self.run_it(['--h', 'true'], 125),
            ["portexec: option '--h' is ambiguous: --handoff --help"])

    def test_who_has_the_port(self):
        has = harness.said('Address already in use') + harness.has_it()
        with listening() as tcp, socket.socket(
                socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            udp.bind(('::1', 0))
            port = tcp.getsockname()[1]
            other = udp.getsockname()[1]
            for spec, said in (
                    (port, f'listen on 127.0.0.1:{port}'),
                    (f'web=*:{port}', f'web: listen on [::]:{port}'),
                    (f'udp:[::1]:{other}', f'listen on [::1]:{other}')):
                with self.subTest(spec):
                    self.assertEqual(self.run_it(['-l', spec, 'true'], 125),
                                     [f'portexec: {said}: {has}'])

    def test_nobody_is_blamed_who_cannot_be_seen(self):
        """Our own, and one that only root may look into."""
        port = free_number()
        said = harness.said(f'portexec: listen on 127.0.0.1:{port}: Address '
                            'already in use')
        self.assertEqual(self.run_it(
            ['-l', f'udp:{port}', '-l', f'udp:{port}', 'true'], 125), [said])
        options = self.as_ordinary_user()
        if options:
            with listening(port=port):
                self.assertEqual(self.run_it(['-l', port, 'true'], 125,
                                             **options), [said])

    def test_a_port_of_roots(self):
        self.options = self.as_ordinary_user()
        if not self.options:    # in the namespace everybody is
            self.skipTest('not root')
        self.ask_for_a_port_of_roots()

    @harness.in_namespace
    def ask_for_a_port_of_roots(self):
        self.sysctl('net/ipv4/ip_unprivileged_port_start', 100)
        self.assertEqual(
            self.run_it(['-l', '80', 'true'], 125, **self.options),
            [harness.said('portexec: listen on 127.0.0.1:80: Permission '
                          'denied: ports below 100 are root\'s: sysctl net.'
                          'ipv4.ip_unprivileged_port_start=80, or --map 80 '
                          'without -l')])

    if not harness.COUNTED:     # gcov takes descriptors
        def test_no_descriptors(self):
            """One line, and not a promise before it."""
            for options, status in ((['-p', 'port'], 125), ([], 0),
                                    (['-p', '-'], 0)):
                lines = self.run_it(
                    ['-c', 'ulimit -n 5; exec "$@"', 'sh', PORTEXEC, *options,
                     '--', 'true', '{port}'], status, program='/bin/sh')
                self.assertEqual(len(lines), 1, lines)
                self.assertEqual(' so reserve: ' in lines[0], status == 0)
                if status:
                    self.assertEqual(lines[0], harness.said(
                        'portexec: adopt: socketpair: Too many open files; '
                        'reserve: Too many open files'))

    def test_portexec_in_portexec(self):
        said = ['portexec: adopt: another seccomp listener is there already: '
                'the portexec around this one needs -H inherit, and no -m']
        inner = [PORTEXEC, '--', 'true', '{{port}}']
        self.assertEqual(self.run_it(['-e', 'PORT', '--', *inner], 125), said)
        self.assertEqual(self.run_it(['-H', 'inherit', '-e', 'PORT', '--',
                                      *inner], 0), [])

    def test_sockets_of_another_process(self):
        """That a wrapper which forks has: it is named, and what to type."""
        fork = ['--', 'sh', '-c', '"$0" "$@"; exit $?', PORTEXEC]
        for options in [], ['-l', '0'], ['-H', 'reserve'], ['-e', 'PORT']:
            with self.subTest(options):
                process = self.launch(*fork, *options, 'true', env=self.env)
                lines = [line for line in process.stderr.read().splitlines()
                         if not ANNOUNCED.match(line)]
                self.assertEqual(lines, [
                    f'portexec: the socket at fd 3 is for process '
                    f'{process.pid} (sh), by LISTEN_PID: -l fd:3 takes it'])
                self.assertEqual(process.wait(harness.DEADLINE), 0)
        for options in ['-l', 'fd:3'], ['-q']:
            self.assertEqual(self.run_it([*fork, *options, 'true'], 0), [])

    def test_no_sockets_of_another_process(self):
        """LISTEN_PID alone, and what is no socket that is passed."""
        left, right = socket.socketpair()
        with left, right, open(os.devnull) as null, \
                socket.socket() as unbound:
            for what in {}, {3: null}, {3: left}, {3: unbound}:
                self.assertEqual(self.run_it(
                    ['true'], 0, **harness.arrange(what), env=harness.
                    environment(LISTEN_PID=1, LISTEN_FDS=1)), [])
        with listening() as passed:
            for variables in ({'LISTEN_PID': 1}, {'LISTEN_FDS': 1},
                              {'LISTEN_PID': 1, 'LISTEN_FDS': 0},
                              {'LISTEN_PID': 'x', 'LISTEN_FDS': 1},
                              {'LISTEN_PID': 0, 'LISTEN_FDS': 1},
                              {'LISTEN_PID': 2 ** 31, 'LISTEN_FDS': 1}):
                with self.subTest(variables):
                    self.assertEqual(self.run_it(
                        ['true'], 0, **harness.arrange({3: passed}),
                        env=harness.environment(**variables)), [])
