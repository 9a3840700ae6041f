# SPDX-License-Identifier: ISC
"""libsystemd as the judge of what is passed: see tests/probes/sdprobe.c."""

import contextlib
import json
import os
import shutil
import socket
import sys

import harness
from harness import PORTEXEC, SDPROBE, environment

EINVAL = -22
UNIX, INET, INET6 = socket.AF_UNIX, socket.AF_INET, socket.AF_INET6
STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
PACKET = socket.SOCK_SEQPACKET

# As libsystemd has it since version 259, which this machine's may precede:
# what it does with LISTEN_PIDFDID, then the program that follows.
CHECK_PIDFDID = '''
import os, sys
given = os.environ.get('LISTEN_PIDFDID')
own = os.fstat(os.pidfd_open(os.getpid())).st_ino
unique = own != os.fstat(os.pidfd_open(os.getppid())).st_ino
if given != (str(own) if unique else None):
    sys.exit(f'LISTEN_PIDFDID={given}, but the inode is {own}')
os.execv(sys.argv[1], sys.argv[1:])
'''


class Systemd(harness.Case):
    def judge(self, *arguments, env=None, **options):
        """What libsystemd says in the sdprobe that arguments end with."""
        done = self.run_portexec(*arguments, SDPROBE, env=env, **options)
        return json.loads(done.stdout)

    def assert_names(self, names, *arguments, **options):
        """libsystemd finds as many listening TCP sockets, so named."""
        found = self.judge(*arguments, **options)
        self.assertEqual((found['fds'], found['names']),
                         (len(names), list(names)))
        for one in found['sockets']:
            self.assertEqual((one['family'], one['type'], one['listening']),
                             (INET, STREAM, 1))
            self.assertGreater(one['inet'], 0)
        ports = [one['inet'] for one in found['sockets']]
        self.assertEqual(len(set(ports)), len(names))


class Shapes(Systemd):
    def test_one(self):
        self.assert_names(['unknown'], '--')

    def test_several_with_names(self):
        self.assert_names(['web', 'unknown', 'web', 'a.b c'], '-l', 'web=0',
                          '-l', '0', '-l', 'web=127.0.0.1:0',
                          '-l', 'a.b c=0')

    def test_the_longest_name(self):
        self.assert_names(['x' * 255], '-l', 'x' * 255 + '=0')

    def test_types(self):
        cases = {'0': (INET, STREAM, 1), 'udp:0': (INET, DGRAM, 0),
                 '*:0': (INET6, STREAM, 1), './s': (UNIX, STREAM, 1),
                 'unixgram:./g': (UNIX, DGRAM, 0), '@': (UNIX, STREAM, 1),
                 'unixpacket:./p': (UNIX, PACKET, 1)}
        options = [word for spec in cases for word in ('-l', spec)]
        found = self.judge(*options)
        self.assertEqual(found['fds'], len(cases))
        for one, (spec, expected) in zip(found['sockets'], cases.items()):
            with self.subTest(spec=spec):
                self.assertEqual(
                    (one['family'], one['type'], one['listening']), expected)
                self.assertEqual(one['inet'] > 0, expected[0] != UNIX)

    def test_ipv6_loopback(self):
        found = self.judge('-l', '[::1]:0', '-l', 'udp:[::1]:0')
        self.assertEqual(
            [(one['family'], one['type']) for one in found['sockets']],
            [(INET6, STREAM), (INET6, DGRAM)])
        self.assertTrue(all(one['inet'] for one in found['sockets']))

    def test_reserve_passes_none(self):
        self.assertEqual(self.judge('-H', 'reserve')['fds'], 0)


class Identity(Systemd):
    def test_stale_variables_do_no_harm(self):
        cases = {'LISTEN_FDS': ('0', '5', '-1', 'x', ''),
                 'LISTEN_PID': ('1', '0', 'x', '', str(os.getpid())),
                 'LISTEN_PIDFDID': ('1', '0', 'x', ''),
                 'LISTEN_FDNAMES': ('', 'a:b:c', '127.0.0.1:80'),
                 'LISTEN_FDS_FIRST_FD': ('7', 'x')}
        for name, values in cases.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.assert_names(['web'], '-l', 'web=0',
                                      env=environment(**{name: value}))
        self.assert_names(['web'], '-l', 'web=0', env=environment(
            **{name: values[0] for name, values in cases.items()}))

    def test_no_pid_finds_none(self):
        self.assertEqual(self.judge('--no-pid')['fds'], 0)

    def test_wrappers(self):
        """One that forks has another pid; one that executes keeps it."""
        for wrapper in (['env'], ['nice'], ['sh', '-c', 'exec "$@"', 'sh']):
            with self.subTest(wrapper=wrapper):
                self.assert_names(['unknown'], '--', *wrapper)
        for wrapper in (['sh', '-c', '"$@"; true', 'sh'], ['timeout', '60']):
            with self.subTest(wrapper=wrapper):
                self.assertEqual(self.judge('--', *wrapper)['fds'], 0)

    def test_pidfd_id_before_and_after_exec(self):
        check = [sys.executable, '-c', CHECK_PIDFDID]
        self.assert_names(['unknown'], '--', *check,
                          env=environment(LISTEN_PIDFDID='1'))
        self.assert_names(['a', 'b'], '-l', 'a=0', '--', PORTEXEC, '-l',
                          'b=0', '--', *check)

    def test_a_new_pidfd_id_in_a_forked_portexec(self):
        self.assert_names(
            ['b'], '-l', 'a=0', '--', 'sh', '-c', '"$@"; true', 'sh',
            PORTEXEC, '-l', 'b=0', '--', sys.executable, '-c', CHECK_PIDFDID)


class Chains(Systemd):
    def test_two_and_three(self):
        self.assert_names(['web', 'admin'], '-l', 'web=0', '--',
                          PORTEXEC, '-l', 'admin=0', '--')
        self.assert_names(['web', 'admin', 'unknown'], '-l', 'web=0', '--',
                          PORTEXEC, '-l', 'admin=0', '--',
                          PORTEXEC, '-l', '0', '--')

    def test_the_default_socket_is_not_added(self):
        self.assert_names(['web'], '-l', 'web=0', '--', PORTEXEC, '--')

    def test_behind_a_wrapper_that_forks(self):
        """The outer one's are stale then, and replaced."""
        self.assert_names(['admin'], '-l', 'web=0', '-l', '0', '--', 'sh',
                          '-c', '"$@"; true', 'sh', PORTEXEC, '-l',
                          'admin=0', '--')

    def test_mends_what_libsystemd_would_refuse(self):
        """Each shape is shown to be refused, then passed through."""
        for change in ('LISTEN_FDNAMES=a:b', 'LISTEN_FDNAMES=127.0.0.1:80',
                       'LISTEN_FDNAMES=:'):
            with self.subTest(change=change):
                wrapper = ['--', 'sh', '-c', f'{change} exec "$@"', 'sh']
                self.assertEqual(self.judge(*wrapper)['fds'], EINVAL)
                self.assert_names(['unknown'], *wrapper, PORTEXEC, '--')

    def test_passes_on_what_libsystemd_accepts(self):
        """Without names, or an empty one, "unknown" is the name."""
        for change in ('unset LISTEN_FDNAMES;', 'LISTEN_FDNAMES=',
                       'LISTEN_FDNAMES=unknown'):
            with self.subTest(change=change):
                self.assert_names(
                    ['unknown'], '--', 'sh', '-c', f'{change} exec "$@"',
                    'sh', PORTEXEC, '--')

    def test_no_sockets_passed(self):
        """LISTEN_FDS=0 is an error to libsystemd, and never said."""
        wrapper = ['--', 'sh', '-c', 'LISTEN_FDS=0 exec "$@"', 'sh']
        self.assertEqual(self.judge(*wrapper)['fds'], EINVAL)
        self.assert_names(['unknown'], *wrapper, PORTEXEC, '--')


class SocketActivate(Systemd):
    """Under systemd-socket-activate, which waits for a client, and takes
    no port 0."""

    def setUp(self):
        super().setUp()
        if shutil.which('systemd-socket-activate') is None:
            self.skipTest('systemd-socket-activate is not installed')

    def activate(self, address, *options, service):
        """Starts it, becomes its client, and returns what sdprobe says."""
        process = self.launch(
            *options, '--', *service, SDPROBE,
            program='systemd-socket-activate')
        with harness.wait_for(lambda: self.attempt(address, process),
                              'systemd-socket-activate'):
            output, errors = process.communicate(timeout=harness.DEADLINE)
        self.assertEqual(process.returncode, 0, errors)
        return json.loads(output)

    def attempt(self, address, process):
        if process.poll() is not None:
            raise AssertionError(process.stderr.read())
        try:
            return harness.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except ConnectionResetError:    # what it started has ended already
            return contextlib.nullcontext()

    def test_unix_socket(self):
        path = self.path('s')
        found = self.activate(path, '--fdname=web', '-l', path,
                              service=[PORTEXEC, '-l', 'more=0', '--'])
        self.assertEqual(found['names'], ['web', 'more'])
        self.assertEqual([(one['family'], one['type'], one['listening'])
                          for one in found['sockets']],
                         [(UNIX, STREAM, 1), (INET, STREAM, 1)])

    def test_without_names(self):
        path = self.path('s')
        found = self.activate(path, '-l', path, service=[PORTEXEC, '-l',
                              'more=0', '--', PORTEXEC, '--'])
        self.assertEqual(found['names'], ['unknown', 'more'])

    def test_port_that_portexec_keeps_free(self):
        process = self.launch(
            '-q', '-H', 'reserve', '-p', 'port', '--',
            'systemd-socket-activate', '--fdname=web', '-l', '{port}', '--',
            PORTEXEC, '-l', 'more=0', '--', SDPROBE)
        number = int(harness.wait_for(
            lambda: os.path.exists(self.path('port')) and self.read('port'),
            'the port'))
        # Given a bare port it listens on [::], or without IPv6 on 0.0.0.0.
        with harness.wait_for(
                lambda: self.attempt(f'127.0.0.1:{number}', process),
                'systemd-socket-activate'):
            output, errors = process.communicate(timeout=harness.DEADLINE)
        self.assertEqual(process.returncode, 0, errors)
        found = json.loads(output)
        self.assertEqual(found['names'], ['web', 'more'])
        self.assertEqual(found['sockets'][0]['inet'], number)
        self.assertEqual([one['listening'] for one in found['sockets']],
                         [1, 1])
