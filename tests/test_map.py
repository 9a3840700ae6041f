# SPDX-License-Identifier: ISC
"""--map, on both ends: a service and its client that have a port wired in.
What one connect() comes to is in tests/same.

PORTEXEC_RUNS is how many runs of copies side by side there are."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import harness
from harness import BINDER, DEADLINE, DENY, PORTEXEC, connect, wait_for

RUNS = int(os.environ.get('PORTEXEC_RUNS', 40 if harness.BRIEF else 100))
# A service with its port wired in, which says who it is.
SERVICE = '''
import socket, sys
port, name = int(sys.argv[1]), sys.argv[2].encode()
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('127.0.0.1', port))
server.listen()
while True:
    client = server.accept()[0]
    client.sendall(name)
    client.close()
'''
# Connects in several ways, from several threads at once; each answer has to
# be the name.  A socket's flags have to stay what they were.
STORM = '''
import errno, fcntl, os, select, socket, sys, threading
port, name = int(sys.argv[1]), sys.argv[2].encode()
threads, count = int(sys.argv[3]), int(sys.argv[4])
wrong = []

def one(number):
    client = socket.socket()
    if number % 3 == 1:
        client.setblocking(False)
    elif number % 3 == 2:
        client.settimeout(60)
    flags = fcntl.fcntl(client, fcntl.F_GETFL)
    error = client.connect_ex(('127.0.0.1', port))
    if error == errno.EINPROGRESS:
        select.select([], [client], [])
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if fcntl.fcntl(client, fcntl.F_GETFL) != flags:
        wrong.append('flags')
    client.settimeout(60)
    answer = client.recv(100) if error == 0 else errno.errorcode[error]
    if answer != name:
        wrong.append(answer)
    client.close()

def many():
    for number in range(count):
        one(number)

all_of_them = [threading.Thread(target=many) for _ in range(threads)]
for thread in all_of_them:
    thread.start()
for thread in all_of_them:
    thread.join()
print(wrong)
sys.exit(len(wrong) > 0)
'''
# One project: both ends have the port wired in.
PROJECT = '''
import socket, sys
with socket.create_connection(('localhost', int(sys.argv[1]))) as client:
    answer = client.recv(100).decode()
sys.exit(0 if answer == sys.argv[2] else answer)
'''


class Mapped(harness.Tree):
    def setUp(self):
        super().setUp()
        self.write('service.py', SERVICE)
        self.port = str(harness.free_number())

    def service(self, name='here'):
        return sys.executable, '-SE', 'service.py', self.port, name

    def run_client(self, script, *options, **others):
        """Against that service, whose port is mapped."""
        return self.run_portexec('-q', '-m', self.port, *options, '-c', script,
                                 '--', *self.service(), env=self.env,
                                 **others)


class BothEnds(Mapped):
    def test_clients_of_all_kinds(self):
        """In many languages; static programs too."""
        python = ('import socket; print(socket.create_connection(("{}", '
                  f'{self.port})).recv(9).decode())')
        node = ('require("net").connect({{port: {}, host: "{}"}}).on("data", '
                'data => console.log(String(data)))')
        scripts = [
            f'{BINDER} socket=tcp4 connect=127.0.0.1:{self.port} ask',
            *(f"{sys.executable} -SEc '{python.format(host)}'"
              for host in ('127.0.0.1', 'localhost', '0.0.0.0',
                           '::ffff:127.0.0.1'))]
        if shutil.which('node'):
            scripts += [f"node -e '{node.format(self.port, host)}'"
                        for host in ('127.0.0.1', 'localhost')]
        if shutil.which('nc'):
            scripts.append(f'nc 127.0.0.1 {self.port} </dev/null')
        for script in scripts:
            with self.subTest(script):
                done = self.run_client(script)
                self.assertIn('here', done.stdout)
                self.assert_nothing_left()

    def test_nothing_listens_on_the_port_itself(self):
        process = self.launch(
            '-q', '-m', self.port, '-p', 'port', '-c',
            f'{BINDER} socket=tcp4 connect=127.0.0.1:{self.port} ask '
            'touch=met wait=end', '--', *self.service(), env=self.env)
        wait_for(lambda: os.path.exists(self.path('met')), 'the client')
        with self.assertRaises(ConnectionRefusedError):
            connect('127.0.0.1:' + self.port)
        with harness.listening(port=int(self.port)):
            pass
        with connect('127.0.0.1:' + self.read('port').strip()) as client:
            self.assertEqual(client.recv(9), b'here')
        self.write('end', '')
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assert_nothing_left()

    def test_somebody_else_has_the_port(self):
        """That is nobody's matter."""
        with harness.listening(port=int(self.port)):
            done = self.run_client(f'{BINDER} socket=tcp4 '
                                   f'connect=127.0.0.1:{self.port} ask')
        self.assertIn('ask here', done.stdout)

    def test_threads(self):
        self.write('storm.py', STORM)
        done = self.run_client(f'{sys.executable} -SE storm.py {self.port} '
                               'here 8 ' + ('40' if harness.BRIEF else '400'),
                               status=None)
        self.assertEqual((done.returncode, done.stdout), (0, '[]\n'))

    def test_copies_side_by_side(self):
        """Each is answered by its own service."""
        self.write('project.py', PROJECT)
        failed = []

        def run(name):
            for _ in range(RUNS // 20):
                done = subprocess.run(
                    [PORTEXEC, '-q', '-m', self.port, '-c',
                     f'{sys.executable} -SE project.py {self.port} {name}',
                     '--', *self.service(name)], cwd=self.directory,
                    env=self.env, capture_output=True, text=True,
                    stdin=subprocess.DEVNULL, timeout=DEADLINE)
                if done.returncode != 0:
                    failed.append((name, done))
        threads = [threading.Thread(target=run, args=(f'copy{number}',))
                   for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assert_nothing_left()

    def test_two_services_that_know_each_other(self):
        """Each is one run, and both have the ports of both wired in."""
        other = str(harness.free_number())
        ask = (f'{BINDER} socket=tcp4 connect=127.0.0.1:{{}} ask ')
        script = ask.format(self.port) + '&& ' + ask.format(other)
        done = self.run_portexec(
            '-q', '-l', 'a=0', '-l', 'b=0', '-m', self.port + '=a', '-m',
            other + '=b', '-c', script, '--', 'sh', '-c',
            '"$0" -SE service.py $1 one & exec "$0" -SE service.py $2 two',
            sys.executable, self.port, other, env=self.env)
        self.assertEqual(re.findall('ask .*', done.stdout),
                         ['ask one', 'ask two'])
        self.assert_nothing_left()

    def test_no_filter_on_connect_without_it(self):
        """What a client of another port costs is in the benchmark."""
        for option, expected in (([], '0'), (['-m', '9'], '2')):
            done = self.run_portexec(
                '-q', *option, '-c', "grep '^Seccomp:' /proc/self/status",
                '--', 'sleep', '9', status=0)
            self.assertEqual(done.stdout.split()[1], expected)

    def test_where_pidfd_getfd_is_refused(self):
        script = (f'for n in 1 2; do {BINDER} socket=tcp4 '
                  f'connect=127.0.0.1:{self.port}; done')
        done = self.run_portexec(
            'pidfd_getfd', 'EPERM', PORTEXEC, '-m', self.port, '-c', script,
            '--', *self.service(), program=DENY, env=self.env)
        self.assertEqual(done.stdout, 'connect ECONNREFUSED\n' * 2)
        self.assertEqual(re.sub(r'\d+', 'N', done.stderr.splitlines()[-1]),
                         'portexec: process N connects to N.N.N.N:N itself: '
                         'pidfd_getfd: Operation not permitted; tell it the '
                         'port')
        self.assertEqual(done.stderr.count('itself'), 1)

    def test_a_client_that_cannot_be_read(self):
        """It meets nobody; the others meet the service."""
        done = self.run_client(
            f'{BINDER} powerless dumpable=0 socket=tcp4 '
            f'connect=127.0.0.1:{self.port}; {BINDER} socket=tcp4 '
            f'connect=127.0.0.1:{self.port} ask')
        self.assertTrue(done.stdout.endswith('connect 0\nask here\n'),
                        done.stdout)

    def test_a_client_that_is_killed_while_it_waits(self):
        """In a full queue; then others are answered."""
        self.write('victim.sh', f'''
            {BINDER} crowd=127.0.0.1:{self.port} wait=done & crowd=$!
            until [ -e crowded ]; do sleep 0.01; done
            {BINDER} socket=tcp4 touch=begins connect=127.0.0.1:{self.port} &
            until [ -e begins ]; do sleep 0.01; done
            sleep 0.2; kill -KILL $!; wait $!; kill -KILL $crowd; touch go
            exec {BINDER} socket=tcp4 connect=127.0.0.1:{self.port} ask''')
        done = self.run_portexec(
            '-q', '-m', self.port, '-c', 'until [ -e up ]; do sleep 0.01; '
            'done; (sleep 0.2; touch crowded) & sh victim.sh', '--', BINDER,
            'socket=tcp4', f'bind=127.0.0.1:{self.port}', 'listen=0',
            'touch=up', 'wait=go', 'serve=end', env=self.env)
        self.assertRegex(done.stdout, r'ask \d')
        self.assert_nothing_left()


class Any(Mapped):
    def run_any(self, *steps, script, options=()):
        """Returns what the client printed, and what portexec said."""
        done = self.run_portexec(
            '-m', 'any', *options, '-c', script, '--', BINDER, *steps,
            env=self.env)
        lines = [line for line in done.stderr.splitlines()
                 if not re.search(' until | listens when ', line)]
        return (re.sub('(?m)^bind .*\n', '', done.stdout),
                [re.sub(r'1:\d+$', '1:P', line) for line in lines])

    def taken(self, port):
        return f'portexec: binder binds {port}: given 127.0.0.1:P'

    def test_the_first_one_is_taken(self):
        output, lines = self.run_any(
            'socket=tcp4', f'bind=127.0.0.1:{self.port}', 'listen',
            'touch=up', 'serve=end',
            script=f'{BINDER} socket=tcp4 connect={{addr}} ask wait=up '
            f'socket=tcp4 connect=127.0.0.1:{self.port} ask')
        self.assertEqual(output.count('connect 0\nask 0\n'), 2, output)
        self.assertEqual(lines, [self.taken(self.port)])

    def test_what_is_not_taken(self):
        """Inspectors' ports, the kernel's choice, datagrams, an address of
        the machine, what another map names."""
        named, inspected = (str(harness.free_number()) for _ in range(2))
        output, lines = self.run_any(
            'say=--inspect=' + inspected,
            'socket=tcp4', 'set=reuseaddr:1', 'bind=127.0.0.1:9230',
            'socket=tcp4', f'bind=127.0.0.1:{inspected}',
            'socket=tcp4', 'bind=127.0.0.1:0',
            'socket=udp4', f'bind=127.0.0.1:{self.port}',
            'socket=tcp4', f'bind=127.0.0.1:{named}',
            'socket=tcp4', f'bind=0.0.0.0:{self.port}', 'listen', 'touch=up',
            'serve=end', options=['-l', 'a=0', '-l', 'b=0', '-m', named + '=b'],
            script=f'{BINDER} wait=up socket=tcp4 '
            f'connect=127.0.0.1:{self.port} ask')
        self.assertIn('connect 0\nask 5\n', output)
        self.assertEqual(lines, [self.taken(self.port)])

    def also(self, port):
        return (f'portexec: {BINDER} also listens on 127.0.0.1:{port}: -m '
                f'{port} takes that')

    def test_further_ones_are_said(self):
        """If they listen."""
        two, three = (str(harness.free_number()) for _ in range(2))
        _, lines = self.run_any(
            'socket=tcp4', f'bind=127.0.0.1:{self.port}', 'listen',
            'socket=tcp4', f'bind=127.0.0.1:{two}',
            'socket=tcp4', f'bind=127.0.0.1:{three}', 'listen', 'wait=end',
            script='sleep 2')
        self.assertEqual(lines, [self.taken(self.port), self.also(three)])

    def test_a_further_one_that_listens_late(self):
        """It is said then, and not again when it is bound again."""
        two, three = (str(harness.free_number()) for _ in range(2))
        _, lines = self.run_any(
            'socket=tcp4', f'bind=127.0.0.1:{self.port}', 'listen',
            'socket=tcp4', 'set=reuseaddr:1', f'bind=127.0.0.1:{two}',
            'wait=late', 'listen', 'wait=again', 'close',
            'socket=tcp4', 'set=reuseaddr:1', f'bind=127.0.0.1:{two}',
            'listen', 'socket=tcp4', f'bind=127.0.0.1:{three}', 'listen',
            'wait=end', script='sleep 0.8; touch late; sleep 2; touch again; '
            'sleep 2')
        self.assertEqual(lines, [self.taken(self.port), self.also(two),
                                 self.also(three)])

    def test_a_port_that_could_not_be_given(self):
        """Another is taken then: an epoll instance cannot be reached."""
        two = str(harness.free_number())
        done = self.run_portexec(
            'pidfd_getfd', 'EPERM', PORTEXEC, '-m', 'any', '-c',
            'until [ -e up ]; do sleep 0.01; done', '--', BINDER,
            'socket=tcp4', 'epoll=level', f'bind=127.0.0.1:{self.port}',
            'socket=tcp4', f'bind=127.0.0.1:{two}', 'touch=up', 'wait=end',
            program=DENY, env=self.env)
        self.assertNotIn(f'binds {self.port}: given', done.stderr)
        self.assertIn(f'portexec: binder binds {two}: given 127.0.0.1:',
                      done.stderr)

    def test_a_port_of_the_kernels_choice(self):
        """Its number would be another the next time."""
        done = self.run_portexec(
            '-q', '-m', 'any', '-t', '4', '-c', f'{BINDER} socket=tcp4 '
            'connect={addr} wait=end', '--', BINDER, 'socket=tcp4',
            'bind=127.0.0.1:0', 'listen', 'serve=end', env=self.env,
            status=125)
        self.assertRegex(done.stderr, r'listens on 127\.0\.0\.1:\d+: tell it '
                         r'the port, by \{port\} or -e PORT')

    def test_twice(self):
        self.assert_fails('-m', 'any', '-m', 'any', '--', 'true', exact=True,
                          message="-m 'any': any is there already, as any")

    def test_another_type(self):
        self.assert_fails('-l', 'udp:0', '-m', 'any', '--', 'true',
                          message='is not for TCP')


class Stopping(Mapped):
    def test_term_while_clients_connect(self):
        self.write('storm.py', STORM)
        process = self.launch(
            '-q', '-m', self.port, '-k', '2', '-c',
            f'{sys.executable} -SE storm.py {self.port} here 4 100000', '--',
            *self.service(), env=self.env)
        wait_for(lambda: len(self.left()) > 3, 'all of it')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        self.assert_nothing_left()

    def test_the_keeper_is_killed(self):
        """Then connections fail, and all is stopped."""
        process = self.launch(
            '-q', '-m', self.port, '-c', f'{BINDER} socket=tcp4 '
            'wait=never', '--', *self.service(), env=self.env)
        wait_for(lambda: harness.children(process.pid), 'the keeper')
        keeper, = harness.children(process.pid)
        wait_for(lambda: len(harness.children(keeper)) == 2, 'the client')
        os.kill(keeper, signal.SIGKILL)
        process.wait(DEADLINE)
        self.assert_nothing_left()


if __name__ == '__main__':
    harness.unittest.main()
