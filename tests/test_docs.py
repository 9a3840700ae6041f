# SPDX-License-Identifier: ISC
"""The documents: against the code, against each other, and as they run."""

import contextlib
import ctypes
import glob
import os
import re
import resource
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import harness
import services
from harness import PORTEXEC, TOP, source, wait_for

SECTIONS = ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'SOCKETS', 'PLACEHOLDERS',
            'HANDOFFS', 'STOPPING', 'CLIENT MODE', 'BACKGROUND',
            'A RUN THAT WAITS', 'ENVIRONMENT', 'FILES', 'EXIT STATUS',
            'EXAMPLES',
            'DIAGNOSTICS', 'SEE ALSO', 'HISTORY',
            'AUTHORS', 'CAVEATS', 'BUGS']

# What the examples call ./server, which takes its sockets, ./myserver, which
# is told a port, and ./legacy, which has a hard-coded one.  All say hello to
# whoever asks.
SERVICE = '''#!/usr/bin/env python3
import os, selectors, socket, sys

def given():
    if os.environ.get('LISTEN_PID', str(os.getpid())) != str(os.getpid()):
        sys.exit('the sockets are for another process')
    fds = range(3, 3 + int(os.environ['LISTEN_FDS']))
    if sys.argv[1:2] == ['--fd']:
        fds = [int(sys.argv[2])]
        address, fd = os.environ['SERVER_STARTER_PORT'].split('=')
        name = socket.socket(fileno=os.dup(fds[0])).getsockname()
        assert (address, fd) == ('%s:%d' % name, sys.argv[2])
    return [socket.socket(fileno=fd) for fd in fds]

def told():
    how = sys.argv[1] if len(sys.argv) > 1 else None
    host, port = '127.0.0.1', os.environ.get('PORT')
    if sys.argv[0] == './legacy':
        port = 8080
    elif how == '--port':
        port = sys.argv[2]
    elif how == '--config':
        with open(sys.argv[2]) as file:
            host, port = file.read().split(' = ')[1].split(':')
    return [socket.create_server((host, int(port)))]

selector = selectors.DefaultSelector()
for listener in given() if sys.argv[0] == './server' else told():
    selector.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj.type == socket.SOCK_DGRAM:
            client = key.fileobj.recvfrom(1024)[1]
            key.fileobj.sendto(b'hello', client)
            continue
        client, _ = key.fileobj.accept()
        client.recv(1024)
        client.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\nhello from %d\\n' %
                       os.getpid())
        client.close()
'''

# In an example: portexec's -c, and not sh's.
CLIENT = '(?<!sh) -c '

# Of a service that is left in the background.
END = '''
curl -fsS -m 60 "http://127.0.0.1:$PORTEXEC_PORT/"
kill "$PORTEXEC_PID"'''

# Not docker: a stub that, like it, has another process bind the port that
# is to be published, one that has inherited no descriptor.
DOCKER = '''#!/usr/bin/env python3
import re, subprocess, sys
command = ' '.join(sys.argv[1:])
found = re.fullmatch('run (?:--rm )?-p 127.0.0.1:([0-9]+):80 image', command)
if found is None:
    sys.exit('the stub for docker does not know: ' + command)
sys.exit(subprocess.call(['./myserver', '--port', found[1]], close_fds=True))
'''

# Not in.tftpd: a stub that, like it, takes the socket at standard input.
TFTPD = '''#!/usr/bin/env python3
import socket
own = socket.socket(fileno=0)
while True:
    client = own.recvfrom(1024)[1]
    own.sendto(b'hello', client)
'''

# Serves the one connection that it is started for.
HANDLER = '''#!/usr/bin/env python3
import socket
own = socket.socket(fileno=0)
own.recv(1024)
own.sendall(b'hello')
'''

# Not npm: a stub that, like it, runs the scripts as a shell's children.
NPM = '''#!/bin/sh
case $* in
start) sh -c './myserver; exit $?' ;;
test) sh -c 'npx jest; exit $?' ;;
*) exit 1 ;;
esac
'''

# Not npx: a stub for a test that wants an answer.
NPX = '''#!/bin/sh
[ "$*" = jest ] && curl -fsS -m 60 "$SERVICE_URL"
'''


def text_of(name):
    with open(os.path.join(TOP, name)) as file:
        return file.read()


def manual():
    """The manual's sections: {name: its lines}."""
    parts = re.split(r'^\.Sh (.*)\n', text_of('man/portexec.1'),
                     flags=re.MULTILINE)
    return {name: text.splitlines()
            for name, text in zip(parts[1::2], parts[2::2])}


def plain(text):
    """What roff makes of the escapes in the manual's literal text."""
    for escape, result in (('\\(aq', "'"), ('\\-', '-'), ('\\&', ''),
                           ('\\e', '\\')):
        text = text.replace(escape, result)
    return text


def items(section, beginning):
    """The rest of a section's .It lines that begin so, in order."""
    start = '.It ' + beginning
    return [line[len(start):] for line in manual()[section]
            if line.startswith(start)]


def table(file, name, pattern):
    """The rows of a table in the code; every row matches the pattern."""
    body = re.search(name + r'\[\w*\] = \{\n(.*?)^\};', text_of(file),
                     re.MULTILINE | re.DOTALL)[1]
    rows = re.findall(r'^\t' + pattern, body, re.MULTILINE)
    assert rows and len(rows) == len(re.findall(r'^\t\S', body,
                                                re.MULTILINE)), name
    return rows


def options():
    """[(letter or '', name, value or '')] of the option table."""
    return table(source('options.c'), 'rows',
                 r'''\{ (?:'(.)'|\w+), "([\w-]+)", "([^"]*)",''')


def socket_options():
    """[(name, value or '')] of the table of socket options."""
    return table(source('spec.c'), 'socket_options',
                 r'\[\w+\] = \{ "(\w+)", "(\w*)",\n.*(?:\n\t .*)*')


def types():
    return table(source('spec.c'), 'transports', r'\{ "([\w+]+)", AF_.*')


def mdoc(value):
    """NAME[=VALUE] as mdoc has it."""
    words = ['Op' if token == '[' else token if token == '=' else
             'Ar ' + token.lower()
             for token in re.findall(r'[A-Z]+|=|\[', value)]
    return ' Ns '.join(words).replace('Op Ns', 'Op')


# Binds the number that it is told, on IPv4 and on IPv6; another one; and,
# having removed it, the unix path.
BINDER = '''
import os, socket, sys
port, other, path = sys.argv[1:]
ipv4 = socket.create_server(('127.0.0.1', int(port)))
ipv6 = socket.create_server(('::1', int(port)), family=socket.AF_INET6)
elsewhere = socket.create_server(('127.0.0.1', int(other)))
os.unlink(path)
unix = socket.socket(socket.AF_UNIX)
unix.bind(path)
'''

# One that an ordinary user cannot look into.
SECRETIVE = '''
import ctypes, socket, sys
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)      # PR_SET_DUMPABLE
for _ in range(2):
    socket.create_server(('127.0.0.1', int(sys.argv[1]))).close()
'''

# One that makes an instance of io_uring, if the kernel lets it, and fails.
RING = '''
import ctypes, sys
ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120))
sys.exit(1)
'''

ELSEWHERE = '''
import signal, socket, sys
elsewhere = socket.create_server(('127.0.0.1', int(sys.argv[1])))
signal.pause()
'''


# After it poll(2) fails for good in the keeper, or in the front.
DEAFEN = '''
import os, resource, signal, sys
keeper = os.getppid()
with open(f'/proc/{keeper}/stat') as file:
    front = int(file.read().rpartition(')')[2].split()[1])
resource.prlimit(front if sys.argv[1] == 'front' else keeper,
                 resource.RLIMIT_NOFILE, (1, 1))
os.kill(front, signal.SIGWINCH)     # both wake up
signal.pause()
'''

LISTENS = '''
import signal, socket
elsewhere = socket.create_server(('127.0.0.1', 0))
open('z', 'w')
signal.pause()
'''


def give_up_tracing():
    """Root may look into every process, unless CAP_SYS_PTRACE is taken from
    it: for Popen's preexec_fn."""
    ctypes.CDLL(None).prctl(24, 19, 0, 0, 0)    # PR_CAPBSET_DROP


class Tables(harness.Case):
    def help(self):
        return self.run_portexec('--help').stdout.splitlines()

    def test_help_has_the_options(self):
        expected = [('  -%s, --%s %s' if letter else '  %s    --%s %s') %
                    row for row in options() for letter in row[:1]]
        self.assertEqual([line for line in self.help()
                          if re.match(' +-', line)],
                         [line.rstrip() for line in expected])

    def test_manual_has_the_options(self):
        expected = [(f'{letter} , Fl ' if letter else '') + '-' + name +
                    (' ' + mdoc(value) if value else '')
                    for letter, name, value in options()]
        self.assertEqual(items('DESCRIPTION', 'Fl '), expected)

    def test_synopsis_has_the_options(self):
        lines = manual()['SYNOPSIS']
        flags = ''
        for letter, name, value in options():
            if value:
                self.assertIn(f'.Op Fl {letter} {mdoc(value)}', lines)
            elif name == 'check':
                self.assertIn('.Fl -check', lines)
            elif not letter:
                self.assertIn('.Op Fl -' + name, lines)
            else:
                flags += letter
        self.assertEqual(flags, 'bqvhV')
        self.assertIn('.Op Fl bqv', lines)
        self.assertIn('.Fl h | V', lines)

    def test_help_has_types_and_socket_options(self):
        lines = self.help()
        self.assertIn('  TYPE: ' + ', '.join(types()), lines)
        start = [line[:10] for line in lines].index('  ADDRESS:') + 1
        self.assertEqual(
            [line.split()[0] for line in lines[start:lines.index('', start)]],
            [f'{name}={value}' if value else name
             for name, value in socket_options()])

    def test_manual_has_types_and_socket_options(self):
        self.assertEqual(
            items('SOCKETS', 'Cm '),
            types() + [name + (' Ns = Ns ' + mdoc(value) if value else '')
                       for name, value in socket_options()])

    def test_manual_has_the_handoffs(self):
        names = table(source('values.c'), 'handoffs', r'\{ "(\w+)", \w+ \},')
        self.assertEqual(items('HANDOFFS', 'Cm '), names)
        self.assertIn(f"{', '.join(names[:-1])} or {names[-1]}",
                      '\n'.join(self.help()))

    def test_manual_has_the_variables(self):
        body = re.search(r'protocol\[\w+\]\[20\] = \{(.*?)\};',
                         text_of(source('listen_fds.c')), re.DOTALL)[1]
        self.assertEqual(sorted(items('ENVIRONMENT', 'Ev LISTEN_')),
                         sorted(re.findall(r'"LISTEN_(\w+)"', body)))

    def test_manual_has_the_statuses(self):
        self.assertEqual(list(filter(str.isdigit, items('EXIT STATUS', ''))),
                         re.findall(r'STATUS_\w+ = (\d+)',
                                    text_of(source('launch.h'))))


class Manual(harness.Case):
    def test_sections(self):
        self.assertEqual(list(manual()), SECTIONS)
        text = text_of('man/portexec.1')
        parts = re.findall(r'^\.S[hs] (.*)$', text, re.MULTILINE)
        for name in re.findall(r'^\.Sx (.*?)(?: [.,;:])?$', text,
                               re.MULTILINE):
            self.assertIn(name, parts)

    def test_version(self):
        """At the foot of the page."""
        self.assertEqual(
            re.findall(r'^\.Os.*', text_of('man/portexec.1'), re.MULTILINE),
            [f'.Os "portexec {text_of("VERSION").strip()}"'])

    def test_authors(self):
        """As COPYING has them."""
        holders = re.search(r'^Copyright \(c\) \d+ the (.*)$',
                            text_of('COPYING'), re.MULTILINE)[1]
        self.assertEqual(manual()['AUTHORS'], ['.An The ' + holders])

    def test_lint(self):
        if shutil.which('mandoc') is None:
            self.skipTest('mandoc is not installed')
        done = subprocess.run(
            ['mandoc', '-Tlint', '-Wwarning', 'man/portexec.1'], cwd=TOP,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ''))

    def failures(self, taken, free):
        """Command lines that fail, or say something worth telling."""
        alone = ['-v', '-H', 'adopt', '--', PORTEXEC]
        return [
            ['-Z'], ['-l'], ['-d'], ['-e', '--', 'true'],
            ['--ver'], ['--quiet=3'], [], ['-H', 'x', 'true'],
            ['-l', 'x:y:0', 'true'], ['-l', taken, 'true'],
            ['-H', 'reserve', 'true'], ['-l', 'udp:0', 'true'],
            ['-v', '--', PORTEXEC, 'true'],
            ['-l', 'udp:0', '--', PORTEXEC, 'true'],
            ['--', PORTEXEC, '-H', 'reserve', 'true'],
            ['--', PORTEXEC, '-H', 'adopt', 'true'],
            ['-H', 'adopt', '-l', 'udp:0', 'true'],
            [*alone, 'true', '{{port}}'], [*alone, '-m', '80', 'true'],
            ['sh', '-c', 'kill -9 $PPID; read nothing', '{port}'],
            ['-v', 'sh', '-c', 'kill -9 $$', '{port}'],
            ['-m', '0', 'true'], ['-k', 'x', 'true'],
            ['--on-demand', '-t', '1', 'true'],
            ['-t', '4', '-H', 'reserve', '--', 'sleep', '300'],
            ['-c', 'until [ -e z ]; do sleep 0.01; done', '--',
             sys.executable, '-c', LISTENS],
            *(['-H', 'adopt', '--', sys.executable, '-c', DEAFEN, who]
              for who in ('keeper', 'front')),
            ['-m', '80', '-H', 'reserve', 'true'], ['-m', '80=x', 'true'],
            ['-l', './s', '-m', '80', 'true'],
            ['-l', 'udp:0', '-m', 'any', 'true'],
            ['-H', 'reserve', '--no-pid', 'true'],
            ['-H', 'adopt', '--no-pid', 'true'],
            ['--inetd', '--no-pid', 'true'], ['--inetd', 'true'],
            ['--inetd', '-l', 'udp:0', 'true'],
            ['--inetd', '-H', 'adopt', 'true'],
            ['--inetd', '-l', 'localhost:0', 'true'],
            ['--on-demand', 'true', '{port}'],
            ['-v', '--on-demand', '-c', 'true', 'true'],
            ['--', 'sh', '-c', 'export LISTEN_PID=$$ LISTEN_FDS=1; '
             'exec "$0" true 3<&-', PORTEXEC],
            ['--no-pid', '--', 'sh', '-c', 'exec "$0" -v true 3</dev/null',
             PORTEXEC],
            ['--check', 'true'],
            ['-b', '-c', 'true', 'true'], ['-b', '--inetd', 'true'],
            ['-b', '--on-demand', 'true'], ['-b', '-p', '-', 'true'],
            ['-b', '-e', 'A=b c', 'true'], ['-b', '-e', 'A-B', 'true'],
            ['-b', '-e', 'PORTEXEC_PID', 'true'],
            ['-b', 'sh', '-c', ':', '{port}'],
            ['true', '<port:x>'], ['-l', './s', 'true', '{port}'],
            ['-c', 'true', '-c', 'true', 'true'],
            ['-c', 'echo {addr}', '-l', './a b', 'true'],
            ['-v', '-c', 'true', '--', 'sleep', '300'],
            ['-c', 'sleep 300', '-k', '0', '--', 'sh', '-c', 'exit 3'],
            ['-c', 'sleep 300', '-k', '0', '--', 'sh', '-c', 'kill -9 $$'],
            ['-H', 'adopt', '-l', 'localhost:0', 'true'],
            ['-H', 'reserve', 'true', '{fd}'], ['-w', 'x=@x', 'true'],
            ['-w', 'y=@missing', 'true'], ['-w', 'y=@.', 'true'],
            ['-p', '/proc/version', 'true'], ['-p', '/dev/full', 'true'],
            ['./missing'], ['true', '{prot}'], ['-e', 'PORT=1', 'true'],
            ['-e', '8', 'true'], ['-c', 'sh', 'test', '--', 'sh'],
            ['true', '--fd', '{fd}', '--port', '{port}'],
            ['-l', '0', '-l', free, 'true', free],
            ['true', '{port}', '-c', 'a b'],
            ['--', 'sh', '-c', '"$0" true; :', PORTEXEC],
        ]

    def run_binders(self, other):
        """Those that call bind(2), seen with -v, and one that cannot."""
        python = ['--', sys.executable, '-c']
        nameless = ('export LISTEN_PID=$$ LISTEN_FDS=1; '
                    'exec "$0" true "<port>"')
        yield self.run_portexec('-v', '-l', '0', '-l', './s', '--', 'sh', '-c',
                                '"$@"; :', 'sh', *python[1:], BINDER,
                                '{port}', other, '{addr:1}')
        yield self.run_portexec('-H', 'adopt', '--', harness.BINDER, *(
            'socket=tcp4', 'bind=127.0.0.1:{port}') * 2)
        yield self.run_portexec(*python, RING, '{port}', status=1)
        yield self.run_portexec('-v', *python, SECRETIVE, '{port}',
                                preexec_fn=give_up_tracing)
        yield self.run_portexec(
            'pidfd_getfd', 'EPERM', PORTEXEC, '--', harness.BINDER,
            'socket=tcp4', 'epoll=level', 'bind=127.0.0.1:{port}',
            program=os.path.join(harness.BUILD, 'tests', 'deny'))
        one, two = harness.free_number(), harness.free_number()
        yield self.run_portexec(
            '-m', 'any', '-c', 'sleep 2', '--', harness.BINDER,
            'socket=tcp4', f'bind=127.0.0.1:{one}', 'listen', 'socket=tcp4',
            f'bind=127.0.0.1:{two}', 'listen', 'wait=end')
        yield self.run_portexec(
            'pidfd_getfd', 'EPERM', PORTEXEC, '-m', one, '-c',
            f'{harness.BINDER} socket=tcp4 connect=127.0.0.1:{one}', '--',
            harness.BINDER, 'socket=tcp4', 'wait=end',
            program=os.path.join(harness.BUILD, 'tests', 'deny'))
        yield self.run_portexec(
            '-c', 'curl -s {addr}', '--', harness.BINDER, 'socket=tcp6',
            'bind=[::1]:{port}', 'listen', 'wait=end', status=None)
        with socket.socket(socket.AF_UNIX) as unbound:
            yield self.run_portexec('-c', nameless, PORTEXEC,
                                    program='/bin/sh', status=125,
                                    **harness.arrange({3: unbound}))

    def kill_in_background(self):
        os.mkfifo(self.path('fifo'))
        process = self.launch('-b', '-p', 'fifo', 'true')
        line = process.stderr.readline()
        child, = harness.children(process.pid)
        os.kill(child, signal.SIGKILL)
        return line.rstrip('\n'), process.stderr.read().rstrip('\n')

    def wait_in_vain(self, other):
        """What is said where nobody binds what clients wait for."""
        services = [self.launch('-l', '0', '-l', './' + name, *service)
                    for name, service in (
            ('t', ['-H', 'adopt', '--', 'sleep', '300']),
            ('u', ['-H', 'adopt', '--', sys.executable, '-c', ELSEWHERE,
                   other]),
            ('w', ['-c', 'sleep 300', '--', 'sleep', '300']),
            ('v', ['-H', 'adopt', '--', harness.BINDER, 'socket=tcp4',
                   'bind=127.0.0.1:{port:0}', 'listen', 'wait=never']))]
        with contextlib.ExitStack() as clients:
            for service in services:
                for _ in range(2):
                    address = self.announced(service)
                    if address.startswith('./'):
                        address = self.path(address)
                    clients.enter_context(harness.connect(address))
            for service in services:
                for _ in range(2):
                    yield service.stderr.readline().rstrip('\n')
            for service in services:
                service.terminate()
                yield service.stderr.read().splitlines()[-1]

    def test_diagnostics(self):
        """Every message of the manual is one of the program's, and every
        message that it can be made to say is in the manual."""
        patterns = {}
        for item in items('DIAGNOSTICS', '"'):
            text = re.escape('portexec: ' + plain(item.rstrip('"')))
            for form, what in (('%s', '.+'), ('%d', r'\d+'),
                               ('%f', r'[\d.]+')):
                text = text.replace(form, what)
            patterns[re.compile(text)] = item
        self.write('x', '')
        done = []
        with harness.listening() as stray:
            taken = '%s:%d' % stray.getsockname()
            for arguments in self.failures(
                    taken, str(harness.free_number())):
                done.append(self.run_portexec(*arguments, status=None))
        done.append(self.run_portexec(
            '-c', 'exit 0', 'true', status=125, preexec_fn=lambda:
            resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))))
        with socket.socket() as held:   # a number that is the binders' alone
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(('127.0.0.1', 0))
            other = held.getsockname()[1]
            done += self.run_binders(other)
            said = list(self.wait_in_vain(other))
        said += self.kill_in_background()
        said += re.findall('^portexec: .*$', '\n'.join(
            one.stderr for one in done), re.MULTILINE)
        for line in said:
            self.assertTrue(any(p.fullmatch(line) for p in patterns), line)
        for pattern, item in patterns.items():
            self.assertTrue(any(map(pattern.fullmatch, said)), item)


class Examples(harness.Case):
    """Each is a script for sh -e, in a folder with the services that it
    names.  With `kill` in it, or a client, it ends by itself; else its service
    stays, and a client gets an answer at every address that portexec
    announced: at once, unless portexec said that it is only reserved."""

    def setUp(self):
        super().setUp()
        self.home = self.directory
        os.mkdir(self.path('bin'))
        os.symlink(PORTEXEC, self.path('bin/portexec'))
        self.write('bin/docker', DOCKER, 0o755)
        self.write('bin/in.tftpd', TFTPD, 0o755)
        self.write('bin/npm', NPM, 0o755)
        self.write('bin/npx', NPX, 0o755)

    def start(self, script):
        """Starts it in a process group of its own, in a new folder."""
        self.directory = tempfile.mkdtemp(dir=self.home)
        for name in ('server', 'myserver', 'legacy'):
            self.write(name, SERVICE, 0o755)
        self.write('handler', HANDLER, 0o755)
        self.write('app.conf.in', 'listen = <addr>')
        self.write('hello.txt', '')
        self.write('github', 'BEFORE=1\n')
        path = self.home + '/bin:' + os.environ['PATH']
        with open(self.path('out'), 'w') as out, \
                open(self.path('err'), 'w') as err:
            process = subprocess.Popen(
                ['sh', '-e', '-c', script], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, cwd=self.directory,
                start_new_session=True, env=harness.environment(
                    PATH=path, GITHUB_ENV=self.path('github')))
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        """Not reaped before, so that the group's number is still its."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @staticmethod
    def ended(process):
        """Its status, as waitid(2) has it, but left to be reaped."""
        return os.waitid(os.P_PID, process.pid,
                         os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def announced(self):
        """[(address, whether for datagrams, whether only reserved)] of what
        portexec said."""
        return [(address or '127.0.0.1:' + port, bool(datagrams), bool(port))
                for address, datagrams, port in re.findall(
                    r'^portexec: (?:\w+: )?(?:(?:listening on|inherited) (\S+)'
                    r'( \(datagrams\))?, (?:fds? \d+.*|until .* binds it)|'
                    r'(\d+) reserved for .*)$',
                    self.read('err'), re.MULTILINE)]

    def ask(self, address, datagrams, reserved):
        if address.startswith('./'):
            address = self.path(address)
        if datagrams:
            with harness.connect(address, socket.SOCK_DGRAM) as client:
                client.send(b'?')
                return client.recv(1024).decode()

        def answer():
            try:
                return harness.http_get(address)
            except ConnectionRefusedError:
                if not reserved:
                    raise
        return wait_for(answer, address + ': ' + self.read('err'))

    def ask_again(self, place, answer):
        """The service is killed: a loop around it starts the next one."""
        os.kill(int(answer.split()[-1]), signal.SIGKILL)
        again = self.ask(*place)
        self.assertIn('hello from', again)
        self.assertNotEqual(again, answer)

    def run_example(self, script):
        process = self.start(script)
        if re.search(CLIENT + '|^kill ', script, re.MULTILINE):
            end = wait_for(lambda: self.ended(process), script)
            self.assertEqual((end.si_code, end.si_status), (os.CLD_EXITED, 0),
                             self.read('err'))
        if re.search(CLIENT + '|curl ', script):
            self.assertIn('hello', self.read('out'))
            return
        first = wait_for(lambda: self.announced() or self.ended(process),
                         script)
        self.assertIsInstance(first, list, self.read('err'))
        answer = self.ask(*first[0])    # now all has been said
        if 'while' in script:
            self.ask_again(first[0], answer)
        for place in self.announced():
            self.assertIn('hello', self.ask(*place), place)
        if 'GITHUB_ENV' in script:
            port = first[0][0].rpartition(':')[2]
            found = re.fullmatch(
                f'BEFORE=1\nPORTEXEC_PORT={port}\nPORTEXEC_PID=(.*)\n'
                f'PORT={port}\n', self.read('github'))
            os.kill(int(found[1]), signal.SIGKILL)

    def run_all(self, scripts, count):
        self.assertGreaterEqual(len(scripts), count)
        for script in scripts:
            self.assertIn('portexec', script)
            with self.subTest(script=script):
                if 'activate' in script and not shutil.which(
                        'systemd-socket-activate'):
                    self.skipTest('systemd-socket-activate is not installed')
                self.run_example(script)

    def test_manual(self):
        blocks = re.findall(r'^\.Bd -literal .*?\n(.*?)^\.Ed$',
                            '\n'.join(manual()['EXAMPLES']),
                            re.MULTILINE | re.DOTALL)
        for block in blocks:    # a bare ' would not come out as one
            self.assertNotIn("'", block)
        self.run_all([plain(block) for block in blocks], 10)

    def test_options(self):
        """The manual has one for each that a command goes with."""
        scripts = []
        parts = re.split(r'(?m)^\.It Fl ', '\n'.join(
            manual()['DESCRIPTION']))[1:]
        for (letter, name, _), part in zip(options(), parts):
            if name in ('check', 'help', 'version'):
                continue
            script, = re.findall(r'(?m)^\.Dl (.*)', part)
            self.assertRegex(script, f' -{letter} ' if letter else
                             f' --{name} ')
            scripts.append(plain(script) + (END if name == 'background'
                                            else ''))
        self.run_all(scripts, 15)

    def test_readme(self):
        self.run_all(re.findall(r'^```sh\n(.*?)^```$', text_of('README.md'),
                                re.MULTILINE | re.DOTALL), 3)

    def test_readme_begins_with_the_main_job(self):
        first = re.search('^```sh\n(.*?)\n```$', text_of('README.md'),
                          re.MULTILINE | re.DOTALL)[1]
        self.assertEqual(first, 'portexec -e PORT -e SERVICE_URL=http://{addr} '
                         "-c 'npm test' -- npm start")

    def test_readme_table(self):
        self.run_all(re.findall(r'^\|.*?`(portexec .*?)`',
                                text_of('README.md'), re.MULTILINE), 6)


class Pages(harness.Case):
    def targets(self):
        return re.findall(r'^([a-z-]+):', text_of('Makefile'), re.MULTILINE)

    def test_readme_is_there_by_both_names(self):
        self.assertEqual(os.readlink(os.path.join(TOP, 'README')),
                         'README.md')

    def test_the_two_commands(self):
        for command in ('make deps demo', 'make deps check'):
            self.assertIn(f'\n    {command} ', text_of('README.md'))

    def test_make_targets_are_there(self):
        for name in ('README.md', 'docs/HACKING.md', 'docs/services.md'):
            commands = re.findall(r'(?:^ {4}|`|&& )(?:sudo )?make((?: [a-z-]+)'
                                  r'+)\b(?!=)', text_of(name), re.MULTILINE)
            self.assertTrue(commands, name)
            for command in commands:
                for target in command.split():
                    self.assertIn(target, self.targets(), name + command)

    def test_the_picture_is_what_its_script_makes(self):
        done = subprocess.run(
            [sys.executable, os.path.join(TOP, 'docs', 'race.py')],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.stdout, text_of('docs/race.svg'), done.stderr)

    def test_the_run_is_what_portexec_says(self):
        """But for the ports of the kernel's choice; and without animation it
        is whole."""
        done = subprocess.run(
            [sys.executable, os.path.join(TOP, 'docs', 'run.py')],
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
            env=harness.environment(PORTEXEC=PORTEXEC),
            timeout=2 * harness.DEADLINE)
        drawn, again = ([re.sub(r'\d{4,5}', 'PORT', line) for line in
                         re.findall('<text .*>(.*)</text>', text)]
                        for text in (text_of('docs/run.svg'), done.stdout))
        self.assertEqual(drawn, again, done.stderr)
        moving = re.search('@media .*?\n}', text_of('docs/run.svg'), re.DOTALL)
        self.assertNotIn('opacity', re.sub(
            '@keyframes .*', '', text_of('docs/run.svg')))
        self.assertIn('prefers-reduced-motion: no-preference', moving[0])
        self.assertIn('animation:', moving[0])

    def test_links_lead_somewhere(self):
        for name in ('README.md', 'docs/services.md'):
            folder = os.path.dirname(os.path.join(TOP, name))
            for target in re.findall(r'\]\((.*?)\)', text_of(name)):
                self.assertTrue(
                    os.path.exists(os.path.join(folder, target)), target)

    def test_testing_has_every_fixture(self):
        """As it is, for a reader to copy; and all its links are files."""
        text = text_of('docs/testing.md')
        code = re.findall(r'^```\w+\n(.*?)^```$', text,
                          re.MULTILINE | re.DOTALL)
        links = {os.path.normpath(os.path.join(TOP, 'docs', link))
                 for link in re.findall(r'\]\(([^#:)]*)\)', text)}
        anchors = {re.sub('[^a-z0-9-]', '', heading.lower().replace(' ', '-'))
                   for heading in re.findall('^##+ (.*)', text, re.MULTILINE)}
        self.assertEqual(set(re.findall(r'\]\(#(.*?)\)', text)), anchors)
        files = [name for name in glob.glob(
            os.path.join(TOP, 'tests/examples/*/**'), recursive=True,
            include_hidden=True) if os.path.isfile(name)]
        self.assertGreater(len(files), 20)
        for name in files:
            self.assertIn(name, links)
        for name in links:
            self.assertTrue(os.path.exists(name), name)
        for name in links:
            if '/examples/' in name:
                self.assertIn(re.sub('^.*SPDX-License-Identifier.*\n', '',
                                     text_of(name), flags=re.MULTILINE), code)

    def test_news_and_version(self):
        version = text_of('VERSION').strip()
        self.assertEqual(text_of('NEWS').splitlines()[0],
                         'portexec ' + version)
        self.assertEqual(self.run_portexec('-V').stdout,
                         f'portexec {version}\n')

    def test_hacking_has_every_file(self):
        self.assertEqual(
            sorted(re.findall(r'^\| (\S+\.c) \|', text_of('docs/HACKING.md'),
                              re.MULTILINE)),
            sorted(glob.glob('**/*.c', root_dir=os.path.join(TOP, 'src'),
                             recursive=True)))

    def test_services(self):
        """As tests/servers has them; the versions are what was tried."""
        text = text_of('docs/services.md')
        versions = services.versions_of(text)
        self.assertEqual(text, services.page(services.load(), versions),
                         'see `make docs`')
        for name, version in versions.items():
            self.assertRegex(version, r'^\d', name)

    def test_port_zero(self):
        """The sums are those of the rows."""
        text = text_of('docs/port-zero.md')
        rows = re.findall(r'^\| (.*?) \| (\S+) \| (.*?) \| .* ?\|$', text,
                          re.MULTILINE)[1:]
        names = [name.lower() for name, _, _ in rows]
        self.assertEqual(names, sorted(names))
        known = re.findall('^- `(.*)`:', text, re.MULTILINE)
        count = dict.fromkeys(known, 0)
        for _, version, what in rows:
            self.assertRegex(version, r'^\d')
            count[re.split('[:;]', what)[0]] += 1
        said = re.search('^Of (.*?)\n\n', text, re.MULTILINE | re.DOTALL)[1]
        self.assertEqual(
            [*map(int, re.findall(r'\d+', said.replace('print 0', '')))],
            [len(rows), *list(count.values())[:5]])

    def test_endings_has_every_row(self):
        """And the row says of portexec what is to be expected."""
        bench = runpy.run_path(os.path.join(TOP, 'tests/bench/endings'))
        table = [[cell.strip() for cell in line.strip('|').split('|')]
                 for line in text_of('docs/endings.md').splitlines()
                 if line.startswith('|')]
        self.assertEqual(table[0][2:], list(bench['RUNNERS']))
        self.assertEqual([row[:2] for row in table[2:]],
                         [[row[0], str(row[1])] for row in bench['ROWS']])
        for row in table[2:]:
            if row[1] == 'not 0':
                self.assertRegex(row[2], r'^[1-9]\d*$', row)
            else:
                self.assertEqual(row[2], row[1], row)

    def test_reliability_has_every_scenario(self):
        """And says of every run how it ended."""
        faults = runpy.run_path(os.path.join(TOP, 'tests/faults'))
        table = [[cell.strip() for cell in line.strip('|').split('|')]
                 for line in text_of('docs/reliability.md').splitlines()
                 if line.startswith('|')]
        self.assertEqual(table[0], ['scenario', *faults['COLUMNS']])
        self.assertEqual([row[0] for row in table[2:]],
                         [row.name for row in faults['SCENARIOS']])
        for row in table[2:]:
            _, _, runs, *ended = map(int, row[1:])
            self.assertEqual(sum(ended), runs, row)

    def test_demo(self):
        self.assertRegex(text_of('Makefile'), r'\ndemo: .*\n\t@tests/demo\n')
        path = [os.path.dirname(PORTEXEC),
                os.path.join(harness.BUILD, 'tests'), os.environ['PATH']]
        done = subprocess.run(
            [os.path.join(TOP, 'tests', 'demo')], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=4 * harness.DEADLINE,
            env=harness.environment(PATH=':'.join(path)))
        self.assertEqual(done.returncode, 0, done.stderr)
        # A service may still be in the middle of a line of its own.
        lines = re.sub(r'(?<=.)\$ curl ', '\n$ curl ',
                       done.stdout).splitlines()
        clients = [i for i, line in enumerate(lines)
                   if line.startswith('$ curl ')]
        self.assertEqual(len(clients), 2, done.stdout)
        self.assertIn('hello from fd 3', lines)
        self.assertEqual(lines[-1], '0 of 10 tests failed')
        for i in clients:
            self.assertRegex('\n'.join(lines[i:]),
                             r'^\$ curl .*(\\\n.*)?\n[^$# ].')
