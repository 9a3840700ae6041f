# SPDX-License-Identifier: ISC
"""Every way in which a service may call bind(), under adopt.

A client connects before the probe (tests/probes/binder.c) has done anything;
what became of each bind() and who answered is asserted.
"""

import contextlib
import os
import re
import resource
import shutil
import socket
import subprocess
import sys

import harness
from harness import PORTEXEC, connect, read_all, said

TCP, TCP6, HERE = 'socket=tcp4', 'socket=tcp6', 'bind=127.0.0.1:{port}'
HERE6 = 'bind=[::1]:{port}'
GIVEN = 'bind given'
FIRST, SECOND = 'event fedcba9876543210', 'event 123456789abcdef'

# name: steps, what the probe says, who answers the clients, in order
TCP_PATTERNS = {
    'plain': ([TCP, HERE, 'listen', 'answer'], [GIVEN], '0'),
    'every address': ([TCP, 'bind=0.0.0.0:{port}', 'listen', 'answer'],
                      [GIVEN], '0'),
    'another loopback address': ([TCP, 'bind=127.0.0.2:{port}', 'listen',
                                  'answer'], [GIVEN], '0'),
    'every IPv6 address': ([TCP6, 'bind=[::]:{port}', 'listen', 'answer'],
                           [GIVEN], '0'),
    'mapped': ([TCP6, 'bind=[::ffff:127.0.0.1]:{port}', 'listen', 'answer'],
               [GIVEN], '0'),
    'longer than any address': ([TCP, 'long=127.0.0.1:{port}', 'listen',
                                 'answer'], [GIVEN], '0'),
    'the family left out': ([TCP, 'unspecified=0.0.0.0:{port}', 'listen',
                             'answer'], [GIVEN], '0'),
    'no flag': ([TCP, HERE, 'listen', 'show=cloexec', 'show=nonblock',
                 'answer'], [GIVEN, 'cloexec 0', 'nonblock 0'], '0'),
    'flags before': ([TCP, 'cloexec', 'nonblock', HERE, 'listen',
                      'show=cloexec', 'show=nonblock', 'answer'],
                     [GIVEN, 'cloexec 1', 'nonblock 1'], '0'),
    'flags after': ([TCP, HERE, 'cloexec', 'nonblock', 'listen',
                     'show=cloexec', 'show=nonblock', 'answer'],
                    [GIVEN, 'cloexec 1', 'nonblock 1'], '0'),
    'dup': ([TCP, 'dup', HERE, 'listen', 'answer', 'use=1', 'answer'],
            [GIVEN], '01'),
    'dup keeps close-on-exec apart': (
        [TCP, 'dup', 'cloexec', HERE, 'listen', 'show=cloexec', 'answer',
         'use=1', 'show=cloexec', 'answer'],
        [GIVEN, 'cloexec 1', 'cloexec 0'], '01'),
    'level-triggered epoll': (
        [TCP, 'epoll=level', HERE, 'listen', 'event', 'event=0', 'answer',
         'modify=level', 'event', 'answer', 'event=0'],
        [GIVEN, FIRST, FIRST, SECOND, 'event none'], '00'),
    'edge-triggered epoll': (
        [TCP, 'nonblock', 'epoll=edge', HERE, 'listen', 'event', 'event=0',
         'answer', 'modify=edge', 'event', 'event=0', 'answer'],
        [GIVEN, FIRST, 'event none', SECOND, 'event none'], '00'),
    'epoll of a duplicate': (
        [TCP, 'dup', 'use=1', 'epoll=level', 'use=0', HERE, 'listen',
         'event', 'answer', 'use=1', 'modify=level', 'event', 'answer'],
        [GIVEN, FIRST, SECOND], '01'),
    'epoll before a fork': (
        [TCP, 'epoll=level', 'fork', HERE, 'listen', 'event', 'answer',
         'event=0'], [GIVEN, FIRST, 'event none'], '0'),
    'bind twice': ([TCP, HERE, HERE, 'bind=0.0.0.0:{port}', 'listen',
                    'answer'], [GIVEN, 'bind EINVAL', 'bind EINVAL'], '0'),
    'close, and the same address again': (
        [TCP, HERE, 'listen', 'answer', 'close', TCP, HERE, 'listen',
         'answer'], [GIVEN, GIVEN], '01'),
    'close, and another address': (
        [TCP, HERE, 'listen', 'answer', 'close', TCP, 'bind=0.0.0.0:{port}',
         'listen', 'answer'], [GIVEN, GIVEN], '01'),
    'close, and another family': (
        [TCP, HERE, 'listen', 'answer', 'close', TCP6, 'bind=[::]:{port}',
         'listen', 'answer'], [GIVEN, GIVEN], '01'),
    'fork': (['fork', TCP, HERE, 'listen', 'answer'], [GIVEN], '0'),
    'fork between socket and bind': (
        [TCP, 'fork', HERE, 'listen', 'answer'], [GIVEN], '0'),
    'a grandchild': (['fork', 'fork', TCP, HERE, 'listen', 'answer'],
                     [GIVEN], '0'),
    'thread': (['thread=waits', TCP, HERE, 'listen', 'answer'], [GIVEN],
               '0'),
    'thread, the first one ended': (
        ['thread=ended', TCP, 'dup', HERE, 'listen', 'answer', 'use=1',
         'answer'], [GIVEN], '01'),
    'select on 127.0.0.1 and ::1': (
        [TCP, HERE, 'listen', TCP6, HERE6, 'listen', 'select=3'],
        [GIVEN, GIVEN], '000'),
    'select on ::1 and 127.0.0.1': (
        [TCP6, HERE6, 'listen', TCP, HERE, 'listen', 'select=3'],
        [GIVEN, GIVEN], '111'),
    'select on 0.0.0.0 and [::]': (
        [TCP, 'bind=0.0.0.0:{port}', 'listen', TCP6, 'set=v6only:1',
         'bind=[::]:{port}', 'listen', 'select=3'], [GIVEN, GIVEN], '000'),
    'a blocking and a non-blocking acceptor': (
        [TCP, HERE, 'listen', TCP6, 'nonblock', HERE6, 'listen',
         'accept=4'], [GIVEN, GIVEN], '0000'),
    'a non-blocking and a blocking acceptor': (
        [TCP, 'nonblock', HERE, 'listen', TCP6, HERE6, 'listen',
         'accept=4'], [GIVEN, GIVEN], '0000'),
    'port 0 first': ([TCP, 'bind=127.0.0.1:0', TCP, HERE, 'listen',
                      'answer'], ['bind own', GIVEN], '1'),
    'a foreign address first': (
        [TCP, 'bind=192.0.2.1:{port}', HERE, 'listen', 'answer'],
        ['bind EADDRNOTAVAIL', GIVEN], '0'),
    'netlink first': (['socket=netlink', 'bind=netlink', TCP, HERE, 'listen',
                       'answer'], ['bind own', GIVEN], '1'),
    'a wild pointer first': ([TCP, 'wild=127.0.0.1:{port}', HERE, 'listen',
                              'answer'], ['bind EFAULT', GIVEN], '0'),
    'wrong lengths first': (
        [TCP6, 'short=[::]:{port}', 'bind=[::]:{port}', 'listen', 'answer'],
        ['bind EINVAL'] * 3 + [GIVEN], '0'),
    'the wrong family first': (
        [TCP, HERE6, HERE, 'listen', 'answer'], ['bind EAFNOSUPPORT', GIVEN],
        '0'),
    'no socket at all': (
        ['socket=tcp4', 'close', 'bind=127.0.0.1:{port}', TCP, HERE,
         'listen', 'answer'], ['bind EBADF', GIVEN], '1'),
    'a timer that restarts calls': (
        ['timer=restart', 'storm=1,4000,127.0.0.1:{port}', 'timer=off', TCP,
         HERE, 'listen', 'answer'], ['storm 4000', GIVEN], '0'),
    'a timer that interrupts calls': (
        ['timer=interrupt', 'storm=1,4000,127.0.0.1:{port}', 'timer=off',
         TCP, HERE, 'listen', 'answer'], ['storm 4000', GIVEN], '0'),
}

KEPT = (
    (TCP, 'rcvbuf:40000', 80000), (TCP, 'sndbuf:50000', 100000),
    (TCP, 'keepalive:1', 1), (TCP, 'keepidle:11', 11),
    (TCP, 'keepintvl:12', 12), (TCP, 'keepcnt:3', 3), (TCP, 'linger:9', 9),
    (TCP, 'linger:0', 0), (TCP, 'nodelay:1', 1), (TCP, 'timeout:1234', 1234),
    (TCP, 'fastopen:5', 5), (TCP, 'tos:16', 16), (TCP, 'ttl:33', 33),
    (TCP6, 'keepalive:1', 1), (TCP6, 'nodelay:1', 1),
    # Told to the socket of the other family in its own words.
    (TCP6, 'tclass:16', 16), (TCP6, 'hops:33', 33))


def try_to_connect(address):
    with contextlib.suppress(ConnectionRefusedError):
        return connect(address)


class Binds(harness.Binding):
    def test_tcp(self):
        for name, (steps, said, answers) in TCP_PATTERNS.items():
            with self.subTest(name):
                self.assertEqual(self.serve(*steps, clients=len(answers)),
                                 (said, list(answers)))

    def test_multipath_tcp(self):
        """Go's servers ask for it; where the kernel has none, TCP does."""
        try:
            socket.socket(proto=socket.IPPROTO_MPTCP).close()
            kind = 'socket=mptcp4'
        except OSError:
            kind = TCP
        self.assertEqual(self.serve(kind, HERE, 'listen', 'answer'),
                         ([GIVEN], ['0']))

    def test_options_are_kept(self):
        for kind, option, value in KEPT:
            name = option.partition(':')[0]
            shown = {'tclass': 'tos', 'hops': 'ttl'}.get(name, name)
            with self.subTest(kind, option=option):
                said, _ = self.serve(kind, 'set=' + option,
                                     'bind=[::]:{port}' if kind == TCP6 else
                                     HERE, 'show=' + shown, 'listen',
                                     'answer')
                self.assertEqual(said, [GIVEN, f'{shown} {value}'])

    def test_defer_accept_is_kept(self):
        """The kernel rounds its seconds up to its own time-outs; and a
        client that says nothing is not accepted while they last."""
        said, _ = self.serve(TCP, 'set=defer:1', 'show=defer', HERE,
                             'show=defer', 'listen', clients=0)
        before, bound, after = said
        self.assertEqual((bound, after), (GIVEN, before))
        self.assertNotEqual(before, 'defer 0')

    def test_who_else_may_bind_is_not_kept(self):
        said, answers = self.serve(
            TCP, 'set=reuseport:1', 'show=reuseport', HERE,
            'show=reuseport', 'show=reuseaddr', 'listen', 'answer')
        self.assertEqual(said, ['reuseport 1', GIVEN, 'reuseport 0',
                                'reuseaddr 1'])
        self.assertEqual(answers, ['0'])

    def test_shards_share_one_queue(self):
        shard = [TCP, 'set=reuseport:1', HERE, 'listen']
        said, answers = self.serve(*shard, *shard, *shard, 'accept=6',
                                   clients=6)
        self.assertEqual(said, [GIVEN] * 3)
        self.assertLessEqual(set(answers), set('012'))
        said, answers = self.serve('split', *shard, 'answer=3', clients=6)
        self.assertEqual((said, answers), ([GIVEN] * 2, ['0'] * 6))

    def test_behind_two_shells(self):
        for name in ('outer', 'inner'):
            self.write(name, '"$@"\nexit $?\n', 0o755)
        said, answers = self.serve(
            TCP, HERE, 'listen', 'answer',
            before=['sh', 'outer', 'sh', 'inner'])
        self.assertEqual((said, answers), ([GIVEN], ['0']))

    def test_another_port_is_the_kernels(self):
        with socket.socket() as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(('127.0.0.1', 0))
            other = '%s:%d' % held.getsockname()
            said, answers = self.serve(
                TCP, HERE, 'listen', TCP, 'set=reuseaddr:1',
                'bind=' + other, 'listen', 'visit=' + other, 'answer',
                'use=0', 'answer')
        self.assertEqual((said, answers), ([GIVEN, 'bind own'], ['0']))

    def test_another_network_is_the_kernels(self):
        process, _ = self.start(
            'fork', 'namespace', TCP, HERE, 'listen',
            'visit=127.0.0.1:{port}', 'answer')
        if process.wait(harness.DEADLINE) == 77:
            self.skipTest(process.stderr.read())
        self.assertEqual(self.finish(process), ['bind own'])

    def test_a_socket_stays_in_its_network(self):
        """Whatever namespace the process enters before it binds."""
        process, address = self.start('fork', TCP, 'namespace', HERE,
                                      'listen', 'touch=bound', 'answer')
        harness.wait_for(lambda: os.path.exists(self.path('bound')) or
                         process.poll() is not None, 'bind()')
        if process.poll() == 77:
            self.skipTest(process.stderr.read())
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), [GIVEN])

    def test_an_inherited_socket_of_another_network(self):
        """The network that counts is that of portexec."""
        apart = ['unshare', '-Urn']
        if subprocess.run([*apart, 'true'], stderr=subprocess.DEVNULL,
                          user=self.user.get('user')).returncode != 0:
            self.skipTest('no namespaces')
        inner = [self.user.get('program', PORTEXEC), '-q', '-m', '8080', '--']
        said, answers = self.serve(
            TCP, 'bind=127.0.0.1:8080', 'listen', TCP, 'bind=127.0.0.1:8081',
            'use=0', 'answer', before=apart + inner, options=['-H', 'inherit'])
        self.assertEqual((said, answers), ([GIVEN, 'bind own'], ['0']))

    def test_shutdown_and_again(self):
        """As WEBrick does it: the number is still ours afterwards."""
        for again in ([TCP, HERE, 'listen'], ['use=0', 'listen']):
            with self.subTest(again[0]):
                process, address = self.start(
                    'wait=go', TCP, HERE, 'listen', 'answer', 'shutdown',
                    *(['close'] if len(again) == 3 else []), *again,
                    'touch=again', 'answer')
                for name in ('go', 'again'):
                    if name == 'go':
                        client = connect(address)
                        self.write(name, '')
                    else:
                        self.wait_for_file(name)
                        client = connect(address)
                    with client:
                        self.assertIn(read_all(client), (b'0\n', b'1\n'))
                self.finish(process)
                os.unlink(self.path('go'))
                os.unlink(self.path('again'))

    def test_a_short_queue_ends_with_its_process(self):
        """listen(1) lets two wait; in between it is ours that counts."""
        self.write('twice', '"$@" wait=first answer; touch ended;'
                   ' until [ -e second ]; do sleep 0.01; done;'
                   ' "$@" answer=40\n')
        process, address = self.start(
            TCP, HERE, 'listen=1', before=['sh', 'twice'], options=['-v'])
        with connect(address) as client:
            self.write('first', '')
            self.assertEqual(read_all(client), b'0\n')
        self.wait_for_line(process, 'listening on .* again')
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect(address))
                       for _ in range(40)]
            self.write('second', '')
            for client in clients:
                self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), [GIVEN] * 2)

    def test_many_addresses_in_turn(self):
        """What was given up costs the keeper no descriptor."""
        def descriptors(count):
            steps = [step for number in range(count) for step in (
                TCP, f'bind=127.0.0.{number + 2}:{{port}}', 'close')]
            process, _ = self.start(*steps, 'touch=over', 'wait=go')
            self.wait_for_file('over')
            keeper, _ = self.parts(process.pid)
            found = len(os.listdir(f'/proc/{keeper}/fd'))
            self.write('go', '')
            self.assertEqual(self.finish(process), [GIVEN] * count)
            for name in 'go', 'over':
                os.unlink(self.path(name))
            return found
        self.assertEqual(descriptors(50), descriptors(1))

    def test_fifty_threads(self):
        count = 5000 if harness.BRIEF else 100000
        process, address = self.start(
            f'storm=50,{count},127.0.0.1:{{port}}', TCP, HERE, 'listen',
            'touch=over', 'answer')
        self.wait_for_file('over', 10 * harness.DEADLINE)
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), [f'storm {count}', GIVEN])

    def test_a_second_process_that_cannot_be_read(self):
        """What the first has taken goes on to listen."""
        process = self.launch(
            '--', 'sh', '-c', '"$0" $1 & exec "$0" $2', self.binder,
            f'{TCP} {HERE} listen touch=bound wait=go answer',
            f'wait=bound dumpable=0 {TCP} {HERE} touch=go', env=self.env,
            **self.user)
        address = self.announced(process)
        with connect(address) as client:
            self.assertIn(read_all(client), (b'0\n',))
        self.assertEqual(sorted(self.finish(process)), sorted(
            [GIVEN, 'bind EADDRINUSE']))
        self.assert_nothing_left()

    def test_a_process_that_cannot_be_read(self):
        """Root may read any; for others it binds the number itself."""
        given = harness.is_root() and not self.ordinary
        process, address = self.start(
            'dumpable=0', 'show=pid', TCP, 'set=reuseaddr:1', HERE, 'listen',
            'touch=bound', 'answer')
        self.wait_for_file('bound')
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process)[1:],
                         [GIVEN if given else 'bind own'])


# OPTIONS PORT ADDRESS WORD: binds a socket, which with "set" has no option as a
# new socket has it.  Says which options are not what they were before bind().
OPTIONS = '''
import struct, sys
from socket import *
port, word = int(sys.argv[1]), sys.argv[3]
time = struct.pack('ll', 0, 300000)
values = {
    'SO_KEEPALIVE': (SOL_SOCKET, SO_KEEPALIVE, 1),
    'SO_LINGER': (SOL_SOCKET, SO_LINGER, struct.pack('ii', 1, 9)),
    'SO_RCVTIMEO': (SOL_SOCKET, SO_RCVTIMEO, time),
    'SO_SNDTIMEO': (SOL_SOCKET, SO_SNDTIMEO, time),
    'SO_RCVBUF': (SOL_SOCKET, SO_RCVBUF, 30000),
    'SO_SNDBUF': (SOL_SOCKET, SO_SNDBUF, 30000),
    'SO_BUF_LOCK': (SOL_SOCKET, 72, None),
    'TCP_NODELAY': (IPPROTO_TCP, TCP_NODELAY, 1),
    'TCP_MAXSEG': (IPPROTO_TCP, TCP_MAXSEG, 1000),
    'TCP_KEEPIDLE': (IPPROTO_TCP, TCP_KEEPIDLE, 11),
    'TCP_KEEPINTVL': (IPPROTO_TCP, TCP_KEEPINTVL, 12),
    'TCP_KEEPCNT': (IPPROTO_TCP, TCP_KEEPCNT, 3),
    'TCP_DEFER_ACCEPT': (IPPROTO_TCP, TCP_DEFER_ACCEPT, 1),
    'TCP_FASTOPEN': (IPPROTO_TCP, TCP_FASTOPEN, 5),
    'TCP_USER_TIMEOUT': (IPPROTO_TCP, TCP_USER_TIMEOUT, 1234),
    'IP_TOS': (IPPROTO_IP, IP_TOS, 16),
    'IP_TTL': (IPPROTO_IP, IP_TTL, 33),
}
server = socket(AF_INET6 if sys.argv[2] == '::1' else AF_INET)
server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)

# The time of SO_LINGER says nothing while it is off, and cannot be set then.
def read():
    found = {}
    for name, (level, option, _) in values.items():
        try:
            found[name] = server.getsockopt(
                level, option, 4 if name == 'SO_LINGER' else 16)
        except OSError:     # SO_BUF_LOCK is of Linux 5.14
            found[name] = None
    return found

def change():
    for level, option, value in values.values():
        if value is not None:
            server.setsockopt(level, option, value)

if word == 'set':
    change()
before = read()
server.bind((sys.argv[2], port))
server.listen()
after = read()
for name in values:
    if after[name] != before[name]:
        print(word, name, before[name], after[name])
if word == 'late':
    change()
print('end of', word, flush=True)
'''


class Options(harness.Case):
    """What a service sets is in the socket that it is given, and leaves with
    it: the next one has the socket as it was at the beginning."""

    def setUp(self):
        super().setUp()
        self.write('options.py', OPTIONS)

    def service(self, address, *words):
        steps = (f'"$0" options.py $1 {address} {word}' for word in words)
        return ['sh', '-c', '; '.join(steps), sys.executable, '{port}']

    def lives(self, address, listen, *words):
        done = self.run_portexec('-q', '-l', listen, '--',
                                 *self.service(address, *words))
        self.assertEqual(done.stderr, '')
        return done.stdout.splitlines()

    def test_set_before_and_after_bind(self):
        words = ['set', 'plain', 'late', 'plain', 'set', 'set', 'plain']
        for listen, address in (('0', '127.0.0.1'), ('[::1]:0', '::1'),
                                ('localhost:0', '::1'), ('0', '::1')):
            with self.subTest(listen, address=address):
                self.assertEqual(self.lives(address, listen, *words),
                                 ['end of ' + word for word in words])

    def test_what_l_asked_for_comes_back(self):
        said = self.lives('127.0.0.1', '0,rcvbuf=40000', 'plain', 'set',
                          'plain')
        self.assertEqual(said[:len(said) // 2], said[-(len(said) // 2):])
        self.assertRegex(said[0], 'plain SO_RCVBUF ')
        self.assertEqual(said[len(said) // 2], 'end of set')

    def test_what_the_caller_set_comes_back(self):
        with socket.create_server(('127.0.0.1', 0)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 900)
            server.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 44)
            done = self.run_portexec(**harness.passing(
                [PORTEXEC, '-q', '-H', 'adopt', '--',
                 *self.service('127.0.0.1', 'plain', 'set', 'plain')],
                {3: server.fileno()},
                {'LISTEN_FDS': '1', 'LISTEN_PID': '{pid}'}))
        said = done.stdout.splitlines()
        self.assertEqual(said[:3], said[-3:])
        self.assertRegex(' '.join(said[:2]), r'TCP_MAXSEG .*IP_TTL ')
        self.assertEqual(said[3], 'end of set')


# Binds 100 sockets in turn to another port, then its own port with seven
# descriptors open, and then 100 sockets to a port that the kernel chooses.
FOREIGN = '''
import os, sys
from socket import *
os.closerange(3, 4096)

def bind(kind, port):
    one = socket(AF_INET, kind)
    one.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    one.bind(('127.0.0.1', port))
    return one.getsockname()[1]

other = bind(SOCK_STREAM, 0)
for _ in range(100):
    bind(SOCK_STREAM, other)
for _ in range(3):
    os.open('/dev/null', os.O_RDONLY)
own = socket()
own.bind(('127.0.0.1', int(sys.argv[1])))
for _ in range(100):
    bind(SOCK_DGRAM, 0)
'''


# Has 200 descriptors and its socket at numbers among and above those, with an
# epoll instance for each.
MANY = '''
import os, select, socket, sys
for _ in range(200):
    os.open('/dev/null', os.O_RDONLY)
one = socket.socket()
polls = []
for number in 300, 1000:
    os.dup2(one.fileno(), number)
    polls.append(select.epoll())
    polls[-1].register(number, select.EPOLLIN)
    os.dup2(polls[-1].fileno(), number + 1)
    os.close(polls[-1].fileno())
    polls[-1] = select.epoll.fromfd(number + 1)
one.bind(('127.0.0.1', int(sys.argv[1])))
one.listen()
print(*(socket.socket(fileno=number).getsockopt(
    socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for number in (300, 1000)),
    flush=True)
for poll in polls:
    print(poll.poll(30))
'''


class Calls(harness.Case):
    if not harness.SANITIZED:   # LeakSanitizer aborts under strace
        def test_few(self):
            """Another port is told from the address alone, and nothing is
            looked up in /proc; but once, for the hint that names it, until
            the service has its own."""
            harness.need_strace()
            log = self.path('calls')
            self.run_portexec('-f', '-qq', '-o', log, PORTEXEC, '--',
                              sys.executable, '-c', FOREIGN, '{port}',
                              program='strace')
            calls = harness.traced_binds(log)
            self.assertEqual(len(calls), 202)
            few = ['poll', 'ioctl', 'process_vm_readv', 'ioctl']
            # One call more, once: it is one thread that binds again and again.
            self.assertEqual(
                [call for call in calls[2:101] + calls[102:-1] if call != few],
                [few + ['ioctl']])
            # musl's malloc(3) makes some, and its open(2) a fcntl(2); the
            # keeper makes one.
            own = [name for name in calls[101] if name not in (
                'brk', 'mmap', 'munmap', 'fcntl')]
            self.assertLessEqual(len(own) + 1, 50)

        def test_few_for_each_descriptor(self):
            """Numbers at which nothing is open are not looked at."""
            harness.need_strace()
            log = self.path('calls')
            self.run_portexec('-f', '-qq', '-o', log, PORTEXEC, '--',
                              sys.executable, '-c', FOREIGN.replace(
                                  'range(3)', 'range(200)'), '{port}',
                              program='strace')
            calls = harness.traced_binds(log)[101]
            self.assertIn(calls.count('kcmp'), range(400, 412))

    def test_a_duplicate_at_any_number(self):
        process = self.launch('-q', '-p', self.path('port'), '--',
                              sys.executable, '-c', MANY, '{port}')
        self.assertEqual(process.stdout.readline(), '1 1\n')
        with open(self.path('port')) as file, connect(
                '127.0.0.1:' + file.read().strip()):
            self.assertEqual(process.stdout.read(),
                             '[(300, 1)]\n[(1000, 1)]\n')
        self.assertEqual(process.wait(harness.DEADLINE), 0)


# Registers one socket at the numbers that are its arguments, and binds it;
# says which of them have an event, and whether a process was made meanwhile.
REGISTER = '''
import fcntl, os, resource, select, signal, socket, sys, time
signal.alarm(60)
port, *numbers = map(int, sys.argv[1:])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
above = max(numbers) + 1
server = socket.socket(fileno=fcntl.fcntl(socket.socket(), fcntl.F_DUPFD,
                                          above))
epoll = select.epoll.fromfd(fcntl.fcntl(select.epoll(), fcntl.F_DUPFD, above))
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
for number in numbers:
    os.dup2(server.fileno(), number)
    epoll.register(number, select.EPOLLIN)

def last_pid():
    return os.pread(last, 20, 0)

last = os.open('/proc/sys/kernel/ns_last_pid', os.O_RDONLY)
before = last_pid()
while not os.path.exists('go'):
    time.sleep(0.005)
server.bind(('127.0.0.1', port))
server.listen()
found = set()
while len(found) < len(numbers):
    found.update(fd for fd, _ in epoll.poll(60, len(numbers)))
server.accept()[0].sendall(b'0\\n')
print(*sorted(found), before == last_pid(), flush=True)
while not os.path.exists('over'):
    time.sleep(0.005)
'''


class Registrations(harness.Binding):
    """With epoll(7), at numbers that the keeper has to lend."""
    NUMBERS = [0, *range(3, 60)]

    def setUp(self):
        super().setUp()
        self.as_user = {name: value for name, value in self.user.items()
                        if name != 'program'}

    def start_registering(self, *numbers, before=(), **options):
        words = [*before, self.user.get('program', harness.PORTEXEC), '-v',
                 '--', 'python3', '-SEc', REGISTER, '{port}', *numbers]
        process = self.launch(
            *words[1:], env=self.env,
            **{**self.user, 'program': words[0], **options})
        return process, self.announced(process)

    def answer(self, process, address, numbers):
        """Returns whether no process was made."""
        with connect(address) as client:
            self.write('go', '')
            self.assertEqual(read_all(client), b'0\n')
        *found, word = process.stdout.readline().split()
        self.assertEqual(found, list(map(str, numbers)))
        return word == 'True'

    def keepers(self, process):
        keeper, _ = self.parts(process.pid)
        folder = f'/proc/{keeper}/fd/'
        return {name: os.readlink(folder + name)
                for name in os.listdir(folder)}

    def test_at_every_number(self):
        """What the keeper has there itself is there afterwards."""
        process, address = self.start_registering(*self.NUMBERS)
        self.wait_for_line(process, 'started')
        before = self.keepers(process)
        self.answer(process, address, self.NUMBERS)
        after = self.keepers(process)
        more = {name: after.pop(name) for name in set(after) - set(before)}
        self.assertEqual((after, list(more.values())),
                         (before, ['anon_inode:[pidfd]']))
        self.write('over', '')
        self.finish(process)

    def test_far_apart(self):
        """The lowest are compared with the socket, and the rest is listed; or
        all are, where kcmp(2) is refused."""
        numbers = [*range(3, 40), 900]
        deny = shutil.copy(os.path.join(harness.BUILD, 'tests', 'deny'),
                           self.path('deny'))
        for before in (), (deny, 'kcmp', 'EPERM'):
            with self.subTest(before):
                process, address = self.start_registering(*numbers,
                                                          before=before)
                self.answer(process, address, numbers)
                self.write('over', '')
                self.finish(process)
                os.unlink(self.path('go'))
                os.unlink(self.path('over'))

    def test_above_the_soft_limit(self):
        process, address = self.start_registering(
            500, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (
                    64, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        self.answer(process, address, [500])
        self.write('over', '')
        self.finish(process)

    def test_above_the_hard_limit(self):
        process, address = self.start_registering(500)
        self.wait_for_line(process, 'started')
        keeper, _ = self.parts(process.pid)
        subprocess.run(
            ['prlimit', f'--pid={keeper}', '--nofile=64:64'], check=True,
            **self.as_user)
        self.write('go', '')
        self.wait_for_line(
            process, r'^portexec: process \d+ has an epoll instance that '
            rf'cannot be reached: {said("Too many open files")}; it binds '
            rf'{address} itself$')
        with harness.wait_for(lambda: try_to_connect(address),
                              'a listener') as client:
            self.assertEqual(read_all(client), b'0\n')
        self.write('over', '')
        self.finish(process)

    def test_nobody_helps(self):
        """Under Yama only an ancestor could: the keeper makes no process."""
        process, address = self.start_registering(
            5, before=harness.in_pid_namespace(**self.as_user))
        self.assertTrue(self.answer(process, address, [5]))
        self.write('over', '')
        self.finish(process)


HELPED = '''
"$0" dumpable=0 $1
touch helped
until [ -e go ]; do sleep 0.01; done
exec "$0" $2
'''
SERVE = f'{TCP} {HERE} listen answer'
# One of 16 bytes, as an AF_INET address has.
SHORT_PATH = 13 * 'x'


# Duplicates its socket many times.  While it binds, a thread that sees the
# socket replaced puts a file at the number of the last duplicate.
DUPLICATES = '''
import os, resource, socket, sys, threading
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
most = min(hard, 4096)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
first = os.fstat(server.fileno()).st_ino
copies = [os.dup(server.fileno()) for number in range(most - 64)]
file = os.open('file', os.O_RDONLY)
ready = threading.Event()

def put():
    ready.set()
    while os.fstat(server.fileno()).st_ino == first:
        pass
    os.dup2(file, copies[-1])

thread = threading.Thread(target=put)
thread.start()
ready.wait()
server.bind((sys.argv[1], int(sys.argv[2])))
thread.join()
inode = os.fstat(server.fileno()).st_ino
print(inode != first,
      {os.fstat(copy).st_ino for copy in copies[:-1]} == {inode},
      os.path.sameopenfile(file, copies[-1]))
'''


class Duplicates(harness.Case):
    def test_a_file_at_the_number_of_one(self):
        """Another thread opened it after the duplicates were found."""
        self.write('file', '')
        for _ in range(5):
            done = self.run_portexec('-q', '--', sys.executable, '-SEc',
                                     DUPLICATES, '{host}', '{port}')
            self.assertEqual(done.stdout, 'True True True\n')


class Unreadable(harness.Binding):
    """Processes that the keeper may not look into, as it is not root."""
    ordinary = True

    def start_helped(self, helper, service=SERVE, script=HELPED, options=()):
        process = self.launch(*options, '--', 'sh', '-c', script, self.binder,
                              helper, service, env=self.env, **self.user)
        return process, self.announced(process)

    def test_a_unix_path_is_none_of_ours(self):
        """A client that came before is answered, and nothing is said."""
        for path in 'x', 14 * 'x', 100 * 'x':
            with self.subTest(path):
                process, address = self.start_helped(
                    f'socket=unix bind={path}')
                with connect(address) as client:
                    self.wait_for_file('helped')
                    self.write('go', '')
                    self.assertEqual(read_all(client), b'0\n')
                self.assertEqual(self.finish(process), ['bind own', GIVEN])
                self.assertEqual(process.said, '')
                for name in 'go', 'helped':
                    os.unlink(self.path(name))

    def test_a_zombie_has_no_socket(self):
        """What it had by fork(2) is closed, and its parent binds again."""
        process, address = self.start(
            'show=pid', TCP, HERE, 'listen', 'spawn=exit=0', 'wait=go',
            'close', TCP, HERE, 'listen', 'answer')
        pid = int(process.stdout.readline().split()[1])
        with connect(address) as client:
            harness.wait_for(lambda: ['Z'] == [
                *map(harness.state, harness.children(pid))], 'a zombie')
            self.write('go', '')
            self.assertEqual(read_all(client), b'1\n')
        self.assertEqual(self.finish(process), [GIVEN, GIVEN])

    def assert_said(self, process, pid):
        self.assertEqual(
            process.stderr.readline(), f'portexec: process {pid} cannot be '
            'read: Operation not permitted; nothing listens until it binds '
            'the port, or ends\n')

    def test_listens_again_when_it_has_ended(self):
        """Whatever it was that it bound, as often as it did."""
        for what in f'unix bind={SHORT_PATH}', 'tcp4 bind=127.0.0.1:0', \
                'tcp6 bind=[::1]:0':
            with self.subTest(what):
                process, address = self.start_helped(
                    f'show=pid socket={what} socket={what} touch=bound '
                    'wait=over')
                pid = process.stdout.readline().split()[1]
                self.wait_for_file('bound')
                with self.assertRaises(ConnectionRefusedError):
                    connect(address)
                self.write('over', '')
                with harness.wait_for(lambda: try_to_connect(address),
                                      'a listener') as client:
                    self.write('go', '')
                    self.assertEqual(read_all(client), b'0\n')
                self.assert_said(process, pid)
                said = self.finish(process)
                self.assertEqual((said[0], said[2:], process.said),
                                 ('bind own', [GIVEN], ''))
                for name in 'go', 'over', 'bound', 'helped':
                    os.unlink(self.path(name))

    def test_one_that_goes_on(self):
        """The service is given the socket all the same."""
        process, address = self.start_helped(
            'socket=tcp4 bind=127.0.0.1:0 touch=go wait=over',
            SERVE + ' touch=over', script='"$0" dumpable=0 $1 & '
            'until [ -e go ]; do sleep 0.01; done; "$0" $2; wait')
        self.wait_for_file('go')
        with harness.wait_for(lambda: try_to_connect(address),
                              'a listener') as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind own', GIVEN])

    def test_one_that_takes_the_number(self):
        """Nobody else gets it meanwhile, and the next of its kind does."""
        taken = f'{TCP} set=reuseaddr:1 {HERE} listen touch=go wait=over ' \
            'answer'
        process, address = self.start_helped(
            taken, f'wait=go {TCP} {HERE} touch=over',
            script='"$0" $2 & "$0" dumpable=0 $1; rm go over; wait; '
            'touch next; "$0" dumpable=0 $1', options=['-v'])
        self.wait_for_file('over')
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.wait_for_line(process, 'listening on .* again')
        self.wait_for_file('next')
        self.wait_for_file('go')
        self.write('over', '')
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process),
                         ['bind own', 'bind EADDRINUSE', 'bind own'])

    def test_what_follows_is_said_once(self):
        process, _ = self.start_helped(
            f'{TCP} bind=127.0.0.1:0', '',
            script='"$0" dumpable=0 $1; "$0" dumpable=0 $1',
            options=['-H', 'adopt'])
        self.assertEqual(self.finish(process), ['bind own'] * 2)
        self.assertEqual(process.said.count('cannot be read'), 1)

    def test_a_unix_path_that_it_unlinks(self):
        """Who waited at ours is told at once."""
        process, _ = self.start(
            'wait=go', 'dumpable=0', 'unlink=s', 'socket=unix', 'bind={addr}',
            'listen', 'touch=bound', 'answer', options=['-l', './s'])
        with connect(self.path('s')) as early:
            self.write('go', '')
            self.wait_for_file('bound')
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(early.recv(1), b'')
            with connect(self.path('s')) as client:
                self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind own'])


class Kinds(harness.Binding):
    def udp(self, address):
        client = connect(address, socket.SOCK_DGRAM)
        client.send(b'?')
        self.addCleanup(client.close)
        return client

    def test_udp(self):
        for name, listen, steps in (
                ('AF_INET', 'udp:127.0.0.1:0', ['socket=udp4', HERE]),
                ('AF_INET, every address', 'udp:127.0.0.1:0',
                 ['socket=udp4', 'bind=0.0.0.0:{port}']),
                ('AF_INET6, every address', 'udp:127.0.0.1:0',
                 ['socket=udp6', 'bind=[::]:{port}']),
                ('::1', 'udp:[::1]:0', ['socket=udp6', HERE6])):
            with self.subTest(name):
                process, address = self.start('wait=go', *steps, 'answer',
                                              options=['-l', listen])
                client = self.udp(address)
                self.write('go', '')
                self.assertEqual(harness.ask(client), b'0\n')
                self.assertEqual(self.finish(process), [GIVEN])
                os.unlink(self.path('go'))

    def test_a_second_address(self):
        """Each socket answers at its own address; beside *:0 there is none."""
        for listen, steps, other in (
                ('[::1]:0', [TCP6, HERE6, 'listen', TCP, HERE, 'listen'],
                 '127.0.0.1'),
                ('*:0', [TCP6, 'bind=[::]:{port}', 'listen', TCP,
                         'bind=0.0.0.0:{port}', 'listen'], None)):
            with self.subTest(listen):
                process, address = self.start(
                    *steps, 'use=0', 'answer',
                    *(['use=1', 'answer'] if other else []),
                    options=['-l', listen])
                with connect(address) as client:
                    self.assertEqual(read_all(client), b'0\n')
                if other:
                    port = address.rpartition(':')[2]
                    with connect(f'{other}:{port}') as client:
                        self.assertEqual(read_all(client), b'1\n')
                self.assertEqual(self.finish(process), [
                    GIVEN, GIVEN if other else 'bind EADDRINUSE'])

    def test_a_second_address_of_a_socket_at_fd_3(self):
        """Which is not the copy that was passed there, and closed."""
        process, address = self.start(
            TCP, HERE, 'listen', TCP6, HERE6, 'listen', 'touch=bound',
            'answer', 'use=0', 'answer',
            before=['sh', '-c', 'exec 3>&- "$@"', 'sh'])
        port = address.rpartition(':')[2]
        self.wait_for_file('bound')
        with connect(f'[::1]:{port}') as six, connect(address) as four:
            self.assertEqual((read_all(six), read_all(four)),
                             (b'1\n', b'0\n'))
        self.assertEqual(self.finish(process), [GIVEN] * 2)

    def test_a_second_address_of_datagrams(self):
        for listen, steps, other in (
                ('udp:0', ['socket=udp4', HERE, 'socket=udp6', HERE6],
                 '[::1]'),
                ('udp:*:0', ['socket=udp6', 'bind=[::]:{port}', 'socket=udp4',
                             'bind=0.0.0.0:{port}'], None)):
            with self.subTest(listen):
                process, address = self.start(
                    *steps, *(['answer'] if other else []), 'use=0',
                    'answer', options=['-l', listen])
                if other:
                    port = address.rpartition(':')[2]
                    self.assertEqual(
                        harness.ask(self.udp(f'{other}:{port}')), b'1\n')
                self.assertEqual(harness.ask(self.udp(address)), b'0\n')
                self.assertEqual(self.finish(process), [
                    GIVEN, GIVEN if other else 'bind EADDRINUSE'])

    def test_what_l_asks_for_is_in_every_socket(self):
        """In the one of -l, in a companion, in an IPv6 twin."""
        both = ['rcvbuf 80000', 'sndbuf 100000', 'reuseport 1']
        shown = ['show=rcvbuf', 'show=sndbuf', 'show=reuseport']
        for listen, steps, sockets in (
                ('0', [TCP, HERE, *shown, TCP6, HERE6, *shown], 2),
                ('udp:0', ['socket=udp6', 'bind=[::]:{port}', *shown], 1),
                ('udp:0', ['socket=udp4', HERE, *shown, 'socket=udp6', HERE6,
                           *shown], 2)):
            with self.subTest(steps):
                process, _ = self.start(*steps, options=[
                    '-H', 'adopt', '-l',
                    listen + ',rcvbuf=40000,sndbuf=50000,reuseport'])
                self.assertEqual(self.finish(process),
                                 [GIVEN, *both] * sockets)

    def test_a_datagram_from_before_is_kept(self):
        process, address = self.start('wait=go', 'socket=udp4', HERE,
                                      'answer', options=['-l', 'udp:0'])
        client = self.udp(address)
        self.write('go', '')
        self.assertEqual(client.recv(100), b'0\n')
        self.finish(process)

    def test_datagrams_wait_for_the_next_process(self):
        """Nobody but the keeper has the socket in between."""
        self.write('twice', '"$@"; touch between; '
                   'until [ -e second ]; do sleep 0.01; done; "$@"\n')
        with open(os.devnull) as file:      # at 3, so that no copy is there
            process, address = self.start(
                'socket=udp4', HERE, 'answer', before=['sh', 'twice'],
                options=['-l', 'udp:0'], **harness.arrange({3: file}))
        client = self.udp(address)
        self.assertEqual(harness.ask(client), b'0\n')
        self.wait_for_file('between')
        client.send(b'x')
        self.write('second', '')
        self.assertEqual(client.recv(16), b'0\n')
        self.assertEqual(self.finish(process), [GIVEN] * 2)

    def test_a_unix_socket_that_is_passed_and_shut_down(self):
        """From then on poll(2) has something to say of it for good."""
        process = self.launch(
            '-v', '-l', '0', '-l', './s', '--', sys.executable, '-c',
            'import socket, sys; socket.socket(fileno=4).shutdown(2); '
            's = socket.create_server(("127.0.0.1", int(sys.argv[1]))); '
            'client = s.accept()[0]; client.recv(9); client.send(b"0\\n")',
            '{port}')
        address = self.announced(process)
        with connect(address) as client:
            client.send(b'x')
            self.assertEqual(read_all(client), b'0\n')
        self.finish(process)
        self.assertLessEqual(process.said.count(' again\n'), 2)

    def test_tcp_and_udp(self):
        process, address = self.start(
            'wait=go', 'socket=udp4', HERE, 'answer', TCP, HERE, 'listen',
            'answer', options=['-l', 'tcp+udp:0'])
        with connect(address) as client:
            datagrams = self.udp(address)
            self.write('go', '')
            self.assertEqual(datagrams.recv(100), b'0\n')
            self.assertEqual(read_all(client), b'1\n')
        self.assertEqual(self.finish(process), [GIVEN] * 2)

    def test_localhost(self):
        """Each family gets its member of the group."""
        process, address = self.start(
            'wait=go', TCP6, HERE6, 'listen', TCP, HERE, 'listen',
            'touch=up', 'answer', 'use=0', 'answer',
            options=['-l', 'localhost:0'])
        port = address.rpartition(':')[2]
        with self.assertRaises(ConnectionRefusedError):
            connect(f'[::1]:{port}')
        self.write('go', '')
        self.wait_for_file('up')
        with connect(f'[::1]:{port}') as six, connect(address) as four:
            self.assertEqual((read_all(four), read_all(six)),
                             (b'1\n', b'0\n'))
        self.assertEqual(self.finish(process), [GIVEN] * 2)

    def test_unix(self):
        for listen in './s', '@' + self.directory:
            with self.subTest(listen):
                process, address = self.start(
                    'wait=go', 'socket=unix', 'bind={addr}', 'listen',
                    'answer', options=['-l', listen])
                with connect(self.path('s') if listen == './s' else
                             address) as client:
                    self.write('go', '')
                    self.assertEqual(read_all(client), b'0\n')
                self.assertEqual(self.finish(process), [GIVEN])
                os.unlink(self.path('go'))

    def test_unix_that_is_unlinked_first(self):
        """The service's own socket; who waited on ours is told at once."""
        process, _ = self.start(
            'wait=go', 'unlink=s', 'socket=unix', 'bind={addr}', 'listen',
            'touch=bound', 'answer', options=['-l', './s'])
        with connect(self.path('s')) as early:
            self.write('go', '')
            self.wait_for_file('bound')
            try:
                self.assertEqual(early.recv(1), b'')
            except ConnectionResetError:
                pass
            with connect(self.path('s')) as client:
                self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind own'])

    def test_unix_of_a_daemon_whose_parent_failed(self):
        """What it unlinked and bound itself is left to it."""
        self.write('daemon', '"$@" & while [ ! -e bound ]; do sleep 0.01; '
                   'done; exit 3\n')
        process, _ = self.start(
            'unlink=s', 'socket=unix', 'bind={addr}', 'listen', 'touch=bound',
            'answer', before=['sh', 'daemon'], options=['-l', './s'])
        self.assertEqual(process.wait(harness.DEADLINE), 3)
        with connect(self.path('s')) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process, 3), ['bind own'])

    def test_unix_datagrams(self):
        process, _ = self.start(
            'wait=go', 'socket=unixgram', 'bind={addr}', 'answer',
            options=['-l', 'unixgram:s'])
        with connect(self.path('s'), socket.SOCK_DGRAM) as client:
            client.bind(self.path('c'))
            os.chmod(self.path('c'), 0o777)
            client.send(b'?')
            self.write('go', '')
            self.assertEqual(client.recv(100), b'0\n')
        self.assertEqual(self.finish(process), [GIVEN])


# JAIL PATH...: binds these there, and says what came of each.
JAILED = '''
import errno, os, socket, sys
os.chroot(sys.argv[1])
os.chdir('/real')
for path in sys.argv[2:]:
    with socket.socket(socket.AF_UNIX) as own:
        before = os.fstat(own.fileno()).st_ino
        try:
            own.bind(path)
            print(path, os.fstat(own.fileno()).st_ino != before)
        except OSError as error:
            print(path, errno.errorcode[error.errno])
'''


class Jails(harness.Case):
    def test_links(self):
        """An absolute link leads through the root of the service."""
        if not harness.is_root():
            self.skipTest('not root')
        os.makedirs(self.path('jail/real/below'))
        os.symlink('/real', self.path('jail/link'))
        os.symlink('/real/s', self.path('jail/real/it'))
        os.symlink(self.directory, self.path('jail/out'))
        for spec, path, expected in (
                ('jail/real/s', '/real/s', 'True'),
                ('jail/real/s', '/link/s', 'True'),
                ('jail/real/s', '/../link/../link/s', 'True'),
                ('jail/real/s', 's', 'True'),
                ('jail/real/s', '../link/s', 'True'),
                ('jail/real/s', 'below/../../../link/s', 'True'),
                ('jail/real/s', 'it', 'True'),
                ('s', '/out/s', 'ENOENT'),
                ('s', '../out/s', 'ENOENT'),
                ('s', '../../s', 'False')):
            with self.subTest(spec, path=path):
                done = self.run_portexec(
                    '-q', '-H', 'adopt', '-l', './' + spec, '--',
                    sys.executable, '-SEc', JAILED, self.path('jail'), path)
                self.assertEqual(done.stdout, f'{path} {expected}\n')
                for name in 's', 'jail/s', 'jail/real/s':
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self.path(name))


if harness.is_root():
    class BindsOfAnOrdinaryUser(Binds):
        ordinary = True

    class KindsOfAnOrdinaryUser(Kinds):
        ordinary = True

    class RegistrationsOfAnOrdinaryUser(Registrations):
        ordinary = True
