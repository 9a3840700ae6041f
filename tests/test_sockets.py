# SPDX-License-Identifier: ISC
"""SPEC: types, addresses, names, options, unix paths (design, section 3)."""

import ctypes
import fcntl
import os
import socket
import stat
import struct
import subprocess

import harness
from harness import (Case, PROBE, addresses, connect, in_namespace, read_all,
                     sockets, variables)
from socket import (AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET,
                    SOCK_STREAM)

UNIX_TYPES = {'unix': SOCK_STREAM, 'unixgram': SOCK_DGRAM,
              'unixpacket': SOCK_SEQPACKET}


def autobound(address):
    return len(address) == 6 and address[0] == '@'


class Types(Case):
    def test_each_type(self):
        ip = {'tcp': [SOCK_STREAM], 'udp': [SOCK_DGRAM],
              'tcp+udp': [SOCK_STREAM, SOCK_DGRAM]}
        table = [(f'{name}:0', AF_INET, kinds) for name, kinds in ip.items()]
        for name, kind in UNIX_TYPES.items():
            table += [(f'{name}:./{name}', AF_UNIX, [kind]),
                      (f'{name}:relative-{name}', AF_UNIX, [kind]),
                      (f'{name}:@', AF_UNIX, [kind])]
        for spec, domain, kinds in table:
            with self.subTest(spec):
                found = sockets(self.probe('-l', spec))
                self.assertEqual([fd['type'] for fd in found], kinds)
                for fd in found:
                    self.assertEqual(fd['domain'], domain)
                    self.assertEqual(fd['listens'],
                                     fd['type'] != SOCK_DGRAM)
                    # With UDP it would give numbers twice.
                    self.assertEqual(fd['reuseaddr'], domain == AF_INET and
                                     fd['type'] == SOCK_STREAM)
                    self.assertEqual(fd['cloexec'], 0)

    @in_namespace
    def test_each_address(self):
        table = {
            '0': ['127.0.0.1:A'],
            'tcp:0': ['127.0.0.1:A'],
            '127.0.0.1:0': ['127.0.0.1:A'],
            '127.9.8.7:0': ['127.9.8.7:A'],
            '0.0.0.0:0': ['0.0.0.0:A'],
            'udp:0.0.0.0:0': ['0.0.0.0:A'],
            '[::1]:0': ['[::1]:A'],
            'udp:[::1]:0': ['[::1]:A'],
            '[::]:0': ['[::]:A'],
            '[::ffff:127.0.0.1]:0': ['[::ffff:127.0.0.1]:A'],
            '*:0': ['[::]:A'],
            'udp:*:0': ['[::]:A'],
            'localhost:0': ['127.0.0.1:A', '[::1]:A'],
            'udp:localhost:0': ['127.0.0.1:A', '[::1]:A'],
            'tcp+udp:0': ['127.0.0.1:A', '127.0.0.1:A'],
            'tcp+udp:*:0': ['[::]:A', '[::]:A'],
            'tcp+udp:localhost:0': ['127.0.0.1:A', '[::1]:A'] * 2,
            './path': ['./path'],
            '../' + os.path.basename(self.directory) + '/path':
                ['../' + os.path.basename(self.directory) + '/path'],
            self.path('absolute'): [self.path('absolute')],
            './with:colon=and@': ['./with:colon=and@'],
            'unix:word': ['word'],
            '@' + self.path('abstract'): ['@' + self.path('abstract')],
        }
        for spec, wanted in table.items():
            with self.subTest(spec):
                report = self.probe('-l', spec)
                self.assertEqual(addresses(report), wanted)
                self.assertEqual(len(report['stderr'].splitlines()),
                                 len(wanted))

    @in_namespace
    def test_link_local(self):
        index = socket.if_nametoindex('lo')
        with socket.socket(AF_INET6, SOCK_DGRAM) as control:
            address = socket.inet_pton(AF_INET6, 'fe80::1')
            fcntl.ioctl(control, 0x8916,    # SIOCSIFADDR
                                struct.pack('=16sIi', address, 64, index))
        harness.wait_for(lambda: self.run_portexec(
            '-l', '[fe80::1%lo]:0', '--', 'true', status=None
            ).returncode == 0, 'the address is ready')
        report = self.probe('-H', 'inherit', '-l', '[fe80::1%lo]:0',
                            probe=['--', '<host>', '<addr>'])
        port = variables(report)['LISTEN_PORT']
        self.assertEqual(sockets(report)[0]['address'], f'[fe80::1]:{port}')
        self.assertEqual(report['argv'][-2:],
                         ['fe80::1%lo', f'[fe80::1%lo]:{port}'])
        self.assertIn(f'listening on [fe80::1%lo]:{port}, fd 3',
                      report['stderr'])
        self.assert_fails('-l', '[fe80::1%nothing]:0', '--', 'true',
                          message='[fe80::1%nothing]:0: No such device')

    def test_kernel_names_it(self):
        for name in UNIX_TYPES:
            with self.subTest(name):
                self.assertTrue(autobound(addresses(
                    self.probe('-l', f'{name}:@'))[0]))

    def test_mixed_in_order(self):
        specs = ['web=0', './first', 'udp:127.0.0.2:0', 'log=unixgram:@x' +
                 str(os.getpid()), 'both=tcp+udp:0', 'unixpacket:./second']
        report = self.probe(*[word for spec in specs
                              for word in ('-l', spec)])
        self.assertEqual(addresses(report), [
            '127.0.0.1:A', './first', '127.0.0.2:B', f'@x{os.getpid()}',
            '127.0.0.1:C', '127.0.0.1:C', './second'])
        self.assertEqual([fd['type'] for fd in sockets(report)], [
            SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_DGRAM, SOCK_STREAM,
            SOCK_DGRAM, SOCK_SEQPACKET])
        found = variables(report)
        self.assertEqual(found['LISTEN_FDNAMES'],
                         'web:unknown:unknown:log:both:both:unknown')
        ports = [fd['address'].rpartition(':')[2]
                 if fd['domain'] == AF_INET else ''
                 for fd in sockets(report)]
        self.assertEqual(found['LISTEN_PORTS'], ':'.join(ports))
        self.assertEqual(found['LISTEN_PORT'], ports[0])

    def test_default_is_loopback(self):
        report = self.probe()
        self.assertEqual(addresses(report), ['127.0.0.1:A'])
        port = variables(report)['LISTEN_PORT']
        self.assertEqual(report['stderr'],
                         f'portexec: listening on 127.0.0.1:{port}, fd 3\n')

    def test_names(self):
        for name in ('x', 'a name; with {much}!', 'n' * 255, '127.0.0.1',
                     'tcp', '-'):
            with self.subTest(name):
                found = variables(self.probe('-l', f'{name}=0'))
                self.assertEqual(found['LISTEN_FDNAMES'], name)

    def test_bad_specs(self):
        table = {
            '': 'there is no port', 'x': 'there is no port', '65536': 'the port',
            '-1': 'the port', '+1': 'the port', ' 1': 'the port',
            '127.0.0.1:': 'the port', '127.0.0.1:0x1': 'the port',
            'example.org:0': "'example.org'", 'sctp:0': "'sctp'",
            '127.0.0.256:0': 'not numeric', '127.1:0': 'not numeric',
            '::1:0': 'not numeric', '[::1:0': 'not numeric',
            '[127.0.0.1]:0': 'IPv6', '[]:0': 'IPv6', '[::1%]:0': 'interface',
            'unix:': 'the path is empty', '=0': 'the name is empty',
            'n' * 256 + '=0': '255', 'a\tb=0': 'printable',
            'caf\u00e9=0': 'printable', './' + 'x' * 106: '107 bytes',
            '@' + 'x' * 107: '107 bytes', '0,': "''", '0,,nonblock': "''",
            '0,Backlog=1': "'Backlog'", '0,mod=1': "'mod'",
        }
        for spec, message in table.items():
            with self.subTest(spec):
                self.assert_fails('-l', spec, '--', 'true', message=message)

    def test_longest_names_of_the_kernel(self):
        """sun_path has 108 bytes; a path ends with a NUL."""
        for spec in './' + 'x' * 105, '@' + os.urandom(8).hex() + 'x' * 90:
            with self.subTest(spec):
                self.assertEqual(addresses(self.probe('-l', spec)), [spec])

    def test_what_cannot_be_bound(self):
        table = {'192.0.2.1:0': 'Cannot assign requested address',
                 './no/such': 'No such file or directory',
                 '/dev/null/x': 'Not a directory'}
        for address, why in table.items():
            with self.subTest(address):
                self.assert_fails('-l', address, '--', 'true', exact=True,
                                  message=f'listen on {address}: {why}')


class Options(Case):
    # An option, what the probe reports, its value, its default, where it
    # applies, and where not.
    IPV4 = ['0', 'udp:0', '127.0.0.2:0']
    IPV6 = ['[::]:0', 'udp:[::]:0', '[::1]:0']
    WILD = ['*:0', 'udp:*:0']
    GROUPS = ['localhost:0', 'tcp+udp:0', 'tcp+udp:localhost:0']
    PATHS = [f'{name}:./{name}' for name in UNIX_TYPES]
    ABSTRACT = [f'{name}:@' for name in UNIX_TYPES]
    ALL = IPV4 + IPV6 + WILD + GROUPS + PATHS + ABSTRACT
    TABLE = [
        ('backlog=7', 'backlog', 7, None,
         ['0', '[::1]:0', '*:0'] + GROUPS,
         ['udp:0', 'udp:*:0', 'unixgram:./p', 'unixgram:@']),
        ('reuseport', 'reuseport', 1, 0, IPV4 + IPV6 + WILD + GROUPS,
         PATHS + ABSTRACT),
        ('v6only', 'v6only', 1, 0, IPV6 + ['localhost:0'],
         IPV4 + WILD + ['tcp+udp:0'] + PATHS + ABSTRACT),
        ('nonblock', 'flags', os.O_RDWR | os.O_NONBLOCK, os.O_RDWR, ALL, []),
        ('mode=640', None, None, None, PATHS,
         ABSTRACT + IPV4 + IPV6 + WILD + GROUPS),
        ('rcvbuf=20000', 'rcvbuf', 40000, None, ALL, []),
        ('sndbuf=20000', 'sndbuf', 40000, None, ALL, []),
    ]

    def concerned(self, report, key):
        for fd in sockets(report):
            if key == 'backlog' and fd['type'] != SOCK_STREAM:
                continue
            if key == 'v6only' and fd['domain'] != AF_INET6:
                continue
            yield fd

    @in_namespace
    def test_where_they_apply(self):
        for option, key, value, default, specs, _ in self.TABLE:
            for spec in specs if key is not None else []:
                with self.subTest(spec, option=option):
                    found = list(self.concerned(
                        self.probe('-l', f'{spec},{option}'), key))
                    self.assertNotEqual(found, [])
                    for fd in found:
                        self.assertEqual(fd[key], value, fd)

    @in_namespace
    def test_defaults(self):
        self.sysctl('net/ipv6/bindv6only', 1)   # has no say
        for spec in self.ALL:
            report = self.probe('-l', spec)
            for option, key, value, default, specs, _ in self.TABLE:
                # The kernel sets V6ONLY where it makes no difference.
                if default is None or key == 'v6only' and '[::1]' in str(
                        addresses(report)):
                    continue
                with self.subTest(spec, option=option):
                    for fd in self.concerned(report, key):
                        self.assertEqual(fd[key], default, fd)
            for fd in sockets(report):
                with socket.socket(fd['domain'], fd['type']) as plain:
                    for key, name in (('rcvbuf', socket.SO_RCVBUF),
                                      ('sndbuf', socket.SO_SNDBUF)):
                        self.assertEqual(fd[key], plain.getsockopt(
                            socket.SOL_SOCKET, name), spec)

    def test_refused_by_name(self):
        for option, *_, specs in self.TABLE:
            for spec in specs:
                with self.subTest(spec, option=option):
                    self.assert_fails(
                        '-l', f'{spec},{option}', '--', 'true',
                        message=f"option '{option.split('=')[0]}'")

    def test_bad_values(self):
        for option in ('backlog', 'backlog=', 'backlog=-1', 'backlog=x',
                       'backlog=2147483648', 'backlog= 1', 'reuseport=1',
                       'v6only=', 'nonblock=yes', 'rcvbuf', 'rcvbuf=0',
                       'sndbuf=1k', 'mode', 'mode=', 'mode=8', 'mode=1000',
                       'mode=-1', 'mode=u+x'):
            with self.subTest(option):
                spec = './p' if 'mode' in option else '[::1]:0'
                self.assert_fails(
                    '-l', f'{spec},{option}', '--', 'true',
                    message=f"option '{option.split('=')[0]}'")

    def test_several_at_once(self):
        found = sockets(self.probe(
            '-l', '0,backlog=5,nonblock,reuseport,rcvbuf=30000'))[0]
        self.assertEqual([found[key] for key in (
            'backlog', 'flags', 'reuseport', 'rcvbuf')],
            [5, os.O_RDWR | os.O_NONBLOCK, 1, 60000])

    def queue(self, spec):
        """How many clients wait at a unix socket before one is refused."""
        service = self.launch('-l', spec, '--', 'cat',
                              stdin=subprocess.PIPE)
        address = self.path(self.announced(service))
        kind = UNIX_TYPES[spec.split(':')[0]]
        for count in range(1000):
            client = socket.socket(AF_UNIX, kind)
            self.addCleanup(client.close)
            client.setblocking(False)
            try:
                client.connect(address)
            except BlockingIOError:
                return count
        return None

    def test_backlog_of_unix_sockets(self):
        for name in 'unix', 'unixpacket':
            with self.subTest(name):
                self.assertEqual(self.queue(f'{name}:./{name},backlog=3'), 4)

    @in_namespace
    def test_default_backlog_is_the_largest(self):
        self.sysctl('net/core/somaxconn', 5000)
        for spec in '0', '[::1]:0', '0,backlog=2147483647':
            self.assertEqual(sockets(self.probe('-l', spec))[0]['backlog'],
                             5000)
        self.sysctl('net/core/somaxconn', 200)
        for name in 'unix', 'unixpacket':
            self.assertEqual(self.queue(f'{name}:./{name}'), 201)


class Paths(Case):
    def bind(self, name, kind=SOCK_STREAM, queue=None):
        live = socket.socket(AF_UNIX, kind)
        live.bind(self.path(name))
        if queue is not None:
            live.listen(queue)
        return live

    def mode(self, name):
        return stat.S_IMODE(os.lstat(self.path(name)).st_mode)

    def changes(self, *arguments, **options):
        """What inotify(7) saw happen to ./socket: [] or the masks."""
        create, attributes, header = 0x100, 0x4, struct.Struct('iIII')
        libc = ctypes.CDLL(None)
        queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.addCleanup(os.close, queue)
        libc.inotify_add_watch(queue, self.directory.encode(),
                               create | attributes)
        self.report = self.probe(*arguments, **options)
        events, masks = os.read(queue, 65536), []
        while events:
            _, mask, _, length = header.unpack_from(events)
            name = events[header.size:header.size + length].rstrip(b'\0')
            events = events[header.size + length:]
            if name == b'socket':
                masks.append(mask)
        return masks

    def test_mode_from_the_first_instant(self):
        """Created with its mode, whatever the umask, and never changed."""
        for name in UNIX_TYPES:
            for option, mode in (('', 0o600), (',mode=660', 0o660),
                                 (',mode=777', 0o777), (',mode=0', 0)):
                for umask in 0, 0o22, 0o777:
                    with self.subTest(name, mode=mode, umask=umask):
                        self.assertEqual(self.changes(
                            '-l', f'{name}:./socket{option}',
                            preexec_fn=lambda umask=umask: os.umask(umask)),
                            [0x100])
                        self.assertEqual(self.mode('socket'), mode)
                        self.assertEqual(self.report['umask'], umask)
                    os.unlink(self.path('socket'))

    def test_stale_is_replaced(self):
        for old in UNIX_TYPES.values():
            for new in UNIX_TYPES:
                with self.subTest(new, old=old):
                    self.bind('socket', old).close()
                    report = self.probe('-l', f'{new}:./socket')
                    self.assertEqual(sockets(report)[0]['type'],
                                     UNIX_TYPES[new])
                    self.assertEqual(self.mode('socket'), 0o600)
                    os.unlink(self.path('socket'))

    def test_live_is_not(self):
        for old in UNIX_TYPES.values():
            queue = None if old == SOCK_DGRAM else 5
            for new in UNIX_TYPES:
                with self.subTest(new, old=old), \
                        self.bind('socket', old, queue):
                    self.assert_kept('socket', new)
                os.unlink(self.path('socket'))

    def test_live_with_a_full_queue_is_not(self):
        with self.bind('socket', queue=0), connect(self.path('socket')):
            self.assert_kept('socket', 'unix')

    def assert_kept(self, name, kind='unix'):
        def look():     # connect(2) sets the time of the last access
            status = os.lstat(self.path(name))
            return status.st_ino, status.st_mode, status.st_ctime_ns
        before = look()
        self.assert_fails('-l', f'{kind}:./{name}', '--', 'true', exact=True,
                          message=f'listen on ./{name}: '
                                  'Address already in use')
        self.assertEqual(look(), before)

    def test_other_files_are_not(self):
        self.bind('stale').close()
        self.write('file', 'text')
        os.mkdir(self.path('directory'))
        os.mkfifo(self.path('fifo'))
        for name in 'stale', 'file', 'directory', 'nothing':
            os.symlink(name, self.path('link-to-' + name))
        names = [name for name in os.listdir(self.directory)
                 if name != 'stale']
        self.assertEqual(len(names), 7)
        for name in names:
            with self.subTest(name):
                self.assert_kept(name)
        self.assertEqual(self.read('file'), 'text')

    def test_gone_where_nothing_was_executed(self):
        self.assert_fails('-l', './socket', '--', './nothing', status=127,
                          message='execute ./nothing')
        self.assert_fails('-l', './socket', '-l', '192.0.2.1:0', '--', 'true',
                          message='192.0.2.1:0')

    def test_abstract_in_use(self):
        address = '@' + self.path('abstract')
        with socket.socket(AF_UNIX) as live:
            live.bind('\0' + address[1:])
            self.assert_fails('-l', address, '--', 'true', exact=True,
                              message=f'listen on {address}: '
                                      'Address already in use')


class EarlyClient(Case):
    """Who connects before the service accepts gets its answer."""

    def test_slow_service(self):
        table = [('0', SOCK_STREAM), ('./stream', SOCK_STREAM),
                 ('unixpacket:./packet', SOCK_SEQPACKET),
                 ('udp:0', SOCK_DGRAM), ('unixgram:./datagram', SOCK_DGRAM)]
        for number, (spec, kind) in enumerate(table):
            with self.subTest(spec):
                go = self.path(f'go{number}')
                service = self.launch('-l', spec, '--', PROBE, '-w', go,
                                      '-a', 1, stdout=subprocess.DEVNULL)
                client = self.client(self.announced(service), kind)
                self.write(go, '')
                self.assertEqual(client.recv(100), b'answer\n')
                self.assertEqual(service.wait(harness.DEADLINE), 0)

    def client(self, address, kind):
        if address.endswith('datagram'):
            client = socket.socket(AF_UNIX, kind)
            client.settimeout(harness.DEADLINE)
            client.bind('')     # an answer needs an address
            client.connect(self.path(address))
        else:
            client = connect(self.path(address)
                             if address[0] == '.' else address, kind)
        self.addCleanup(client.close)
        if kind == SOCK_DGRAM:
            client.send(b'question')
        return client

    def test_many_wait_in_the_queue(self):
        service = self.launch('--', PROBE, '-w', self.path('go'), '-a', 50,
                              stdout=subprocess.DEVNULL)
        address = self.announced(service)
        clients = [connect(address) for _ in range(50)]
        self.write('go', '')
        for client in clients:
            with client:
                self.assertEqual(read_all(client), b'answer\n')

    def test_refused_once_the_service_has_ended(self):
        """Nobody else holds a copy of the socket."""
        service = self.launch('--', PROBE, '-a', 1,
                              stdout=subprocess.DEVNULL)
        address = self.announced(service)
        with connect(address) as client:
            self.assertEqual(read_all(client), b'answer\n')
        self.assertEqual(service.wait(harness.DEADLINE), 0)
        with self.assertRaises(ConnectionRefusedError):
            connect(address)
