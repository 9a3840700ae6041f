# SPDX-License-Identifier: ISC
"""--client: how each ending of service and client is taken, and what is said
of it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import harness
from harness import DEADLINE, Session, children, state, wait_for

SERVE = 'listen(); serve()'
# A client that outlives the service, and goes on for ever.
OUTLIVE = 'touch marks/going; sleep 1000'
STUBBORN = 'trap "" TERM; touch marks/going; while :; do sleep 1; done'
ON_TERM = 'signal.signal(signal.SIGTERM, lambda *_: sys.exit({})); '
IGNORE = 'signal.signal(signal.SIGTERM, signal.SIG_IGN); '
DIE = 'os.kill(os.getpid(), signal.SIGKILL)'
SLEEP = 'sleep 1000 & '
AWAY = 'setsid sh -c "setsid sleep 1000 & sleep 1000" & '
DEAF = "setsid sh -c 'trap \"\" TERM HUP INT; touch marks/deaf; sleep 1000; " \
    "sleep 1000' & until [ -e marks/deaf ]; do sleep 0.01; done; "
ASK = Session.ASK + ' {addr} x; '
GONE = 'touch marks/going; ' + Session.ASK + ' {addr}; '    # the service has


def when_going(code):
    return f'listen(); wait("going"); {code}'


# Name, client, service, portexec's status; -k is a day: TERM is enough.
ENDINGS = (
    ('client ends with 0', 'exit 0', SERVE, 0),
    ('client ends with 7', 'exit 7', SERVE, 7),
    ('client dies of TERM', 'kill -TERM $$', SERVE, -signal.SIGTERM),
    ('client dies of KILL', 'kill -KILL $$', SERVE, -signal.SIGKILL),
    ('client dies of HUP', 'kill -HUP $$', SERVE, -signal.SIGHUP),
    ('service quits when told', Session.ASK + ' {addr} quit; ' + GONE,
     SERVE, 0),
    ('service ends with 0', GONE + 'exit 7', when_going('sys.exit(0)'), 7),
    ('service ends with 3', GONE + 'exit 7', when_going('sys.exit(3)'), 3),
    ('service ends with 3, client with 0', GONE,
     when_going('sys.exit(3)'), 3),
    ('service is killed', GONE + 'exit 7', when_going(DIE), 137),
    ('both die', GONE + 'kill -HUP $$', when_going('sys.exit(0)'),
     -signal.SIGHUP),
    ('service ends with 3 when stopped', ASK + 'exit 7',
     ON_TERM.format(3) + SERVE, 7),
    ('service ends with 0 when stopped', ASK + 'exit 0',
     ON_TERM.format(0) + SERVE, 0),
)

# The same, where the client has to be stopped; -k is short.
FORCED = (
    ('service ends with 0', OUTLIVE, when_going('sys.exit(0)'), 125),
    ('service ends with 3', OUTLIVE, when_going('sys.exit(3)'), 3),
    ('service is killed', OUTLIVE, when_going(DIE), 137),
    ('client ends with 7 on TERM', 'trap "exit 7" TERM; ' + SLEEP +
     'touch marks/going; wait', when_going('sys.exit(0)'), 125),
    ('client ignores TERM, 0', STUBBORN, when_going('sys.exit(0)'), 125),
    ('client ignores TERM, 3', STUBBORN, when_going('sys.exit(3)'), 3),
    ('service was never there', 'sleep 1000', 'sys.exit(0)', 125),
    ('service fails at once', 'sleep 1000', 'sys.exit(3)', 3),
    ('service is killed at once', 'sleep 1000', DIE, 137),
    ('service ignores TERM', ASK + 'exit 7', IGNORE + SERVE, 7),
)


class Endings(Session):
    def run_table(self, table, *options):
        for handoff in harness.HANDOFFS:
            for name, client, service, status in table:
                with self.subTest(name, handoff=handoff):
                    self.run_session(handoff, client, service, *options,
                                     status=status)

    def test_both_end_by_themselves_or_on_term(self):
        self.run_table(ENDINGS, '-k', '86400')

    def test_one_must_be_stopped(self):
        begin = time.monotonic()
        self.run_table(FORCED, '-k', '0.3')
        self.assertLess(time.monotonic() - begin, 30 * len(FORCED) * 3)

    def test_client_is_not_started_for_a_service_that_never_listened(self):
        for code, status in (('sys.exit(0)', 125), ('sys.exit(3)', 3)):
            self.run_session('reserve', 'touch marks/client', code,
                             status=status)
            self.assertFalse(self.is_marked('client'))

    def test_the_early_end_is_said_in_one_line(self):
        for code, status, how in (
                ('sys.exit(0)', 7, 'ended with status 0'),
                ('sys.exit(3)', 3, 'ended with status 3'),
                (DIE, 137, 'was killed by signal 9')):
            with self.subTest(how):
                done = self.run_portexec(
                    '-c', GONE + 'exit 7', '--', sys.executable,
                    '-SE', 'service.py', 'inherit', '0', when_going(code),
                    status=status, env=self.env)
                _, line = done.stderr.splitlines()
                self.assertRegex(line, rf'^portexec: {sys.executable} {how} '
                                 r'after \d+\.\d s, before the client$')
                os.remove(self.path('marks/going'))

    def test_both_end_before_the_keeper_looks(self):
        """Nobody knows in which order: the service's failure counts."""
        for client, service, status in (0, 3, 3), (7, 3, 3), (7, 0, 7), \
                (0, 0, 0):
            with self.subTest(client=client, service=service):
                process = self.launch_session(
                    'inherit', 'touch marks/client; until [ -e marks/go ]; '
                    f'do sleep 0.01; done; exit {client}',
                    f'listen(); wait("go"); sys.exit({service})', '-v')
                self.await_mark('client')
                keeper, _ = self.parts(process.pid)
                both = children(keeper)
                self.assertEqual(len(both), 2)
                os.kill(keeper, signal.SIGSTOP)
                self.write('marks/go', '')
                wait_for(lambda: [state(pid) for pid in both] == ['Z'] * 2,
                         'the end of both')
                os.kill(keeper, signal.SIGCONT)
                _, said = process.communicate(timeout=DEADLINE)
                self.assertEqual(process.returncode, status, said)
                self.assertEqual('before the client' in said, service == 3)
                self.assert_clean()

    def test_the_client_ends_as_soon_as_the_service_hangs_up(self):
        """By its death: the kernel closes its connections before anybody can
        wait for it, and a test may be over then."""
        code = 'listen(); client = server.accept()[0]; client.recv(1); ' \
            'os._exit(3)'
        for status in [0, 7] * 10:
            process = self.launch_session(
                'adopt', f'touch marks/client; read -r end; exit {status}',
                code, '-v', stdin=subprocess.PIPE)
            self.await_mark('client')
            port = self.read('run/port').strip()
            with harness.connect('127.0.0.1:' + port) as test:
                test.send(b'x')
                with contextlib.suppress(ConnectionResetError):
                    test.recv(1)
                process.stdin.close()
                said = process.stderr.read()
            process.wait(DEADLINE)
            self.assertEqual(process.returncode, 3, said)
            self.assertIn('before the client', said)
            self.assert_clean()

    def test_client_dies_without_a_second_core(self):
        process = self.launch_session('inherit', 'kill -SEGV $$', SERVE)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -os.WTERMSIG(status)
        self.assertEqual(os.WTERMSIG(status), signal.SIGSEGV)
        self.assertFalse(os.WCOREDUMP(status))

    def test_sigchld_ignored_on_entry(self):
        for handoff in harness.HANDOFFS:
            self.run_session(
                handoff, 'exit 7', SERVE, status=7, preexec_fn=lambda:
                signal.signal(signal.SIGCHLD, signal.SIG_IGN))


# Ends with 3, and leaves one that has a child with the same pid, which ends
# with 0 once it is an orphan.
RECYCLED = '''
import os, sys, time
pid = os.getpid()
if os.fork():
    sys.exit(3)
while os.path.exists(f'/proc/{pid}'):
    time.sleep(0.005)
parent = os.getpid()
for _ in range(1000):
    with open('/proc/sys/kernel/ns_last_pid', 'w') as file:
        file.write(str(pid - 1))
    if os.fork() == 0:
        break
    if os.path.exists(f'/proc/{pid}'):
        sys.exit()
    os.wait()
if os.getpid() == pid:
    while os.getppid() == parent:
        time.sleep(0.005)
    os.rename(str(pid), 'recycled')
'''
# Ends with 7 once that one is gone, too.
AFTER_RECYCLED = '''
import os, sys, time
while not os.path.exists('recycled'):
    time.sleep(0.005)
with open('recycled') as file:
    pid = file.read()
while os.path.exists(f'/proc/{pid}'):
    time.sleep(0.005)
sys.exit(7)
'''


class Recycled(Session):
    def test_pid_of_the_service(self):
        """In a pid namespace, where the next pid can be chosen; with a
        session there, else it would be a process group's as well."""
        self.write('service.py', RECYCLED)
        self.write('client.py', AFTER_RECYCLED)
        unshare, *words = harness.in_pid_namespace()
        done = self.run_portexec(
            *words, 'setsid', harness.PORTEXEC, '-q', '-k', '86400', '-c',
            f'exec {sys.executable} -SE client.py', '--', 'sh', '-c',
            f'echo $$ >$$; exec {sys.executable} -SE service.py',
            program=unshare, status=3, env=self.env)
        self.assert_nothing_left()


# What either leaves, as the shell starts it.
LEFT = {'a child': SLEEP, 'a session': AWAY, 'an orphan': f'({SLEEP}) & ',
        'one that is stopped': SLEEP + 'kill -STOP $!; '}


class Left(Session):
    """What a service or a client started ends with them, though it holds
    standard output open."""

    def test_by_the_client(self):
        for handoff in harness.HANDOFFS:
            for name, text in LEFT.items():
                with self.subTest(name, handoff=handoff):
                    done = self.run_session(handoff, text + 'echo it; exit 7',
                                            SERVE, '-k', '86400', status=7)
                    self.assertEqual(done.stdout, 'it\n')

    def test_by_the_service(self):
        for handoff in harness.HANDOFFS:
            for name, text in LEFT.items():
                with self.subTest(name, handoff=handoff):
                    self.run_session(handoff, 'exit 7', f'os.system({text!r})'
                                     f'; {SERVE}', '-k', '86400', status=7)

    def test_by_a_service_that_ends_first(self):
        """A failure of the first process is the service's."""
        for handoff in harness.HANDOFFS:
            for name, text in LEFT.items():
                with self.subTest(name, handoff=handoff):
                    self.run_session(
                        handoff, OUTLIVE,
                        f'os.system({text!r}); ' + when_going('sys.exit(3)'),
                        '-k', '0.2', status=3)

    def test_kill_for_those_that_ignore_term(self):
        for handoff in harness.HANDOFFS:
            for client, service in ((DEAF, SERVE),
                                    ('', f'os.system({DEAF!r}); {SERVE}')):
                with self.subTest(handoff, client=client):
                    self.run_session(handoff, client + 'exit 7', service,
                                     '-k', '0.2', status=7)

    def test_a_pipe_that_others_hold(self):
        """The test holds its writing end all the while."""
        for handoff in harness.HANDOFFS:
            reading, writing = os.pipe()
            process = self.launch_session(handoff, 'echo it; exit 7', SERVE,
                                          stdout=writing)
            self.assertEqual(process.wait(DEADLINE), 7)
            self.assertEqual(os.read(reading, 100), b'it\n')
            os.close(reading)
            os.close(writing)

    # First the daemon's two forks, after which its parents end with 0.
    DAEMON = 'os.fork() and sys.exit(0); os.setsid(); os.fork() and ' \
        'sys.exit(0); '

    def test_daemon_that_listens_later(self):
        """The service is not over when its first process is."""
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                done = self.run_session(
                    handoff, ASK + 'exit 7', self.DAEMON +
                    'time.sleep(0.3); ' + SERVE, '-k', '86400', status=7)
                self.assertEqual(done.stdout, '1\n')

    def test_daemon_that_ends(self):
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                self.run_session(handoff, OUTLIVE, self.DAEMON +
                                 when_going('sys.exit(0)'), '-k', '0.2',
                                 status=125)
                self.run_session(handoff, 'touch marks/going; exec '
                                 f'{self.ASK} {{addr}}', self.DAEMON +
                                 when_going('sys.exit(0)'), '-k', '86400')

    def test_daemon_that_ignores_term(self):
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                self.run_session(handoff, ASK + 'exit 7',
                                 IGNORE + self.DAEMON + SERVE, '-k', '0.2',
                                 status=7)


class KillAfter(Session):
    def elapsed(self, *arguments, status):
        begin = time.monotonic()
        self.run_session(*arguments, status=status)
        return time.monotonic() - begin

    def test_bounds_each_stop(self):
        for seconds in '0', '.25', '0.5', '1.':
            for name, client, service, status in (
                    ('service', ASK + 'exit 7', IGNORE + SERVE, 7),
                    ('client', STUBBORN, when_going('sys.exit(3)'), 3)):
                with self.subTest(name, seconds=seconds):
                    took = self.elapsed('inherit', client, service, '-k',
                                        seconds, status=status)
                    self.assertLess(took, 30)
                    self.assertGreaterEqual(took, float(seconds) - 0.01)

    def test_client_has_that_long(self):
        """Not told to end meanwhile: it would take TERM for its end."""
        self.run_session('inherit', 'trap "exit 5" TERM; touch marks/going; '
                         f'{self.ASK} {{addr}}; exit 7',
                         when_going('sys.exit(0)'), '-k', '86400', status=7)


class Summary(Session):
    def test_last_line(self):
        name = re.escape(sys.executable)
        for handoff in 'inherit', 'adopt', 'reserve':
            taken = r', taken after \d+\.\d{3} s'
            if handoff == 'inherit':    # what it does with fd 3 is not seen
                taken = ''
            for script, how, status in (
                    ('exit 7', 'ended with status 7', 7),
                    ('kill -TERM $$', 'was killed by signal 15',
                     -signal.SIGTERM)):
                with self.subTest(handoff, how=how):
                    done = self.run_session(
                        handoff, f'{self.ASK} {{addr}} x; {script}', SERVE,
                        '-v', status=status)
                    self.assertRegex(
                        done.stderr.splitlines()[-1],
                        r'^portexec: \d+\.\d{3} s: 127\.0\.0\.1:\d+ by '
                        rf'{handoff}{taken}; the client {how} after '
                        rf'\d+\.\d{{3}} s; {name} was killed by signal 15 '
                        r'after \d+\.\d{3} s$')

    def test_socket_is_taken_late(self):
        for handoff, taken in (('inherit', '()'),
                               ('adopt', r', taken after (\d+\.\d+) s')):
            with self.subTest(handoff):
                process = self.launch_session(
                    handoff, f'{self.ASK} {{addr}} x; exit 7',
                    'wait("said"); ' + SERVE, '-v')
                while 'still waiting for' not in process.stderr.readline():
                    self.assertIsNone(process.poll())
                self.write('marks/said', '')
                *_, last = process.stderr
                self.assertEqual(process.wait(DEADLINE), 7)
                found = re.search(rf' by {handoff}{taken}; the client ended '
                                  'with status 7 after', last)
                if handoff == 'adopt':
                    self.assertGreaterEqual(float(found[1]), 3)
                self.assertIsNotNone(found, last)
                self.assert_clean()


class Silence(Session):
    """Clients that wait for 3 seconds are spoken of, once."""

    def test_line(self):
        client = f'{self.ASK} {{addr}} x & until [ -e marks/said ]; do ' \
            'sleep 0.01; done; exit 7'
        for handoff, what in (('inherit', 'accept on'), ('adopt', 'bind')):
            with self.subTest(handoff):
                process = self.launch(
                    '-H', handoff, '-p', 'run/port', '-c', client, '--',
                    'sleep', '1000', env=self.env)
                self.announced(process)
                self.assertRegex(
                    process.stderr.readline(),
                    rf'^portexec: still waiting for sleep to {what} \d+ \('
                    r'\d+ s, 1 client queued\)')
                self.write('marks/said', '')
                self.assertEqual(process.wait(DEADLINE), 7)
                self.assert_clean()
                os.remove(self.path('marks/said'))
