# SPDX-License-Identifier: ISC
"""--client: what the client is given, when it starts, and what is refused."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import harness
from harness import DEADLINE, PORTEXEC, PROBE, Session

SERVE = 'listen(); serve()'

# Binds two ports in turn, both of which it says on connection.
TWO = '''
import socket, sys
servers = []
for port in sys.argv[1:]:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(('127.0.0.1', int(port)))
    server.listen()
    servers.append(server)
for server in servers:
    client = server.accept()[0]
    client.recv(100)
    client.sendall(b'%d' % server.getsockname()[1])
    client.close()
'''

ECHO = '''
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', int(sys.argv[1])))
text, client = server.recvfrom(100)
server.sendto(text, client)
server.recvfrom(100)
'''

DATAGRAM = '''
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(60)
client.connect(('127.0.0.1', int(sys.argv[1])))
client.send(b'hello')
print(client.recv(100).decode())
'''

# What a client gets that connected before the service had bound.
EARLY = '''
import socket
client = socket.socket(socket.AF_UNIX)
client.settimeout(60)
client.connect("run/s")
open("marks/early", "w").close()
try:
    print(len(client.recv(100)))
except ConnectionResetError:
    print(0)
'''


class Handoffs(Session):
    def test_one_connection_and_it_is_answered(self):
        """The client asks once; the service counts."""
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                done = self.run_session(
                    handoff, f'{self.ASK} {{addr}} x',
                    'time.sleep(0.3); ' + SERVE)
                self.assertEqual((done.stdout, done.stderr), ('1\n', ''))

    if not harness.SANITIZED:   # LeakSanitizer aborts under strace
        def test_a_service_that_binds_before_the_client_is_made(self):
            """Its pidfd stays open in the keeper, which waits so slowly here
            that the bind() comes first."""
            harness.need_strace()
            done = self.run_portexec(
                '-f', '-qq', '-o', '/dev/null', '-e',
                'inject=poll:delay_enter=300000', PORTEXEC, '-q',
                '-H', 'adopt', '-c', 'until [ -e bound ]; do sleep 0.05; '
                'done; ls -l /proc/$PPID/fd | grep -c pidfd', '--',
                harness.BINDER, 'socket=tcp4', 'bind=127.0.0.1:{port}',
                'listen', 'touch=bound', 'wait=never', program='strace',
                env=self.env)
            self.assertEqual(done.stdout.splitlines()[-1], '1')

    def test_the_script_does_not_choose(self):
        for options, command, said in (
                ((), ('sleep', '1000'), r'\d, fd 3'),
                (('-e', 'PORT'), ('sleep', '1000'), 'until sleep binds it'),
                ((), ('sh', '-c', 'exec sleep 1000', '{port}'),
                 'until sh binds it')):
            done = self.run_portexec(
                *options, '-c', 'echo {port} {addr} {host}', '--', *command,
                env=self.env)
            self.assertRegex(done.stderr, said)
            port = done.stdout.split()[0]
            self.assertEqual(done.stdout,
                             f'{port} 127.0.0.1:{port} 127.0.0.1\n')
            self.assertIn(f'127.0.0.1:{port}', done.stderr)
            self.assert_clean()

    def test_placeholders(self):
        done = self.run_portexec(
            '-q', '-l', 'web=[::1]:0', '-l', './run/s', '-l', 'udp:0', '-c',
            "echo '<addr>' {port:web} {addr:1} {port:2} ${port:-x} {{port}} "
            '{id}; echo "$LISTEN_PORT $LISTEN_PORTS"', '--', 'sleep', '1000',
            env=self.env)
        web, udp = re.match(r'\[::1\]:(\d+) \1 ./run/s (\d+) x {port} {id}'
                            '\n', done.stdout).groups()
        self.assertEqual(done.stdout.splitlines()[1],
                         f'{web} {web}::{udp}')
        self.assert_clean()

    def test_several_sockets(self):
        for handoff in 'adopt', 'reserve':
            with self.subTest(handoff):
                done = self.run_portexec(
                    '-q', '-H', handoff, '-l', 'a=0', '-l', 'b=0', '-c',
                    f'{self.ASK} {{addr:b}} x; {self.ASK} {{addr:a}} x; '
                    'echo {port:b}; echo {port:a}', '--', sys.executable,
                    '-SEc', TWO, '{port:b}', '{port:a}', env=self.env)
                lines = done.stdout.split()
                self.assertEqual(lines[:2], lines[2:])

    def test_reserve_awaits_every_socket(self):
        """The first listens before the second, which is asked at once."""
        self.run_portexec(
            '-q', '-H', 'reserve', '-l', 'a=0', '-l', 'b=0', '-c',
            f'{self.ASK} {{addr:a}} x & {self.ASK} {{addr:b}} x', '--',
            sys.executable, '-SEc', TWO.replace(
                'servers.append', 'import time; time.sleep(0.3); '
                'servers.append'), '{port:a}', '{port:b}', env=self.env)
        self.assert_clean()

    def test_reserve_awaits_no_probe(self):
        """A port finder listens there for a moment, several times; each time
        it is another socket."""
        client = f'touch marks/client; {self.ASK} {{addr}} x'
        self.run_session('reserve', client, '''
for _ in range(8):
    listen()
    time.sleep(0.01)    # what a port finder takes
    server.close()
    time.sleep(0.01)
assert not os.path.exists('marks/client')
listen(); serve()''')

    def test_unix_socket(self):
        hello = os.path.join(harness.BUILD, 'tests', 'hello')
        done = self.run_portexec(
            '-q', '-l', './run/s', '-c', 'curl -fsS --unix-socket {addr} '
            'http://hello/', '--', hello, env=self.env)
        self.assertEqual(done.stdout, 'hello from fd 3\n')
        self.assert_clean()

    BIND = 'server = socket.socket(socket.AF_UNIX); server.bind("{}"); ' \
        'server.listen(); mark("bound"); serve()'

    def test_unix_socket_that_the_service_binds(self):
        """The path goes, also where it is the service's own."""
        for unlink in '', 'os.unlink("run/s"); ':
            with self.subTest(unlink=unlink):
                done = self.run_portexec(
                    '-q', '-H', 'adopt', '-l', './run/s', '-c', 'until [ -e '
                    f'marks/bound ]; do sleep 0.01; done; {self.ASK} '
                    '{addr} x; rm marks/bound', '--', sys.executable, '-SE',
                    'service.py', 'adopt', '0',
                    unlink + self.BIND.format('run/s'), env=self.env)
                self.assertEqual(done.stdout, '1\n')
                self.assert_clean()

    def test_a_client_that_came_before_the_path_was_replaced(self):
        """It is told that nobody will serve it, however the path was
        spelled."""
        for path in './run/s', 'run/s', self.path('run/s'):
            with self.subTest(path):
                done = self.run_portexec(
                    '-q', '-H', 'adopt', '-l', './run/s', '-c', 'exec ' +
                    f"{sys.executable} -SEc '{EARLY}'", '--',
                    sys.executable, '-SE', 'service.py', 'adopt', '0',
                    'wait("early"); os.unlink("run/s"); ' +
                    self.BIND.format(path), env=self.env)
                self.assertEqual(done.stdout, '0\n')
                os.remove(self.path('marks/early'))

    def test_datagrams(self):
        self.write('datagram.py', DATAGRAM)
        for handoff, code in (('adopt', ECHO), ('inherit', ECHO.replace(
                "server.bind(('127.0.0.1', int(sys.argv[1])))",
                'server = socket.socket(fileno=3)'))):
            with self.subTest(handoff):
                done = self.run_portexec(
                    '-q', '-H', handoff, '-l', 'udp:0', '-c',
                    f'{sys.executable} -SE datagram.py {{port}}', '--',
                    sys.executable, '-SEc', code, '{port}', env=self.env)
                self.assertEqual(done.stdout, 'hello\n')
                self.assert_clean()

    def test_adopt_that_becomes_reserve(self):
        """A second filter is refused (EBUSY); the client then waits for the
        service, not for portexec."""
        done = self.run_portexec(
            '-q', '-H', 'adopt', '--', PORTEXEC, '-p', 'run/port',
            '-c', f'{self.ASK} {{{{addr}}}} x && exit 7', '--',
            sys.executable, '-SE', 'service.py', 'adopt', '{{port}}', SERVE,
            env=self.env, status=7)
        self.assertEqual(done.stdout, '1\n')
        first, second = done.stderr.splitlines()
        self.assertRegex(first, '^portexec: adopt: .*; so reserve: ')
        self.assertRegex(second, r'^portexec: \d+ reserved for ')
        self.assert_clean()


class Given(Session):
    """What the client gets."""

    def report(self, handoff, *options, client=PROBE, **others):
        done = self.run_session(handoff, f'exec {client}', SERVE, *options,
                                **others)
        return json.loads(done.stdout)

    def test_environment(self):
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                stale = {name: '1' for name in harness.PROTOCOL}
                report = self.report(
                    handoff, '-e', 'URL=http://<addr>/', '-e', 'PORT',
                    env={**self.env, **stale})
                found = harness.variables(report)
                port = found['PORT']
                extra = '' if handoff == 'reserve' else ':'
                self.assertEqual(found['URL'], f'http://127.0.0.1:{port}/')
                self.assertEqual(harness.protocol(report), {
                    'PORT': port, 'PORTS': port + extra})
                self.assertEqual(
                    {name: value for name, value in found.items()
                     if name not in ('URL', 'PORT', 'LISTEN_PORT',
                                     'LISTEN_PORTS', 'PWD', 'OLDPWD')},
                    {name: value for name, value in self.env.items()
                     if name not in ('URL', 'PORT', 'PWD', 'OLDPWD')})

    def test_descriptors(self):
        """The caller's, and no socket, whatever its number."""
        with open('/dev/null') as null:
            for handoff in harness.HANDOFFS:
                with self.subTest(handoff):
                    report = self.report(handoff, **harness.arrange(
                        {5: null.fileno(), 9: null.fileno()}))
                    self.assertEqual(set(report['fds']), set('0259'))

    def test_inherited_sockets_are_the_services(self):
        done = self.run_portexec(
            '-q', '--', PORTEXEC, '-q', '-c', f'exec {PROBE}', '--', 'sleep',
            '1000', env=self.env)
        report = json.loads(done.stdout)
        self.assertEqual(set(report['fds']), set('02'))
        self.assertEqual(set(harness.protocol(report)), {'PORT', 'PORTS'})
        self.assert_clean()

    def test_the_service_gets_its_own(self):
        """LISTEN_PID is its, not the keeper's or the client's."""
        done = self.run_portexec(
            '-q', '-l', 'web=0', '-e', 'X=1', '-c', f'{self.ASK} {{addr}} x',
            '--', PROBE, '-o', 'report', '-a', '1', env=self.env)
        self.assertEqual(done.stdout, 'answer\n\n')
        report = json.loads(self.read('report'))
        found = harness.protocol(report)
        self.assertEqual(found['PID'], str(report['pid']))
        self.assertEqual((found['FDS'], found['FDNAMES']), ('1', 'web'))
        self.assertEqual(harness.variables(report)['X'], '1')
        self.assertEqual(len(harness.ports(report)), 1)

    def test_signals_limits_and_directory(self):
        def disturb():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1,
                                                      signal.SIGCHLD})
            for number in signal.SIGCHLD, signal.SIGHUP, signal.SIGTTOU:
                signal.signal(number, signal.SIG_IGN)
            os.umask(0o27)

        for change in None, disturb:
            alone = json.loads(self.run_portexec(
                '-c', f'exec {PROBE}', program='/bin/sh',
                preexec_fn=change).stdout)
            for handoff in harness.HANDOFFS:
                with self.subTest(handoff, change=change):
                    report = self.report(handoff, preexec_fn=change)
                    for key in 'blocked', 'ignored', 'umask', 'limit', 'cwd':
                        self.assertEqual(report[key], alone[key], key)

    def test_standard_input(self):
        for handoff in harness.HANDOFFS:
            done = self.run_session(handoff, 'cat', SERVE, stdin=None,
                                    input='some text')
            self.assertEqual(done.stdout, 'some text')

    def test_process_group(self):
        """The keeper's, which is the parent; not that of the caller."""
        code = 'import os; print(os.getpgrp(), os.getppid())'
        process = self.launch_session(
            'inherit', f"{sys.executable} -SEc '{code}'; read -r line", SERVE,
            start_new_session=True, stdin=subprocess.PIPE)
        group, shell = map(int, process.stdout.readline().split())
        keeper, service = self.parts(process.pid)
        self.assertEqual(group, keeper)
        self.assertEqual(set(harness.children(keeper)), {service, shell})
        self.assertEqual(os.getpgid(service), keeper)
        process.stdin.write('\n')
        process.stdin.close()
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assert_clean()


class Refusals(Session):
    """Each is one line."""

    def refuse(self, *options, message, status=125, **others):
        self.assert_fails('-q', '-p', 'run/port', *options, message=message,
                          status=status, env=self.env, **others)
        self.assert_clean()

    def test_scripts(self):
        for options, message in (
                (('-c', ''), "-c '': no script"),
                (('-c', 'a', '-c', 'b'), "-c 'b': given twice"),
                (('-c', 'x', '--client', 'x'), "-c 'x': given twice"),
                (('-c', 'echo <fd>'), '<fd>'),
                (('-c', 'echo {fd}'), '{fd}'),
                (('-c', 'echo {port:1}'), '{port:1}'),
                (('-c', 'echo {port:web}'), '{port:web}'),
                (('-l', './run/s', '-c', 'echo {port}'), 'unix socket'),
                (('-l', './run/s', '-c', 'echo {host}'), 'unix socket'),
                (('-l', './run/a b', '-c', 'echo {addr}'), 'run/a b'),
                (('-l', './run/$x', '-c', 'echo <addr>'), 'run/$x'),
                (("-l", "./run/'", '-c', 'echo <addr>'), "run/'")):
            with self.subTest(options):
                self.refuse(*options, '--', 'touch', 'marks/ran',
                            message=message)
                self.assertFalse(self.is_marked('ran'))

    def test_what_a_shell_would_read_goes_with_e(self):
        done = self.run_portexec(
            '-q', '-l', "./run/a 'b", '-e', 'AT=<addr>', '-c', 'echo "$AT"',
            '--', 'sleep', '1000', env=self.env)
        self.assertEqual(done.stdout, "./run/a 'b\n")
        self.assert_clean()

    def test_service_that_cannot_be_executed(self):
        self.write('plain', 'text')
        for handoff in harness.HANDOFFS:
            for command, status in (('./absent', 127), ('./plain', 126),
                                    ('./marks', 126)):
                with self.subTest(command, handoff=handoff):
                    self.refuse('-H', handoff, '-c', 'touch marks/ran', '--',
                                command, status=status,
                                message=f'execute {command}: ')
                    self.assertFalse(self.is_marked('ran'))

    def test_file_that_cannot_be_written(self):
        self.refuse('-p', 'absent/port', '-c', 'touch marks/ran', '--',
                    'touch', 'marks/service', message='absent/port')
        self.assertEqual(os.listdir(self.path('marks')), [])

    def hide_shell(self):
        """Only portexec is in /bin, for the process that calls this."""
        libc = ctypes.CDLL(None, use_errno=True)
        new_user, new_mounts, bind, private = (0x10000000, 0x20000,
                                               0x1000, 0x44000)
        if libc.unshare(new_mounts) and libc.unshare(new_user | new_mounts):
            raise OSError(ctypes.get_errno(), 'unshare')
        if libc.mount(None, b'/', None, private, None) or libc.mount(
                self.path('bin').encode(),
                os.path.realpath('/bin').encode(), None, bind, None):
            raise OSError(ctypes.get_errno(), 'mount')

    def test_no_shell(self):
        os.mkdir(self.path('bin'))
        shutil.copy(PORTEXEC, self.path('bin/portexec'))
        for handoff in 'inherit', 'adopt':
            with self.subTest(handoff):
                try:
                    self.refuse('-H', handoff, '-k', '86400', '-c', 'exit 7',
                                '--', PROBE, '-o', '/dev/null', '-w', 'never',
                                message='execute /bin/sh: No such file or '
                                'directory', preexec_fn=self.hide_shell)
                except subprocess.SubprocessError as error:
                    self.skipTest(f'no mount namespace: {error}')
