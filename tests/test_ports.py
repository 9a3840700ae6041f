# SPDX-License-Identifier: ISC
"""Numbers: two steps, fixed ports, groups, full ranges, no IPv6; and the
facts about the kernel that all of it rests on."""

import contextlib
import itertools
import select
import shutil
import socket
import struct
import subprocess
import sys

import harness
from harness import (Case, DEADLINE, PROBE, addresses, connect, free_number,
                     in_namespace, read_all, refuse_family, refuse_ipv6,
                     sockets, variables)
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM

RANGE = 'net/ipv4/ip_local_port_range'
REUSEADDR, REUSEPORT = socket.SO_REUSEADDR, socket.SO_REUSEPORT


def family_of(host):
    return AF_INET6 if ':' in host else AF_INET


def bound(host, port=0, kind=SOCK_STREAM, option=None, v6only=None,
          listens=None):
    """A socket of the test's own, or OSError."""
    result = socket.socket(family_of(host), kind)
    try:
        if option is not None:
            result.setsockopt(socket.SOL_SOCKET, option, 1)
        if v6only is not None:
            result.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY,
                              v6only)
        result.bind((host, port))
        if listens is not None:
            result.listen(listens)
    except OSError:
        result.close()
        raise
    return result


def number(sock):
    return sock.getsockname()[1]


def queue(sock):
    """How many wait to be accepted, and how many may: tcp(7), TCP_INFO."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 40)
    return struct.unpack_from('24x2I', info)


class FixedPort(Case):
    def test_every_type(self):
        port = free_number()
        for spec, count in ((f'{port}', 1), (f'127.0.0.1:{port}', 1),
                            (f'udp:{port}', 1), (f'tcp+udp:{port}', 2)):
            with self.subTest(spec):
                report = self.probe('-l', spec)
                self.assertEqual([fd['address'] for fd in sockets(report)],
                                 [f'127.0.0.1:{port}'] * count)
                self.assertEqual(variables(report)['LISTEN_PORT'], str(port))

    @in_namespace
    def test_every_address(self):
        for spec in '[::1]:7001', '*:7001', '[::]:7001,v6only':
            with self.subTest(spec):
                self.assertEqual(variables(
                    self.probe('-l', spec))['LISTEN_PORT'], '7001')
        report = self.probe('-l', 'tcp+udp:localhost:7001')
        self.assertEqual([fd['address'] for fd in sockets(report)],
                         ['127.0.0.1:7001', '[::1]:7001'] * 2)

    @in_namespace
    def test_one_number_on_several_addresses(self):
        report = self.probe('-l', '7001', '-l', '[::1]:7001',
                            '-l', '127.0.0.2:7001', '-l', 'udp:7001')
        self.assertEqual(addresses(report), ['127.0.0.1:A', '[::1]:A',
                                             '127.0.0.2:A', '127.0.0.1:A'])

    def test_in_use(self):
        for kind, name in ((SOCK_STREAM, ''), (SOCK_DGRAM, 'udp:')):
            with self.subTest(name), bound('127.0.0.1', 0, kind) as stray:
                if kind == SOCK_STREAM:
                    stray.listen()
                self.assert_fails(
                    '-l', f'{name}{number(stray)}', '--', 'true', exact=True,
                    message=f'listen on 127.0.0.1:{number(stray)}: '
                            'Address already in use' + harness.has_it())

    @in_namespace
    def test_in_use_on_another_address_only(self):
        for host, spec in (('127.0.0.2', '7001'), ('::1', '7001'),
                           ('127.0.0.1', '[::1]:7001'),
                           ('127.0.0.2', 'localhost:7001')):
            with self.subTest(spec, stray=host), \
                    bound(host, 7001, option=REUSEADDR, listens=1):
                service = self.launch('-l', spec, '--', PROBE, '-a', 1,
                                      stdout=subprocess.DEVNULL)
                with connect(self.announced(service)) as client:
                    self.assertEqual(read_all(client), b'answer\n')
                service.wait(DEADLINE)

    def test_group_does_not_look_for_another(self):
        port = free_number()
        with bound('127.0.0.1', port, SOCK_DGRAM):
            self.assert_fails('-l', f'tcp+udp:{port}', '--', 'true',
                              message=f'listen on 127.0.0.1:{port}: '
                                      'Address already in use')

    @in_namespace
    def test_does_not_wait_for_time_wait(self):
        for _ in range(2):
            service = self.launch('-l', '7001', '--', PROBE, '-a', 1,
                                  stdout=subprocess.DEVNULL)
            with connect(self.announced(service)) as client:
                self.assertEqual(read_all(client), b'answer\n')
            self.assertEqual(service.wait(DEADLINE), 0)
            # 7001 is 1B59, and 06 is TIME_WAIT: the service closed first
            with open('/proc/net/tcp') as table:
                self.assertRegex(table.read(), r'0100007F:1B59 \S+ 06')
            with self.assertRaises(OSError):
                bound('127.0.0.1', 7001)


class TwoSteps(Case):
    @in_namespace
    def test_number_is_free_on_every_address(self):
        self.sysctl(RANGE, '40000 40001')
        for host in '127.0.0.1', '127.0.0.2', '0.0.0.0', '::1', '::':
            for taken, free in ((40000, 40001), (40001, 40000)):
                with self.subTest(host, taken=taken), \
                        bound(host, taken, v6only=1 if host == '::' else None,
                              listens=1):
                    found = variables(self.probe())
                    self.assertEqual(found['LISTEN_PORT'], str(free))

    @in_namespace
    def test_different_sockets_have_different_numbers(self):
        self.sysctl(RANGE, '40000 40003')
        found = variables(self.probe(*['-l', '127.0.0.1:0', '-l', '[::1]:0',
                                       '-l', '*:0', '-l', '127.0.0.2:0']))
        self.assertEqual(sorted(found['LISTEN_PORTS'].split(':')),
                         ['40000', '40001', '40002', '40003'])

    def test_nothing_is_shared(self):
        """Neither SO_REUSEADDR nor SO_REUSEPORT lets a stray join."""
        service = self.launch('--', 'cat', stdin=subprocess.PIPE)
        port = int(self.announced(service).split(':')[1])
        for option in None, REUSEADDR, REUSEPORT:
            for host in '127.0.0.1', '0.0.0.0':
                with self.subTest(host, option=option), \
                        self.assertRaises(OSError):
                    bound(host, port, option=option)

    def test_inherit_closes_the_reserve(self):
        found = self.probe()['fds']
        self.assertEqual([fd for fd in found if 'type' in found[fd]], ['3'])

    SHUTDOWN = ('import socket\n'
                's = socket.socket(fileno=3)\n'
                'before = s.getsockname()\n'
                's.shutdown(socket.SHUT_RDWR)\n'
                's.listen()\n'
                'print(before == s.getsockname(), flush=True)\n'
                's.accept()[0].sendall(b"again")\n')

    def test_number_outlives_a_shutdown(self):
        for spec in '0', '*:0':
            with self.subTest(spec):
                service = self.launch('-l', spec, '--',
                                      sys.executable, '-c', self.SHUTDOWN)
                port = self.announced(service).rpartition(':')[2]
                self.assertEqual(service.stdout.readline(), 'True\n')
                with connect(f'127.0.0.1:{port}') as client:
                    self.assertEqual(read_all(client), b'again')

    @in_namespace
    def test_full_range(self):
        self.sysctl(RANGE, '40000 40003')
        with contextlib.ExitStack() as stack:
            for port in range(40000, 40004):
                stack.enter_context(bound('127.0.0.1', port, listens=1))
            self.assert_fails('--', 'true', exact=True,
                              message='listen on 127.0.0.1:0: '
                                      'Address already in use')
            self.assertEqual(addresses(self.probe('-l', 'udp:0')),
                             ['127.0.0.1:A'])


    @in_namespace
    def test_udp_numbers_are_not_given_twice(self):
        self.sysctl(RANGE, '40000 40003')
        for host, option in (('127.0.0.1', ''), ('[::1]', ''),
                             ('127.0.0.1', ',reuseport')):
            specs = ['-l', f'udp:{host}:0{option}'] * 4
            found = variables(self.probe(*specs))
            self.assertEqual(sorted(found['LISTEN_PORTS'].split(':')),
                             ['40000', '40001', '40002', '40003'])
            self.assert_fails(*specs, '-l', f'udp:{host}:0', '--', 'true',
                              message=f'listen on {host}:0: '
                                      'Address already in use')

    def test_udp_numbers_stay_after_a_disconnect(self):
        """And nobody else can share them."""
        for spec in ('udp:0', 'udp:[::1]:0', 'udp:*:0', 'udp:0,reuseport',
                     'udp:localhost:0', 'tcp+udp:0', 'tcp+udp:localhost:0',
                     f'udp:{free_number()}'):
            with self.subTest(spec):
                report = self.probe('-l', spec)
                done = self.run_portexec('-q', '-l', spec, '--',
                                         sys.executable, '-SEc', DISCONNECT)
                self.assertEqual(done.stdout, ''.join(
                    f'{fd["domain"]} True\n' for fd in sockets(report)
                    if fd['type'] == SOCK_DGRAM))
                self.assertEqual({fd['reuseaddr'] for fd in sockets(report)
                                  if fd['type'] == SOCK_DGRAM}, {0})


# Connects and disconnects each UDP socket: has it its number still?
DISCONNECT = '''
import ctypes, os, socket
for fd in range(3, 3 + int(os.environ['LISTEN_FDS'])):
    own = socket.socket(fileno=fd)
    if own.type != socket.SOCK_DGRAM:
        continue
    number = own.getsockname()[1]
    own.connect(('::1' if own.family == socket.AF_INET6 else '127.0.0.1', 9))
    nobody = bytes(16)      # AF_UNSPEC
    if ctypes.CDLL(None).connect(fd, nobody, len(nobody)) != 0:
        raise OSError
    print(int(own.family), own.getsockname()[1] == number)
'''


class Groups(Case):
    @in_namespace
    def test_finds_the_one_number_that_is_free(self):
        self.sysctl(RANGE, '40000 40003')
        for spec, host, kind in (('tcp+udp:0', '127.0.0.1', SOCK_DGRAM),
                                 ('tcp+udp:*:0', '::1', SOCK_DGRAM),
                                 ('localhost:0', '::1', SOCK_STREAM),
                                 ('udp:localhost:0', '::1', SOCK_DGRAM),
                                 ('tcp+udp:localhost:0', '::1', SOCK_DGRAM)):
            for free in range(40000, 40004):
                with self.subTest(spec, free=free), \
                        contextlib.ExitStack() as stack:
                    for port in range(40000, 40004):
                        if port != free:
                            stack.enter_context(bound(host, port, kind))
                    self.assertEqual(
                        set(variables(self.probe('-l', spec))
                            ['LISTEN_PORTS'].split(':')), {str(free)})

    @in_namespace
    def test_a_command_that_is_not_there_after_many_tries(self):
        """Whichever descriptors these have left to the keeper."""
        first, count = 40000, 32
        self.sysctl(RANGE, f'{first} {first + count - 1}')
        for options, busy in itertools.product(
                ((), ('-H', 'inherit', '-c', 'exit 0')),
                range(0, count, 3)):
            with self.subTest(options, busy=busy), \
                    contextlib.ExitStack() as stack:
                for port in range(first, first + busy):
                    stack.enter_context(bound('127.0.0.1', port, SOCK_DGRAM))
                for spec in 'tcp+udp:0', 'tcp+udp:localhost:0':
                    self.assert_fails(
                        '-w', 'port.txt={port}', '-l', spec, *options, '--',
                        './no-such-command', status=127, exact=True,
                        message='execute ./no-such-command: No such file or '
                                'directory')

    @in_namespace
    def test_gives_up_with_the_number_of_tries(self):
        self.sysctl(RANGE, '40000 40003')
        for spec, host in (('tcp+udp:0', '127.0.0.1'),
                           ('udp:localhost:0', '::1')):
            with self.subTest(spec), contextlib.ExitStack() as stack:
                for port in range(40000, 40004):
                    stack.enter_context(bound(host, port, SOCK_DGRAM))
                done = self.assert_fails('-l', spec, '--', 'true',
                                         message=spec)
                self.assertRegex(done.stderr, r'\b[0-9]+ tries')


class WithoutIPv4(Case):
    """A host that has [::1] alone, or a kernel without IPv4."""

    def check(self, **options):
        for spec, count in (('0', 1), ('udp:0', 1), ('tcp+udp:0', 2),
                            ('localhost:0', 1), ('tcp+udp:localhost:0', 2),
                            (f'tcp+udp:{free_number()}', 2)):
            with self.subTest(spec):
                self.assertEqual(
                    addresses(self.probe('-l', spec, **options)),
                    ['[::1]:A'] * count)
        self.assertEqual(addresses(self.probe(**options)), ['[::1]:A'])
        done = self.run_portexec('-H', 'reserve', '-e', 'HOST={host}', '--',
                                 'printenv', 'HOST', **options)
        self.assertEqual(done.stdout, '::1\n')
        for spec in '127.0.0.1:0', 'udp:127.0.0.1:0':
            self.assert_fails('-l', spec, '--', 'true',
                              message='listen on 127.0.0.1:0: ', **options)

    @in_namespace
    def test_without_the_address(self):
        self.remove('127.0.0.1/8')
        with self.assertRaises(OSError):
            bound('127.0.0.1')
        self.check()
        service = self.launch('--', PROBE, '-a', 1,
                              stdout=subprocess.DEVNULL)
        with connect(self.announced(service)) as client:
            self.assertEqual(read_all(client), b'answer\n')
        self.remove('::1/128')
        for spec in '0', 'localhost:0', 'tcp+udp:7001':
            self.assert_fails(
                '-l', spec, '--', 'true', exact=True,
                message=f'listen on 127.0.0.1:{"7001" if "7" in spec else 0}'
                        ': Cannot assign requested address')

    def remove(self, address):
        if shutil.which('ip') is None:
            self.skipTest('ip is not installed')
        subprocess.run(['ip', 'address', 'del', address, 'dev', 'lo'],
                       check=True)

    def test_not_in_the_kernel(self):
        self.check(preexec_fn=lambda: refuse_family(AF_INET))

    @in_namespace
    def test_a_number_that_is_taken_is_no_missing_address(self):
        with bound('127.0.0.1', listens=1) as taken:
            self.assert_fails(
                '-l', number(taken), '--', 'true', exact=True,
                message=f'listen on 127.0.0.1:{number(taken)}: '
                        'Address already in use' + harness.has_it())


class WithoutIPv6(Case):
    """Switched off (::1 is not there), or not in the kernel at all."""

    def check(self, wildcard, **options):
        for spec in ('0', '127.0.0.1:0', 'localhost:0', '*:0',
                     'udp:localhost:0', 'tcp+udp:*:0', 'tcp+udp:localhost:0'):
            with self.subTest(spec):
                found = addresses(self.probe('-l', spec, **options))
                self.assertEqual(set(found), {
                    wildcard if '*' in spec else '127.0.0.1:A'})
                self.assertEqual(len(found), 2 if '+' in spec else 1)
        self.assert_fails('-l', '[::1]:0', '--', 'true',
                          message='listen on [::1]:0: ', **options)

    def reach(self, **options):
        for spec in '0', '*:0', 'localhost:0':
            service = self.launch('-l', spec, '--', PROBE, '-a', 1,
                                  stdout=subprocess.DEVNULL, **options)
            port = self.announced(service).rpartition(':')[2]
            with connect(f'127.0.0.1:{port}') as client:
                self.assertEqual(read_all(client), b'answer\n')

    @in_namespace
    def test_switched_off(self):
        self.sysctl('net/ipv6/conf/all/disable_ipv6', 1)
        with self.assertRaises(OSError):
            bound('::1')
        self.check('[::]:A')
        self.reach()

    def test_not_in_the_kernel(self):
        self.check('0.0.0.0:A', preexec_fn=refuse_ipv6)
        self.reach(preexec_fn=refuse_ipv6)


class KernelFacts(Case):
    """Not portexec's doing, but what it relies on."""

    def refuses(self, *arguments, **options):
        with self.assertRaises(OSError, msg=(arguments, options)):
            bound(*arguments, **options).close()

    def test_listening_excludes_and_bound_does_not(self):
        with bound('127.0.0.1', option=REUSEADDR) as first:
            with bound('127.0.0.1', number(first), option=REUSEADDR,
                       listens=1):
                self.refuses('127.0.0.1', number(first), option=REUSEADDR)
            self.refuses('127.0.0.1', number(first))
            first.listen()
            self.refuses('127.0.0.1', number(first), option=REUSEADDR)

    @in_namespace
    def test_bound_is_given_to_no_bind_and_no_connect(self):
        self.sysctl(RANGE, '40000 40003')
        with bound('::', option=REUSEADDR, v6only=0) as held, \
                bound('127.0.0.1', 7001, listens=9):
            for host in '127.0.0.1', '127.0.0.2', '0.0.0.0', '::1':
                with contextlib.ExitStack() as stack:
                    given = {number(stack.enter_context(bound(
                        host, option=REUSEADDR))) for _ in range(3)}
                    self.assertEqual(len(given | {number(held)}), 4)
                    self.refuses(host, option=REUSEADDR)
            with contextlib.ExitStack() as stack:
                given = {number(stack.enter_context(connect(
                    '127.0.0.1:7001'))) for _ in range(3)}
                self.assertEqual(len(given | {number(held)}), 4)
                with self.assertRaises(OSError):
                    connect('127.0.0.1:7001')

    def test_reuseport_shares_the_connections(self):
        with bound('127.0.0.1', option=REUSEPORT, listens=300) as first, \
                bound('127.0.0.1', number(first), option=REUSEPORT,
                      listens=300) as second:
            address = f'127.0.0.1:{number(first)}'
            with contextlib.ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(connect(address))
                taken = queue(first)[0], queue(second)[0]
            self.assertEqual(sum(taken), 100)
            self.assertNotIn(0, taken)

    @in_namespace
    def test_which_bind_gives_duplicates(self):
        self.sysctl(RANGE, '40000 40063')
        for kind, option, duplicates in (
                (SOCK_STREAM, None, False), (SOCK_STREAM, REUSEADDR, False),
                (SOCK_DGRAM, None, False), (SOCK_DGRAM, REUSEADDR, True),
                (SOCK_DGRAM, REUSEPORT, True)):
            with self.subTest(kind=kind, option=option), \
                    contextlib.ExitStack() as stack:
                given = [number(stack.enter_context(bound(
                    '127.0.0.1', 0, kind, option))) for _ in range(64)]
                if duplicates:
                    given.append(number(stack.enter_context(bound(
                        '127.0.0.1', 0, kind, option))))
                else:
                    self.refuses('127.0.0.1', 0, kind, option)
                self.assertEqual(len(set(given)) < len(given), duplicates)

    @in_namespace
    def test_what_a_dual_stack_socket_excludes(self):
        with bound('127.0.0.1', 7001, option=REUSEADDR, listens=1):
            self.refuses('::', 7001, option=REUSEADDR, v6only=0)
            bound('::', 7001, option=REUSEADDR, v6only=1).close()
            bound('::1', 7001, option=REUSEADDR).close()

    @in_namespace
    def test_v6only_has_a_default_that_varies(self):
        for default in 0, 1:
            self.sysctl('net/ipv6/bindv6only', default)
            with bound('::') as sock:
                self.assertEqual(sock.getsockopt(
                    socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), default)

    @in_namespace
    def test_queue_and_its_limit(self):
        """listen(1) queues two; more than somaxconn is somaxconn."""
        self.sysctl('net/core/somaxconn', 29)
        with bound('127.0.0.1', listens=1) as sock, \
                contextlib.ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(connect(f'127.0.0.1:{number(sock)}'))
            self.assertEqual(queue(sock), (2, 1))
            third = stack.enter_context(socket.socket())
            third.setblocking(False)
            third.connect_ex(sock.getsockname())
            self.assertEqual(select.select([], [third], [], 0)[1], [])
            sock.listen(2 ** 31 - 1)
            self.assertEqual(queue(sock), (2, 29))

    @in_namespace
    def test_a_full_range_is_full_on_one_address_only(self):
        self.sysctl(RANGE, '40000 40003')
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(bound('127.0.0.1', listens=1))
            self.refuses('127.0.0.1')
            stack.enter_context(bound('127.0.0.2'))

    def test_unix_sockets(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind('')
            self.assertEqual(sock.getsockname()[:1], b'\0')
            self.assertEqual(len(sock.getsockname()), 6)
        with socket.socket(socket.AF_UNIX) as sock:
            with self.assertRaises(OSError):
                sock.bind('x' * 109)

    def test_shutdown_of_a_listener(self):
        """It loses a number that the kernel picked, and says so to poll;
        one that was asked for it keeps."""
        for explicit in False, True:
            with self.subTest(explicit=explicit), \
                    bound('127.0.0.1', option=REUSEADDR) as held, \
                    bound('127.0.0.1', number(held) if explicit else 0,
                          option=REUSEADDR, listens=1) as sock:
                before = sock.getsockname()
                sock.shutdown(socket.SHUT_RDWR)
                poll = select.poll()
                poll.register(sock, select.POLLIN)
                self.assertTrue(poll.poll(0)[0][1] & select.POLLHUP)
                self.assertEqual(sock.getsockname(), before)
                if explicit:
                    sock.listen()
                    self.assertEqual(sock.getsockname(), before)
                else:
                    with bound(*before, option=REUSEADDR, listens=1):
                        sock.listen()
                        self.assertNotEqual(sock.getsockname(), before)

    @in_namespace
    def test_reserve(self):
        """Every address may be bound and listened on beside it, and it is
        there without IPv6's addresses too."""
        for switched_off, hosts in (
                (0, ['127.0.0.1', '0.0.0.0', '::1', '::']),
                (1, ['127.0.0.1', '0.0.0.0', '::'])):
            self.sysctl('net/ipv6/conf/all/disable_ipv6', switched_off)
            with bound('::', option=REUSEADDR, v6only=0) as reserve:
                for host in hosts:
                    bound(host, number(reserve), option=REUSEADDR,
                          listens=1).close()
                    self.refuses(host, number(reserve))

    def test_a_stray_joins_reuseport(self):
        with bound('127.0.0.1', option=REUSEPORT, listens=1) as sock:
            bound('127.0.0.1', number(sock), option=REUSEPORT,
                  listens=1).close()
