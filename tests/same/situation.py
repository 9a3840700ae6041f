# SPDX-License-Identifier: ISC
"""A situation, and how it is played: natively and under portexec.

The service is a list of steps of tests/probes/binder.c.  Natively {port} in
them is a port that was found by bind and close; under portexec it is its own
placeholder.  {wired} is the port that a service has wired in: natively the
same, under portexec another, which -m maps.  The client is a list of what
Play's methods do_* say.  What came of it is a list of lines, the same for all
who play it.

Where there is a script, a list of steps too, it is the client of -c;
natively a shell runs it and has the service as its job.
"""

import contextlib
import itertools
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from typing import NamedTuple

import harness

NATIVE = 'native'
# What the service is told decides; or what -H says.
DEFAULT, ADOPT, RESERVE, INHERIT = 'default', 'adopt', 'reserve', 'inherit'
# Seconds: for a machine that does much else; and where somebody is known, or
# may well be found, to wait in vain.
PATIENCE, SHORT = 30, 0.7
IS_ROOT = harness.is_root()     # and not only of a user namespace

# Of a child of vfork(2) that calls _exit(2).
ASAN_WARNS = re.compile(r'==\d+==WARNING: ASan is ignoring requested |'
                        'False positive error reports may follow|'
                        'For details see ')

# In a service: a socket that listens; under inherit the one at fd 3.
OPEN = 'OPEN'
OPENED = ('socket=tcp4', 'set=reuseaddr:1', 'bind=127.0.0.1:{port}',
          'listen')
TAKEN = ('take=3', 'say=bind 0')
# What a script does without portexec.  A shell gives its jobs /dev/null.
END = 'status=$?; exec 2>/dev/null; kill $!; wait $!; exit $status'
JOB = '"$@" & CLIENT; ' + END
JOB_WITH_INPUT = 'exec 3<&0 </dev/null; "$@" <&3 3<&- & CLIENT; ' + END
# How an interactive shell runs a command, and a job.
FOREGROUND = 'sh', '-c', 'set -m; "$@"; exit $?', 'sh'
BACKGROUND = ('sh', '-c', 'set -m; trap : INT; "$@" & while [ ! -e fg ]; do '
              'sleep 0.01; done; fg >/dev/null; exit $?', 'sh')


class Situation(NamedTuple):
    name: str
    service: list
    client: list = ()
    options: tuple = ()             # -l and others, under portexec
    handoffs: str = f'{DEFAULT} {ADOPT} {RESERVE}'
    # Both by the handoff, or by several with a blank in between.
    documented: dict = {}   # to the manual's sentence, and how they differ
    wrong: dict = {}        # wrong today: to the reason in plain words
    ordinary: bool = False  # not as root
    leaves: bool = False    # processes, which nobody waits for
    needs: tuple = ()       # a socket(2) that may be unknown here
    script: list = ()
    shell: str = JOB
    wrapper: str = ''       # a script that runs the service: "$@"
    input: str = ''         # of all that runs
    around: tuple = ()      # what runs all that
    terminal: bool = False
    ignored: str = ''       # signals that the caller ignores

    def is_possible(self):
        if self.ordinary and not IS_ROOT:
            return False
        try:
            socket.socket(*self.needs).close()
            return True
        except OSError:
            return False

    def mark(self, marks, handoff):
        for handoffs, what in marks.items():
            if handoff in handoffs.split():
                return what
        return None


class Programs:
    """Where any user can execute them."""

    def __init__(self, directory):
        os.chmod(directory, 0o755)
        self.portexec = shutil.copy(harness.PORTEXEC, directory + '/portexec')
        self.binder = shutil.copy(harness.BINDER, directory + '/binder')


def find_port(kind, host='127.0.0.1'):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind((host, 0))
        return found.getsockname()[1]


def sockets(*tables):
    """The (host, port) of all TCP sockets that listen in this network, and
    of all UDP sockets, by the names of their tables."""
    for table in tables:
        with contextlib.suppress(OSError), \
                open('/proc/self/net/' + table) as file:
            for line in file.readlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                if table.startswith('udp') or state == '0A':
                    host, port = local.split(':')
                    words = bytes.fromhex(host)     # each in host order
                    raw = b''.join(words[at:at + 4][::-1]
                                   for at in range(0, len(words), 4))
                    family = (socket.AF_INET if len(raw) == 4 else
                              socket.AF_INET6)
                    yield socket.inet_ntop(family, raw), int(port, 16)


class TooSlow(Exception):
    """The sender of a signal to all was held up: 20 ms are its time."""


def descendants(pid):
    with contextlib.suppress(OSError), \
            open(f'/proc/{pid}/task/{pid}/children') as file:
        for child in map(int, file.read().split()):
            yield child
            yield from descendants(child)


class Play:
    """One run of a situation, whose lines observe() returns."""

    def __init__(self, situation, handoff, programs, other):
        self.situation, self.handoff = situation, handoff
        self.programs = programs
        self.patience = PATIENCE
        if situation.mark(situation.wrong, handoff) is not None:
            self.patience = SHORT
        self.lines, self.clients = [], {}
        self.directory = os.path.realpath(
            tempfile.mkdtemp(prefix='portexec-same-'))
        self.here = self.directory + '/here'
        os.mkdir(self.here)
        for path in self.directory, self.here:
            os.chmod(path, 0o777)
        self.is_udp = any('udp' in word for word in situation.options)
        self.port, self.process, self.terminal = None, None, -1
        opened = TAKEN if handoff == INHERIT else OPENED
        kind = socket.SOCK_DGRAM if self.is_udp else socket.SOCK_STREAM
        self.wired = find_port(kind)
        if handoff == NATIVE:
            self.port = self.wired
        self.steps = [step.replace('{other}', str(other))
                      for word in situation.service
                      for step in (opened if word == OPEN else (word,))]

    def observe(self):
        try:
            self.start()
            for action in self.situation.client:
                word, *values = action.split()
                getattr(self, 'do_' + word)(*values)
            self.do_make('end')
            self.await_end()
            self.note_what_is_left()
            return self.said() + self.lines
        finally:
            self.end()

    def note(self, line):
        self.lines.append(line)

    # Beginning and end.

    def command(self):
        script = shlex.join([self.programs.binder, *self.situation.script])
        if self.handoff == NATIVE:
            command = [word.replace('{port}', str(self.port)).replace(
                '{addr}', './s') for word in self.service()]
            if self.situation.script:
                command = ['sh', '-c', self.situation.shell.replace(
                    'CLIENT', script.replace('{port}', str(self.port))),
                    'sh', *command]
        else:
            chosen = () if self.handoff == DEFAULT else ('-H', self.handoff)
            client = (('-c', 'exec ' + script) if self.situation.script
                      else ())
            command = [self.programs.portexec, *chosen, *client,
                       *self.situation.options, '--', *self.service()]
        return [word.replace('{wired}', str(self.wired))
                for word in (*self.situation.around, *command)]

    def service(self):
        wrapper = (('sh', '-c', self.situation.wrapper, 'sh')
                   if self.situation.wrapper else ())
        return [*wrapper, self.programs.binder, *self.steps]

    def prepare(self, slave):
        """In the process that is to be the caller: a session of its own."""
        os.setsid()
        harness.reset_signals()
        for name in self.situation.ignored.split():
            signal.signal(getattr(signal, 'SIG' + name), signal.SIG_IGN)
        if slave is not None:
            os.close(os.open(os.ttyname(slave), os.O_RDWR))

    def start(self):
        command, slave = self.command(), None
        user = ({'user': 65534, 'group': 65534, 'extra_groups': []}
                if self.situation.ordinary else {})
        with open(self.directory + '/stdin', 'w') as file:
            file.write(self.situation.input)
        if self.situation.terminal:
            self.terminal, slave = pty.openpty()
        with open(self.directory + '/stdout', 'w') as output, \
                open(self.directory + '/stdin') as text, \
                open(self.directory + '/stderr', 'w') as errors:
            self.process = subprocess.Popen(
                command, cwd=self.here, stdin=slave or text,
                stdout=output, stderr=errors, umask=0o022,
                preexec_fn=lambda: self.prepare(slave),
                env=harness.environment(
                    PORTEXEC_TEST=self.directory,
                    ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', '') +
                    ':handle_segv=0'),      # it would report SIGSEGV
                **user)
        if slave is not None:
            os.close(slave)
        if self.handoff != NATIVE:
            self.read_port()

    def text(self, name):
        with open(f'{self.directory}/{name}', errors='replace') as file:
            return file.read()

    def read_port(self):
        def announced():
            return re.search(
                r'portexec: (?:\S+: )?'
                r'(?:listening on|inherited) \S*?(\d+)?[ ,].*\n|'
                r'portexec: (?:\S+: )?(\d+) reserved .*\n', self.text('stderr'))
        harness.wait_for(lambda: announced() or self.is_over(),
                         'what portexec announces')
        found = announced()
        if found is None:
            raise AssertionError('portexec: ' + self.text('stderr'))
        self.port = int(found[1] or found[2] or 0)

    def is_over(self):
        return self.process.poll() is not None

    def wait(self, condition, seconds=None):
        """False where it never was true."""
        try:
            return harness.wait_for(condition, '', seconds or self.patience)
        except AssertionError:
            return False

    def is_all_over(self):
        """Nothing of the service's lives; the keeper may."""
        return self.is_over() and not any(
            name != 'portexec' for name in self.processes().values())

    def await_end(self):
        if not self.wait(self.is_over):
            self.note('caller: it still runs')
            return
        status = self.process.returncode
        self.note('caller: ' + (
            f'killed by {signal.Signals(-status).name}' if status < 0 else
            f'status {status}'))

    def processes(self):
        variable = f'PORTEXEC_TEST={self.directory}'.encode()
        found = {}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                with open(f'/proc/{pid}/environ', 'rb') as file:
                    if variable not in file.read().split(b'\0'):
                        continue
                with open(f'/proc/{pid}/comm') as file:
                    found[int(pid)] = file.read().strip()
        return found

    def note_what_is_left(self):
        """What was told to end has a moment to do so."""
        self.wait(lambda: not self.processes(),
                  SHORT if self.situation.leaves else None)
        for name in sorted(self.processes().values()):
            self.note(f'left: process {name}')
        steps = ' '.join([*self.steps, *self.situation.script,
                          self.situation.input, *self.situation.client])
        known = re.findall(r'(?:touch|wait|serve|hear)=([\w.]+)|make (\w+)', steps)
        names = {name for pair in known for name in pair} | {'end'}
        for name in sorted(set(os.listdir(self.here)) - names):
            mode = os.lstat(f'{self.here}/{name}').st_mode
            self.note(f'left: {stat.filemode(mode)} {name}')
        if self.port:
            self.note_port()

    def note_port(self):
        """A process that ends has no memory, and so no environ, a moment
        before its sockets are closed."""
        def left():
            return [host for host, port in sockets(
                *('udp', 'udp6') if self.is_udp else ('tcp', 'tcp6'))
                    if port == self.port]
        self.wait(lambda: not left(), SHORT)
        for host in left():
            self.note(f'left: the port, at {host}')

    def end(self):
        for client in self.clients.values():
            client.close()
        if self.terminal != -1:
            os.close(self.terminal)
        for _ in range(200):
            left = self.processes()
            if self.process is not None and not self.is_over():
                left[self.process.pid] = ''
            if not left:
                break
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
        shutil.rmtree(self.directory, ignore_errors=True)

    # What the service and portexec said, process by process.

    def said(self):
        lines = self.text('stdout').splitlines()
        for line in self.text('stderr').splitlines():
            if ASAN_WARNS.match(line):
                continue
            if not re.match(r'portexec: (\S+: )?((listening on|inherited) .*, '
                            r'(fds? \d|until )|\d+ reserved)|'
                            r'portexec: process \d+ .* cannot bind |'
                            r'portexec: .* listens when ', line):
                lines.append('error: ' + line)
        speakers = sorted({self.speaker(line) for line in lines})
        return [self.normal(line) for speaker in speakers for line in lines
                if self.speaker(line) == speaker]

    @staticmethod
    def speaker(line):
        found = re.match(r'(\w+): ', line)
        return '' if found is None else found[1]

    def normal(self, line):
        """Without what differs from run to run."""
        line = re.sub(r'bind (own|given)$', 'bind 0', line)
        line = re.sub(r'process \d+', 'process N', line)
        line = line.replace(self.programs.binder, 'binder')
        if 'wired' in ' '.join(self.steps):
            line = re.sub(rf'\b{self.wired}\b', '{wired}', line)
        if self.port:
            line = re.sub(rf'\b{self.port}\b', '{port}', line)
        return line

    # What a client does.

    def do_make(self, name):
        with open(f'{self.here}/{name}', 'w'):
            pass

    def do_until(self, name):
        """The service has made the file, or has ended."""
        if not self.wait(lambda: os.path.exists(f'{self.here}/{name}') or
                         self.is_all_over()):
            self.note(f'client: no {name}')

    def do_gone(self):
        """The service itself has ended."""
        self.wait(self.is_over)

    def do_soon(self):
        """Has it ended, soon?"""
        over = self.wait(self.is_over, SHORT)
        self.note('client: it ' + ('has ended' if over else 'still runs'))

    def do_end(self, name):
        if not self.is_over():
            os.kill(self.caller(), signal.Signals['SIG' + name])

    def caller(self):
        """The process that would be portexec."""
        if self.situation.around:
            return next(descendants(self.process.pid))
        return self.process.pid

    def do_group(self, name):
        os.killpg(self.caller(), signal.Signals['SIG' + name])

    def do_timeout(self, name):
        """As timeout(1) does: its child, and then the group."""
        self.do_end(name)
        self.do_group(name)

    def do_tree(self, name):
        pids = [self.caller(), *descendants(self.caller())]
        begin = time.monotonic()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.Signals['SIG' + name])
        if time.monotonic() - begin > 0.01:
            raise TooSlow

    def do_key(self, name):
        os.write(self.terminal, {'INT': b'\x03', 'QUIT': b'\x1c'}[name])

    def do_type(self, text):
        os.write(self.terminal, text.encode() + b'\n')

    def do_stopped(self):
        """Is a process stopped, as one is that reads in the background?"""
        def is_one():
            for pid in self.processes():
                with contextlib.suppress(OSError):
                    if harness.state(pid) == 'T':
                        return True
            return False
        stopped = self.wait(is_one, SHORT)
        self.note('client: ' + ('it is stopped' if stopped else
                                'it is not stopped'))

    def await_listener(self, where):
        """Or the end of the service.  A client that tries to connect before
        may meet itself."""
        self.wait(lambda: self.is_listener(where) or self.is_all_over())

    def is_listener(self, where):
        """Is there one that would be asked at this host?"""
        hosts = {where, '::'} | ({'0.0.0.0', '::ffff:' + where}
                                 if '.' in where else set())
        return any(host in hosts and port == self.port
                   for host, port in sockets('tcp', 'tcp6'))

    def connect(self, where, patience=None):
        if where.startswith('./'):
            where = os.path.relpath(f'{self.here}/{where}')
            client = socket.socket(socket.AF_UNIX)
            address = where
        else:
            client = socket.socket(socket.AF_INET6 if ':' in where else
                                   socket.AF_INET)
            address = where, self.port
        client.settimeout(patience or self.patience)
        try:
            client.connect(address)
        except OSError:
            client.close()
            raise
        return client

    def answer(self, client):
        try:
            return (harness.read_all(client).decode().replace('\n', ' ')
                    .strip() or 'closed')
        except ConnectionResetError:
            return 'reset'
        except TimeoutError:
            return 'no answer'

    def call(self, word, where, patience=None):
        try:
            with self.connect(where, patience) as client:
                answer = self.answer(client)
        except ConnectionRefusedError:
            answer = 'refused'
        except OSError as error:
            answer = error.strerror
        self.note(f'client: {word} {where}: {answer}')

    def do_call(self, where):
        """Connects now, and notes what came of it."""
        self.call('call', where)

    def do_try(self, where):
        """The same where there may be no answer."""
        self.call('try', where, SHORT)

    def do_ask(self, where, count='1'):
        """The same once it listens there, so many times."""
        if where.startswith('./'):
            self.wait(lambda: self.is_over() or
                      os.path.exists(f'{self.here}/{where}'))
        else:
            self.await_listener(where)
        for _ in range(int(count)):
            self.call('ask', where)

    def do_look(self, where):
        """Does anybody listen there, soon?"""
        found = self.wait(lambda: self.is_listener(where), 3 * SHORT)
        self.note(f'client: {"a listener" if found else "nobody listens"} '
                  f'at {where}')

    def do_avoid(self, where):
        """Is a client refused there, soon?"""
        def is_refused():
            try:
                self.connect(where).close()
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:    # closed in the midst of connect()
                return False
            return False
        refused = self.wait(is_refused, 5 * SHORT)
        self.note(f'client: {"refused" if refused else "connected"} at '
                  f'{where}')

    def do_crowd(self, where, count):
        """So many clients at once: are all answered?"""
        self.await_listener(where)
        clients = [self.connect(where) for _ in range(int(count))]
        everybody = True
        deadline = time.monotonic() + SHORT
        for client in clients:
            with client:
                client.settimeout(max(0.01, deadline - time.monotonic()))
                everybody &= self.answer(client) != 'no answer'
        self.note(f'client: crowd: {"all" if everybody else "some"} answered')

    def do_gather(self, where, count):
        """So many clients, who only connect."""
        self.await_listener(where)
        for number in range(int(count)):
            self.clients[f'gathered{number}'] = self.connect(where)

    def do_knock(self, where):
        """A connection, if it is not refused, that read asks later."""
        try:
            self.clients['held'] = self.connect(where, SHORT)
            self.note(f'client: knock {where}: connected')
        except ConnectionRefusedError:
            self.note(f'client: knock {where}: refused')

    def do_read(self):
        if 'held' in self.clients:
            self.note('client: held: ' + self.answer(self.clients['held']))

    def do_settle(self, where):
        """Are clients answered one after another, soon?"""
        numbers = itertools.count()

        def is_settled():
            return all(self.send(f'settle{next(numbers)}', where, SHORT / 7)
                       not in ('refused', 'no answer') for _ in range(20))
        settled = self.wait(is_settled, 10 * SHORT)
        self.note(f'client: {"all" if settled else "some"} are answered')

    def send(self, label, where, patience=None):
        """What a datagram of that client's is answered."""
        if label not in self.clients:
            client = socket.socket(socket.AF_INET6 if ':' in where else
                                   socket.AF_INET, socket.SOCK_DGRAM)
            client.settimeout(patience or self.patience)
            client.connect((where, self.port))
            self.clients[label] = client
        client = self.clients[label]
        try:
            client.send(b'?')
            return client.recv(100).decode().strip()
        except ConnectionRefusedError:
            return 'refused'
        except TimeoutError:
            return 'no answer'

    def do_send(self, label, where):
        self.note(f'client: {label} {where}: {self.send(label, where)}')

    def do_flock(self, where, count):
        """So many clients send four datagrams each: is each answered by one
        socket, and how many sockets answer?"""
        all_of_them, steady = set(), 0
        for number in range(int(count)):
            answers = {self.send(f'flock{number}', where) for _ in range(4)}
            steady += len(answers) == 1
            all_of_them |= answers
        self.note(f'client: {steady} of {count} were answered by one each: ' +
                  ', '.join(sorted(all_of_them)))
