# SPDX-License-Identifier: ISC
"""--on-demand: executed when the first client comes, and not before."""

import contextlib
import json
import os
import re
import signal
import socket
import sys

import harness
from harness import DEADLINE, PORTEXEC, PROBE, connect, wait_for

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM

# Says what each of its sockets has for it, without waiting for more.
READER = '''
import os, socket
for fd in range(3, 3 + int(os.environ['LISTEN_FDS'])):
    own = socket.socket(fileno=fd)
    own.setblocking(False)
    try:
        while True:
            if own.type == socket.SOCK_DGRAM:
                print(fd, own.recv(100).decode())
            else:
                client, _ = own.accept()
                client.setblocking(True)
                print(fd, client.recv(100).decode())
                client.sendall(b'done')
    except BlockingIOError:
        pass
'''


class OnDemand(harness.Tree):
    def wait(self, *arguments, options=(), **others):
        """Starts it; returns once it waits, with all that it announced."""
        process = self.launch('-v', '--on-demand', *options, '--',
                              *arguments, **{'env': self.env, **others})
        addresses = []
        while 'waiting for' not in (line := process.stderr.readline()):
            self.assertNotEqual(line, '')
            found = re.search(r'(?:on|inherited) (\S+?)(,| \()', line)
            if found:
                addresses.append(found[1])
        return process, addresses

    def assert_waits(self, process):
        """It sleeps, and is portexec still."""
        wait_for(lambda: harness.state(process.pid) == 'S', 'its sleep')
        self.assertEqual(os.path.realpath(f'/proc/{process.pid}/exe'),
                         os.path.realpath(PORTEXEC))
        self.assertEqual(harness.children(process.pid), [])

    def test_every_type(self):
        for spec, kind in (('0', STREAM), ('udp:0', DGRAM),
                           ('./s', STREAM), ('unixgram:./g', DGRAM),
                           ('unixpacket:./p', socket.SOCK_SEQPACKET)):
            with self.subTest(spec=spec):
                process, (address, *_) = self.wait(
                    sys.executable, '-c', READER, options=['-l', spec])
                self.assert_waits(process)
                with connect(os.path.join(self.directory, address) if
                             address[0] == '.' else address, kind) as client:
                    client.send(b'hello')
                    self.assertEqual(process.stdout.read(), '3 hello\n')
                self.assertEqual(process.wait(DEADLINE), 0)

    def test_any_of_several(self):
        specs = ('a=0', 'b=udp:[::1]:0', 'c=./s', 'd=*:0')
        options = [word for spec in specs for word in ('-l', spec)]
        for which in range(len(specs)):
            with self.subTest(which=specs[which]):
                process, addresses = self.wait(sys.executable, '-c', READER,
                                               options=options)
                self.assert_waits(process)
                address = addresses[which].replace('[::]', '[::1]')
                if address[0] == '.':
                    address = self.path('s')
                with connect(address, DGRAM if which == 1 else
                             STREAM) as client:
                    client.send(b'x')
                    self.assertEqual(process.stdout.read(),
                                     f'{3 + which} x\n')
                self.assertEqual(process.wait(DEADLINE), 0)

    def test_nothing_is_taken(self):
        """What came before the service was executed is there for it: stopped
        meanwhile, portexec cannot have taken it later."""
        process, (address,) = self.wait(sys.executable, '-c', READER,
                                        options=['-l', 'udp:0'])
        with connect(address, DGRAM) as client:
            os.kill(process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            for text in (b'1', b'2', b'3'):
                client.send(text)
            os.kill(process.pid, signal.SIGCONT)
            self.assertEqual(process.stdout.read(), '3 1\n3 2\n3 3\n')

    def test_stopped_and_continued_it_waits_on(self):
        process, (address,) = self.wait(sys.executable, '-c', READER)
        for _ in range(3):
            os.kill(process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            os.kill(process.pid, signal.SIGCONT)
            self.assert_waits(process)
        with connect(address) as client:
            client.send(b'x')
            self.assertEqual(client.recv(10), b'done')

    def test_becomes_the_service(self):
        process, (address,) = self.wait(PROBE, '-a', '1', '-o', 'report',
                                        options=['-p', 'file'])
        self.assertEqual(self.read('file'), address.split(':')[1] + '\n')
        with connect(address) as client:
            self.assertEqual(harness.read_all(client), b'answer\n')
        self.assertEqual(process.wait(DEADLINE), 0)
        with open(self.path('report')) as file:
            report = json.load(file)
        self.assertEqual(report['pid'], process.pid)
        self.assertEqual(harness.ports(report), [address.split(':')[1]])
        plain = self.probe()
        for name in ('blocked', 'ignored', 'umask', 'limit', 'cwd'):
            self.assertEqual(report[name], plain[name])
        self.assertEqual(sorted(report['fds']), ['0', '1', '2', '3'])
        self.assertTrue(os.path.exists(self.path('file')))

    def test_inetd(self):
        process, (address,) = self.wait(
            sys.executable, '-c', 'import socket\n'
            'client = socket.socket(fileno=1).accept()[0]\n'
            'client.sendall(b"hello")', options=['--inetd', '-l', '0'])
        self.assert_waits(process)
        with connect(address) as client:
            self.assertEqual(harness.read_all(client), b'hello')

    def test_told_to_end(self):
        """What it made goes with it: nothing was executed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP,
                       signal.SIGQUIT):
            with self.subTest(signal=number.name):
                process, _ = self.wait(
                    'touch', 'ran', options=['-l', './s', '-w', 'file=x'])
                for name in ('s', 'file'):
                    self.assertTrue(os.path.exists(self.path(name)))
                process.send_signal(number)
                self.assertEqual(process.wait(DEADLINE), -number)
                self.assertEqual(process.stderr.read(), '')
                self.assertEqual(os.listdir(self.directory), [])

    def test_told_to_end_at_once(self):
        """By whoever has read its line, or its file."""
        os.mkfifo(self.path('fifo'))
        for name in (None, 'file', 'fifo') * 20:
            options = ['-w', name + '=x'] if name else []
            process = self.launch('--on-demand', '-l', './s', *options, '--',
                                  'touch', 'ran', env=self.env)
            if name is None:
                process.stderr.readline()
            elif name == 'file':
                wait_for(lambda: os.path.exists(self.path('file')), 'a file')
            else:
                self.assertEqual(self.read('fifo'), 'x\n')
            process.terminate()
            self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
            process.stderr.close()
            process.stdout.close()
            self.assertEqual(os.listdir(self.directory), ['fifo'])

    def test_told_to_end_at_a_fifo(self):
        """That nobody reads: the signal has its effect there too."""
        os.mkfifo(self.path('fifo'))
        process = self.launch('--on-demand', '-p', 'fifo', '--', 'touch',
                              'ran', env=self.env)
        process.stderr.readline()
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)

    def test_signals_that_are_ignored_or_blocked(self):
        """Stay so: they do not end the wait, and one that is blocked is the
        service's to take."""
        def arrange():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        process, (address,) = self.wait(
            sys.executable, '-c', 'import signal\n'
            'print(*signal.sigpending())\n'
            'print(signal.getsignal(signal.SIGHUP))', preexec_fn=arrange)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        self.assert_waits(process)
        with connect(address):
            self.assertEqual(process.stdout.read().split(),
                             [str(signal.SIGTERM.value),
                              str(signal.SIG_IGN.value)])
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_not_found(self):
        process, (address,) = self.wait('./missing')
        with contextlib.suppress(ConnectionResetError):
            connect(address).close()
        self.assertEqual(process.wait(DEADLINE), 127)
        self.assertIn('portexec: execute ./missing: No such file or '
                      'directory\n', process.stderr.read())

    def test_inherited(self):
        """A socket that somebody waits at already, from a first portexec."""
        process, (address,) = self.wait(
            'sh', '-c', ': >began; read -r go <&0; exec "$@"', 'sh',
            PORTEXEC, '-v', '--on-demand', '--', sys.executable, '-c',
            READER, stdin=-1)
        with connect(address) as client:
            client.send(b'x')
            wait_for(lambda: os.path.exists(self.path('began')), 'the shell')
            process.stdin.write('\n')
            process.stdin.close()
            self.assertEqual(process.stdout.read(), '3 x\n')

    def test_client(self):
        """Its connection is the demand; before it, nothing was executed."""
        done = self.run_portexec(
            '--on-demand', '-c', 'test ! -e ran && curl -sS {addr} && '
            'test -e ran', '--', sys.executable, '-c', 'import socket\n'
            'open("ran", "w").close()\n'
            'own = socket.socket(fileno=3)\n'
            'client = own.accept()[0]\n'
            'client.recv(1000)\n'
            'client.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhello\\n")\n'
            'client.close()\n'
            'own.accept()', env=self.env)
        self.assertEqual(done.stdout, 'hello\n')
        self.assert_nothing_left()

    def test_client_that_asks_nothing(self):
        done = self.run_portexec('--on-demand', '-l', './s', '-c', 'exit 7',
                                 '--', 'touch', 'ran', status=7,
                                 env=self.env)
        self.assertNotIn('before the client', done.stderr)
        self.assertEqual(os.listdir(self.directory), [])
        self.assert_nothing_left()

    def test_client_of_a_service_that_is_not_found(self):
        done = self.run_portexec('--on-demand', '-k', '0', '-c',
                                 'curl -sS {addr}; sleep 300', '--',
                                 './missing', status=127, env=self.env)
        self.assertIn('portexec: execute ./missing: No such file or '
                      'directory\n', done.stderr)
        self.assert_nothing_left()

    def test_told_to_stop_with_a_client(self):
        process = self.launch('--on-demand', '-l', './s', '-c',
                              'echo on; exec sleep 300', '--', 'touch',
                              'ran', env=self.env)
        self.assertEqual(process.stdout.readline(), 'on\n')
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        self.assertEqual(os.listdir(self.directory), [])
        self.assert_nothing_left()

    def test_killed_with_a_client(self):
        """Nothing is left, though the service was only waiting."""
        for which in range(3):
            with self.subTest(which=which):
                process = self.launch('--on-demand', '-c',
                                      'echo on; exec sleep 300', '-k', '1',
                                      '--', 'touch', 'ran', env=self.env)
                self.assertEqual(process.stdout.readline(), 'on\n')
                keeper, service = self.parts(process.pid)
                os.kill((process.pid, keeper, service)[which],
                        signal.SIGKILL)
                process.wait(DEADLINE)
                self.assert_nothing_left()
                self.assertFalse(os.path.exists(self.path('ran')))

    def test_cannot_be(self):
        message = '--on-demand: only with the handoff inherit'
        for words in (['true', '{port}'], ['-H', 'adopt', 'true'],
                      ['-H', 'reserve', 'true'], ['-m', '80', 'true'],
                      ['-e', 'PORT', 'true']):
            with self.subTest(words=words):
                self.assert_fails('--on-demand', '-p', 'file', *words,
                                  message=message, exact=True)
        self.assertEqual(
            self.run_portexec('--on-demand', '-H', 'inherit', '-c', 'true',
                              '--', 'false', '{port}').stdout, '')
