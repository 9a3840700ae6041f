# SPDX-License-Identifier: ISC
"""The services of tests/servers/*.toml, as they are, each with a real client.

Under inherit and adopt the service is held back until its client waits in
the queue; under reserve, until it was seen that the number is nobody's to
be had.  Not part of `make check`: `make check-servers`.
"""

import contextlib
import ctypes
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import harness
import services
from harness import DEADLINE, environment, wait_for

HELD = ('sh', '-c', 'while [ ! -e go ]; do sleep 0.01; done; exec "$@"', 'sh')
LISTEN = '0A'
ANNOUNCED = {'inherit': 'listening on .*, (fd 3|fds 0 and 1)$',
             'adopt': 'listening on .*, until .* binds it$',
             'reserve': 'reserved for'}
# What a run without portexec fails of: tests/without counts them.
NO_QUEUE = 'no client waits for the service'
NO_RESERVE = 'the number is not reserved'
# With these set, what a service counts stays here.
QUIET = ('DO_NOT_TRACK', 'NEXT_TELEMETRY_DISABLED', 'ASTRO_TELEMETRY_DISABLED',
         'NUXT_TELEMETRY_DISABLED', 'STORYBOOK_DISABLE_TELEMETRY')


def become_subreaper():
    """What the services leave becomes this process's child."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'PR_SET_CHILD_SUBREAPER')


def left():
    """The processes that have not ended, once all that was waited for has."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return []
    return descendants(os.getpid())[1:]


def descendants(pid):
    """pid, its children, their children."""
    result = [pid]
    for parent in result:
        result += harness.children(parent)
    return result


def net_sockets(*tables):
    """Of /proc/net: port, state, length of the queue, inode."""
    for table in tables:
        try:
            with open('/proc/net/' + table) as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:                 # no IPv6
            continue
        for row in rows:
            yield (int(row[1].split(':')[1], 16), row[3],
                   int(row[4].split(':')[1], 16), row[9])


def queued(port):
    """Somebody waits there: a connection, or a datagram."""
    return any(number == port and queue for number, _, queue, _ in
               net_sockets('tcp', 'tcp6', 'udp', 'udp6'))


def bound(port):
    """To receive datagrams there."""
    return any(number == port for number, *_ in net_sockets('udp', 'udp6'))


def listens(port):
    return any(number == port and state == LISTEN for number, state, _, _ in
               net_sockets('tcp', 'tcp6'))


def held_sockets(pid):
    """The inode numbers of the sockets that pid and its children hold."""
    found = set()
    for each in descendants(pid):
        try:
            links = [os.readlink(f'/proc/{each}/fd/{fd}')
                     for fd in os.listdir(f'/proc/{each}/fd')]
        except OSError:
            continue
        found |= {link[8:-1] for link in links if link.startswith('socket:')}
    return found


def listening_ports(pid):
    """The TCP ports on which pid and its children listen."""
    held = held_sockets(pid)
    return {number for number, state, _, inode in net_sockets('tcp', 'tcp6')
            if state == LISTEN and inode in held}


class Prepared:
    """The files of a service, built once; each row has a copy of them."""

    def __init__(self, service):
        self.service = service
        self.directory = None

    def make(self):
        """Returns why it cannot be, or None."""
        tools = os.path.join(harness.TOP, 'tests', 'deps')
        done = subprocess.run([tools, 'missing', *self.service.needs.split()],
                              text=True, capture_output=True)
        if done.stdout:
            return 'not installed: ' + ' '.join(done.stdout.split())
        self.directory = tempfile.mkdtemp(prefix='portexec-servers-')
        for name, text in self.service.files.items():
            path = os.path.join(self.directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as file:
                file.write(text)
            os.chmod(path, 0o755 if text.startswith('#!') else 0o644)
        if self.service.build:
            self.run_build()
        return None

    def run_build(self):
        user = {}
        if any(row.user == 'ordinary' for row in self.service.rows):
            user = ordinary(self.directory)
        done = subprocess.run(
            ['sh', '-ec', self.service.build], cwd=self.directory, text=True,
            env=environment(PATH=services.PATH, TOP=harness.TOP),
            stdin=subprocess.DEVNULL,
            capture_output=True, timeout=300, **user)
        if done.returncode != 0:
            raise AssertionError(f'build: {done.stdout}{done.stderr}')

    def remove(self):
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class Modules:
    """npm's, where an ordinary user can read them: copied at most once."""
    copies = {}

    @classmethod
    def folder(cls, modules):
        if not harness.is_root() or subprocess.run(
                ['ls', modules], user=65534, group=65534,
                extra_groups=[], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL).returncode == 0:
            return modules
        if modules not in cls.copies:
            path = tempfile.mkdtemp(prefix='portexec-servers-')
            cls.copies[modules] = path
            os.chmod(path, 0o755)
            shutil.copytree(modules, path + '/node_modules', symlinks=True)
        return cls.copies[modules] + '/node_modules'

    @classmethod
    def remove(cls):
        while cls.copies:
            shutil.rmtree(cls.copies.popitem()[1], ignore_errors=True)


def setUpModule():
    become_subreaper()


def tearDownModule():
    Modules.remove()


def ordinary(directory):
    """Options for Popen with which it is not root; the files are its own."""
    if not harness.is_root():
        return {}
    for folder, _, names in os.walk(directory):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            os.chown(path, 65534, 65534, follow_symlinks=False)
    return {'user': 65534, 'group': 65534, 'extra_groups': []}


class Services(harness.Case):
    """One class a service, of which prepared is; one test a row."""

    @classmethod
    def setUpClass(cls):
        why = cls.prepared.make()
        if why:
            raise unittest.SkipTest(why)

    @classmethod
    def tearDownClass(cls):
        cls.prepared.remove()

    def setUp(self):
        super().setUp()
        if not os.path.isdir(self.prepared.directory):
            self.setUpClass()           # unittest does that once in a row
        shutil.copytree(self.prepared.directory, self.directory,
                        symlinks=True, dirs_exist_ok=True)
        os.chmod(self.directory, 0o755)
        if '.npm' in self.prepared.service.needs:
            self.link_modules(Modules.folder(
                self.prepared.service.modules))
        self.env = environment(
            PATH=services.PATH, HOME=self.directory, PORT=None,
            XDG_DATA_HOME=None, XDG_CONFIG_HOME=None, NODE_PATH=None,
            PYTHONDONTWRITEBYTECODE=1, npm_config_update_notifier='false',
            **{name: 1 for name in QUIET})
        self.addCleanup(self.end_left)

    def link_modules(self, folder):
        """A folder of links: tools write to node_modules itself."""
        os.mkdir(self.path('node_modules'))
        for name in os.listdir(folder):
            os.symlink(os.path.join(folder, name),
                       self.path('node_modules/' + name))

    def end_left(self):
        def kill():
            for pid in left():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not left()
        wait_for(kill, 'the end of what a service has left')

    def as_user(self, user):
        """Options for launch() with which it is that user."""
        if user != 'ordinary' or not harness.is_root():
            return {}
        program = shutil.copy(harness.PORTEXEC, self.path('portexec'))
        return {'program': program, **ordinary(self.directory)}

    def start(self, row, handoff, ipv6, user):
        """Held back.  The process, and what stands for the placeholders."""
        options, command = row.words(handoff, ipv6)
        with open(self.path('log'), 'w') as log:
            front = self.launch(
                *options, '-v', '-k', '2', '-p', 'port', '--', *HELD,
                *(word.replace('$PWD', self.directory) for word in command),
                env=self.env, stdout=log, stderr=log,
                **self.as_user(user))
        wait_for(lambda: os.path.exists(self.path('port')) or
                 front.poll() is not None, 'the port')
        self.assertIsNone(front.poll())
        port = self.read('port').strip()
        host = '::1' if ipv6 else '127.0.0.1'
        return front, {'host': host, 'port': port,
                       'addr': f'[{host}]:{port}' if ipv6 else
                               f'{host}:{port}'}

    def ask(self, script, values):
        """The client, started."""
        script = re.sub(r'\{(host|port|addr)\}',
                        lambda found: values[found[1]], script)
        client = subprocess.Popen(
            ['sh', '-c', script], cwd=self.directory, text=True,
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(harness.end_process, client)
        return client

    def assert_answered(self, client, row):
        try:
            out, err = client.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.fail(f'no answer within {DEADLINE} s')
        self.assertIn(row.answer, out, err)
        self.assertEqual(client.returncode, 0, err)

    def assert_reserved(self, values):
        with socket.socket(socket.AF_INET6 if ':' in values['host'] else
                           socket.AF_INET) as stray:
            try:
                stray.bind((values['host'], int(values['port'])))
            except OSError:
                return
        self.fail(NO_RESERVE)

    def assert_waits(self, client, port, datagrams):
        """Who sends datagrams is not refused: there it is the socket."""
        wait_for(lambda: queued(port) or client.poll() is not None or
                 datagrams and not bound(port), 'the client')
        if not queued(port):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(client.pid, signal.SIGKILL)
            self.fail(f'{NO_QUEUE}: {client.communicate()[1].strip()}')

    def serve(self, row, ask, handoff, front, values):
        port = int(values['port'])
        if handoff == 'reserve':
            self.assert_reserved(values)
            self.assertFalse(listens(port))
            self.write('go', '')
            wait_for(lambda: listens(port) or front.poll() is not None,
                     'the service')
            client = self.ask(ask, values)
        else:
            client = self.ask(ask, values)
            self.assert_waits(client, port, 'udp:' in row.line)
            self.write('go', '')
        self.assert_answered(client, row)
        self.assert_answered(self.ask(ask, values), row)
        if not row.others:
            self.assertLessEqual(listening_ports(front.pid), {port})

    def stop(self, row, handoff, front, values):
        front.send_signal(signal.SIGTERM)
        try:
            front.wait(10)
        except subprocess.TimeoutExpired:
            # dropbear misses one that comes between two calls of select().
            front.send_signal(signal.SIGTERM)
            front.wait(DEADLINE)
        if handoff == 'adopt':          # portexec saw to it
            self.assertEqual(list(map(harness.command_line, left())), [])
        wait_for(lambda: not left(), 'the end of all')
        self.assertFalse(listens(int(values['port'])))
        self.assertRegex(self.read('log'),
                         re.compile(ANNOUNCED[handoff], re.MULTILINE))
        if handoff == 'adopt' and row.binds:
            self.assertRegex(self.read('log'),
                             r'process \d+ bound .*: given ')

    def check(self, row, ask, handoff, ipv6, user):
        try:
            front, values = self.start(row, handoff, ipv6, user)
            self.serve(row, ask, handoff, front, values)
            self.stop(row, handoff, front, values)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            running = '\n'.join(map(harness.command_line, left()))
            raise AssertionError(
                f'{error}\n{row.line}\n{self.read("log")[-4000:]}\n'
                f'{running}') from None


def variants(row):
    """(name, ask, handoff, ipv6, user) for each way to run a row."""
    for ask, handoff in itertools.product(row.asks, row.handoffs):
        yield handoff, ask, handoff, False, row.user
        if handoff in row.ipv6:
            yield f'{handoff}_ipv6', ask, handoff, True, row.user
        if handoff == 'adopt' and row.user is None and harness.is_root():
            yield f'{handoff}_as_ordinary_user', ask, handoff, False, 'ordinary'


def add_test(tests, row, name, *how):
    def test(self):
        if row.user == 'root' and not harness.is_root():
            self.skipTest('not root')
        self.check(row, *how)
    number, unique = 1, f'test_{name}'
    while unique in tests:
        number += 1
        unique = f'test_{name}_{number}'
    test.__name__ = test.__qualname__ = unique
    tests[unique] = test


def add_class(service):
    tests = {'prepared': Prepared(service), '__module__': __name__}
    for row in service.rows:
        for name, *how in variants(row):
            add_test(tests, row, name, *how)
    globals()[service.name] = type(service.name, (Services,), tests)


for each in services.load():
    add_class(each)
