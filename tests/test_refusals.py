# SPDX-License-Identifier: ISC
"""Where adopt is impossible, or possible only in part."""

import os
import re
import shutil
import socket

import harness
from harness import DENY, connect, read_all

WAIT_KILLABLE_RECV, NEW_LISTENER = 32, 8
OF_SECCOMP = 0x2000     # a bit of '!' in seccomp's requests of ioctl(2)
TCP, HERE = 'socket=tcp4', 'bind=127.0.0.1:{port}'
SERVICE = [TCP, 'set=reuseaddr:1', HERE, 'listen', 'touch=bound', 'answer',
           'show=pid']

# what is denied, with what: the reason that is said
REASONS = {
    ('seccomp', 'EPERM'): 'seccomp is not permitted here',
    ('seccomp', 'ENOSYS'): 'this kernel has no seccomp user notification',
    (f'seccomp,{NEW_LISTENER}', 'EINVAL'):
        'this kernel has no seccomp user notification',
    (f'ioctl,{OF_SECCOMP}', 'EINVAL'):
        'this kernel cannot hand a socket over: that takes Linux 5.9',
    ('process_vm_readv', 'EPERM'):
        "the service's memory cannot be read: Operation not permitted",
    ('process_vm_readv', 'ENOSYS'):
        "the service's memory cannot be read: Function not implemented",
}


class Refusals(harness.Binding):
    def setUp(self):
        super().setUp()
        self.deny, self.portexec = DENY, harness.PORTEXEC
        if self.ordinary:
            self.deny = shutil.copy(DENY, self.path('deny'))
            self.portexec = self.user['program']

    def start_denied(self, call, error, *arguments):
        return self.launch(call, error, self.portexec, *arguments,
                           env=self.env, **{**self.user,
                                            'program': self.deny})

    def assert_reserve(self, process, reason, service):
        """The number that was taken is kept, the service is portexec's own
        process, and nothing listens until it does."""
        self.assertEqual(
            process.stderr.readline(), f'portexec: adopt: {reason}; so '
            f'reserve: nothing listens before {service} does\n')
        found = re.fullmatch(rf'portexec: (\d+) reserved for {service}\n',
                             process.stderr.readline())
        address = f'127.0.0.1:{found[1]}'
        with self.assertRaises(ConnectionRefusedError):
            connect(address)
        self.write('go', '')
        self.wait_for_file('bound')
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process),
                         ['bind own', f'pid {process.pid}'])
        self.assertEqual(process.said, '')
        self.assert_nothing_left()
        os.unlink(self.path('go'))
        os.unlink(self.path('bound'))

    def assert_refused(self, reason, *arguments, **options):
        """Status 125, the reason, and nothing that was there is left."""
        done = self.assert_fails(
            *arguments, message='adopt: ' + reason, exact=True,
            **{'env': self.env, **self.user, **options})
        self.assertEqual(done.stdout, '')
        self.assert_nothing_left()

    def test_reserve_instead(self):
        for denied, reason in REASONS.items():
            with self.subTest(denied):
                self.assert_reserve(
                    self.start_denied(*denied, '--', self.binder, 'wait=go',
                                      *SERVICE), reason, self.binder)

    def test_no_reserve_instead(self):
        asked = {'-H adopt': ['-H', 'adopt'], '--map': ['-m', '8080'],
                 'udp': ['-l', 'udp:0'], 'tcp and udp': ['-l', 'tcp+udp:0'],
                 'unix': ['-l', './socket'],
                 'tcp and unix': ['-l', '0', '-l', './socket']}
        for denied, reason in REASONS.items():
            for name, options in asked.items():
                with self.subTest(denied, asked=name):
                    self.assert_refused(
                        reason, *denied, self.portexec, *options, '-w',
                        'f={addr}', '--', self.binder, 'touch=started',
                        program=self.deny)

    def test_a_second_listener(self):
        """A shell in between: the inner one takes no socket of the outer."""
        self.write('between', '"$@"\nexit $?\n')
        process = self.launch(
            '-q', '-H', 'adopt', '--', 'sh', 'between', self.portexec, '--',
            self.binder, 'wait=go',
            *(step.replace('{port}', '{{port}}') for step in SERVICE[:-1]),
            env=self.env, **self.user)
        self.assertEqual(
            process.stderr.readline(), 'portexec: adopt: another seccomp '
            'listener is there already; so reserve: nothing listens before '
            f'{self.binder} does\n')
        port = process.stderr.readline().split()[1]
        self.write('go', '')
        self.wait_for_file('bound')
        with connect('127.0.0.1:' + port) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind own'])
        self.assert_nothing_left()

    def test_a_second_listener_with_inherited_sockets(self):
        self.assert_refused(
            'another seccomp listener is there already: the portexec around '
            'this one needs -H inherit, and no -m', '-q', '-e', 'PORT',
            '--', self.portexec, '-q', '--', self.binder, '{{port}}')

    def test_set_user_id(self):
        """An ordinary user's service could not have its rights under the
        filter; root needs no such promise."""
        service = shutil.copy(harness.BINDER, self.path('service'))
        for mode in 0o4755, 0o2755:
            for path in (None, self.directory, '/nowhere::/nowhere',
                         '/nowhere:', ':/nowhere', ''):
                env = self.env if path is None else {**self.env, 'PATH': path}
                name = service if path is None else 'service'
                os.chmod(service, mode)
                with self.subTest(oct(mode), name=name, path=path):
                    if harness.is_root() and not self.ordinary:
                        done = self.run_portexec(
                            '--', name, TCP, HERE, env=env)
                        self.assertEqual(done.stdout, 'bind given\n')
                        continue
                    self.assert_reserve(
                        self.launch('--', name, 'wait=go', *SERVICE, env=env,
                                    **self.user),
                        f'{name} is set-user-ID or set-group-ID', name)
                    self.assert_refused(
                        f'{name} is set-user-ID or set-group-ID', '-m',
                        '8080', '--', name, '{port}', env=env)

    def test_a_path_of_the_services_own(self):
        """Where a set-user-ID COMMAND would be looked for."""
        for path, status in (self.directory, 0), ('/nowhere', 127):
            shutil.copy(harness.BINDER, self.path('service'))
            self.run_portexec('-q', '-e', f'PATH={path}', '--', 'service',
                              TCP, HERE, status=status, **self.user)

    def test_a_kernel_without_killable(self):
        """The call may be issued again after it was answered."""
        for mode in 'restart', 'interrupt':
            with self.subTest(mode):
                process = self.start_denied(
                    f'seccomp,{WAIT_KILLABLE_RECV}', 'EINVAL', '--',
                    self.binder, 'timer=' + mode,
                    'storm=2,4000,127.0.0.1:{port}', 'timer=off', TCP, HERE,
                    'listen', 'answer')
                with connect(self.announced(process)) as client:
                    self.assertEqual(read_all(client), b'0\n')
                self.assertEqual(self.finish(process),
                                 ['storm 4000', 'bind given'])

    def test_no_copy_of_the_descriptor(self):
        """As in a container: all but what takes a look at the socket."""
        patterns = {
            'tcp': ([TCP, 'set=keepcnt:3', HERE, 'show=keepcnt'], 'tcp:0'),
            'tcp6': (['socket=tcp6', 'bind=[::]:{port}'], 'tcp:0'),
            'flags': ([TCP, 'nonblock', 'cloexec', HERE, 'show=nonblock',
                       'show=cloexec'], 'tcp:0'),
            'dup': ([TCP, 'dup', HERE, 'use=1'], 'tcp:0'),
            'udp': (['socket=udp4', HERE], 'udp:0'),
            'udp6': (['socket=udp6', 'bind=[::]:{port}'], 'udp:0'),
            'unix': (['socket=unix', 'bind={addr}'], '@' + self.directory),
            'another type': (['socket=udp4', HERE, TCP, HERE], 'tcp:0'),
        }
        shown = {'tcp': ['keepcnt 9'], 'flags': ['nonblock 1', 'cloexec 1'],
                 'another type': ['bind given']}
        for name, (steps, listen) in patterns.items():
            with self.subTest(name):
                process = self.start_denied(
                    'pidfd_getfd', 'EPERM', '-l', listen, '--', self.binder,
                    *steps, *(['listen'] if 'udp' not in listen else []),
                    'answer')
                address = self.announced(process)
                with connect(address, socket.SOCK_DGRAM if 'udp' in listen
                             else socket.SOCK_STREAM) as client:
                    answer = (harness.ask(client) if 'udp' in listen else
                              read_all(client))
                self.assertRegex(answer, br'[01]\n')
                first = 'own' if name == 'another type' else 'given'
                self.assertEqual(self.finish(process),
                                 ['bind ' + first] + shown.get(name, []))

    def test_no_copy_of_an_epoll_instance(self):
        """It could not hear of our socket: so the service, in each of its
        lives, binds its own."""
        self.write('twice', '"$@" touch=first wait=go answer && '
                   '"$@" touch=second wait=again event answer\n')
        process = self.start_denied(
            'pidfd_getfd', 'EPERM', '--', 'sh', 'twice', self.binder, TCP,
            'epoll=level', 'set=reuseaddr:1', HERE, 'listen')
        address = self.announced(process)
        for name, go in ('first', 'go'), ('second', 'again'):
            self.wait_for_file(name)
            with connect(address) as client:
                self.write(go, '')
                self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), [
            'bind own', 'bind own', 'event fedcba9876543210'])
        self.assertRegex(
            process.said, r'^portexec: process \d+ has an epoll instance that '
            r'cannot be reached: Operation not permitted; it binds '
            rf'{address} itself\n$')

    def test_no_copy_of_an_epoll_instance_nor_another_socket(self):
        """What it cannot bind fails, rather than hang."""
        for listen, steps, said in (
                ('udp:0', ['socket=udp4', 'epoll=level', HERE],
                 ['bind EADDRINUSE']),
                ('0', [TCP, HERE, TCP, 'epoll=level', HERE],
                 ['bind given', 'bind EADDRINUSE']),
                ('0', [TCP, HERE, 'socket=tcp6', 'epoll=level',
                       'set=reuseaddr:1', 'bind=[::1]:{port}'],
                 ['bind given', 'bind own'])):
            with self.subTest(steps):
                process = self.start_denied(
                    'pidfd_getfd', 'EPERM', '-l', listen, '--', self.binder,
                    *steps)
                self.announced(process)
                self.assertEqual(self.finish(process), said)
                self.assertIn('has an epoll instance that cannot be reached',
                              process.said)

    def test_no_pidfd(self):
        process = self.start_denied('pidfd_open', 'ENOSYS', '--',
                                    self.binder, TCP, HERE, 'listen',
                                    'answer')
        with connect(self.announced(process)) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind given'])
        self.assert_nothing_left()


if harness.is_root():
    class RefusalsOfAnOrdinaryUser(Refusals):
        ordinary = True
