"""Services as they are, each with a client of its own.

Under inherit a client is started at once: nothing waits for the service and
nothing is tried again.  Under reserve it waits until the service listens.
"""

import os
import re
import shutil
import subprocess
import sys

from harness import (BUILD, Case, DEADLINE, PORTEXEC, TOP, connect,
                     end_process, environment, is_root, wait_for)

CONFIGS = os.path.join(TOP, 'tests', 'servers')
DEBIAN_PYTHON = '/usr/bin/python3'      # has the modules that apt installs
PATH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
TCP_LISTEN = '0A'


def descendants(pid):
    """pid, its children, their children."""
    result = [pid]
    for parent in result:
        try:
            with open(f'/proc/{parent}/task/{parent}/children') as file:
                result += map(int, file.read().split())
        except OSError:
            pass                        # has ended
    return result


def held_sockets(pid):
    """The inode numbers of the sockets that pid and its children hold."""
    found = set()
    for each in descendants(pid):
        try:
            for fd in os.listdir(f'/proc/{each}/fd'):
                link = os.readlink(f'/proc/{each}/fd/{fd}')
                if link.startswith('socket:['):
                    found.add(link[len('socket:['):-1])
        except OSError:
            pass
    return found


def listening_ports(pid):
    """The TCP ports on which pid and its children listen."""
    held, found = held_sockets(pid), set()
    for table in ('tcp', 'tcp6'):
        try:
            with open('/proc/net/' + table) as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:                 # no IPv6
            continue
        found |= {int(row[1].split(':')[1], 16) for row in rows
                  if row[3] == TCP_LISTEN and row[9] in held}
    return found


def accepts(address):
    try:
        connect(address).close()
    except OSError:
        return False
    return True


class Servers(Case):
    def program(self, name):
        """Its path; without it the test is skipped."""
        path = shutil.which(name, path=PATH)
        if path is None:
            self.skipTest(f'{name} is not installed')
        return path

    def module(self, name):
        """The words that run the module of Debian's Python."""
        command = [self.program(DEBIAN_PYTHON), '-m', name]
        if subprocess.run([command[0], '-c', f'import {name}'], cwd='/',
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest(f'{DEBIAN_PYTHON} has no module {name}')
        return command

    def start(self, *arguments):
        """The service under portexec, and its address."""
        with open(self.path('log'), 'w') as log:
            service = self.launch(
                '-w', 'address=<addr>', *arguments,
                env=environment(PYTHONDONTWRITEBYTECODE=1, PATH=PATH,
                                PORT=None, HOME=self.directory),
                stdout=log, stderr=log)
        wait_for(lambda: os.path.exists(self.path('address')) or
                 service.poll() is not None, arguments)
        self.assertIsNone(service.poll(), self.read('log'))
        return service, self.read('address').rstrip('\n')

    def client(self, service, *command):
        """What the client prints."""
        done = subprocess.run(
            [self.program(command[0]), *command[1:]], cwd=self.directory,
            text=True, capture_output=True, stdin=subprocess.DEVNULL,
            env=environment(PATH=PATH), timeout=DEADLINE)
        if done.returncode != 0:
            end_process(service)
            self.fail(f'{command} ended with {done.returncode}: '
                      f'{done.stderr}\nservice: {self.read("log")}')
        return done.stdout

    def get(self, service, address, path='/'):
        return self.client(service, 'curl', '--noproxy', '*', '-fsS',
                           f'http://{address}{path}')

    def assert_answers(self, service, address, answer, path='/'):
        """Twice, and the service listens nowhere else."""
        for _ in range(2):
            self.assertEqual(self.get(service, address, path), answer)
        self.assertEqual(listening_ports(service.pid),
                         {int(address.split(':')[1])})


class Inherit(Servers):
    def test_gunicorn(self):
        service, address = self.start(
            '--', *self.module('gunicorn'), '--pythonpath', CONFIGS,
            'wsgi:application')
        self.assert_answers(service, address, 'hello from gunicorn\n')

    def test_uvicorn(self):
        service, address = self.start(
            '--', *self.module('uvicorn'), '--app-dir', CONFIGS,
            '--fd', '{fd}', 'asgi:application')
        self.assert_answers(service, address, 'hello from uvicorn\n')

    def test_lighttpd(self):
        self.write('page.txt', 'hello from lighttpd\n')
        service, address = self.start(
            '--', self.program('lighttpd'), '-D',
            '-f', os.path.join(CONFIGS, 'lighttpd.conf'))
        self.assert_answers(service, address, 'hello from lighttpd\n',
                            '/page.txt')

    def test_nginx(self):
        template = os.path.join(CONFIGS, 'nginx.conf.in')
        service, address = self.start(
            '-H', 'inherit', '-e', 'NGINX=<fd>;',
            '-w', f'nginx.conf=@{template}', '--', self.program('nginx'),
            '-p', self.directory, '-e', 'stderr', '-c', 'nginx.conf')
        self.assert_answers(service, address, 'hello from nginx\n')

    def test_node(self):
        service, address = self.start(
            '--', self.program('node'), os.path.join(CONFIGS, 'server.js'))
        self.assert_answers(service, address, 'hello from node\n')

    def privilege_separation_directory(self):
        """sshd as root needs /run/sshd, which init makes where one runs."""
        if not is_root() or os.path.isdir('/run/sshd'):
            return
        try:
            os.mkdir('/run/sshd', 0o755)
        except OSError as error:
            self.skipTest(f'/run/sshd: {error.strerror}')
        self.addCleanup(os.rmdir, '/run/sshd')

    def test_sshd(self):
        sshd = self.program('sshd')
        with open(sshd, 'rb') as file:
            text = file.read()
        if b'sd_listen_fds' not in text and b'LISTEN_FDS' not in text:
            self.skipTest(f'{sshd} does not take sockets')
        self.privilege_separation_directory()
        subprocess.run([self.program('ssh-keygen'), '-q', '-t', 'ed25519',
                        '-N', '', '-f', self.path('key')], check=True)
        service, address = self.start(
            '--', sshd, '-D', '-e', '-f', '/dev/null', '-h',
            self.path('key'), '-o', 'PidFile=none')
        host, port = address.split(':')
        for _ in range(2):
            found = self.client(service, 'ssh-keyscan', '-T', str(DEADLINE),
                                '-t', 'ed25519', '-p', port, host)
            self.assertEqual(found.split()[1:],
                             self.read('key.pub').split()[:2])
        self.assertEqual(listening_ports(service.pid), {int(port)})

    def test_tftpd(self):
        """A udp service that expects its socket as fd 0, from inetd."""
        if not is_root():
            self.skipTest('in.tftpd changes its root directory and its user')
        tftpd = self.program('in.tftpd')
        os.mkdir(self.path('files'))
        self.write('files/page.txt', 'hello from tftpd\n')
        os.chmod(self.directory, 0o755)     # tftpd is nobody
        service, address = self.start(
            '-l', 'udp:127.0.0.1:0', '--', 'sh', '-c',
            'exec "$@" <&3 3<&-', 'sh', tftpd, '-s', self.path('files'))
        for _ in range(2):
            self.assertEqual(self.client(service, 'curl', '-sS',
                                         f'tftp://{address}/page.txt'),
                             'hello from tftpd\n')
        self.assertEqual(listening_ports(service.pid), set())


class Reserve(Servers):
    def start(self, *arguments):
        service, address = super().start('-H', 'reserve', *arguments)
        wait_for(lambda: accepts(address) or service.poll() is not None,
                 arguments)
        return service, address

    def test_http_server(self):
        self.write('page.txt', 'hello from http.server\n')
        service, address = self.start(
            '--', sys.executable, '-m', 'http.server', '{port}')
        self.assert_answers(service, address, 'hello from http.server\n',
                            '/page.txt')

    def test_node(self):
        service, address = self.start(
            '-e', 'PORT', '--', self.program('node'),
            os.path.join(CONFIGS, 'server.js'))
        self.assert_answers(service, address, 'hello from node\n')

    def test_redis(self):
        service, address = self.start(
            '--', self.program('redis-server'), '--port', '{port}',
            '--save', '')
        host, port = address.split(':')
        redis = ('redis-cli', '-h', host, '-p', port)
        self.assertEqual(self.client(service, *redis, 'set', 'k', 'v'),
                         'OK\n')
        self.assertEqual(self.client(service, *redis, 'get', 'k'), 'v\n')
        self.assertEqual(listening_ports(service.pid), {int(port)})


class Demo(Case):
    def demo(self, **changes):
        """Runs it; it and its services leave nothing."""
        os.mkdir(self.path('tmp'))
        done = subprocess.run(
            [os.path.join(TOP, 'tests', 'demo')], text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=DEADLINE,
            env=environment(**{'BUILD': BUILD, 'PROGRAM': PORTEXEC,
                               'TMPDIR': self.path('tmp'), **changes}))
        self.assertEqual(os.listdir(self.path('tmp')), [])
        ports = re.findall(r'^portexec: (?:listening on 127.0.0.1:)?(\d+)',
                           done.stderr, re.MULTILINE)
        for port in ports:
            wait_for(lambda: not accepts(f'127.0.0.1:{port}'), port)
        return done, len(ports)

    def test_both_answer(self):
        done, services = self.demo()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(services, 2)
        lines = done.stdout.splitlines()
        for command, answer in (
                ('$ portexec -p port -- hello &', 'hello from fd 3'),
                ("$ portexec -p port -- python3 -m http.server '<port>' &",
                 'hello from http.server')):
            self.assertIn(answer, lines[lines.index(command):])

    def test_a_client_that_fails(self):
        os.mkdir(self.path('bin'))
        self.write('bin/curl', '#!/bin/sh\nexit 7\n', 0o755)
        done, services = self.demo(PATH=f'{self.path("bin")}:{PATH}')
        self.assertEqual((done.returncode, services), (1, 1))

    def test_a_program_that_fails(self):
        self.write('portexec', '#!/bin/sh\nexit 125\n', 0o755)
        done = self.demo(PROGRAM=self.path('portexec'))[0]
        self.assertEqual(done.returncode, 1)
