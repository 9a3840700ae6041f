# SPDX-License-Identifier: ISC
"""Sockets that portexec was passed itself: kept, or stale."""

import os
import re
import socket
import sys

import harness
from harness import (PORTEXEC, PROBE, arrange, environment, pidfd_inode,
                     port, ports, protocol)


class Inherited(harness.Case):
    def setUp(self):
        super().setUp()
        self.sockets = [socket.socket() for i in range(2)]
        for inherited in self.sockets:
            self.addCleanup(inherited.close)
            inherited.bind(('127.0.0.1', 0))
            inherited.listen()
        self.numbers = [str(inherited.getsockname()[1])
                        for inherited in self.sockets]

    def passing(self, arguments, fds=None, **given):
        """Options for Popen: portexec with these arguments is passed the
        sockets."""
        return harness.passing(
            [PORTEXEC, *arguments], fds or {
                3 + i: inherited.fileno()
                for i, inherited in enumerate(self.sockets)},
            {'LISTEN_FDS': '2', 'LISTEN_PID': '{pid}', **given})

    def inherit(self, *arguments, **given):
        """The report of the probe under such a portexec."""
        return self.probe(*arguments, **self.passing(
            [*arguments, '--', PROBE], **given))

    def test_keep_place_and_names_and_new_ones_follow(self):
        report = self.inherit('-v', '-l', 'new=0', '-l', './s',
                              LISTEN_FDNAMES='web:admin')
        numbers = ports(report)
        self.assertEqual(numbers[:2], self.numbers)
        self.assertEqual(numbers[3], './s')
        found = protocol(report)
        self.assertEqual(found['FDS'], '4')
        self.assertEqual(found['FDNAMES'], 'web:admin:new:unknown')
        self.assertEqual(found['PORT'], self.numbers[0])
        self.assertEqual(found['PORTS'], ':'.join(numbers[:3]) + ':')
        self.assertEqual(found['PID'], str(report['pid']))
        self.assertIn('portexec: web: inherited 127.0.0.1:%s, fd 3\n'
                      'portexec: admin: inherited 127.0.0.1:%s, fd 4\n'
                      'portexec: new: listening on 127.0.0.1:%s, fd 5\n'
                      % tuple(numbers[:3]), report['stderr'])
        self.assertNotIn('was open', report['stderr'])

    def test_the_default_socket_is_not_added(self):
        report = self.inherit()
        self.assertEqual(ports(report), self.numbers)
        self.assertEqual(protocol(report)['FDNAMES'], 'unknown:unknown')
        self.assertEqual(protocol(report)['FDS'], '2')

    def test_names(self):
        for given, expected in {'a:b': 'a:b', 'a:': 'a:unknown',
                                ':b': 'unknown:b', 'a': 'unknown:unknown',
                                'a:b:c': 'unknown:unknown',
                                '': 'unknown:unknown'}.items():
            with self.subTest(given=given):
                report = self.inherit(LISTEN_FDNAMES=given)
                self.assertEqual(protocol(report)['FDNAMES'], expected)

    def test_placeholders_count_them(self):
        report = self.inherit('-l', 'new=0', '-e', 'A={port}:{port:1}:'
                              '{port:admin}:{fd:new}:{fd:2}',
                              LISTEN_FDNAMES='web:admin')
        web, admin = self.numbers
        self.assertIn(f'A={web}:{admin}:{admin}:5:5', report['environ'])

    def test_flags_and_backlog_stay(self):
        self.sockets[0].setblocking(False)
        self.sockets[0].listen(7)
        report = self.inherit('-l', '0')
        self.assertTrue(report['fds']['3']['flags'] & os.O_NONBLOCK)
        self.assertEqual(report['fds']['3']['backlog'], 7)

    def test_not_ours_is_stale(self):
        cases = {
            'the parent': {'LISTEN_PID': str(os.getpid())},
            'a digit more': {'LISTEN_PID': '{pid}0'},
            'rubbish behind': {'LISTEN_PID': '{pid}x'},
            'empty': {'LISTEN_PID': ''},
            'the inode of another': {'LISTEN_PIDFDID': '1'},
            'no inode': {'LISTEN_PIDFDID': 'x'},
            'an empty inode': {'LISTEN_PIDFDID': ''},
            'none passed': {'LISTEN_FDS': '0'},
            'fewer than none': {'LISTEN_FDS': '-1'},
            'no number': {'LISTEN_FDS': '2x'},
            'more than there can be': {'LISTEN_FDS': '99999999999999999999'},
        }
        for what, case in cases.items():
            with self.subTest(what=what):
                report = self.inherit(LISTEN_FDNAMES='a:b',
                                      LISTEN_FDS_FIRST_FD='9', **case)
                self.assertEqual(protocol(report)['FDS'], '1')
                self.assertEqual(protocol(report)['FDNAMES'], 'unknown')
                self.assertNotIn('FDS_FIRST_FD', protocol(report))
                self.assertNotIn(protocol(report)['PORT'], self.numbers)
                self.assertEqual(report['fds']['3']['address'],
                                 '127.0.0.1:' + protocol(report)['PORT'])
                # What is not at a number of ours is not ours to close.
                self.assertEqual(port(report['fds']['4']), self.numbers[1])

    def test_own_inode(self):
        if pidfd_inode(os.getpid()) is None:    # then none is to be there
            report = self.inherit(LISTEN_PIDFDID='5')
            self.assertEqual(protocol(report)['FDS'], '1')
        else:
            report = self.inherit(LISTEN_PIDFDID='{inode}')
            self.assertEqual(ports(report), self.numbers)
            self.assertEqual(protocol(report)['PIDFDID'],
                             str(report['pidfd']))

    def test_something_else_than_sockets(self):
        with open(self.write('file', '')) as file:
            for fds, message in (
                    ({3: file.fileno()}, 'inherited fd 3: Socket operation '
                     'on non-socket'),
                    ({3: self.sockets[0].fileno(), 4: file.fileno()},
                     'inherited fd 4: Socket operation on non-socket'),
                    ({3: self.sockets[0].fileno()},
                     'inherited fd 4: Bad file descriptor')):
                with self.subTest(message=message):
                    self.assert_refused(message, '-l', './s', '-p', 'port',
                                        fds=fds)

    def assert_refused(self, message, *arguments, **given):
        arguments = [*arguments, 'sh', '-c', '>ran']
        self.assert_fails(*arguments, message=message, exact=True,
                          **self.passing(arguments, **given))

    def test_cannot_be_reserved(self):
        self.assert_refused('inherited sockets cannot be reserved', '-H',
                            'reserve')

    def unix_socket(self, path):
        result = socket.socket(socket.AF_UNIX)
        self.addCleanup(result.close)
        if path is not None:
            result.bind(path)
            result.listen()
        return result

    def test_unix(self):
        held = self.unix_socket(self.path('held'))
        report = self.inherit('-l', '0', fds={3: held.fileno()},
                              LISTEN_FDS='1')
        self.assertEqual(report['fds']['3']['address'], self.path('held'))
        self.assertNotIn('PORT', protocol(report))
        self.assertEqual(protocol(report)['PORTS'],
                         ':' + port(report['fds']['4']))

    def test_a_path_of_the_callers_stays_where_portexec_fails(self):
        held = self.unix_socket(self.path('held'))
        arguments = ['-l', './mine', '--', './nosuch']
        self.assert_fails(
            *arguments, message='./nosuch', status=127, **self.passing(
                arguments, fds={3: held.fileno()}, LISTEN_FDS='1'))
        harness.connect(self.path('held')).close()

    def test_a_socket_without_an_address(self):
        """It has no name that could be said."""
        unnamed = self.unix_socket(None)
        report = self.inherit(fds={3: unnamed.fileno()}, LISTEN_FDS='1')
        self.assertEqual(report['fds']['3']['type'], socket.SOCK_STREAM)
        self.assertRegex(report['stderr'],
                         r'^portexec: inherited [^ ,].*, fd 3\n$')

    def test_a_socket_without_an_address_has_no_placeholders(self):
        unnamed = self.unix_socket(None)
        for template in ('<addr>', '{port}', '<host:0>'):
            with self.subTest(template=template):
                arguments = ['-q', '--', 'sh', '-c', '>ran', template]
                done = self.assert_fails(
                    *arguments, message=template + ': ', **self.passing(
                        arguments, fds={3: unnamed.fileno()},
                        LISTEN_FDS='1'))
                self.assertNotRegex(done.stderr, ':  ')

    def test_a_connection(self):
        """As systemd passes one with Accept=yes."""
        with harness.connect('127.0.0.1:' + self.numbers[0]) as client:
            served = self.sockets[0].accept()[0]
            self.addCleanup(served.close)
            report = self.inherit(fds={3: served.fileno()}, LISTEN_FDS='1')
            self.assertEqual(report['fds']['3']['listens'], 0)
            self.assertEqual(protocol(report)['PORT'], self.numbers[0])
            client.getpeername()


class Named(harness.Binding):
    """-l fd:N, whatever LISTEN_PID says."""

    def listener(self, family=socket.AF_INET, address=('127.0.0.1', 0)):
        own = socket.socket(family)
        self.addCleanup(own.close)
        own.bind(address)
        own.listen()
        return own

    def number(self, own):
        return str(own.getsockname()[1])

    def test_order_and_names_are_those_of_the_options(self):
        five, three, seven = (self.listener() for _ in range(3))
        report = self.probe(
            '-l', 'a=fd:5', '-l', 'new=0', '-l', 'fd:3', '-l', 'c=fd:7',
            '-e', 'X={port:a}:{fd:a}:{addr:2}',
            **arrange({5: five, 3: three, 7: seven}))
        numbers = ports(report)
        self.assertEqual(numbers, [self.number(five), numbers[1],
                                   self.number(three), self.number(seven)])
        found = protocol(report)
        self.assertEqual((found['FDS'], found['FDNAMES'], found['PORTS']),
                         ('4', 'a:new:unknown:c', ':'.join(numbers)))
        self.assertEqual(found['PID'], str(report['pid']))
        self.assertIn(f'X={numbers[0]}:3:127.0.0.1:{numbers[2]}',
                      report['environ'])
        self.assertIn(f'portexec: a: inherited 127.0.0.1:{numbers[0]}, fd 3\n'
                      f'portexec: new: listening on 127.0.0.1:{numbers[1]}, '
                      'fd 4\n'
                      f'portexec: inherited 127.0.0.1:{numbers[2]}, fd 5\n',
                      report['stderr'])
        # Each was moved, not copied.
        self.assertEqual([fd for fd, what in report['fds'].items()
                          if 'type' in what], ['3', '4', '5', '6'])

    def test_behind_a_wrapper_that_forks(self):
        """LISTEN_PID is the wrapper's."""
        own = self.listener()
        report = self.probe(**harness.passing(
            ['/bin/sh', '-c', '"$@"; exit', 'sh', PORTEXEC, '-l', 'fd:3',
             '--', PROBE], {3: own.fileno()},
            {'LISTEN_FDS': '1', 'LISTEN_PID': '{pid}'}))
        self.assertEqual(ports(report), [self.number(own)])
        self.assertEqual(protocol(report)['PID'], str(report['pid']))

    def test_one_that_was_passed_already_keeps_its_place(self):
        first, second = self.listener(), self.listener()
        arguments = ['-l', 'new=0', '-l', 'web=fd:4', '-l', 'fd:3']
        report = self.probe(**harness.passing(
            [PORTEXEC, *arguments, '--', PROBE],
            {3: first.fileno(), 4: second.fileno()},
            {'LISTEN_FDS': '2', 'LISTEN_PID': '{pid}',
             'LISTEN_FDNAMES': 'a:b'}))
        self.assertEqual(ports(report)[:2], [self.number(first),
                                             self.number(second)])
        self.assertEqual(protocol(report)['FDNAMES'], 'a:web:new')

    def test_adopt(self):
        """The service binds its address, or one that is mapped; and is
        passed it as well, as it is no stranger's descriptor."""
        own, number = self.listener(), harness.free_number()
        for options, port in (((), '{port}'), (('-m', number), number)):
            with self.subTest(options), socket.socket() as client:
                process, address = self.start(
                    'environ=LISTEN_F', 'socket=tcp4',
                    f'bind=127.0.0.1:{port}', 'listen', 'answer',
                    options=('-l', 'web=fd:3', *options),
                    **arrange({3: own}))
                self.assertEqual(address, f'127.0.0.1:{self.number(own)}')
                client.connect(own.getsockname())
                self.assertEqual(harness.read_all(client), b'0\n')
                self.assertEqual(self.finish(process), [
                    'LISTEN_FDS', 'LISTEN_FDNAMES', 'bind given'])

    def test_a_path_stays(self):
        own = self.listener(socket.AF_UNIX, self.path('s'))
        for arguments, status in (
                (('-l', 'fd:3', './nosuch'), 127),
                (('-l', 'fd:3', '-c', 'exit 3', 'sleep', '300'), 3)):
            self.run_portexec(*arguments, status=status,
                              **arrange({3: own}))
            harness.connect(self.path('s')).close()

    def test_refused(self):
        own = self.listener()
        with open(self.write('file', '')) as file:
            fds = {3: own, 5: own, 6: file.fileno()}
            for arguments, message in (
                    (['fd:2'], "socket 'fd:2': a descriptor is a number "
                     'from 3'),
                    (['x=fd:4'], "socket 'x=fd:4': descriptor 4 is not open"),
                    (['0', 'fd:4'], "socket 'fd:4': descriptor 4 is not "
                     'open'),
                    (['fd:2147483647'], "socket 'fd:2147483647': descriptor "
                     '2147483647 is not open'),
                    (['fd:6'], "socket 'fd:6': descriptor 6 is not a socket"),
                    (['fd:3', 'b=fd:3'], "socket 'b=fd:3': descriptor 3 was "
                     'named before'),
                    (['fd:3,nonblock'], "socket 'fd:3,nonblock': a socket "
                     'that is open takes no options'),
                    (['fd:3', '-Hreserve'], 'inherited sockets cannot be '
                     'reserved')):
                words = [word for each in arguments for word in
                         (['-l', each] if each[0] != '-' else [each])]
                with self.subTest(words):
                    self.assert_fails(
                        '-l', './s', '-p', 'port', *words, 'sh', '-c',
                        '>ran', message=message, exact=True, **arrange(fds))


class UnderAdopt(harness.Binding):
    """What was inherited is handed over, and stays its giver's."""

    def adopt(self, own, *steps):
        """Starts the probe that binds under a portexec that is passed the
        socket."""
        process = self.launch(**harness.passing(
            [PORTEXEC, '-H', 'adopt', '--', harness.BINDER, *steps],
            {3: own.fileno()}, {'PORTEXEC_TEST': self.directory,
                                'LISTEN_FDS': '1', 'LISTEN_PID': '{pid}'}))
        self.announced(process)
        return process

    def bound(self, family, kind, address):
        own = socket.socket(family, kind)
        self.addCleanup(own.close)
        own.bind(address)
        return own

    def queue_limit(self, own):
        """tcpi_sacked of struct tcp_info, which it is where one listens."""
        return int.from_bytes(own.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, 32)[28:], sys.byteorder)

    def test_listens_again_with_its_own_queue(self):
        own = self.bound(socket.AF_INET, socket.SOCK_STREAM,
                         ('127.0.0.1', 0))
        own.listen(7)
        process = self.adopt(own, 'fork', 'socket=tcp4', 'bind=127.0.0.1:'
                             '{port}', 'listen=3', 'touch=bound', 'wait=go')
        self.wait_for_file('bound')
        self.assertEqual(self.queue_limit(own), 3)
        self.write('go', '')
        self.assertEqual(self.finish(process), ['bind given'])
        self.assertEqual(self.queue_limit(own), 7)

    def test_unix(self):
        own = self.bound(socket.AF_UNIX, socket.SOCK_STREAM, self.path('s'))
        own.listen()
        process = self.adopt(own, 'wait=go', 'socket=unix', 'bind={addr}',
                             'listen', 'answer')
        with harness.connect(self.path('s')) as client:
            self.write('go', '')
            self.assertEqual(harness.read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind given'])
        self.assertTrue(os.path.exists(self.path('s')))

    def test_unix_that_is_unlinked_first(self):
        """The giver's goes on listening, where nobody finds it."""
        own = self.bound(socket.AF_UNIX, socket.SOCK_STREAM, self.path('s'))
        own.listen()
        process = self.adopt(own, 'unlink={addr}', 'socket=unix',
                             'bind={addr}', 'listen', 'touch=bound',
                             'answer')
        self.wait_for_file('bound')
        with harness.connect(self.path('s')) as client:
            self.assertEqual(harness.read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind own'])
        self.assertTrue(own.getsockopt(socket.SOL_SOCKET,
                                       socket.SO_ACCEPTCONN))

    def test_datagrams(self):
        own = self.bound(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', 0))
        process = self.adopt(own, 'socket=udp4', 'bind=127.0.0.1:{port}',
                             'answer')
        with harness.connect('127.0.0.1:%d' % own.getsockname()[1],
                             socket.SOCK_DGRAM) as client:
            self.assertEqual(harness.ask(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind given'])

    def test_datagrams_that_cannot_be_answered_through_it(self):
        """An IPv6 twin would leave the giver's own socket deaf."""
        own = self.bound(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', 0))
        process = self.adopt(own, 'socket=udp6', 'bind=[::]:{port}')
        self.assertEqual(self.finish(process), ['bind EADDRINUSE'])
        with harness.connect('127.0.0.1:%d' % own.getsockname()[1],
                             socket.SOCK_DGRAM) as client:
            client.send(b'?')
            own.settimeout(harness.DEADLINE)
            self.assertEqual(own.recv(10), b'?')

    def test_a_socket_that_listens_already(self):
        """An inner portexec that binds the number of an outer one, which
        stays: it passes on what it was handed."""
        report = self.probe('--', PORTEXEC, '-q', '-H', 'inherit', '-l',
                            '{port}', env=self.env)
        number = re.search(r':(\d+), until', report['stderr'])[1]
        self.assertEqual(ports(report), [number] * 2)
        self.assertEqual([report['fds'][fd]['listens'] for fd in '34'],
                         [1, 1])
