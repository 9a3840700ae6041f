# SPDX-License-Identifier: ISC
"""Under adopt in a terminal: its keys, job control, and its end."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import harness
from harness import DEADLINE, PORTEXEC, Tree, children, wait_for
from test_supervise import EARS

PROMPT = 'prompt> '
ADOPT = f'{PORTEXEC} -q -H adopt -k 0.2 --'


class Terminal:
    """A command with a terminal of its own, which does not echo."""

    def __init__(self, command, env, directory):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                settings = termios.tcgetattr(0)
                settings[3] &= ~termios.ECHO
                termios.tcsetattr(0, termios.TCSANOW, settings)
                harness.reset_signals()
                os.chdir(directory)
                os.execvpe(command[0], command, env)
            finally:
                os._exit(1)
        self.text = ''

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        """Reads until it is there; returns what was before it."""
        end = time.monotonic() + DEADLINE
        while (found := re.search(pattern, self.text)) is None:
            if not select.select([self.fd], [], [], 1)[0]:
                if time.monotonic() > end:
                    raise AssertionError(f'{pattern}: got {self.text!r}')
                continue
            self.text += os.read(self.fd, 4096).decode().replace('\r', '')
        before, self.text = self.text[:found.start()], self.text[found.end():]
        return before

    def hang_up(self):
        os.close(self.fd)
        self.fd = -1

    def close(self):
        if self.fd != -1:
            self.hang_up()
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ChildProcessError, ProcessLookupError):
            pass                            # was waited for


class InTerminal(Tree):
    def terminal(self, *command):
        terminal = Terminal(command, {**self.env, 'PS1': PROMPT},
                            self.directory)
        self.addCleanup(terminal.close)
        return terminal

    def shell(self, *lines):
        """An interactive shell, which is given these lines."""
        shell = self.terminal('bash', '--norc', '--noprofile', '--noediting',
                              '-i')
        shell.expect(PROMPT)
        for line in ('ulimit -c 0', *lines):
            shell.send(line + '\n')
        shell.expect(PROMPT)
        return shell

    def front(self, shell):
        pid, = wait_for(lambda: children(shell.pid), 'the front')
        return pid

    def assert_status(self, shell, status):
        shell.expect(PROMPT)
        shell.send('echo status $?\n')
        shell.expect(f'^status {status}\n')


class Keys(InTerminal):
    def test_each_reaches_the_service_once(self):
        self.write('ears.py', EARS)
        shell = self.shell(f'{ADOPT} {sys.executable} -SE ears.py')
        shell.expect('^ready\n')
        front = self.front(shell)
        for key, number in (('\x03', signal.SIGINT), ('\x1c', signal.SIGQUIT),
                            ('\x03', signal.SIGINT)):
            shell.send(key)
            self.assertEqual(shell.expect(f'^{number}\n'), '')
        fcntl.ioctl(shell.fd, termios.TIOCSWINSZ,
                    struct.pack('4H', 9, 9, 0, 0))
        shell.expect(f'^{signal.SIGWINCH}\n')
        # Signals are forwarded in order: a second one would be there.
        os.kill(front, signal.SIGUSR1)
        self.assertEqual(shell.expect(f'{signal.SIGUSR1}\n'), '')
        os.kill(front, signal.SIGINT)
        self.assertEqual(shell.expect(f'{signal.SIGINT}\n'), '')

    def test_interrupt_and_quit_end_all(self):
        self.write('service', 'sleep 1000 & setsid sleep 1000 &\n'
                   'echo ready; exec sleep 1000\n')
        for key, number in (('\x03', signal.SIGINT), ('\x1c', signal.SIGQUIT)):
            with self.subTest(number):
                shell = self.shell(f'{ADOPT} sh ./service')
                shell.expect('^ready\n')
                shell.send(key)
                self.assert_status(shell, 128 + number)
                self.assertEqual(self.left(), [shell.pid])
                shell.close()

    def test_interrupt_ends_a_shell_script(self):
        """The shell waits for its foreground child, which has the key too."""
        self.write('child', 'echo ready; exec sleep 1000\n')
        shell = self.shell(f"{ADOPT} sh -c 'sh ./child; :'")
        shell.expect('^ready\n')
        shell.send('\x03')
        self.assert_status(shell, 128 + signal.SIGINT)
        self.assertEqual(self.left(), [shell.pid])


class JobControl(InTerminal):
    ECHO = ("sh -c 'echo ready; while read -r line; do echo \"got $line\"; "
            "done; exit 7'")

    def test_a_service_reads_the_terminal(self):
        shell = self.shell(f'{ADOPT} {self.ECHO}')
        shell.expect('^ready\n')
        shell.send('one\n')
        shell.expect('^got one\n')
        shell.send('\x04')
        self.assert_status(shell, 7)

    def test_stop_and_go_on(self):
        shell = self.shell(f'{ADOPT[:-2]} -p port -- {self.ECHO}')
        shell.expect('^ready\n')
        front = self.front(shell)
        keeper, service = self.parts(front)
        for _ in range(2):
            shell.send('\x1a')
            shell.expect('Stopped')
            shell.expect(PROMPT)
            for pid in front, service:
                wait_for(lambda: harness.state(pid) == 'T', 'the stop')
            self.assertNotEqual(harness.state(keeper), 'T')
            # A client may queue meanwhile.
            harness.connect(f'127.0.0.1:{self.read("port")}'.strip()).close()
            shell.send('fg\n')
            shell.send('again\n')
            shell.expect('got again\n')
        shell.send('\x04')
        self.assert_status(shell, 7)

    def test_background(self):
        """It stops when it reads, and goes on in the foreground."""
        shell = self.shell(f'{ADOPT} {self.ECHO} &')
        shell.expect('ready\n')
        shell.send('\n')
        front = self.front(shell)
        _, service = self.parts(front)
        wait_for(lambda: harness.state(service) == 'T', 'its stop')
        # Until bash has heard of it, fg would send no SIGCONT.
        shell.send('until [ -n "$(jobs -s)" ]; do sleep 0.05; done; '
                   'echo sto""pped\n')
        shell.expect('stopped\n')
        shell.send('fg\n')
        shell.send('line\n')
        shell.expect('got line\n')
        shell.send('\x03')
        self.assert_status(shell, 128 + signal.SIGINT)


class HangUp(InTerminal):
    SERVICE = ("sh -c 'sleep 1000 & setsid sleep 1000 & echo ready; "
               "exec sleep 1000'")

    def test_of_a_shell(self):
        for text in (f'{ADOPT} {self.SERVICE}', f'{ADOPT} {self.SERVICE} &'):
            with self.subTest(text):
                shell = self.shell(text)
                shell.expect('ready\n')
                self.assertGreater(len(self.left()), 4)
                shell.hang_up()
                self.assert_nothing_left()

    def test_of_the_front_itself(self):
        """As under xterm -e."""
        terminal = self.terminal('sh', '-c', f'exec {ADOPT} {self.SERVICE}')
        terminal.expect('^ready\n')
        terminal.hang_up()
        self.assert_nothing_left()
        self.assertEqual(os.waitpid(terminal.pid, 0)[1], signal.SIGHUP)

    def test_a_service_that_ignores_it_stays(self):
        """nohup(1): it was ignored on entry, so nobody ends."""
        self.write('log', '')
        shell = self.shell(f'nohup {ADOPT} {self.SERVICE} >log 2>&1 &')
        wait_for(lambda: 'ready' in self.read('log'), 'the service')
        # What is being executed shows no environment for a moment.
        wait_for(lambda: sum(
            harness.command_line(pid) == f'{pid} sleep 1000 '
            for pid in self.left()) == 3, 'the execution of all')
        shell.send('exit\n')
        os.waitpid(shell.pid, 0)
        shell.hang_up()
        left = [pid for pid in self.left()
                if harness.name_of(pid) != 'witness']
        self.assertEqual(len(left), 5)
        front, = set(left).difference(*map(children, left))
        os.kill(front, signal.SIGTERM)
        self.assert_nothing_left()
