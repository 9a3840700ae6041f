# SPDX-License-Identifier: ISC
"""What the black-box tests share.

A Case has a directory of its own, self.directory, in which everything runs;
what it starts is ended, by pid, when the test is over.  Nothing sleeps: a
wait is for a condition and has a deadline.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import glob
import json
import os
import platform
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
PORTEXEC = os.path.join(TOP, os.environ.get('PORTEXEC', 'portexec'))
PROBE = os.path.join(BUILD, 'tests', 'probe')
BINDER = os.path.join(BUILD, 'tests', 'binder')
DENY = os.path.join(BUILD, 'tests', 'deny')
SDPROBE = os.path.join(BUILD, 'tests', 'sdprobe')
SANITIZED = os.environ.get('SANITIZED') == '1'
COUNTED = os.environ.get('COUNTED') == '1'      # make coverage
# Where each round is slow, there are fewer.
BRIEF = SANITIZED or COUNTED
DEADLINE = 60       # seconds: for a machine that does much else

PROTOCOL = ('LISTEN_FDS', 'LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDNAMES',
            'LISTEN_FDS_FIRST_FD', 'LISTEN_PORT', 'LISTEN_PORTS')


MAKE = ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES')


def source(name):
    """Where it is, in src/ or a folder of it: 'options.c', 'handoff.h'."""
    found = glob.glob(os.path.join(glob.escape(TOP), 'src', '**', name),
                      recursive=True)
    if len(found) != 1:
        raise AssertionError(f'{name}: {found}')
    return found[0]


def describe_processes():
    """A line for each: descendants of this one, and those that its tests have
    marked (see Tree), wherever they went."""
    mark, parents, lines = f'/portexec-test-{os.getpid()}-', {}, []
    for pid in map(int, filter(str.isdigit, os.listdir('/proc'))):
        with contextlib.suppress(OSError):
            with open(f'/proc/{pid}/stat') as file:
                parents[pid] = int(file.read().rpartition(')')[2].split()[1])
    for pid in sorted(parents):
        above = parents[pid]
        while above not in (0, os.getpid()):
            above = parents.get(above, 0)
        with contextlib.suppress(OSError):
            with open(f'/proc/{pid}/environ', 'rb') as file:
                if above == 0 and mark.encode() not in file.read():
                    continue
            with open(f'/proc/{pid}/wchan') as file:
                waits_in = file.read()
            with open(f'/proc/{pid}/status') as file:
                signals = re.findall(r'(?m)^((?:Sig|ShdP)\w+:)\t(.*)',
                                     file.read())
            lines.append(f'{command_line(pid)!r:.200}: child of {parents[pid]}'
                         f', {state(pid)}, {waits_in}, '
                         + ' '.join(map(''.join, signals)))
    return lines


def reset_signals():
    """A runner in the background may have been given ignored signals."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP,
                   signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def environment(**changes):
    """The runner's environment without LISTEN_* and make's own, whose job
    server is at descriptors that a test may not have, and with changes.

    A change to None takes the variable away.
    """
    result = {name: value for name, value in os.environ.items()
              if name not in PROTOCOL + MAKE}
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


def passing(command, fds, variables):
    """Options for Popen: the process becomes the command, passed the
    descriptors as by systemd, with LISTEN_* from variables, in which {pid}
    and {inode} are its own."""
    def child():
        pid, inode = os.getpid(), pidfd_inode(os.getpid())
        arrange(fds)['preexec_fn']()
        os.execve(command[0], command, environment(
            **{name: value.format(pid=pid, inode=inode)
               for name, value in variables.items()}))
    return {'preexec_fn': child, 'close_fds': False}


def variables(report):
    """The environment in a probe's report."""
    return dict(entry.split('=', 1) for entry in report['environ'])


def protocol(report):
    """The LISTEN_* of a probe's report, without that prefix."""
    return {name[7:]: value for name, value in variables(report).items()
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


@functools.cache
def reason(number):
    """What the program says of an errno: with musl, EADDRINUSE is "Address in
    use"."""
    done = subprocess.run([DENY, 'listen', str(number), PORTEXEC, '-l',
                           '127.0.0.1:0', '--', 'true'], text=True,
                          capture_output=True, env=environment())
    return re.match(r'portexec: listen on [\d.:]+: (.*)\n', done.stderr)[1]


def said(text):
    """The text with each reason that strerror(3) has as the program has it."""
    numbers = {os.strerror(number): number for number in errno.errorcode}
    longest = sorted(numbers, key=len, reverse=True)
    return re.sub('|'.join(map(re.escape, longest)),
                  lambda found: reason(numbers[found[0]]), text)


def has_it():
    """What portexec adds where this process has the port."""
    with open('/proc/self/comm') as file:
        return f': process {os.getpid()} ({file.read()[:-1]}) has it'


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


def ask(client):
    """What a service of datagrams answers; until it does, asks again."""
    def try_once():
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            client.send(b'?')
            return client.recv(100)
        # One that was sent too late is refused, before what was answered.
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            return client.recv(100)
    client.settimeout(0.2)
    return wait_for(try_once, 'an answer')


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
            tempfile.mkdtemp(prefix=f'portexec-test-{os.getpid()}-'))
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

    def sysctl(self, name, value):
        """Sets what belongs to the namespace that the test runs in."""
        try:
            with open('/proc/sys/' + name, 'w') as file:
                file.write(str(value))
        except OSError as error:
            self.skipTest(f'{name}: {error}')

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
        found = re.match(r'portexec: (?:\S+: )?(?:listening on|inherited) '
                         r'([^\s,]+)', line)
        if found is None:       # it may go on, and hold its standard error
            process.kill()
            self.fail(f'{line!r} {process.stderr.readline()!r}')
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
        A reason in message is to be whole: see said().
        """
        message = said(message)
        before = sorted(os.listdir(self.directory))
        done = self.run_portexec(*arguments, status=status, **options)
        lines = [line for line in done.stderr.splitlines()
                 if not re.match(r'portexec: (\S+: )?'
                                 r'((listening on|inherited) .*, '
                                 r'(fds? \d+.*|until .* binds it)$|'
                                 r'.* listens when .* binds it$|'
                                 r'\d+ reserved)', line)]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith('portexec: '), lines[0])
        if exact:
            self.assertEqual(lines[0], 'portexec: ' + message)
        else:
            self.assertIn(message, lines[0])
        self.assertEqual(sorted(os.listdir(self.directory)), before)
        return done

    def as_ordinary_user(self):
        """Options for run_portexec with which it is not root.

        The program is a copy: the tree may be where only root can go.  Use
        it wherever a file in /dev is named: a program that is broken would
        remove it.
        """
        if not is_root():
            return {}
        program = self.path('portexec-copy')
        shutil.copy(PORTEXEC, program)
        os.chmod(self.directory, 0o777)
        return {'program': program, 'user': 65534, 'group': 65534,
                'extra_groups': []}


def need_strace():
    """Skips a test where it is not there, or may not trace."""
    if shutil.which('strace') is None:
        raise unittest.SkipTest('no strace')
    tried = subprocess.run(['strace', '-o', '/dev/null', 'true'],
                           capture_output=True, text=True)
    if tried.returncode != 0:
        raise unittest.SkipTest('strace: ' + tried.stderr)


def traced_binds(log):
    """What the keeper did for each bind(2) of the service's, by the log of
    `strace -f -qq`: its system calls from one wait for events to the next, as
    lists of names.  Beside the last may be what the service's end took."""
    with open(log) as file:
        calls = [line.split(None, 1) for line in file]
    keeper = next(pid for pid, call in calls if 'NOTIF_RECV' in call)
    rounds, found = [[]], []
    for pid, call in calls:
        if pid != keeper or ' resumed>' in call:
            continue
        name = call.split('(')[0]
        if name == 'poll':
            rounds.append([])
        if 'NOTIF_RECV' in call:
            found.append(rounds[-1])
        rounds[-1].append(name)
    return found


def state(pid):
    """A letter: "T" is stopped (proc_pid_stat(5))."""
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[2].split()[0]


def name_of(pid):
    try:
        with open(f'/proc/{pid}/comm') as file:
            return file.read().rstrip('\n')
    except OSError:
        return None


def children(pid):
    """The children of its first thread, but the front's witness."""
    try:
        with open(f'/proc/{pid}/task/{pid}/children') as file:
            return [child for child in map(int, file.read().split())
                    if name_of(child) != 'witness']
    except OSError:
        return []


class Tree(Case):
    """What runs with self.env, and its descendants, is found again, wherever
    it went: by a variable.  Nothing of it outlives the test."""

    def setUp(self):
        super().setUp()
        self.env = environment(PORTEXEC_TEST=self.directory)
        self.addCleanup(self.end_left)

    def left(self, part=''):
        """The processes of the test, or of that part of it, '/N/' in the
        variable; a zombie has no environment."""
        found = []
        variable = f'PORTEXEC_TEST={self.directory}{part}'.encode()
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                with open(f'/proc/{pid}/environ', 'rb') as file:
                    if variable in file.read():
                        found.append(int(pid))
        return found

    def assert_nothing_left(self, part='', seconds=DEADLINE):
        """Soon: a process that was killed may take a moment to end."""
        try:
            wait_for(lambda: not self.left(part), 'the end of all', seconds)
        except AssertionError as error:
            raise AssertionError(f'{error}: ' + ', '.join(map(
                command_line, self.left(part)))) from None

    def await_rest(self):
        """Until all sleep: a signal that reaches a shell just before it calls
        read(2) is not acted on before that returns."""
        wait_for(lambda: all(state(pid) == 'S' for pid in self.left()),
                 'all to sleep')

    def end_left(self):
        """A process that ends has no environment, and so is not found, for a
        while before its descriptors are closed."""
        def kill():
            with contextlib.ExitStack() as stack:
                ends = []
                for pid in self.left():
                    with contextlib.suppress(ProcessLookupError):
                        ends.append(os.pidfd_open(pid))
                        stack.callback(os.close, ends[-1])
                        os.kill(pid, signal.SIGKILL)
                for end in ends:
                    poll = select.poll()
                    poll.register(end, select.POLLIN)
                    poll.poll(1000 * DEADLINE)
            return not ends
        wait_for(kill, 'the end of what a test has left')

    def parts(self, front):
        """The pids of the keeper and the service of a front."""
        # The witness has no name of its own at first, and never a child.
        return wait_for(lambda: next(
            ((child, children(child)[0]) for child in children(front)
             if children(child)), None), 'the service')


class Binding(Tree):
    """The probe that binds (tests/probes/binder.c), under portexec."""
    ordinary = False    # True: not as root

    def setUp(self):
        super().setUp()
        self.binder, self.user = BINDER, {}
        if self.ordinary:
            self.user = self.as_ordinary_user()
            self.binder = shutil.copy(BINDER, self.path('binder'))
            os.chmod(self.directory, 0o777)

    def start(self, *steps, options=(), before=(), **others):
        """Launches it, behind the words before.  Returns the process and
        the address that portexec named."""
        process = self.launch(*options, '--', *before, self.binder, *steps,
                              **{'env': self.env, **self.user, **others})
        return process, self.announced(process)

    def finish(self, process, status=0):
        """What it said, as lines, once it has ended; what portexec said
        meanwhile is in process.said."""
        lines = process.stdout.read().splitlines()
        process.said = process.stderr.read()
        self.assertEqual(process.wait(DEADLINE), status,
                         f'{process.args}: {lines} {process.said}')
        return lines

    def serve(self, *steps, clients=1, **options):
        """Connects so many clients, lets the probe begin, and returns what
        it said and what each client was answered, without the newline."""
        process, address = self.start('wait=go', *steps, **options)
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(connect(address))
                       for _ in range(clients)]
            self.write('go', '')
            answers = [read_all(client).decode().rstrip('\n')
                       for client in waiting]
        said = self.finish(process)
        os.unlink(self.path('go'))
        return said, answers

    def wait_for_file(self, name, seconds=DEADLINE):
        wait_for(lambda: os.path.exists(self.path(name)), name, seconds)

    def wait_for_line(self, process, pattern):
        """Reads portexec's lines up to one that has the pattern."""
        while line := process.stderr.readline():
            if re.search(pattern, line):
                return line
        raise AssertionError(f'no line has {pattern}')


def command_line(pid):
    """For messages."""
    try:
        with open(f'/proc/{pid}/cmdline') as file:
            return f'{pid} ' + file.read().replace('\0', ' ')
    except OSError:
        return f'{pid}'


HANDOFFS = ('inherit', 'adopt', 'reserve')

# A service for each: HANDOFF PORT CODE.  The code says what it does.
SESSION_SERVICE = '''
import os, select, signal, socket, sys, time
handoff, port, code = sys.argv[1:]

def listen():
    global server
    if handoff == 'inherit':
        server = socket.socket(fileno=3)
        return
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(('127.0.0.1', int(port)))
    server.listen()

def mark(name):
    open('marks/' + name, 'w').close()

def wait(name):
    while not os.path.exists('marks/' + name):
        time.sleep(0.005)

def accept():
    """Python may see a signal before accept(2), and its handler then waits for
    a client."""
    while not select.select([server], [], [], 0.1)[0]:
        pass
    return server.accept()[0]

def serve():
    """Answers with the number of the connection, until it is told to quit."""
    number, word = 0, ''
    while word != 'quit':
        client = accept()
        number += 1
        word = client.recv(100).decode()
        client.sendall(b'%d' % number)
        client.close()

exec(code)
'''

# ask ADDRESS WORD: prints the answer.  ask ADDRESS: waits until it is refused.
SESSION_ASK = '''
import socket, sys, time
host, _, port = sys.argv[1].rpartition(':')

def connect():
    if host:
        return socket.create_connection((host.strip('[]'), port), 60)
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    return client

try:
    while not sys.argv[2:]:
        try:
            connect().close()
        except ConnectionResetError:    # closed at that moment
            pass
        time.sleep(0.005)
    client = connect()
    client.sendall(sys.argv[2].encode())
    print(client.recv(100).decode(), flush=True)
except ConnectionRefusedError:
    sys.exit(9 if sys.argv[2:] else 0)
'''


class Session(Tree):
    """A service and a client: after each run nothing is left, neither a
    process nor a file nor a socket's path."""

    ASK = f'{sys.executable} -SE ask.py'

    def setUp(self):
        super().setUp()
        self.write('service.py', SESSION_SERVICE)
        self.write('ask.py', SESSION_ASK)
        os.mkdir(self.path('run'))
        os.mkdir(self.path('marks'))

    def session(self, handoff, client, service, *options):
        """Arguments for portexec.  What is in marks/ is a run's own."""
        for name in os.listdir(self.path('marks')):
            os.remove(self.path('marks/' + name))
        sockets = () if handoff == 'reserve' else ('-l', './run/socket')
        return ('-q', '-H', handoff, '-l', '0', *sockets, '-p', 'run/port',
                '-w', 'run/file=text', *options, '-c', client, '--',
                sys.executable, '-SE', 'service.py', handoff, '{port}',
                service)

    def run_session(self, handoff, client, service, *options, status=0,
                    **others):
        done = self.run_portexec(
            *self.session(handoff, client, service, *options), status=status,
            **{'env': self.env, **others})
        self.assert_clean()
        return done

    def launch_session(self, *arguments, **others):
        return self.launch(*self.session(*arguments),
                           **{'env': self.env, **others})

    def await_mark(self, name):
        wait_for(lambda: os.path.exists(self.path('marks/' + name)), name)

    def is_marked(self, name):
        return os.path.exists(self.path('marks/' + name))

    def assert_clean(self):
        """Now: portexec has ended in good order."""
        self.assertEqual(list(map(command_line, self.left())), [])
        self.assertEqual(os.listdir(self.path('run')), [])


@contextlib.contextmanager
def listening(host='127.0.0.1', port=0, family=socket.AF_INET, reuse=True):
    """A stray process's socket, listening."""
    with socket.socket(family, socket.SOCK_STREAM) as stray:
        if reuse:
            stray.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stray.bind((host, port))
        stray.listen()
        yield stray


def free_number():
    """A number that nobody uses, below those that the kernel gives out."""
    while True:
        number = random.randrange(20000, 32000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as trial:
                    trial.bind(('0.0.0.0', number))
            return number
        except OSError:
            pass


def enter_namespace():
    """Gives this process a network of its own, in which lo is up; one that
    may not have that becomes root of a user namespace first."""
    new_user, new_net, get_flags, set_flags = (0x10000000, 0x40000000,
                                               0x8913, 0x8914)
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(new_net) == -1:
        if libc.unshare(new_user | new_net) == -1:
            raise OSError(ctypes.get_errno(), 'unshare')
        for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {user} 1'),
                           ('gid_map', f'0 {group} 1')):
            with open('/proc/self/' + name, 'w') as file:
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = bytearray(struct.pack('16s24x', b'lo'))
        fcntl.ioctl(control, get_flags, request)
        request[16] |= 1        # IFF_UP
        fcntl.ioctl(control, set_flags, request)


def in_namespace(test):
    """Decorates a test that is to run in a network namespace of its own: in
    a child, whose failure or skip becomes the test's."""
    def run_in_child(case, output):
        # Sub-tests and clean-ups are the child's own, and end with it.
        case._outcome, case._cleanups = None, []
        word = 'passed'
        try:
            try:
                enter_namespace()
            except OSError as error:
                case.skipTest(f'no network namespace: {error}')
            test(case)
        except unittest.SkipTest as skip:
            word, text = 'skipped', str(skip)
        except BaseException:
            word, text = 'failed', traceback.format_exc()
        case.doCleanups()
        output.write(word + '\n' + (text if word != 'passed' else ''))
        output.flush()

    @functools.wraps(test)
    def run(case):
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                with open(writing, 'w') as output:
                    run_in_child(case, output)
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading) as pipe:
            word, _, text = pipe.read().partition('\n')
        os.waitpid(child, 0)
        if word == 'skipped':
            case.skipTest(text)
        if word != 'passed':
            case.fail(text or 'the child of the test died')
    return run


def in_pid_namespace(**options):
    """The words before a command that runs it in a pid namespace, with a
    /proc of its own; options as for Popen."""
    ordinary = options.get('user') or not is_root()
    words = ['unshare', '-rpf' if ordinary else '-pf', '--mount-proc']
    tried = subprocess.run([*words, 'true'], capture_output=True, text=True,
                           **options)
    if tried.returncode != 0:
        raise unittest.SkipTest('no pid namespace: ' + tried.stderr)
    return words


def refuse_family(family):
    """From here on socket(family) says EAFNOSUPPORT, as under a kernel
    without it: for Popen's preexec_fn."""
    number = {'x86_64': 41, 'aarch64': 198}[platform.machine()]
    load, equal, answer = 0x20, 0x15, 0x06      # of linux/bpf_common.h
    steps = [(load, 0, 0, 0),                   # the system call's number
             (equal, 0, 3, number),
             (load, 0, 0, 16),                  # its first argument
             (equal, 0, 1, family),
             (answer, 0, 0, 0x50000 | 97),      # EAFNOSUPPORT
             (answer, 0, 0, 0x7fff0000)]        # go on
    code = ctypes.create_string_buffer(
        b''.join(struct.pack('HBBI', *step) for step in steps))
    program = struct.pack('HP', len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    # PR_SET_NO_NEW_PRIVS, and PR_SET_SECCOMP with a filter
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
        raise OSError(ctypes.get_errno(), 'prctl')


def refuse_ipv6():
    refuse_family(socket.AF_INET6)


def sockets(report):
    """The sockets of a probe's report, in order from fd 3."""
    result = []
    while (fd := report['fds'].get(str(3 + len(result)))) is not None:
        if 'type' not in fd:
            break
        result.append(fd)
    return result


def addresses(report):
    """Where they are, the numbers replaced: equal ones by equal letters."""
    letters = {}
    result = []
    for fd in sockets(report):
        host, colon, port = fd['address'].rpartition(':')
        if fd['domain'] == socket.AF_UNIX:
            result.append(fd['address'])
        else:
            letters.setdefault(port, chr(ord('A') + len(letters)))
            result.append(host + colon + letters[port])
    return result


def is_root():
    return os.geteuid() == 0
