# SPDX-License-Identifier: ISC
"""--inetd: the one socket as standard input and output."""

import json
import os
import socket
import stat
import sys

import harness
from harness import PORTEXEC, PROBE, arrange, environment

# Wait style, once for each type: on standard input, and on standard output.
SERVICE = '''
import socket
for fd in 0, 1:
    own = socket.socket(fileno=fd)
    if own.type == socket.SOCK_DGRAM:
        text, client = own.recvfrom(100)
        own.sendto(text.upper(), client)
    else:
        client, _ = own.accept()
        client.sendall(client.recv(100).upper())
        client.close()
'''


class Inetd(harness.Case):
    def report(self, *arguments, options=('--inetd',), **others):
        """As probe(), of a service whose standard output is a socket."""
        done = self.run_portexec(*options, *arguments, '--', PROBE, '-o',
                                 'report', **others)
        with open(self.path('report')) as file:
            return {**json.load(file), 'stderr': done.stderr}

    def assert_standard(self, report, kind=socket.SOCK_STREAM):
        """Descriptors 0 and 1 are one socket of the type, and no other."""
        sockets = {fd: what for fd, what in report['fds'].items()
                   if 'type' in what}
        self.assertEqual(sorted(sockets), ['0', '1'])
        self.assertEqual(sockets['0'], sockets['1'])
        self.assertEqual(sockets['0']['type'], kind)
        self.assertEqual(sockets['0']['listens'],
                         kind != socket.SOCK_DGRAM)
        self.assertFalse(sockets['0']['cloexec'])
        return sockets['0']

    def test_one_that_is_open(self):
        with harness.listening() as own:
            found = self.assert_standard(self.report(
                '-l', 'fd:9', **arrange({9: own.fileno()})))
            self.assertEqual(found['address'],
                             '127.0.0.1:%d' % own.getsockname()[1])

    def test_every_type(self):
        for spec, kind in (('0', socket.SOCK_STREAM),
                           ('[::1]:0', socket.SOCK_STREAM),
                           ('udp:0', socket.SOCK_DGRAM),
                           ('./s', socket.SOCK_STREAM),
                           ('unixgram:./g', socket.SOCK_DGRAM),
                           ('unixpacket:@', socket.SOCK_SEQPACKET)):
            with self.subTest(spec=spec):
                report = self.report('-l', spec)
                found = self.assert_standard(report, kind)
                said = found['address']
                if kind == socket.SOCK_DGRAM:
                    said += ' (datagrams)'
                self.assertEqual(
                    report['stderr'],
                    f'portexec: listening on {said}, fds 0 and 1\n')

    def test_serves(self):
        for spec, kind in (('0', socket.SOCK_STREAM),
                           ('udp:0', socket.SOCK_DGRAM)):
            with self.subTest(spec=spec):
                process = self.launch('--inetd', '-l', spec, '--',
                                      sys.executable, '-c', SERVICE)
                address = self.announced(process)
                for text in (b'first', b'second'):
                    with harness.connect(address, kind) as client:
                        client.send(text)
                        self.assertEqual(client.recv(100), text.upper())
                self.assertEqual(process.wait(harness.DEADLINE), 0)

    def test_standard_error_and_the_others_stay(self):
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        with open(self.path('err'), 'w+') as err:
            report = self.report(stderr=err, **arrange({3: ours, 7: theirs}))
        self.assert_standard(report)
        for fd in ('3', '7'):
            self.assertTrue(stat.S_ISFIFO(report['fds'][fd]['mode']))
        self.assertEqual(report['fds']['2']['link'], self.path('err'))
        self.assertEqual(sorted(report['fds']), ['0', '1', '2', '3', '7'])

    def test_where_they_were_closed(self):
        for closed in ([0], [1], [0, 1], [0, 1, 2]):
            with self.subTest(closed=closed):
                report = self.report(**arrange(closed=closed))
                self.assert_standard(report)
                self.assertEqual('2' in report['fds'], 2 not in closed)

    def test_no_variable(self):
        stale = {name: '1' for name in harness.PROTOCOL}
        report = self.report(env=environment(**stale))
        self.assertEqual(harness.protocol(report), {})
        report = self.report('-e', 'LISTEN_PORT', '-e', 'FD=<fd>',
                             env=environment(**stale))
        found = self.assert_standard(report)
        self.assertEqual(harness.protocol(report),
                         {'PORT': harness.port(found)})
        self.assertEqual(harness.variables(report)['FD'], '0')

    def test_told_its_port(self):
        """That it is told the port does not say that it binds it."""
        done = self.run_portexec('--inetd', '-p', 'file', '--', PROBE, '-o',
                                 'report', '--', '{port}', '{fd}')
        self.assertIn('fds 0 and 1', done.stderr)
        with open(self.path('report')) as file:
            report = json.load(file)
        number = self.read('file').strip()
        self.assertEqual(report['argv'][-2:], [number, '0'])

    def test_same_process(self):
        process = self.launch('--inetd', '--', PROBE, '-o', 'report')
        self.assertEqual(process.wait(harness.DEADLINE), 0)
        with open(self.path('report')) as file:
            self.assertEqual(json.load(file)['pid'], process.pid)

    def test_inherited(self):
        """One that was passed to portexec, by another portexec."""
        report = self.report('--', PORTEXEC, '--inetd', options=())
        self.assert_standard(report)
        self.assertEqual(harness.protocol(report), {})
        self.assertRegex(report['stderr'].splitlines()[1],
                         r'^portexec: inherited 127.0.0.1:\d+, fds 0 and 1$')

    def test_reader_of_what_it_replaced(self):
        """Standard output is not the caller's any more."""
        process = self.launch('--inetd', '--', 'sleep', '300')
        self.assertEqual(process.stdout.read(), '')
        self.assertIsNone(process.poll())

    def test_verbose_says_what_it_closes(self):
        err = self.report('-v')['stderr']
        for fd in (0, 1):
            self.assertIn(f': fd {fd} was open and is closed\n', err)

    def test_client(self):
        """It keeps its own standard input, and is told the ports."""
        done = self.run_portexec(
            '--inetd', '-c', 'echo "$LISTEN_PORT $LISTEN_PORTS"; cat; '
            'curl -sS {addr}; env | grep -c "^LISTEN_"', '--',
            sys.executable, '-c', 'import socket\n'
            'client = socket.socket(fileno=0).accept()[0]\n'
            'client.recv(1000)\n'
            'client.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhello\\n")',
            stdin=None, input='in\n')
        port, ports, *rest = done.stdout.split()
        self.assertEqual(port, ports)
        self.assertEqual(rest, ['in', 'hello', '2'])

    def test_cannot_be(self):
        for words, message in (
                (['-H', 'adopt'], '--inetd: only with the handoff inherit'),
                (['-H', 'reserve'], '--inetd: only with the handoff inherit'),
                (['-m', '80'], '-m: only with the handoff adopt'),
                (['--no-pid'], '--no-pid: --inetd passes no LISTEN_ '
                 'variables'),
                (['-l', '0', '-l', '0'], '--inetd: for one socket, not 2'),
                (['-l', 'localhost:0'], '--inetd: for one socket, not 2'),
                (['-l', 'tcp+udp:localhost:0'],
                 '--inetd: for one socket, not 4')):
            with self.subTest(words=words):
                self.assert_fails('--inetd', '-p', 'file', *words, '--',
                                  'touch', 'ran', message=message, exact=True)
        self.assert_fails('-q', '--', PORTEXEC, '--inetd', '-l', '0', 'true',
                          message='--inetd: for one socket, not 2', exact=True)

    def test_not_found(self):
        """Standard error is still there to say it."""
        self.assertEqual(
            self.run_portexec('-q', '--inetd', './missing', status=127)
            .stderr, 'portexec: execute ./missing: No such file or '
            'directory\n')
