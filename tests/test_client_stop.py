# SPDX-License-Identifier: ISC
"""--client: portexec is told to stop, or killed; and many runs in a row."""

import concurrent.futures
import contextlib
import functools
import os
import select
import shlex
import signal
import subprocess
import sys
import time

import harness
from harness import DEADLINE, PORTEXEC, Session, wait_for
from test_terminal import PROMPT, InTerminal

SERVE = 'listen(); serve()'
TOLD = ('INT', 'TERM', 'HUP', 'QUIT')
# Both say that they are there; they end in the order in which they are told.
READY = 'touch marks/client; exec sleep 1000'
CLIENT = 'trap "echo client; exit 7" {}; touch marks/client; ' \
    'while :; do sleep 0.01; done'
SERVICE = 'signal.signal(signal.SIGTERM, lambda *_: (print("service", ' \
    'flush=True), sys.exit(3))); mark("service"); ' + SERVE
# They end by KILL alone.
DEAF_CLIENT = 'trap "" TERM HUP QUIT; trap "touch marks/told" INT; ' \
    'touch marks/client; while :; do sleep 0.01; done'
DEAF_SERVICE = 'signal.signal(signal.SIGTERM, signal.SIG_IGN); ' \
    'signal.signal(signal.SIGINT, signal.SIG_IGN); mark("service"); ' + SERVE
ORPHAN = 'sleep 1000 & '
AWAY = 'os.system("setsid sleep 1000 & sleep 1000 &"); '


class Stopping(Session):
    def start(self, handoff, client, service, *options, **others):
        process = self.launch_session(handoff, client, service, *options,
                                      **others)
        self.await_mark('client')
        self.await_mark('service')
        return process


class Signals(Stopping):
    def test_client_then_service(self):
        for handoff in harness.HANDOFFS:
            for name in TOLD:
                with self.subTest(name, handoff=handoff):
                    process = self.start(handoff, CLIENT.format(name),
                                         SERVICE, '-k', '86400')
                    process.send_signal(getattr(signal, 'SIG' + name))
                    out, err = process.communicate(timeout=DEADLINE)
                    self.assertEqual(out, 'client\nservice\n')
                    self.assertNotIn('portexec:', err)
                    self.assertEqual(process.returncode, 7)
                    self.assert_clean()

    def test_death_by_that_signal(self):
        for handoff in harness.HANDOFFS:
            for name in TOLD:
                with self.subTest(name, handoff=handoff):
                    process = self.start(
                        handoff, 'ulimit -c 0; ' + READY,
                        AWAY + 'mark("service"); ' + SERVE, '-k', '86400')
                    number = getattr(signal, 'SIG' + name)
                    process.send_signal(number)
                    self.assertEqual(process.wait(DEADLINE), -number)
                    self.assert_clean()

    def test_once_to_those_that_are_deaf(self):
        for handoff in harness.HANDOFFS:
            for number in signal.SIGTERM, signal.SIGINT:
                with self.subTest(handoff, number=number):
                    process = self.start(handoff, DEAF_CLIENT, AWAY +
                                         DEAF_SERVICE, '-k', '0.2')
                    process.send_signal(number)
                    self.assertEqual(process.wait(DEADLINE), -number)
                    self.assert_clean()

    def test_twice(self):
        """The second, once the first has come through; and another one."""
        for handoff in harness.HANDOFFS:
            for second in signal.SIGINT, signal.SIGTERM:
                with self.subTest(handoff, second=second):
                    process = self.start(handoff, DEAF_CLIENT, AWAY +
                                         DEAF_SERVICE, '-k', '86400')
                    process.send_signal(signal.SIGINT)
                    self.await_mark('told')
                    again = time.monotonic() + 0.5      # not timeout(1)'s own
                    wait_for(lambda: time.monotonic() > again, 'half a second')
                    process.send_signal(second)
                    self.assertEqual(process.wait(DEADLINE), -signal.SIGINT)
                    self.assert_clean()

    def test_twice_after_the_client_has_ended(self):
        """It has ended by itself, and its status is the run's."""
        told = 'signal.signal(signal.SIGTERM, lambda *_: mark("told")); '
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                process = self.start(
                    handoff, 'touch marks/client; while ! [ -e marks/service '
                    ']; do sleep 0.01; done; exit 7', told + 'mark("service"); '
                    + SERVE, '-k', '86400')
                self.await_mark('told')     # by the end of the client
                process.send_signal(signal.SIGTERM)
                again = time.monotonic() + 0.5      # as above
                wait_for(lambda: time.monotonic() > again, 'half a second')
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(DEADLINE), 7)
                self.assert_clean()

    def test_what_a_trap_runs(self):
        """It cleans up: it is not told, and has its time."""
        for name, command in (*((name, 'while :; do sleep 0.01; done')
                                for name in TOLD), ('INT', 'sleep 1000')):
            with self.subTest(name, command=command):
                process = self.start(
                    'inherit', f'trap "sleep 0.5 && echo clean; exit 7" {name}'
                    f'; touch marks/client; {command}', AWAY + SERVICE,
                    '-k', '86400')
                process.send_signal(getattr(signal, 'SIG' + name))
                out, _ = process.communicate(timeout=DEADLINE)
                self.assertEqual((out, process.returncode),
                                 ('clean\nservice\n', 7))
                self.assert_clean()

    def test_before_the_service_listens(self):
        """The client is never started."""
        process = self.launch_session('reserve', READY, 'mark("service"); '
                                      'wait("never")', '-k', '86400')
        self.await_mark('service')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        self.assert_clean()
        self.assertFalse(self.is_marked('client'))

    def test_others_are_not_a_stop(self):
        process = self.start('inherit', READY, 'signal.signal(signal.SIGUSR1,'
                             ' lambda *_: mark("usr1")); mark("service"); ' +
                             SERVE)
        process.send_signal(signal.SIGUSR1)
        self.await_mark('usr1')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        self.assert_clean()

    def test_under_timeout(self):
        """Which signals portexec and, once more, its whole group."""
        for handoff in harness.HANDOFFS:
            arguments = self.session(handoff, 'sleep 1000', AWAY + SERVE,
                                     '-k', '86400')
            self.run_portexec('0.5', PORTEXEC, *arguments, status=124,
                              program='timeout', env=self.env)
            self.assert_clean()

    def test_the_whole_group(self):
        for number in (signal.SIGTERM, signal.SIGHUP) * 10:
            process = self.start('inherit', READY, AWAY + 'mark("service"); '
                                 + SERVE, '-k', '86400', '-v',
                                 start_new_session=True)
            os.killpg(process.pid, number)
            _, said = process.communicate(timeout=DEADLINE)
            self.assertEqual(process.returncode, -number)
            self.assertNotIn('before the client', said)
            self.assert_clean()


class Killed(Stopping):
    """SIGKILL of any process: nothing is left, soon."""

    def assert_soon_clean(self):
        self.assert_nothing_left()
        wait_for(lambda: not os.listdir(self.path('run')), 'no files: '
                 f"{os.listdir(self.path('run'))}")

    def kill(self, choose):
        """Chooses of front, keeper, service, client; returns the status."""
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                process = self.start(
                    handoff, 'echo $$ >marks/pid; ' + READY, AWAY + SERVICE,
                    '-k', '0.3', start_new_session=True)
                keeper, = harness.children(process.pid)
                service = harness.children(keeper)[0]
                client = int(self.read('marks/pid'))
                victim, status = choose(process.pid, keeper, service, client)
                os.kill(victim, signal.SIGKILL)
                self.assertEqual(process.wait(DEADLINE), status)
                if abs(victim) == process.pid:
                    self.assert_soon_clean()
                else:
                    self.assert_clean()

    def test_front(self):
        self.kill(lambda front, keeper, service, client: (front, -9))

    def test_keeper(self):
        self.kill(lambda front, keeper, service, client: (keeper, 125))

    def test_service(self):
        self.kill(lambda front, keeper, service, client: (service, 137))

    def test_client(self):
        self.kill(lambda front, keeper, service, client: (client, -9))

    def test_group(self):
        self.kill(lambda front, keeper, service, client: (-front, -9))

    def test_group_as_the_client_is_started(self):
        """The keeper makes it, and finds the front gone: no failure."""
        harness.need_strace()
        process = self.launch_session(
            'reserve', READY, 'import time\nmark("service")\n'
            'while not os.path.exists("marks/go"):\n    time.sleep(0.01)\n' +
            SERVE, '-k', '0.3', start_new_session=True)
        self.await_mark('service')
        keeper, = harness.children(process.pid)
        slowed = subprocess.Popen(
            ['strace', '-qq', '-o', self.path('calls'), '-p', str(keeper),
             '-e', 'inject=clone:delay_enter=500000'],
            stdin=subprocess.DEVNULL)
        self.addCleanup(harness.end_process, slowed)
        state = functools.partial(harness.state, keeper)
        wait_for(lambda: state() == 't', 'strace')
        self.write('marks/go', '')

        def is_in_clone():
            """Other calls are stopped at for less than a tenth of that."""
            return all(state() == 't' and not time.sleep(0.005)
                       for _ in range(10))
        wait_for(is_in_clone, 'the start of the client')
        os.kill(-process.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=DEADLINE)
        self.assertEqual((process.returncode, out, err), (-9, '', ''))
        self.assert_soon_clean()

    if not harness.SANITIZED:   # LeakSanitizer aborts under strace
        def test_group_before_the_service_is_executed(self):
            """strace keeps each message back.  The files are there: the front
            has not yet said so, or the keeper has not yet told the service."""
            harness.need_strace()
            for moment in 'tS':
                with self.subTest(moment):
                    process = self.launch(
                        '-f', '-qq', '-o', '/dev/null', '-e',
                        'inject=sendmsg:delay_enter=500000', 'setsid',
                        PORTEXEC, '-q', '-H', 'adopt', '-p', 'run/port', '-l',
                        '0', '-l', './run/socket', '-c', 'sleep 1000', '--',
                        'sleep', '1000', program='strace', env=self.env)
                    wait_for(lambda: os.path.exists(self.path('run/port')),
                             'the file')
                    front, = harness.children(process.pid)
                    wait_for(lambda: harness.state(front) == moment, moment)
                    self.assertIn('socket', os.listdir(self.path('run')))
                    os.kill(-front, signal.SIGKILL)
                    process.wait(DEADLINE)
                    self.assert_soon_clean()

    def test_front_of_those_that_are_deaf(self):
        for handoff in harness.HANDOFFS:
            process = self.start(handoff, DEAF_CLIENT, AWAY + DEAF_SERVICE,
                                 '-k', '0.2')
            process.kill()
            process.wait()
            self.assert_soon_clean()


class Terminal(InTerminal, Stopping):
    def run_there(self, *arguments):
        return self.terminal(PORTEXEC, *arguments)

    def assert_ends(self, terminal, status):
        """Returns the rest of what was said."""
        rest, end = [], time.monotonic() + DEADLINE
        with contextlib.suppress(OSError):      # the end
            while select.select([terminal.fd], [], [], max(
                    0, end - time.monotonic()))[0]:
                rest.append(os.read(terminal.fd, 4096).decode())
        self.assertLess(time.monotonic(), end, rest)
        _, ended = os.waitpid(terminal.pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(ended), status)
        self.assert_clean()
        return terminal.text + ''.join(rest)

    def test_ctrl_c(self):
        """Which reaches all three at once."""
        for handoff in 'inherit', 'adopt':
            for _ in range(20):
                with self.subTest(handoff):
                    terminal = self.run_there(
                        '-H', handoff, '-k', '86400', '-c',
                        'echo ready; exec sleep 1000', '--', 'sleep', '1000')
                    terminal.expect('ready')
                    terminal.send('\3')
                    self.assertNotIn('before the client', self.assert_ends(
                        terminal, -signal.SIGINT))

    def test_ctrl_c_is_caught(self):
        """Each hears it once; the client has its time."""
        terminal = self.run_there(*self.session(
            'inherit', 'trap "echo client" INT; echo ready; until read -r '
            'line; do :; done; echo "got $line"; sleep 0.5 && touch marks/done'
            '; exit 7',
            'signal.signal(signal.SIGINT, lambda *_: (mark("int"), '
            'wait("done"), sys.exit())); mark("service"); ' + SERVE,
            '-k', '86400'))
        self.await_mark('service')
        terminal.expect('ready')
        self.await_rest()
        terminal.send('\3')
        terminal.expect('client')
        self.await_mark('int')
        terminal.send('text\n')
        terminal.expect('got text')
        self.assertEqual(self.assert_ends(terminal, 7).strip(), '')

    def test_client_reads_the_terminal(self):
        for handoff in harness.HANDOFFS:
            terminal = self.run_there(*self.session(
                handoff, '[ -t 0 ] && echo ready; read -r line </dev/tty && '
                'echo "got $line"; exit 7', SERVE))
            terminal.expect('ready')
            terminal.send('text\n')
            terminal.expect('got text')
            self.assert_ends(terminal, 7)

    def test_ctrl_z_and_fg(self):
        """In an interactive shell."""
        words = self.session('adopt', 'echo ready; read -r line; echo "got '
                             '$line"; exit 7', 'mark("service"); ' + SERVE)
        shell = self.shell()
        shell.send(shlex.join((PORTEXEC, *words)) + '\n')
        self.await_mark('service')
        shell.expect('ready')
        shell.send('\x1a')
        shell.expect('Stopped')
        wait_for(lambda: len(self.in_state('T')) == 3, 'that three stop')
        shell.send('fg\n')
        wait_for(lambda: not self.in_state('T'), 'that all go on')
        shell.send('text\n')
        shell.expect('got text')
        shell.expect(PROMPT)
        shell.send('echo "ended $?"\n')
        shell.expect('ended 7')
        self.assertEqual(os.listdir(self.path('run')), [])

    def in_state(self, letter):
        found = []
        for pid in self.left():
            with contextlib.suppress(OSError):
                if harness.state(pid) == letter:
                    found.append(pid)
        return found


class Many(Session):
    """Runs of every kind, four at a time."""

    COUNT = 100 if harness.BRIEF else 500

    def kinds(self):
        """Options, client, service, status, standard output."""
        hello = (os.path.join(harness.BUILD, 'tests', 'hello'),)
        python = (sys.executable, '-SE', 'service.py')
        get = 'curl -fsS -m 60 http://{addr}/'
        return (
            ((), get, hello, 0, 'hello from fd 3\n'),
            ((), get + '; exit 7', hello, 7, 'hello from fd 3\n'),
            ((), 'sleep 1000 & setsid sleep 1000 & ' + get +
             '; kill -TERM $$', hello, -signal.SIGTERM, 'hello from fd 3\n'),
            ((), 'exit 7', ('sh', '-c', 'sleep 1000 & setsid sleep 1000 & '
                            'wait'), 7, ''),
            ((), f'{self.ASK} {{addr}} x', (
                *python, 'adopt', '{port}', SERVE), 0, '1\n'),
            # Orphans in the making, when TERM is sent.
            ((), f'({ORPHAN}) & ({ORPHAN}) & exit 7', (
                'sh', '-c', f'({ORPHAN}) & ({ORPHAN}) & wait'), 7, ''),
            (('-k', '0.2'), 'sleep 1000', ('sh', '-c', 'exit 3'), 3, ''),
            (('-k', '0.2'), 'sleep 1000', ('sh', '-c', 'kill -KILL $$',
                                           '{port}'), 137, ''),
            (('-H', 'reserve'), f'{self.ASK} {{addr}} quit', (
                *python, 'reserve', '{port}', SERVE), 0, '1\n'),
        )

    def run_one(self, number):
        """What went wrong, if anything.  TERM is enough, or it hangs."""
        options, client, service, *expected = self.list[
            number % len(self.list)]
        try:
            done = self.run_portexec(
                '-q', '-k', '86400', '-p', f'run/{number}', *options, '-c',
                client, '--', *service, status=None, env=self.env)
        except subprocess.TimeoutExpired as error:
            return f'{number}: {error}'
        if [done.returncode, done.stdout] != expected:
            return f'{number}: {service}: {done}, expected {expected}'
        return None

    def test_in_a_row(self):
        self.list = self.kinds()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            failures = [failure for failure in pool.map(
                self.run_one, range(self.COUNT)) if failure]
        self.assertEqual(failures, [])
        self.assert_clean()
