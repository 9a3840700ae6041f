# SPDX-License-Identifier: ISC
"""portexec adds no signal: whoever stops it, and however, every process is
told as often as it would be without portexec; and at least once, as nothing
is left."""

import concurrent.futures
import contextlib
import functools
import itertools
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import harness
from harness import PORTEXEC, wait_for

SIGNALS = 'INT', 'TERM', 'HUP', 'QUIT'
# Says in the log what it hears, cleans up, ends with its status.
LEAF = '''
import os, signal, socket, sys, time
name, status, port = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
log = os.open('log', os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def say(what):
    os.write(log, f'{name} {what}\\n'.encode())
told = []
def tell(signo, frame):
    say(signal.Signals(signo).name[3:])
    told.append(signo)
for each in 'INT', 'TERM', 'HUP', 'QUIT':
    signal.signal(getattr(signal, 'SIG' + each), tell)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
if port:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', int(port[0])))
    listener.listen()
say('is ready')
end = time.monotonic() + 60
while not told and time.monotonic() < end:
    time.sleep(0.01)
end = time.monotonic() + 0.3
while time.monotonic() < end:       # a signal cuts sleep(3) short
    time.sleep(0.05)
say('has cleaned up')
sys.exit(status)
'''
# Passes on what it hears, as cross-env, tsx and tini do.
RELAY = '''
import os, signal, subprocess, sys, time
log = os.open('log', os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def tell(signo, frame):
    os.write(log, f'wrapper {signal.Signals(signo).name[3:]}\\n'.encode())
    time.sleep(0.05)    # or the kernel may make one signal of two
    child.send_signal(signo)
for each in 'INT', 'TERM', 'HUP', 'QUIT':
    signal.signal(getattr(signal, 'SIG' + each), tell)
child = subprocess.Popen(sys.argv[1:])
sys.exit(child.wait())
'''
# Dies of what it hears, as npm and most shells do.
SILENT = '''
import os, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.exit(subprocess.call(sys.argv[1:]))
'''
WRAPPERS = {'none': [], 'relaying': ['relay.py'], 'silent': ['silent.py']}
PYTHON = [sys.executable, '-SE']


def descendants(pid):
    for child in all_children(pid):
        yield child
        yield from descendants(child)


def all_children(pid):
    with contextlib.suppress(OSError), \
            open(f'/proc/{pid}/task/{pid}/children') as file:
        return [int(word) for word in file.read().split()]
    return []


def to_front(run, number):
    os.kill(run.pid, number)


# By one process, which no thread of this one holds up.
SEND = '''
import os, sys, time
begin = time.monotonic()
for pid in sys.argv[2:]:
    try:
        os.kill(int(pid), int(sys.argv[1]))
    except ProcessLookupError:
        pass
sys.exit(time.monotonic() - begin > 0.01)
'''


class TooSlow(Exception):
    """The sender was held up; portexec gives it 20 ms.  Play it again."""


def waited(pid):
    """For so many ms it could run and did not (sched-stats.rst)."""
    with contextlib.suppress(OSError), open(f'/proc/{pid}/schedstat') as file:
        return int(file.read().split()[1]) / 1e6
    return 0


def signal_all(number, *pids):
    if subprocess.call([*PYTHON, '-c', SEND, str(number),
                        *map(str, pids)]) != 0:
        raise TooSlow


def to_group(run, number):
    signal_all(number, -run.pid)


def to_tree(run, number, order=1):
    signal_all(number, *[run.pid, *descendants(run.pid)][::order])


def to_tree_reversed(run, number):
    to_tree(run, number, -1)


def by_key(run, number):
    os.write(run.terminal, {signal.SIGINT: b'\x03',
                            signal.SIGQUIT: b'\x1c'}[number])


SENDERS = {     # what sends; in a terminal or not; what is put in front
    'front': (to_front, False, ()),
    'group': (to_group, False, ()),
    'tree': (to_tree, False, ()),
    'tree, reversed': (to_tree_reversed, False, ()),
    'timeout': (to_front, False, ('timeout', '600')),
    'timeout --foreground': (to_front, False,
                             ('timeout', '--foreground', '600')),
    'key': (by_key, True, ()),
    'front in a terminal': (to_front, True, ()),
    'group in a terminal': (to_group, True, ()),
    'tree in a terminal': (to_tree, True, ()),
    'timeout in a terminal': (to_front, True, ('timeout', '600')),
}
# A wrapper that does not relay keeps it from the leaf.
TO_ONE = 'front', 'timeout --foreground', 'front in a terminal'


class Run:
    """One run in a folder of its own, and what its processes heard."""

    def __init__(self, command, in_terminal):
        self.directory = tempfile.mkdtemp(prefix='portexec-signals-')
        for name, text in ('leaf.py', LEAF), ('relay.py', RELAY), \
                ('silent.py', SILENT):
            with open(f'{self.directory}/{name}', 'w') as file:
                file.write(text)
        self.variable = f'RUN_OF={self.directory}'
        env = {**harness.environment(), 'RUN_OF': self.directory}
        self.terminal, slave = pty.openpty() if in_terminal else (-1, None)

        def prepare():
            os.setsid()
            harness.reset_signals()
            if in_terminal:
                os.close(os.open(os.ttyname(slave), os.O_RDWR))
        self.process = subprocess.Popen(
            command, cwd=self.directory, env=env, preexec_fn=prepare,
            stdin=slave or subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if in_terminal:
            os.close(slave)
        self.pid = self.process.pid
        self.waited = 0

    def log(self):
        with contextlib.suppress(OSError), \
                open(self.directory + '/log') as file:
            return file.read().splitlines()
        return []

    def await_lines(self, *lines):
        wait_for(lambda: set(lines) <= set(self.log()),
                 f'{lines} in {self.log()}')

    def left(self):
        """The commands of what still runs."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError), \
                    open(f'/proc/{pid}/environ') as file:
                if self.variable in file.read().split('\0'):
                    found.append(int(pid))
        return found

    def status(self):
        """Of the end; what is written to the terminal is thrown away."""
        while True:
            self.waited = waited(self.pid) or self.waited
            if self.process.poll() is not None:
                return self.process.returncode
            if self.terminal != -1 and select.select(
                    [self.terminal], [], [], 0.01)[0]:
                with contextlib.suppress(OSError):
                    os.read(self.terminal, 4096)
            else:
                time.sleep(0.01)

    def heard(self):
        """How often each process was told, by name."""
        words = [line.split() for line in self.log()]
        return {name: sum(word[0] == name and word[1] in SIGNALS
                          for word in words)
                for name in {word[0] for word in words} | {'leaf'}}

    def close(self):
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.terminal != -1:
            os.close(self.terminal)
        subprocess.run(['rm', '-r', self.directory], check=True)


def again_if_slow(function):
    @functools.wraps(function)
    def until_it_is_fast(*arguments):
        for _ in range(20):
            with contextlib.suppress(TooSlow):
                return function(*arguments)
        raise AssertionError('this machine is too slow to tell')
    return until_it_is_fast


@again_if_slow
def play(prefix, wrapper, port, sender, number, client):
    send, in_terminal, front = SENDERS[sender]
    words = [word for name in WRAPPERS[wrapper] for word in (*PYTHON, name)]
    run = Run([*front, *prefix, *words, *PYTHON, 'leaf.py', 'leaf', '3',
               *port], in_terminal)
    try:
        run.await_lines('leaf is ready',
                        *(['client is ready'] if client else []))
        before = waited(run.pid)
        send(run, number)
        if prefix:
            status = run.status()
            return (run.heard(), status, run.left(), run.log(),
                    run.waited - before)
        if wrapper != 'silent' or sender not in TO_ONE:
            run.await_lines('leaf has cleaned up')
        run.status()
        return run.heard(), None, None, None, None
    finally:
        run.close()


def combinations(whole):
    for sender, name in itertools.product(SENDERS, SIGNALS):
        if sender == 'key' and name in ('TERM', 'HUP'):
            continue
        if whole or name == 'INT' or (name == 'TERM' and sender != 'key'):
            yield sender, name


def natively(wrapper, sender, name):
    """How often each is told without portexec."""
    return play((), wrapper, (), sender, getattr(signal, 'SIG' + name),
                False)[0]


@again_if_slow
def check(wrapper, sender, name, handoff, client, native):
    """Returns what is wrong."""
    script = ' '.join(PYTHON) + ' leaf.py client 7'
    port = [] if handoff == 'inherit' else ['{port}']
    number = getattr(signal, 'SIG' + name)
    prefix = [PORTEXEC, '-q', '-k', '20', '-H', handoff,
              *(['-c', 'exec ' + script] if client else []), '--']
    heard, status, left, log, late = play(prefix, wrapper, port, sender,
                                          number, client)
    wrong = []
    for process, count in heard.items():
        most = max(1, native.get(process, 1))
        if not 1 <= count <= most:
            wrong.append(f'{process} told {count} times, natively {most}')
        if process != 'wrapper' and f'{process} has cleaned up' not in log:
            wrong.append(f'{process} did not clean up')
    # timeout(1) may be held up between its child and its group.
    if wrong and 'timeout' in SENDERS[sender][2] and late > 10:
        raise TooSlow
    if left:
        wrong.append(f'left: {[harness.command_line(pid) for pid in left]}')
    if client and status != 7:
        wrong.append(f'status {status}')
    return wrong


class Late(unittest.TestCase):
    """The front gets the signal first, and runs last."""

    @again_if_slow
    def test_the_leaf_is_told_once(self):
        run = Run([PORTEXEC, '-q', '-H', 'adopt', '-k', '20', '--', *PYTHON,
                   'silent.py', *PYTHON, 'leaf.py', 'leaf', '3', '{port}'],
                  False)
        try:
            run.await_lines('leaf is ready')
            front, keeper, _, leaf = [run.pid, *descendants(run.pid)]
            os.kill(front, signal.SIGSTOP)
            to_tree(run, signal.SIGTERM)
            wait_for(lambda: leaf in all_children(keeper), 'the orphan')
            run.await_lines('leaf TERM')
            os.kill(front, signal.SIGCONT)
            run.status()
            self.assertEqual(run.heard()['leaf'], 1)
            self.assertIn('leaf has cleaned up', run.log())
        finally:
            run.close()


@contextlib.contextmanager
def load():
    """Two processors have other things to do."""
    loops = [subprocess.Popen(['sh', '-c', 'while :; do :; done'])
             for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


class Matrix(unittest.TestCase):
    AT_ONCE = 6
    # All of them: 540 runs, two minutes; and a part again under load.
    ALL = 'PORTEXEC_SIGNALS' in os.environ

    def test_every_process_is_told_once(self):
        self.play(self.ALL)

    if ALL:
        def test_under_load(self):
            with load():
                self.play(False)

    def play(self, everything):
        with concurrent.futures.ThreadPoolExecutor(self.AT_ONCE) as pool:
            for wrapper in WRAPPERS:
                self.play_all(pool, wrapper, everything)

    def play_all(self, pool, wrapper, everything):
        native = {pair: pool.submit(natively, wrapper, *pair)
                  for pair in combinations(everything)}
        rows = {}
        for pair, handoff, client in itertools.product(
                native, harness.HANDOFFS, (False, True)):
            if handoff == 'adopt' or client:    # else portexec is no more
                rows[wrapper, *pair, handoff, client] = pool.submit(
                    lambda *row, of: check(*row, of.result()),
                    wrapper, *pair, handoff, client, of=native[pair])
        for row, wrong in rows.items():
            with self.subTest(row):
                self.assertEqual(wrong.result(), [])


if __name__ == '__main__':
    unittest.main()
