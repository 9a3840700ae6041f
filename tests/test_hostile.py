# SPDX-License-Identifier: ISC
"""Surroundings that portexec was not made for, and other users who mean it
ill: it works, or says in one line why not, and leaves nothing behind.

What is not here is with what it is about: full disks and files that are too
large in test_statuses.py, numbers that are used up in test_ports.py, storms
of bind(2) and shutdown(2) in test_binds.py, links in test_files.py.
"""

import contextlib
import itertools
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import unittest

import harness
from harness import (BINDER, PORTEXEC, PROBE, connect, in_namespace,
                     read_all, said)
from test_statuses import limit

TCP = ('socket=tcp4', 'set=reuseaddr:1', 'bind=127.0.0.1:{port}', 'listen')
HANDOFFS = {
    'inherit': ('-H', 'inherit'),
    'adopt': ('-e', 'PORT'),
    'reserve': ('-H', 'reserve'),
    'inherit, a client': ('-H', 'inherit', '-c', 'exit 0'),
    'adopt, a client': ('-e', 'PORT', '-c', 'exit 0'),
    'reserve, a client': ('-H', 'reserve', '-c', 'exit 0'),
}
FELL_BACK = re.compile('portexec: adopt: (.*); so reserve: ')
ANNOUNCED = re.compile(r'portexec: (listening on .*|\d+ reserved for .*)')
ANOTHER = 65533     # a user, as 65534 is

READ_ONLY = 'mount -t tmpfs -o ro none "$1"'
YAMA = '''
mount -t proc none /proc && mount -t tmpfs none "$1" && mkdir "$1/yama" &&
echo %d >"$1/yama/ptrace_scope"
'''
MOUNTED = '''
sh -c "$mount" sh "$1" || exit 99
cd "$2" && shift 2
exec "$@"
'''


def load_tests(loader, tests, pattern):
    """The sanitizers need /proc, and descriptors, for themselves."""
    return unittest.TestSuite() if harness.SANITIZED else tests


class Hostile(harness.Binding):
    def run_in_mount(self, where, folder, *arguments, mount=READ_ONLY,
                     program=(PORTEXEC,)):
        """portexec, with an empty file system that is read-only somewhere, or
        what mount, a script, makes of it."""
        # To mount a /proc takes a PID namespace.
        flags = '-m' if mount == READ_ONLY else '-mpf'
        if not harness.is_root():
            flags += 'r'
        done = subprocess.run(
            ['unshare', flags, 'sh', '-c', MOUNTED, 'sh', where, folder,
             *program, *arguments], cwd=self.directory,
            env={**self.env, 'mount': mount}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=harness.DEADLINE)
        if done.returncode in (1, 99):
            self.skipTest('no file system can be mounted here')
        self.assert_nothing_left()
        return done

    def lines(self, done):
        """Why adopt was impossible, or '', and why portexec failed, or ''."""
        lines = [line for line in done.stderr.splitlines()
                 if not ANNOUNCED.match(line)]
        fell_back = FELL_BACK.match(lines[0]) if lines else None
        lines = lines[1:] if fell_back else lines
        self.assertLessEqual(len(lines), 1, done.stderr)
        return (fell_back[1] if fell_back else '',
                lines[0].removeprefix('portexec: ') if lines else '')


def first(code):
    """The words before a command, which do this before they execute it."""
    return (sys.executable, '-c', f'import os, socket, sys; {code}; '
            'os.execv(sys.argv[1], sys.argv[1:])')


def service(name):
    """One that a client, if there is one, finds; it ends when told."""
    if 'client' not in name:
        return ('true',)
    if 'inherit' in name:
        return (BINDER, 'wait=never')
    return (BINDER, *TCP, 'wait=never')


class Limits(Hostile):
    def test_standard_descriptors_that_are_closed(self):
        """They are in the service, and in the client, too."""
        for (name, options), count in itertools.product(
                HANDOFFS.items(), range(4)):
            what = (PROBE, '-o', 'report')
            if 'client' in name:
                options = (*options[:-1], 'exec ' + ' '.join(what))
                what = ('sh', '-c', 'exec "$@" >/dev/null', 'sh',
                        *service(name))
            for closed in itertools.combinations(range(3), count):
                with self.subTest(name, closed=closed):
                    self.run_portexec(
                        '-q', *options, '--', *what, env=self.env,
                        stdin=None, stdout=None, stderr=None,
                        **harness.arrange(closed=closed))
                    fds = json.loads(self.read('report'))['fds']
                    os.unlink(self.path('report'))
                    self.assertEqual([
                        fd for fd in range(3) if fds.get(str(fd), {}).get(
                            'link') in (None, self.path('report'))],
                        list(closed))
                    self.assert_nothing_left()

    def test_so_few_descriptors(self):
        """From hardly any to enough."""
        for name, options in HANDOFFS.items():
            for most in range(4, 26):       # the loader needs one
                with self.subTest(name, most=most):
                    done = self.run_portexec(
                        *options, '--', *service(name), status=None,
                        env=self.env,
                        preexec_fn=limit(resource.RLIMIT_NOFILE, most))
                    reasons = self.lines(done)
                    for reason in filter(None, reasons):
                        self.assertRegex(reason,
                                         said('.+: Too many open files$'))
                    self.assertEqual(done.returncode,
                                     125 if reasons[1] else 0, done.stderr)
                    if most < 5:
                        self.assertEqual(reasons[1], said(
                            'listen on 127.0.0.1:0: Too many open files'))
                    self.assert_nothing_left()
            self.assertEqual(reasons, ('', ''), name)

    if harness.COUNTED:         # gcov needs some for itself
        del test_so_few_descriptors

    def test_no_process_may_be_made(self):
        why = 'fork: Resource temporarily unavailable'
        user = self.as_ordinary_user()
        for name, options in HANDOFFS.items():
            with self.subTest(name):
                done = self.run_portexec(
                    *options, 'true', status=125 if 'client' in name else 0,
                    **user, preexec_fn=limit(resource.RLIMIT_NPROC, 0))
                self.assertEqual(self.lines(done), (
                    why if name == 'adopt' else '',
                    why if 'client' in name else ''))

    def test_no_proc(self):
        why = '/proc: it does not show the service'
        for name, options in HANDOFFS.items():
            with self.subTest(name):
                done = self.run_in_mount('/proc', '.', *options, 'true')
                self.assertEqual((done.returncode, self.lines(done)), (
                    125 if 'client' in name else 0,
                    (why if name == 'adopt' else '',
                     why if 'client' in name else '')))

    def test_proc_without_net(self):
        """Nobody could say when a reserved port has a service."""
        why = ('-c with a reserved port takes /proc/net/tcp: '
               'No such file or directory')
        mount = 'mount -t proc -o subset=pid none "$1"'
        for name, options in HANDOFFS.items():
            with self.subTest(name):
                failed = name == 'reserve, a client'
                # The client is to end first.
                service = (['tail', '-f', '/dev/null'] if 'client' in name
                           else ['true'])
                done = self.run_in_mount('/proc', '.', *options, *service,
                                         mount=mount)
                self.assertEqual((done.returncode, self.lines(done)), (
                    125 if failed else 0, ('', why if failed else '')))

    def test_yama(self):
        """Says what does not permit it, and what would."""
        deny = os.path.join(harness.BUILD, 'tests', 'deny')
        for scope, remedy in (2, '1, or run as root'), (3, '1 at boot'):
            with self.subTest(scope):
                done = self.run_in_mount(
                    '/proc/sys/kernel', '.', '-e', 'PORT', 'true',
                    mount=YAMA % scope, program=(
                        deny, 'process_vm_readv', 'EPERM', PORTEXEC))
                self.assertEqual((done.returncode, self.lines(done)), (0, (
                    "the service's memory cannot be read: "
                    f'kernel.yama.ptrace_scope is {scope} (set it to '
                    f'{remedy})', '')))

    def test_a_file_system_that_is_read_only(self):
        os.mkdir(self.path('ro'))
        for options, what in (
                (('-p', 'port'), 'write port'),
                (('-w', 'file=<addr>'), 'write file'),
                (('-c', 'exit 0', '-p', 'port'), 'write port'),
                (('-l', './sock'), 'listen on ./sock')):
            for mode in (), ('-H', 'adopt'):
                with self.subTest(what, mode=mode):
                    done = self.run_in_mount('ro', 'ro', *mode, *options,
                                             '--', 'true')
                    self.assertEqual((done.returncode, self.lines(done)), (
                        125, ('', f'{what}: Read-only file system')))

    def test_an_environment_of_two_megabytes(self):
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        large = {f'LARGE{number}': 100000 * 'x' for number in range(21)}
        for name, options in HANDOFFS.items():
            with self.subTest(name):
                done = self.run_portexec(
                    *options, '--', *service(name),
                    env={**self.env, **large},
                    preexec_fn=lambda: resource.setrlimit(
                        resource.RLIMIT_STACK, (hard, hard)))
                self.assertEqual(self.lines(done), ('', ''))


class Services(Hostile):
    def test_closes_every_descriptor(self):
        """Its bind() is answered all the same."""
        process, address = self.start(*TCP, 'answer', before=first(
            'os.closerange(3, 1 << 16)'))
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind given'])

    def test_shuts_down_a_socket_that_it_was_passed(self):
        """Its number can be bound again, and is then served."""
        process, address = self.start(
            *TCP, 'touch=bound', 'answer', options=('-H', 'inherit'),
            before=first('socket.socket(fileno=3).shutdown(2)'))
        self.wait_for_file('bound')
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind own'])

    def test_is_stopped(self):
        """A client waits until it goes on."""
        process, address = self.start(*TCP, 'touch=bound', 'answer')
        self.wait_for_file('bound')
        _, pid = self.parts(process.pid)
        os.kill(pid, signal.SIGSTOP)
        with connect(address) as client:
            os.kill(pid, signal.SIGCONT)
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind given'])


class WithoutIPv6(Hostile):
    def serve_adopted(self, **options):
        process, address = self.start(*TCP, 'answer', **options)
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.assertEqual(self.finish(process), ['bind given'])

    def test_not_in_the_kernel(self):
        self.serve_adopted(preexec_fn=harness.refuse_ipv6)

    @in_namespace
    def test_switched_off(self):
        self.sysctl('net/ipv6/conf/all/disable_ipv6', 1)
        self.serve_adopted()


CONNECTOR = '''
import os, socket, sys
kind, count, path = getattr(socket, sys.argv[1]), 0, sys.argv[2]
os.setuid(int(sys.argv[3]))
print('ready', flush=True)
while not os.path.exists('over'):
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.setblocking(False)
        try:
            client.connect(path)
            count += 1
        except OSError:
            pass
print(count)
'''


class SharedMachine(Hostile):
    """In a folder where all may write, as /tmp is, with another user."""

    def setUp(self):
        super().setUp()
        if not harness.is_root():
            self.skipTest('not root, to be two users')
        self.user = self.as_ordinary_user()
        os.mkdir(self.path('shared'))
        os.chmod(self.path('shared'), 0o1777)

    def as_another(self, code):
        subprocess.run([sys.executable, '-c', 'import os, socket\n'
                        f'os.setuid({ANOTHER})\n' + code], check=True,
                       cwd=self.path('shared'))

    def owner(self, name):
        return os.lstat(self.path(f'shared/{name}')).st_uid

    def test_fifo_at_the_port_file(self):
        """The one who planted it may learn the number, and no more."""
        self.as_another('os.mkfifo("port"); os.chmod("port", 0o666)')
        with open(os.open(self.path('shared/port'), os.O_RDWR)) as fifo:
            self.run_portexec('-q', '-p', 'shared/port', 'true', **self.user)
            self.assertRegex(fifo.readline(), r'\d+\n')
        self.assertEqual(self.owner('port'), ANOTHER)
        os.chmod(self.path('shared/port'), 0o600)
        self.assert_fails('-p', 'shared/port', 'true', exact=True, **self.user,
                          message='write shared/port: Permission denied')

    def test_names_of_temporary_files(self):
        """None that is there is taken, and no link is followed."""
        harness.need_strace()
        log = self.path('log')
        self.run_portexec('-f', '-qq', '-o', log, '-e', 'trace=open,openat',
                          PORTEXEC, '-p', 'shared/port', 'true',
                          program='strace')
        names = re.findall(r'"shared/(\.portexec-\w+)", (\S+),',
                           self.read('log'))
        self.assertEqual([flags.split('|')[:3] for _, flags in names],
                         [['O_RDWR', 'O_CREAT', 'O_EXCL']])

    def test_paths_of_sockets(self):
        """One of another user stays, be somebody there or not."""
        self.as_another('''
for name, mode in ('stale', 0o666), ('closed', 0o600):
    one = socket.socket(socket.AF_UNIX)
    one.bind(name)
    os.chmod(name, mode)
''')
        for name in 'stale', 'closed':
            with self.subTest(name):
                self.assert_fails(
                    '-l', f'./shared/{name}', 'true', exact=True, **self.user,
                    message=f'listen on ./shared/{name}: Address already in '
                    'use')
                self.assertEqual(self.owner(name), ANOTHER)

    def test_path_of_somebody_who_is_there(self):
        for mode in 0o666, 0o600, 0:
            with self.subTest(mode), socket.socket(socket.AF_UNIX) as live:
                path = self.path('shared/live')
                live.bind(path)
                live.listen()
                os.chmod(path, mode)
                for user in self.user, {}:
                    self.assert_fails(
                        '-l', './shared/live', 'true', exact=True, **user,
                        message='listen on ./shared/live: Address already in '
                        'use')
                self.assertTrue(stat.S_ISSOCK(os.lstat(path).st_mode))
                os.unlink(path)

    def count_connections(self, kind, option, launches):
        """Of another user, who does nothing but try."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path('over'))
        connector = self.launch(
            '-c', CONNECTOR, {'unix': 'SOCK_STREAM',
                              'unixgram': 'SOCK_DGRAM'}[kind],
            'shared/sock', ANOTHER, program=sys.executable)
        self.assertEqual(connector.stdout.readline(), 'ready\n')
        for _ in range(launches):
            self.run_portexec('-q', '-l', f'{kind}:./shared/sock{option}',
                              'sh', '-c', 'sleep 0.01; rm shared/sock',
                              **self.user,
                              preexec_fn=lambda: os.umask(0))
        self.write('over', '')
        return int(connector.stdout.read())

    def test_no_moment_in_which_another_user_connects(self):
        for kind in 'unix', 'unixgram':
            with self.subTest(kind):
                self.assertEqual(self.count_connections(kind, '', 100), 0)
                self.assertGreater(
                    self.count_connections(kind, ',mode=0666', 10), 0)


if __name__ == '__main__':
    unittest.main()
