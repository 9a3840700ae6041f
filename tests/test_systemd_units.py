# SPDX-License-Identifier: ISC
"""Units of systemd's whose service knows nothing of sockets: those of
docs/from-systemd-socket-activate.md, as they stand there, first by hand and
then under a systemd of the test's own.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sys
import tempfile

import harness
from harness import (DEADLINE, PORTEXEC, SDPROBE, Tree, http_get, passing,
                     wait_for)
from test_from_systemd import DOCUMENT

SYSTEMD = '/lib/systemd/systemd'
CGROUP = re.compile(r'^\S+ (\S+) cgroup2 rw', re.MULTILINE)
LEGACY = '''#!/usr/bin/python3
import os, socket, subprocess
own = socket.create_server(('', 8080))
if 'NOTIFY_SOCKET' in os.environ:
    subprocess.run(['systemd-notify', '--ready'], check=True)
while True:
    client = own.accept()[0]
    client.recv(1000)
    client.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\nfrom %d\\n' % os.getpid())
    client.close()
'''
# In namespaces of its own, $1 being the folder of the test: a systemd that
# starts nothing but what it is told to.
BOOT = '''
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /usr/local/bin
cp portexec legacy sdprobe /usr/local/bin
mkdir -p /run/systemd
cp -R units /run/systemd/system
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
exec env -i container=test PATH="$PATH" unshare --pid --fork --kill-child \\
    --mount-proc "$1" --unit=test.target --log-target=null
'''
APART = '[Unit]\nDefaultDependencies=no\n'      # from the whole boot


def units():
    """The document's unit files: {name: text}."""
    with open(DOCUMENT) as file:
        found = re.findall(r'^`/etc/systemd/system/(\S+)`\n\n```ini\n(.*?)```',
                           file.read(), re.MULTILINE | re.DOTALL)
    return dict(found)


class ByHand(Tree):
    def setUp(self):
        super().setUp()
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.socket.close)
        self.address = '127.0.0.1:%d' % self.socket.getsockname()[1]
        self.write('legacy', LEGACY.replace('/usr/bin/python3',
                                            sys.executable), 0o755)

    def words(self):
        """Those of ExecStart, with what is to be executed here."""
        start, = re.findall(r'^ExecStart=(.*)', units()['legacy.service'],
                            re.MULTILINE)
        return [{'/usr/local/bin/portexec': PORTEXEC,
                 '/usr/local/bin/legacy': self.path('legacy')}.get(word, word)
                for word in shlex.split(start)]

    def activate(self, **variables):
        """As systemd starts the unit: with its socket, which does not
        block, at fd 3."""
        self.socket.setblocking(False)
        return self.launch(**passing(
            self.words(), {3: self.socket.fileno()},
            {'PORTEXEC_TEST': self.directory, 'LISTEN_FDS': '1',
             'LISTEN_PID': '{pid}', 'LISTEN_FDNAMES': 'legacy.socket',
             **variables}))

    def test_socket_outlives_the_service(self):
        """Each life of the service serves the client that waited for it."""
        answers = set()
        for _ in range(3):
            with harness.connect(self.address) as client:
                client.sendall(b'GET / HTTP/1.0\r\n\r\n')
                service = self.activate()
                answers.add(harness.read_all(client))
            answers.add(http_get(self.address).replace('\n', '\r\n'))
            service.terminate()
            self.assertEqual(service.wait(DEADLINE), -signal.SIGTERM)
            self.assert_nothing_left()
        self.assertEqual(len(answers), 6)

    def test_service_that_fails(self):
        """The socket is systemd's: it goes on listening."""
        self.write('legacy', '#!/bin/sh\nexit 3\n', 0o755)
        self.assertEqual(self.activate().wait(DEADLINE), 3)
        self.assert_nothing_left()
        harness.connect(self.address).close()

    def test_notify_socket_is_the_services(self):
        own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(own.close)
        own.bind(self.path('notify'))
        own.settimeout(DEADLINE)
        if shutil.which('systemd-notify') is None:
            self.skipTest('systemd-notify is not installed')
        self.activate(NOTIFY_SOCKET=self.path('notify'))
        self.assertIn(b'READY=1', own.recv(1000))


@contextlib.contextmanager
def control_group():
    """One below our own, for as long as it lasts."""
    with open('/proc/self/mounts') as file:
        top = CGROUP.search(file.read())
    with open('/proc/self/cgroup') as file:
        own = re.search('^0::(.*)', file.read(), re.MULTILINE)
    path = tempfile.mkdtemp(prefix='portexec-test-', dir=top[1] + own[1])
    try:
        yield path
    finally:
        for folder, _, _ in os.walk(path, topdown=False):
            wait_for(lambda: remove(folder), folder)


def remove(folder):
    """False while a process is dying in it."""
    with contextlib.suppress(OSError):
        os.rmdir(folder)
        return True


class UnderSystemd(Tree):
    def setUp(self):
        super().setUp()
        if not harness.is_root():
            self.skipTest('not root, as systemd is to be')
        if not os.access(SYSTEMD, os.X_OK):
            self.skipTest(SYSTEMD + ' is not installed')
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        try:
            self.group = stack.enter_context(control_group())
        except (OSError, TypeError) as error:
            self.skipTest(f'no control group of version 2: {error}')
        shutil.copy(PORTEXEC, self.path('portexec'))
        shutil.copy(SDPROBE, self.path('sdprobe'))
        self.write('legacy', LEGACY, 0o755)
        os.mkdir(self.path('units'))
        for name in 'test.target', 'sysinit.target':
            self.write('units/' + name, APART)

    def unit(self, name, text):
        self.write('units/' + name, text)
        os.mkdir(self.path(f'units/{name}.d'))
        self.write(f'units/{name}.d/apart.conf', APART)

    def boot(self):
        def enter():
            with open(self.group + '/cgroup.procs', 'w') as file:
                file.write(str(os.getpid()))
        with open(self.path('log'), 'w') as log:
            outer = self.launch(
                '--mount', '--net', '--uts', '--ipc', '--cgroup', 'sh', '-c',
                BOOT, 'sh', SYSTEMD, program='unshare', preexec_fn=enter,
                stdout=log, stderr=log)
        self.addCleanup(outer.kill)     # it ignores TERM

        def find():
            self.assertIsNone(outer.poll(), self.read('log'))
            with contextlib.suppress(OSError, ValueError):
                pid, = harness.children(outer.pid)
                return os.path.samefile(f'/proc/{pid}/exe', SYSTEMD) and pid
        self.systemd = wait_for(find, 'systemd')
        wait_for(lambda: self.inside('systemctl', 'is-active', 'test.target',
                                     status=None).returncode == 0,
                 'the target')

    def inside(self, *command, **options):
        return self.run_portexec(
            '-t', self.systemd, '--mount', '--pid', '--net', '--cgroup',
            *command, program='nsenter', **options)

    def ask(self):
        """What the service says to a client, or ''."""
        return self.inside('curl', '-sS', '-m', DEADLINE,
                           'http://127.0.0.1:80/', status=None).stdout

    def is_active(self, unit):
        return self.inside('systemctl', 'is-active', unit,
                           status=None).stdout.strip()

    def test_a_service_that_knows_nothing_of_it(self):
        """Activated, stopped, and activated again."""
        for name, text in units().items():
            self.unit(name, text)
        self.boot()
        self.inside('systemctl', 'start', 'legacy.socket')
        self.assertEqual(self.is_active('legacy.service'), 'inactive')
        answers = [self.ask(), self.ask()]
        self.assertRegex(answers[0], r'^from \d+$')
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(self.is_active('legacy.service'), 'active')
        self.inside('systemctl', 'stop', 'legacy.service')
        self.assertFalse(os.path.exists(
            self.group + '/system.slice/legacy.service'))
        again = self.ask()
        self.assertRegex(again, r'^from \d+$')
        self.assertNotEqual(again, answers[0])

    def test_a_service_that_says_when_it_is_ready(self):
        """systemctl waits for that; without it the start would fail."""
        for name, text in units().items():
            self.unit(name, text.replace(
                'ExecStart=', 'Type=notify\nNotifyAccess=all\nExecStart='))
        self.boot()
        self.inside('systemctl', 'start', 'legacy.service')
        self.assertEqual(self.is_active('legacy.service'), 'active')
        self.assertRegex(self.ask(), r'^from \d+$')

    def test_a_socket_more(self):
        self.unit('two.socket', '[Socket]\nListenStream=127.0.0.1:80\n'
                  'FileDescriptorName=web\nService=two.service\n')
        self.unit('two.service', '[Service]\nType=oneshot\n'
                  'ExecStart=/usr/local/bin/portexec -l admin=0 -- '
                  f'/usr/local/bin/sdprobe {self.path("report")}\n')
        self.boot()
        self.inside('systemctl', 'start', 'two.socket')
        self.inside('systemctl', 'start', 'two.service')
        report = json.loads(self.read('report'))
        self.assertEqual(report['names'], ['web', 'admin'])
        self.assertEqual(report['sockets'][0]['inet'], 80)
        self.assertEqual([one['listening'] for one in report['sockets']],
                         [1, 1])
