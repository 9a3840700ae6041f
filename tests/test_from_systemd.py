# SPDX-License-Identifier: ISC
"""docs/from-systemd-socket-activate.md, line by line: both commands of a row
are run, and libsystemd (tests/probes/sdprobe.c) is to see the same in both.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess

import harness
from harness import (DEADLINE, PORTEXEC, SDPROBE, TOP, Case, Tree, connect,
                     environment, in_namespace, wait_for)

DOCUMENT = os.path.join(TOP, 'docs', 'from-systemd-socket-activate.md')
ACTIVATE = 'systemd-socket-activate'
SERVER = f'''#!/bin/sh
env >environment
exec '{SDPROBE}' report
'''
# A wrapper that forks, as nodemon does.
WRAPPER = '''#!/bin/sh
"$@"
exit $?
'''
# What a shell adds by itself, and what the protocol is.
NOT_COMPARED = {'PWD', 'OLDPWD', 'SHLVL', '_', *harness.PROTOCOL}


def rows(tool):
    """The pairs of commands in the table that the tool heads."""
    with open(DOCUMENT) as file:
        table = file.read().split(f'\n| {tool} |', 1)[1].split('\n\n')[0]
    found = re.findall(r'^\| `(.*)` \| `(.*)` \|$', table, re.MULTILINE)
    assert len(found) == table.count('\n') - 1, table
    return found


def activate_version():
    """Of the one that is installed, or None."""
    if shutil.which(ACTIVATE) is None:
        return None
    done = subprocess.run([ACTIVATE, '--version'], text=True,
                          capture_output=True)
    return int(done.stdout.split()[1])


class Rows(Tree):
    def setUp(self):
        super().setUp()
        self.env.update(PATH=self.path('bin') + ':' + os.environ['PATH'],
                        LANG='C', MODE='caller', TERM='dumb', HOME='/',
                        USER='caller')
        os.mkdir(self.path('bin'))
        os.symlink(PORTEXEC, self.path('bin/portexec'))
        self.write('bin/nodemon', WRAPPER, 0o755)
        self.write('server', SERVER, 0o755)
        self.addCleanup(os.umask, os.umask(0o022))

    def judged(self):
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self.read('report'))

    def demand(self, command):
        """One try to be the client of the first socket of the command."""
        words = shlex.split(command)
        spec = words[words.index('-l') + 1].split(',')[0].split('=')[-1]
        kind = (socket.SOCK_DGRAM if 'udp:' in spec or 'gram:' in spec else
                socket.SOCK_SEQPACKET if 'packet:' in spec else
                socket.SOCK_STREAM)
        address = spec.split(':', 1)[-1] if ':.' in spec else spec
        address = re.sub(r'^(udp:)?(\*:)?(?=\d+$)', '127.0.0.1:', address)
        if address[0] == '.':
            address = self.path(address)
        with contextlib.suppress(OSError):
            client = connect(address, kind)
            client.send(b'?')
            return client

    def see(self, command, like):
        """Runs a command, being its client as a command of portexec's says,
        and returns what libsystemd and ./server were shown."""
        for name in ('report', 'environment', 'socket'):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(name))
        env = {name: value.replace('$PWD', self.directory)
               for name, value in self.env.items()}
        with open(self.path('log'), 'w') as log:
            process = self.launch('-c', 'exec ' + command, program='sh',
                                  env=env, stdout=log, stderr=log)

        clients = []

        def done():
            ended = process.poll() is not None
            datagrams = 'udp:' in like or 'unixgram:' in like
            if not ended and '-l' in like and (datagrams or not clients):
                client = self.demand(like)
                if client is not None:
                    clients.append(client)
            self.assertFalse(ended and not self.judged(), self.read('log'))
            return self.judged()
        report = wait_for(done, command)
        for client in clients:
            client.close()
        # Killed, the probe's leak checker would hold its socket a while,
        # and the next client come to that.
        if ' -a ' not in command:
            process.wait(DEADLINE)
        with contextlib.suppress(FileNotFoundError):
            report['mode'] = os.stat(self.path('socket')).st_mode
        report['environment'] = dict(
            line.split('=', 1) for line in
            self.read('environment').splitlines())
        harness.end_process(process)
        return report

    def compare(self, left, right):
        both = [self.see(command, right.replace('env -i', ''))
                for command in (left, right)]
        shown = [report.pop('environment') for report in both]
        self.assertEqual(*both)
        names = {'MODE', 'LANG'}
        if ' -E ' in left:      # else it has none that it was not told
            names = set(re.findall(r'-E (\w+)', left))
            self.assertEqual(*({name: one[name] for name in names}
                               for one in shown))
        if 'env -i' in right:
            self.assertEqual(*(set(one) - NOT_COMPARED for one in shown))
        return both[0]

    @in_namespace
    def test_systemd_socket_activate(self):
        version = activate_version()
        if version is None:
            self.skipTest(ACTIVATE + ' is not installed')
        for left, right in rows(ACTIVATE):
            with self.subTest(left):
                if version < 258:       # it comes with that
                    left = left.replace(' --now', '')
                if left.endswith(('--help', '--version')):
                    for command in left, right:
                        self.assertNotEqual(self.run_portexec(
                            '-c', command, program='sh', env=self.env
                            ).stdout, '')
                    continue
                report = self.compare(left, right)
                self.assertTrue(report['fds'] > 0 or
                                report['standard'][0]['type'] > 0, report)

    def test_every_option_has_a_row(self):
        if activate_version() is None:
            self.skipTest(ACTIVATE + ' is not installed')
        told = subprocess.run([ACTIVATE, '--help'], text=True,
                              capture_output=True).stdout
        options = re.findall(r'^ +(?:(-\w) )? *(--\w+)', told, re.MULTILINE)
        self.assertGreater(len(options), 8)
        lines = [left for left, _ in rows(ACTIVATE)]
        for names in options:
            with self.subTest(names):
                self.assertTrue(any(
                    name and re.search(f'{name}(?![a-z])', line)
                    for name in names for line in lines))

    @in_namespace
    def test_systemfd(self):
        for left, right in rows('systemfd'):
            with self.subTest(left):
                report = self.see(right, right)
                options = re.findall(r'-s (?:(\w+)::)?\S*?(\d*) ', left)
                found = report['environment']
                self.assertEqual(found['LISTEN_FDS'], str(len(options)))
                if '--no-pid' in left:
                    self.assertNotIn('LISTEN_PID', found)
                    continue
                self.assertEqual(report['fds'], len(options))
                for (kind, number), one in zip(options, report['sockets']):
                    self.assertEqual(one['family'], socket.AF_UNIX if
                                     kind == 'unix' else socket.AF_INET)
                    self.assertEqual(one['type'], socket.SOCK_DGRAM if
                                     kind == 'udp' else socket.SOCK_STREAM)
                    if number and number != '0':
                        self.assertEqual(one['inet'], int(number))


class Differences(Case):
    """What the document says of systemd-socket-activate besides."""

    def setUp(self):
        super().setUp()
        if activate_version() is None:
            self.skipTest(ACTIVATE + ' is not installed')

    def activate(self, *arguments, **options):
        return self.run_portexec(*arguments, program=ACTIVATE, status=None,
                                 **options)

    def test_port_zero(self):
        self.assertNotEqual(self.activate('-l', '0', 'true').returncode, 0)

    def test_types_do_not_mix(self):
        self.assertNotEqual(self.activate(
            '-d', '--seqpacket', '-l', './s', 'true').returncode, 0)

    def test_it_takes_the_path_of_a_live_service(self):
        path = self.path('s')
        live = socket.socket(socket.AF_UNIX)
        self.addCleanup(live.close)
        live.bind(path)
        live.listen()
        before = os.stat(path).st_ino
        self.assert_fails('-l', path, 'true', message='in use')
        self.assertEqual(os.stat(path).st_ino, before)
        self.launch('-l', path, 'true', program=ACTIVATE)
        wait_for(lambda: os.path.exists(path) and
                 os.stat(path).st_ino != before, 'another path')

    def test_it_closes_descriptors(self):
        """portexec leaves them open."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, b'here\n')
        os.close(writing)
        command = ('-l', self.path('s'), 'cat', '/dev/fd/9')
        given = harness.arrange({9: reading})
        process = self.launch(*command, program=ACTIVATE, **given)
        client = wait_for(lambda: self.attempt(process), 'a socket')
        client.close()
        self.assertEqual(process.communicate(timeout=DEADLINE)[0], '')
        os.unlink(self.path('s'))
        self.assertEqual(self.run_portexec(*command, **given).stdout,
                         'here\n')

    def attempt(self, process):
        self.assertIsNone(process.poll())
        with contextlib.suppress(OSError):
            return connect(self.path('s'))
