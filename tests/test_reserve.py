# SPDX-License-Identifier: ISC
"""-H reserve: the number is kept for the service, and nobody listens before
it does (design, section 6)."""

import contextlib
import json
import re
import socket
import subprocess
import sys

import harness
from harness import (DEADLINE, PROBE, PORTEXEC, PROTOCOL, Case, connect,
                     environment, free_number, http_get, in_namespace,
                     read_all, refuse_ipv6, variables, wait_for)
from socket import AF_INET, AF_INET6, SOL_SOCKET, SO_REUSEADDR

RESERVE = ('-H', 'reserve')
# Binds the address in its arguments, with SO_REUSEADDR if a third says so,
# and answers one client.
SERVICE = '''
import socket, sys
host, port, reuse = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
s.bind((host, port))
s.listen()
print("ready", flush=True)
s.accept()[0].sendall(b"answer")
'''


def reserved(report):
    """The sockets of a probe's report, wherever they are."""
    return [fd for fd in report['fds'].values() if 'type' in fd]


class Reserve(Case):
    def start(self, *arguments, **options):
        """Launches it; the process and the number that it has reserved."""
        process = self.launch(*RESERVE, *arguments, **options)
        line = process.stderr.readline()
        found = re.match(r'portexec: (\d+) reserved for ', line)
        self.assertIsNotNone(found, line)
        return process, int(found[1])

    def idle(self, *arguments, **options):
        """The same with a service that does nothing."""
        return self.start(*arguments, '--', 'cat', stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, **options)


class Service(Reserve):
    """What the service can do with the number."""

    @in_namespace
    def test_binds_every_address_with_reuseaddr(self):
        for host, client in (('127.0.0.1', '127.0.0.1'), ('::', '127.0.0.1'),
                             ('0.0.0.0', '127.0.0.1'), ('::1', '[::1]'),
                             ('::', '[::1]')):
            with self.subTest(host, client=client):
                process, port = self.start('--', sys.executable, '-c',
                                           SERVICE, host, '<port>', 'reuse')
                self.assertEqual(process.stdout.readline(), 'ready\n')
                with connect(f'{client}:{port}') as answers:
                    self.assertEqual(read_all(answers), b'answer')
                self.assertEqual(process.wait(DEADLINE), 0)

    def test_binds_nothing_without_reuseaddr(self):
        for host in '127.0.0.1', '0.0.0.0':
            with self.subTest(host):
                done = self.run_portexec(*RESERVE, '--', sys.executable, '-c',
                                         SERVICE, host, '<port>', status=1)
                self.assertIn('Address already in use', done.stderr)

    def test_wrapped_in_a_shell(self):
        process, port = self.start(
            '--', 'sh', '-c', '"$0" -c "$1" 127.0.0.1 {port} reuse; exit 7',
            sys.executable, SERVICE)
        self.assertEqual(process.stdout.readline(), 'ready\n')
        with connect(f'127.0.0.1:{port}') as answers:
            self.assertEqual(read_all(answers), b'answer')
        self.assertEqual(process.wait(DEADLINE), 7)

    def test_http_server(self):
        self.write('page', 'found')
        process, port = self.start('--', sys.executable, '-m', 'http.server',
                                   '--bind', '<host>', '<port>')
        self.until_it_listens(process, port)
        self.assertIn('found', http_get(f'127.0.0.1:{port}', '/page'))

    def test_asyncio(self):
        process, port = self.start('-e', 'PORT', '--', sys.executable, '-c',
                                   '''
import asyncio, os
async def answer(reader, writer):
    writer.write(b"answer")
    writer.close()
async def main():
    await (await asyncio.start_server(
        answer, "127.0.0.1", int(os.environ["PORT"]))).serve_forever()
asyncio.run(main())''')
        self.until_it_listens(process, port)
        with connect(f'127.0.0.1:{port}') as client:
            self.assertEqual(read_all(client), b'answer')

    def test_socketserver_cannot(self):
        """It does not set SO_REUSEADDR unless told to."""
        done = self.run_portexec(
            *RESERVE, '--', sys.executable, '-c', 'import socketserver, sys\n'
            'socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), None)',
            '<port>', status=1)
        self.assertIn('Address already in use', done.stderr)

    def until_it_listens(self, process, port):
        def listens():
            self.assertIsNone(process.poll())
            with contextlib.suppress(ConnectionRefusedError):
                connect(f'127.0.0.1:{port}').close()
                return True
        wait_for(listens, 'the service listens')


class Number(Reserve):
    """Who else can have it."""

    @in_namespace
    def test_nobody_listens(self):
        for spec in (), ('-l', 'localhost:0'), ('-l', '*:0'):
            process, port = self.idle(*spec)
            for host in '127.0.0.1', '127.0.0.2', '[::1]':
                with self.subTest(spec, host=host), \
                        self.assertRaises(ConnectionRefusedError):
                    connect(f'{host}:{port}')
            self.assertIsNone(process.poll())

    @in_namespace
    def test_no_bind_and_no_connect_is_given_it(self):
        self.sysctl('net/ipv4/ip_local_port_range', '40000 40003')
        others = {40000, 40001, 40002, 40003} - {self.idle()[1]}
        for host in '127.0.0.1', '127.0.0.2', '0.0.0.0', '::1', '::':
            for reuse in 0, 1:
                with self.subTest(host, reuse=reuse):
                    self.assertEqual(self.given(
                        lambda: self.bind(host, 0, reuse)), others)
        with self.bind('127.0.0.1', 7001) as server:
            server.listen(9)
            self.assertEqual(self.given(
                lambda: connect('127.0.0.1:7001')), others)

    def given(self, take):
        """The numbers that it takes until there is none."""
        with contextlib.ExitStack() as stack:
            result = set()
            for _ in range(4):
                with contextlib.suppress(OSError):
                    result.add(stack.enter_context(take()).getsockname()[1])
            return result

    def bind(self, host, port, reuse=0):
        result = socket.socket(AF_INET6 if ':' in host else AF_INET)
        result.setsockopt(SOL_SOCKET, SO_REUSEADDR, reuse)
        try:
            result.bind((host, port))
        except OSError:
            result.close()
            raise
        return result

    @in_namespace
    def test_another_process_may_act_for_the_service(self):
        """As docker's proxy does; and so can a stray that names it."""
        _, port = self.idle()
        for host in '127.0.0.1', '0.0.0.0', '::1', '::':
            with self.subTest(host), self.bind(host, port, 1) as server:
                server.listen()

    def test_kept_until_the_service_ends(self):
        process, port = self.idle()
        with self.assertRaises(OSError):
            self.bind('127.0.0.1', port)
        process.stdin.close()
        self.assertEqual(process.wait(DEADLINE), 0)
        self.bind('127.0.0.1', port).close()

    def test_fixed(self):
        port = free_number()
        self.assertEqual(self.idle('-l', port)[1], port)
        with self.bind('127.0.0.1', port, 1) as server:
            server.listen()
            with self.bind('127.0.0.2', port, 1) as other:
                other.listen()
            self.assert_fails(*RESERVE, '-l', port, '--', 'true', exact=True,
                              message=f'listen on 127.0.0.1:{port}: '
                                      'Address already in use' +
                                      harness.has_it())

    def test_given_up_by_a_service_that_closes_everything(self):
        process, port = self.start('--', sys.executable, '-c',
                                   'import os, sys\nos.closerange(3, 1024)\n'
                                   'print(flush=True)\nsys.stdin.read()',
                                   stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), '\n')
        self.bind('127.0.0.1', port).close()

    @in_namespace
    def test_fixed_and_in_use_on_another_address(self):
        with self.bind('127.0.0.2', 7001, 1) as other:
            other.listen()
            self.assertEqual(self.idle('-l', 7001)[1], 7001)
            with self.assertRaises(OSError):
                self.bind('127.0.0.1', 7001)
            self.bind('127.0.0.1', 7001, 1).close()

    def check_without_ipv6(self, **options):
        for spec in '0', '*:0', 'localhost:0':
            with self.subTest(spec):
                _, port = self.idle('-l', spec, **options)
                with self.assertRaises(OSError):
                    self.bind('127.0.0.1', port)
                self.bind('127.0.0.1', port, 1).close()

    @in_namespace
    def test_ipv6_switched_off(self):
        self.sysctl('net/ipv6/conf/all/disable_ipv6', 1)
        self.check_without_ipv6()

    def test_ipv6_not_in_the_kernel(self):
        self.check_without_ipv6(preexec_fn=refuse_ipv6)


class Given(Reserve):
    """What portexec says and passes."""

    def test_one_socket_and_two_variables(self):
        report = self.probe(*RESERVE, probe=['--', '<port>', '<host>',
                                             '<addr>'])
        found = variables(report)
        port = found['LISTEN_PORT']
        self.assertEqual({name: found[name] for name in found
                          if name.startswith('LISTEN_')},
                         {'LISTEN_PORT': port, 'LISTEN_PORTS': port})
        self.assertEqual(report['argv'][-3:],
                         [port, '127.0.0.1', f'127.0.0.1:{port}'])
        self.assertEqual(report['stderr'],
                         f'portexec: {port} reserved for {PROBE}\n')
        [fd] = reserved(report)
        self.assertEqual(fd['address'].rpartition(':')[2], port)
        self.assertEqual([fd[key] for key in (
            'cloexec', 'listens', 'reuseaddr', 'reuseport')], [0, 0, 1, 0])

    def test_stale_variables_are_gone(self):
        stale = {name: '1' for name in PROTOCOL if name != 'LISTEN_PID'}
        report = self.probe(*RESERVE, env=environment(**stale, LISTEN_PID=1))
        self.assertEqual({name for name in variables(report)
                          if name.startswith('LISTEN_')},
                         {'LISTEN_PORT', 'LISTEN_PORTS'})

    def test_descriptors_of_the_caller_stay(self):
        """3 and 4 too: nothing is put there."""
        self.write('file', '')
        done = self.run_portexec('-c', 'exec "$@" 3<file 4<file', 'sh',
                                 PORTEXEC, *RESERVE, '--', PROBE,
                                 program='/bin/sh')
        report = json.loads(done.stdout)
        self.assertEqual([report['fds'][fd]['link'] for fd in '34'],
                         [self.path('file')] * 2)
        self.assertEqual(len(reserved(report)), 1)

    def test_several(self):
        report = self.probe(*RESERVE, '-l', 'a=0', '-l', 'b=0',
                            probe=['--', '<port:b>', '<port:0>'])
        found = variables(report)
        first, second = found['LISTEN_PORTS'].split(':')
        self.assertNotEqual(first, second)
        self.assertEqual(found['LISTEN_PORT'], first)
        self.assertEqual(report['argv'][-2:], [second, first])
        self.assertEqual(len(reserved(report)), 2)
        self.assertEqual(report['stderr'],
                         f'portexec: a: {first} reserved for {PROBE}\n'
                         f'portexec: b: {second} reserved for {PROBE}\n')

    @in_namespace
    def test_localhost_is_one_number(self):
        report = self.probe(*RESERVE, '-l', 'localhost:0',
                            probe=['--', '<addr:0>', '<addr:1>'])
        found = variables(report)
        port = found['LISTEN_PORT']
        self.assertEqual(found['LISTEN_PORTS'], f'{port}:{port}')
        self.assertEqual(report['argv'][-2:],
                         [f'127.0.0.1:{port}', f'[::1]:{port}'])
        self.assertEqual(len(reserved(report)), 1)
        self.assertEqual(report['stderr'],
                         f'portexec: {port} reserved for {PROBE}\n')

    @in_namespace
    def test_host_is_what_was_asked_for(self):
        for spec, host in (('[::1]:0', '::1'), ('*:0', '::'),
                           ('0.0.0.0:0', '0.0.0.0'),
                           ('127.0.0.2:0', '127.0.0.2')):
            with self.subTest(spec):
                report = self.probe(*RESERVE, '-l', spec,
                                    probe=['--', '<host>'])
                self.assertEqual(report['argv'][-1], host)
                [fd] = reserved(report)
                self.assertEqual(fd['listens'], 0)

    def test_quiet(self):
        self.assertEqual(self.probe('-q', *RESERVE)['stderr'], '')

    def test_port_file(self):
        report = self.probe(*RESERVE, '-p', 'port')
        self.assertEqual(self.read('port'),
                         variables(report)['LISTEN_PORT'] + '\n')

    def test_same_process(self):
        process = self.launch(*RESERVE, '--', PROBE)
        self.assertEqual(json.load(process.stdout)['pid'], process.pid)

    def test_refused(self):
        one = ('only tcp can be reserved', [
            ['-l', spec, '--', 'true'] for spec in (
                'udp:0', 'tcp+udp:0', 'unix:p', './p', '@', '@name',
                'unixgram:p', 'unixpacket:p', 'tcp+udp:localhost:0')])
        two = ('the service gets no descriptor', [
            ['--', 'true', '<fd>'], ['--', 'true', 'x{fd}y'],
            ['--', 'true', '<fd:0>'], ['-e', 'X=<fd>', '--', 'true'],
            ['-w', 'file=<fd>', '--', 'true']])
        for message, table in one, two:
            for arguments in table:
                with self.subTest(arguments):
                    self.assert_fails(*RESERVE, *arguments, message=message)
        self.assert_fails(*RESERVE, '-l', '0', '-l', 'udp:0', '--', 'true',
                          message="'udp:0'")

    def test_inherited_sockets_are_refused(self):
        self.assert_fails('--', PORTEXEC, *RESERVE, '--', 'true',
                          message='inherited sockets cannot be reserved')

    def test_not_executed(self):
        self.assert_fails(*RESERVE, '-p', 'port', '--', './nothing',
                          status=127, message='execute ./nothing')
