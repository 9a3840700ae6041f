"""What the black-box tests share.

A Case has a directory of its own, self.directory, in which everything runs;
what it starts is ended, by pid, when the test is over.  Nothing sleeps: a
wait is for a condition and has a deadline.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
PORTEXEC = os.path.join(TOP, os.environ.get('PORTEXEC', 'portexec'))
PROBE = os.path.join(BUILD, 'tests', 'probe')
SDPROBE = os.path.join(BUILD, 'tests', 'sdprobe')
SANITIZED = os.environ.get('SANITIZED') == '1'
DEADLINE = 60       # seconds: for a machine that does much else

PROTOCOL = ('LISTEN_FDS', 'LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDNAMES',
            'LISTEN_FDS_FIRST_FD', 'LISTEN_PORT', 'LISTEN_PORTS')


def reset_signals():
    """A runner in the background may have been given ignored signals."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP,
                   signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def environment(**changes):
    """The runner's environment without LISTEN_*, and with changes.

    A change to None takes the variable away.
    """
    result = {name: value for name, value in os.environ.items()
              if name not in PROTOCOL}
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = str(value)
    return result


def arrange(fds=None, closed=()):
    """Options for Popen: fds maps numbers to descriptors, which are
    inherited there, and no other from 3; the numbers in closed are closed.
    """
    def child():
        moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 500)
                 for number, fd in (fds or {}).items()}
        for fd in map(int, os.listdir('/proc/self/fd')):
            with contextlib.suppress(OSError):      # the folder's own
                os.set_inheritable(fd, fd < 3)
        for number, fd in moved.items():
            os.dup2(fd, number, inheritable=True)
        for number in closed:
            os.close(number)
    return {'preexec_fn': child, 'close_fds': False}


def pidfd_inode(pid):
    """As LISTEN_PIDFDID has it; None where it is not the process's alone."""
    pidfd = os.pidfd_open(pid)
    try:
        inode = os.fstat(pidfd).st_ino
    finally:
        os.close(pidfd)
    other = os.pidfd_open(os.getppid())
    try:
        return None if os.fstat(other).st_ino == inode else inode
    finally:
        os.close(other)


def protocol(report):
    """The LISTEN_* of a probe's report, without that prefix."""
    given = dict(entry.split('=', 1) for entry in report['environ'])
    return {name[7:]: value for name, value in given.items()
            if name.startswith('LISTEN_')}


def port(described):
    """Of one of the report's sockets; of a unix one its path."""
    return described['address'].rsplit(':', 1)[-1]


def ports(report):
    """The ports, or paths, of the sockets in a probe's report, which begin
    with fd 3, without a gap and without close-on-exec."""
    fds = sorted(int(fd) for fd, what in report['fds'].items()
                 if 'type' in what)
    found = [report['fds'][str(fd)] for fd in fds]
    if (fds != list(range(3, 3 + len(fds))) or
            any(what['cloexec'] for what in found)):
        raise AssertionError(f'not as sd_listen_fds(3) has it: {found}')
    return [port(what) for what in found]


def wait_for(condition, what, seconds=DEADLINE):
    """Returns condition()'s first true value, asked every few ms."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(0.005)


def connect(address, kind=socket.SOCK_STREAM):
    """A socket connected to '127.0.0.1:80', '[::1]:80', '/path' or '@x'."""
    found = re.fullmatch(r'\[(.*)\]:(\d+)|([\d.]+):(\d+)', address)
    if found is None:
        client = socket.socket(socket.AF_UNIX, kind)
        target = '\0' + address[1:] if address[0] == '@' else address
    elif found[1] is not None:
        client = socket.socket(socket.AF_INET6, kind)
        target = (found[1], int(found[2]))
    else:
        client = socket.socket(socket.AF_INET, kind)
        target = (found[3], int(found[4]))
    client.settimeout(DEADLINE)
    try:
        client.connect(target)
    except OSError:
        client.close()
        raise
    return client


def read_all(client):
    """What the peer says until it closes."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b''.join(parts)


def http_get(address, path='/'):
    """The whole answer to one GET, as text."""
    with connect(address) as client:
        client.sendall(f'GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n'
                       .encode())
        return read_all(client).decode(errors='replace')


def end_process(process, seconds=10):
    """TERM, then KILL; reaps it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = os.path.realpath(
            tempfile.mkdtemp(prefix='portexec-test-'))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), 'w') as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def run_portexec(self, *arguments, status=0, env=None, program=None,
                     **options):
        """Runs it to its end; asserts the status unless that is None.

        Returns the CompletedProcess, stdout and stderr as text.
        """
        done = subprocess.run(
            [program or PORTEXEC, *map(str, arguments)], text=True,
            **{'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
               'stderr': subprocess.PIPE, 'cwd': self.directory,
               'timeout': DEADLINE, 'env': env or environment(), **options})
        if status is not None:
            self.assertEqual(done.returncode, status,
                             f'{arguments}: {done.stderr}')
        return done

    def launch(self, *arguments, env=None, program=None, **options):
        """Starts it in the background; the test's end ends it.

        stdout and stderr are pipes unless options say otherwise.
        """
        process = subprocess.Popen(
            [program or PORTEXEC, *map(str, arguments)], text=True,
            **{'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
               'stderr': subprocess.PIPE, 'cwd': self.directory,
               'env': env or environment(), **options})
        self.addCleanup(end_process, process)
        return process

    def announced(self, process):
        """Reads one line of the launched portexec's standard error, and
        returns the address that it names: '127.0.0.1:4711', '/path'."""
        line = process.stderr.readline()
        found = re.match(r'portexec: (?:listening on|inherited) (\S+)', line)
        self.assertIsNotNone(found, f'{line!r} {process.stderr.read()!r}'
                             if found is None else '')
        return found[1]

    def probe(self, *arguments, probe=(), **options):
        """Runs the probe under portexec with these arguments, and returns
        its report (see tests/probes/probe.c) as a dictionary, with
        portexec's standard error as report['stderr']."""
        done = self.run_portexec(*arguments, '--', PROBE, *probe, **options)
        return {**json.loads(done.stdout), 'stderr': done.stderr}

    def assert_fails(self, *arguments, message, status=125, exact=False,
                     **options):
        """portexec ends with the status and one line that contains message
        (or is 'portexec: ' + message), and leaves the directory as it was.
        """
        before = sorted(os.listdir(self.directory))
        done = self.run_portexec(*arguments, status=status, **options)
        lines = [line for line in done.stderr.splitlines()
                 if not re.match(r'portexec: ((listening on|inherited) .*, '
                                 r'fd \d+$|\d+ reserved)', line)]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith('portexec: '), lines[0])
        if exact:
            self.assertEqual(lines[0], 'portexec: ' + message)
        else:
            self.assertIn(message, lines[0])
        self.assertEqual(sorted(os.listdir(self.directory)), before)
        return done


@contextlib.contextmanager
def listening(host='127.0.0.1', port=0, family=socket.AF_INET, reuse=True):
    """A stray process's socket, listening."""
    with socket.socket(family, socket.SOCK_STREAM) as stray:
        if reuse:
            stray.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stray.bind((host, port))
        stray.listen()
        yield stray


def is_root():
    return os.geteuid() == 0
