# SPDX-License-Identifier: ISC
"""Front, keeper and service under adopt: how they start and how they end."""

import collections
import contextlib
import ctypes
import itertools
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import harness
from harness import DEADLINE, PORTEXEC, PROBE, Tree, children, wait_for

ADOPT = ('-q', '-H', 'adopt')

# Signals that portexec forwards; it ends by none of them itself.
FORWARDED = ('HUP INT QUIT TERM USR1 USR2 ALRM WINCH URG IO VTALRM PROF '
             'XCPU XFSZ PWR STKFLT').split() + ['RTMIN', 'RTMAX']

# Says each signal's number; ends by KILL alone.
EARS = '''
import os, signal
for number in signal.valid_signals() - {9, 19, 17}:
    signal.signal(number, lambda number, frame: os.write(1, b'%d\\n' % number))
os.write(1, b'ready\\n')
while True:
    signal.pause()
'''

# Says each signal's number, and ends by KILL alone, also those that a libc
# keeps to itself: so by system calls, whose numbers are its arguments.
RAW_EARS = '''
import ctypes, os, sys
change, wait = map(int, sys.argv[1:])
call, every = ctypes.CDLL(None).syscall, b'\\xff' * 8
call(change, 0, every, None, 8)
heard = os.open('heard', os.O_WRONLY | os.O_CREAT)
while True:
    os.write(heard, b'%d\\n' % call(wait, every, None, None, 8))
'''
# Of the C libraries: glibc's own, and musl's.
PRIVATE = 32, 33, 34
MASK, WAIT, ACTION = {      # rt_sigprocmask, rt_sigtimedwait, rt_sigaction
    'x86_64': (14, 128, 13), 'aarch64': (135, 137, 134)}[platform.machine()]

# Binds the port when the file go is there; answers each connection with a
# number; binds anew after each; ends when there is a file end.
DAEMON = '''
import os, socket, sys, time
while not os.path.exists('go'):
    time.sleep(0.005)
number = 0
while not os.path.exists('end'):
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(('127.0.0.1', int(sys.argv[1])))
        server.listen()
        open('bound', 'w').close()
        client = server.accept()[0]
        number += 1
        client.sendall(b'%d' % number)
        client.close()
'''


def restore_private():
    """For preexec_fn: posix_spawn(3) of glibc, which make(1) uses, has its
    own ignored."""
    for number in PRIVATE:
        ctypes.CDLL(None).syscall(ACTION, number, bytes(64), None, 8)


class Supervised(Tree):
    def script(self, text, *options, **others):
        """Launches sh with it, and reads the line 'ready'."""
        process = self.launch(*ADOPT, *options, '--', 'sh', '-c', text,
                              env=self.env, **others)
        self.assertEqual(process.stdout.readline(), 'ready\n')
        return process

    def ears(self, **options):
        process = self.launch(*ADOPT, '--', sys.executable, '-SEc', EARS,
                              env=self.env, **options)
        self.assertEqual(process.stdout.readline(), 'ready\n')
        return process


class Statuses(Supervised):
    def test_exit_statuses_are_the_services(self):
        for status in (0, 1, 3, 124, *range(125, 256, 10), 255):
            with self.subTest(status=status):
                done = self.run_portexec(*ADOPT, '--', 'sh', '-c',
                                         f'exit {status}', status=status)
                self.assertEqual(done.stderr, '')

    def test_death_by_a_signal_is_the_services(self):
        for name in ('TERM KILL SEGV INT HUP ABRT QUIT USR1 RTMIN'.split() +
                     [32, 33]):
            with self.subTest(name):
                number = name if name in PRIVATE else getattr(
                    signal, 'SIG' + name)
                self.run_portexec(*ADOPT, '--', sys.executable, '-SEc',
                                  'import os, signal; signal.signal(signal.'
                                  f'SIGINT, signal.SIG_DFL); os.kill('
                                  f'os.getpid(), {int(number)})',
                                  status=-number,
                                  preexec_fn=restore_private)

    def end_by_abort(self, *command):
        """The wait status of the command, which may leave a core."""
        def unlimited():
            limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
        process = subprocess.Popen(command, cwd=self.directory, env=self.env,
                                   preexec_fn=unlimited)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -os.WTERMSIG(status)
        return status

    def test_no_second_core(self):
        abort = ('sh', '-c', 'kill -ABRT $$')
        alone = self.end_by_abort(*abort)
        cores = os.listdir(self.directory)
        for name in cores:
            os.remove(self.path(name))
        status = self.end_by_abort(PORTEXEC, *ADOPT, '--', *abort)
        self.assertEqual(os.WTERMSIG(status), os.WTERMSIG(alone))
        self.assertFalse(os.WCOREDUMP(status))
        if not harness.SANITIZED:       # which limits cores itself
            self.assertEqual(len(os.listdir(self.directory)), len(cores))

    def test_not_executed(self):
        self.write('plain', 'text')
        os.mkdir(self.path('folder'))
        for command, status in (('./absent', 127), ('absent-command', 127),
                                ('./plain', 126), ('./folder', 126),
                                ('plain/under', 126)):
            with self.subTest(command):
                self.assert_fails(
                    *ADOPT, '-l', '0', '-l', './socket', '-p', 'port',
                    '-w', 'file=<addr:1>', '--', command,
                    status=status, message=f'execute {command}: ',
                    env={**self.env, 'PATH': '/usr/bin:/bin'})
                self.assertEqual(self.left(), [])

    def test_files_stay_after_a_service_ran(self):
        for text, status in (('exit 0', 0), ('exit 1', 1),
                             ('kill -KILL $$', -signal.SIGKILL)):
            with self.subTest(text):
                self.run_portexec(*ADOPT, '-p', 'port', '-w', 'file=<addr>',
                                  '--', 'sh', '-c', text, status=status)
                self.assertEqual(self.read('file'),
                                 f'127.0.0.1:{self.read("port")}')

    def test_kill_after_values(self):
        for text in '', 'x', '1x', '-1', '+1', ' 1', '1e3', '.', '1.5.5', \
                '0x10', 'inf', 'nan', '86401', '86400.1', '1,5':
            with self.subTest(text):
                self.assert_fails('-k', text, '--', 'true',
                                  message=f"-k '{text}': ")
        for text in '0', '0.5', '.5', '1.', '5', '86400':
            with self.subTest(text):
                self.run_portexec(*ADOPT, '-k', text, '--', 'true')

    def test_no_zombies(self):
        """What the front leaves unreaped would become our child."""
        prctl = ctypes.CDLL(None).prctl
        prctl(36, 1, 0, 0, 0)               # PR_SET_CHILD_SUBREAPER
        try:
            for command, status in (('true', 0), ('false', 1),
                                    ('./absent', 127)) * 5:
                self.run_portexec(*ADOPT, '--', command, status=status)
                self.assertEqual(children(os.getpid()), [])
        finally:
            prctl(36, 0, 0, 0, 0)


class Signals(Supervised):
    def test_each_is_forwarded_once(self):
        process = self.ears()
        for name in FORWARDED:
            number = getattr(signal, 'SIG' + name)
            process.send_signal(number)
            self.assertEqual(process.stdout.readline(), f'{number:d}\n',
                             name)
        os.kill(self.parts(process.pid)[1], signal.SIGKILL)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGKILL)
        self.assertEqual(process.stdout.read(), '')

    def test_those_that_a_libc_keeps_to_itself(self):
        """They are forwarded; and the keeper, which somebody who signals
        every process of the tree reaches too, goes on."""
        process = self.launch(*ADOPT, '--', sys.executable, '-SEc', RAW_EARS,
                              MASK, WAIT, env=self.env,
                              preexec_fn=restore_private)
        keeper, service = self.parts(process.pid)
        wait_for(lambda: os.path.exists(self.path('heard')), 'the service')
        expected = ''
        for number in PRIVATE:
            os.kill(keeper, number)
            process.send_signal(number)
            expected += f'{number}\n'
            wait_for(lambda: self.read('heard') == expected or
                     process.poll() is not None, expected)
            self.assertEqual(self.read('heard'), expected)
        os.kill(service, signal.SIGKILL)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGKILL)

    def test_a_mask_with_those_of_a_libc(self):
        def block():
            call = ctypes.CDLL(None).syscall
            call(MASK, 0, sum(1 << number - 1 for number in PRIVATE).to_bytes(
                8, sys.byteorder), None, 8)
        for handoff in 'inherit', 'adopt':
            os.mkfifo(self.path('fifo'))
            reader = os.open(self.path('fifo'), os.O_RDWR)
            done = self.run_portexec(
                '-q', '-H', handoff, '-p', 'fifo', '--', 'grep', 'SigBlk',
                '/proc/self/status', preexec_fn=block)
            os.close(reader)
            os.unlink(self.path('fifo'))
            self.assertEqual(done.stdout, 'SigBlk:\t0000000380000000\n')

    def test_ignored_on_entry_stays_ignored(self):
        """As under nohup(1), for the front too."""
        for number in signal.SIGHUP, signal.SIGRTMIN:
            process = self.launch(
                *ADOPT, '--', sys.executable, '-SEc', 'import signal; signal.'
                f'signal({int(number)}, signal.SIG_DFL); print("ready", '
                'flush=True); signal.pause()', env=self.env,
                preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
            self.assertEqual(process.stdout.readline(), 'ready\n')
            process.send_signal(number)
            process.send_signal(signal.SIGUSR1)
            self.assertEqual(process.wait(DEADLINE), -signal.SIGUSR1)

    def test_the_services_are_as_inherited(self):
        def disturb():
            signal.pthread_sigmask(signal.SIG_BLOCK, {
                signal.SIGUSR1, signal.SIGCHLD, signal.SIGRTMIN + 3})
            for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTTOU,
                           signal.SIGUSR2):
                signal.signal(number, signal.SIG_IGN)

        def ignore_pipe():
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)

        for change in (None, disturb, ignore_pipe):
            with self.subTest(change):
                alone, under = (json.loads(self.run_portexec(
                    *arguments, program=program, preexec_fn=change).stdout)
                    for program, arguments in (
                        (PROBE, ()), (PORTEXEC, (*ADOPT, '--', PROBE))))
                for key in 'blocked', 'ignored':
                    self.assertEqual(under[key], alone[key])

    def test_process_groups(self):
        process = self.script('echo ready; exec sleep 1000',
                              start_new_session=True)
        keeper, service = self.parts(process.pid)
        self.assertEqual(os.getpgid(process.pid), process.pid)
        self.assertEqual(os.getpgid(service), keeper)
        self.assertEqual(os.getpgid(keeper), keeper)
        self.assertEqual({os.getsid(pid) for pid in (keeper, service)},
                         {process.pid})


class Stops(Supervised):
    STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 1; done'

    def test_wrappers_do_not_relay(self):
        """What is left of the tree ends before the front does."""
        away = 'setsid sh -c "setsid sleep 1000 & sleep 1000" &'
        for name, text in (('child', ''), ('session', away)):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                           signal.SIGQUIT):
                with self.subTest(name, signal=number):
                    process = self.script(
                        f'ulimit -c 0; sleep 1000 & {text} echo ready; wait',
                        '-k', '86400')
                    process.send_signal(number)
                    # TERM alone did it: nobody waits for a day.
                    self.assertEqual(process.wait(DEADLINE), -number)
                    self.assertEqual(self.left(), [])

    def test_kill_follows_term(self):
        for prefix in '', 'setsid ':
            with self.subTest(prefix):
                process = self.script(
                    f"{prefix}sh -c '{self.STUBBORN}' & wait",
                    '-k', '0.7')
                begin = time.monotonic()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
                self.assertGreaterEqual(time.monotonic() - begin, 0.7)
                self.assertEqual(self.left(), [])

    def test_a_signal_to_all_processes(self):
        """As systemd sends it, in any order: it is for the service."""
        for order in itertools.permutations(range(3)):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                           signal.SIGUSR1):
                with self.subTest(order=order, signal=number.name):
                    process = self.script(f'trap "exit 7" {number.value}; '
                                          'echo ready; read -r line',
                                          stdin=subprocess.PIPE)
                    pids = (process.pid, *self.parts(process.pid))
                    self.await_rest()
                    for which in order:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pids[which], number)
                    self.assertEqual(process.wait(DEADLINE), 7)
                    self.assertEqual(self.left(), [])

    def test_stopped_processes_end_too(self):
        process = self.script('sleep 1000 & kill -STOP $!; echo ready; wait',
                              '-k', '86400')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        self.assertEqual(self.left(), [])

    def test_a_service_that_ignores_term_goes_on(self):
        process = self.script('trap "" TERM INT; sleep 1000 & echo ready; '
                              'while :; do read -r line && echo "$line"; '
                              'done', '-k', '0', stdin=subprocess.PIPE)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        process.stdin.write('here\n')
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), 'here\n')
        os.kill(self.parts(process.pid)[1], signal.SIGKILL)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGKILL)
        self.assertEqual(self.left(), [])

    def test_a_clean_end_when_told_is_a_clean_end(self):
        process = self.script('trap "exit 7" TERM; sleep 1000 & echo ready; '
                              'wait')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), 7)
        self.assertEqual(self.left(), [])


class Deaf(Supervised):
    def test_a_wait_that_fails_for_good_ends_the_run(self):
        """poll(2) says EINVAL where it is given more than RLIMIT_NOFILE."""
        for who, message in (('front', 'the keeper: Invalid argument'),
                             ('keeper', 'keeper: poll: Invalid argument')):
            with self.subTest(who):
                # LeakSanitizer would take a descriptor.
                options = os.environ.get('ASAN_OPTIONS', '')
                self.env['ASAN_OPTIONS'] = f'{options}:detect_leaks=0'
                process = self.script('echo ready; exec sleep 1000')
                keeper, _ = self.parts(process.pid)
                resource.prlimit(process.pid if who == 'front' else keeper,
                                 resource.RLIMIT_NOFILE, (1, 1))
                process.send_signal(signal.SIGWINCH)    # both wake up
                self.assertEqual(process.wait(DEADLINE), 125)
                self.assertIn(f'portexec: {harness.said(message)}\n',
                              process.stderr.read())
                self.assert_nothing_left()


class Daemons(Supervised):
    AWAIT_BIND = 'while [ ! -e bound ]; do sleep 0.01; done'

    def leave_daemon(self, before='', after='', **options):
        """Runs a service that starts DAEMON and ends; returns the port."""
        self.write('daemon.py', DAEMON)
        self.run_portexec(
            *ADOPT, '-p', 'port', '--', 'sh', '-c',
            f'{before} {sys.executable} -SE daemon.py "$1" </dev/null '
            f'>daemon.log 2>&1 & {after}', 'sh', '{port}',
            **{'env': self.env, **options})
        return int(self.read('port'))

    def ask(self, port):
        with harness.connect(f'127.0.0.1:{port}') as client:
            return harness.read_all(client).decode()

    def end_daemon(self, port):
        """The keeper goes with it."""
        self.write('end', '')
        with contextlib.suppress(ConnectionError):  # it has seen the file
            self.ask(port)
        self.assert_nothing_left()

    def test_it_binds_after_the_first_process_has_ended(self):
        for before in '', 'setsid':
            with self.subTest(before):
                port = self.leave_daemon(before)
                with harness.connect(f'127.0.0.1:{port}') as client:
                    self.write('go', '')
                    self.assertEqual(harness.read_all(client), b'1')
                self.assertEqual(self.ask(port), '2')       # bound again
                self.end_daemon(port)
                self.assertEqual(self.read('daemon.log'), '')
                os.remove(self.path('end'))
                os.remove(self.path('go'))

    def test_it_had_bound_before(self):
        self.write('go', '')
        port = self.leave_daemon(after=self.AWAIT_BIND)
        self.assertEqual(self.ask(port), '1')
        self.assertEqual(self.ask(port), '2')
        self.end_daemon(port)

    def test_the_keeper_leaves_the_directory(self):
        """Unless a unix path of its own is relative to that."""
        for spec, expected in (('0', '/'), (self.path('s'), '/'), ('@', '/'),
                               ('./s', self.directory)):
            with self.subTest(spec):
                self.run_portexec(
                    *ADOPT, '-l', spec, '--', 'sh', '-c',
                    'sleep 1000 >/dev/null 2>&1 &', env=self.env)
                keeper, = [pid for pid in self.left()
                           if harness.children(pid)]
                self.assertEqual(os.readlink(f'/proc/{keeper}/cwd'),
                                 expected)
                os.kill(harness.children(keeper)[0], signal.SIGTERM)
                self.assert_nothing_left()

    def test_nobody_waits_for_it(self):
        """The keeper holds neither output nor other pipes of the caller's."""
        reading, writing = os.pipe()
        with open(reading) as pipe:
            self.leave_daemon(before='exec 9>&-;',
                              **harness.arrange({9: writing}))
            os.close(writing)
            self.assertEqual(pipe.read(), '')
        self.assertEqual(len(self.left()), 2)
        done = subprocess.run(
            ['sh', '-c', 'x=$("$@" 2>&1); echo "got $x"', 'sh', PORTEXEC,
             *ADOPT, '--', 'sh', '-c', 'echo it; sleep 1000 >/dev/null 2>&1 '
             '&'], env=self.env, capture_output=True, text=True,
            timeout=DEADLINE)
        self.assertEqual(done.stdout, 'got it\n')
        self.assertEqual(len(self.left()), 4)

    def test_the_keeper_holds_no_pipes_while_the_service_runs(self):
        reading, writing = os.pipe()
        process = self.script('echo ready; exec sleep 1000',
                              pass_fds=(writing,))
        keeper = self.parts(process.pid)[0]
        name = os.readlink(f'/proc/self/fd/{writing}')

        def held():
            """Its descriptors; one may be closed meanwhile."""
            for fd in os.listdir(f'/proc/{keeper}/fd'):
                with contextlib.suppress(FileNotFoundError):
                    yield os.readlink(f'/proc/{keeper}/fd/{fd}')

        # It lets go of them once the service is executed.
        wait_for(lambda: name not in held(), 'the keeper to close the pipe')
        os.close(reading)
        os.close(writing)
        for number in 0, 1:
            self.assertEqual(os.readlink(f'/proc/{keeper}/fd/{number}'),
                             '/dev/null')

    def test_a_failed_service_lets_nobody_wait(self):
        """Nobody has bound it: it is closed, whatever else was left, though
        that has the copy at fd 3."""
        self.run_portexec('-q', '-e', 'PORT', '-p', 'port', '--', 'sh', '-c',
                          'sleep 1000 >/dev/null 2>&1 & exit 3',
                          status=3, env=self.env)
        self.assertEqual(len(self.left()), 2)
        with socket.socket() as client, \
                self.assertRaises(ConnectionRefusedError):
            client.connect(('127.0.0.1', int(self.read('port'))))
        keeper, = [pid for pid in self.left() if harness.children(pid)]
        os.kill(harness.children(keeper)[0], signal.SIGTERM)
        self.assert_nothing_left()

    def test_a_failed_service_that_is_held_is_served(self):
        self.write('go', '')
        port = self.leave_daemon(after=self.AWAIT_BIND + '; exit 3',
                                 status=3)
        self.assertEqual(self.ask(port), '1')
        self.end_daemon(port)


# What is not cheap, between the first line of main() and the service's, in
# all processes.
COSTS = {
    ('-H', 'inherit'): {'pidfd_open': 1},
    ('-H', 'inherit', '--no-pid'): {},
    ('-H', 'reserve'): {},
    ('-H', 'adopt'): {'fork': 2, 'socketpair': 2, 'sendmsg': 4},
    ('-e', 'PORT'): {'fork': 2, 'socketpair': 2, 'sendmsg': 4,
                     'pidfd_open': 1},
    ('-c', 'true'): {'fork': 2, 'socketpair': 2, 'sendmsg': 4,
                     'pidfd_open': 1},
    ('-H', 'adopt', '-c', 'true'): {'fork': 2, 'socketpair': 2, 'sendmsg': 4},
}
# A libc makes a process with the call that it likes.
NAMES = {'clone': 'fork', 'clone3': 'fork', 'vfork': 'fork'}


class Costs(Tree):
    if not harness.BRIEF:       # LeakSanitizer and gcov make calls too
        def test_a_launch(self):
            harness.need_strace()
            log = self.path('calls')
            for options, expected in COSTS.items():
                # With -c one that is there until it is told to end.
                service = shutil.which('sleep' if '-c' in options else 'true')
                with self.subTest(options):
                    self.run_portexec(
                        '-f', '-qq', '-e', 'signal=none', '-o', log, PORTEXEC,
                        '-q', *options, '--', service, '1000',
                        program='strace', env=self.env)
                    calls = re.findall(r'^\d+ +(\w+\(.*)', self.read('calls'),
                                       re.M)
                    begin, end = (next(
                        number for number, call in enumerate(calls)
                        if call.startswith(start)) for start in (
                            'rt_sigprocmask(SIG_SETMASK, NULL',
                            f'execve("{service}"'))
                    names = [call.split('(')[0] for call in calls[begin:end]]
                    found = collections.Counter(
                        NAMES.get(name, name) for name in names)
                    self.assertEqual({
                        name: found[name] for name in (
                            'fork', 'socketpair', 'sendmsg', 'pidfd_open')
                        if name in found}, expected)
                    if '-c' not in options:     # at whose end /proc is read
                        self.assertFalse([call for call in calls
                                          if call.startswith('getdents')])
