# SPDX-License-Identifier: ISC
"""No silent hang: what is said of clients that wait for a service, when -t
ends the run, and that no run is green by mistake."""

import contextlib
import os
import re
import shutil
import signal
import socket
import sys
import time

import harness
from harness import DEADLINE, PROBE, Session, connect, wait_for

# PORT is the one that portexec tells; the code says where it listens.
SERVICE = '''
import os, signal, socket, sys, time
told, code = int(sys.argv[1] or 0), sys.argv[2]

def bind(port=0, host='127.0.0.1'):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    return server

def listen(port=0, host='127.0.0.1'):
    """By itself never at the next ports, as if it had found told in use."""
    server = bind(port, host)
    while not port and 0 < server.getsockname()[1] - told < 20:
        server = bind(port, host)
    server.listen()
    with open('marks/port', 'a') as file:
        print(server.getsockname()[1], file=file)
    return server

def wait(name):
    while not os.path.exists('marks/' + name):
        time.sleep(0.005)

def serve(server):
    while True:
        client = server.accept()[0]
        client.recv(100)
        client.sendall(b'x')
        client.close()

exec(code)
'''
FOREVER = 'signal.pause()'
FRIENDLY = '; it listens nowhere yet'
TELL = 'tell it the port, by {port} or -e PORT'
CLIENTS = r', \d clients? queued'


class Waiting(Session):
    def setUp(self):
        super().setUp()
        self.write('service.py', SERVICE)

    def command(self, code, told='{port}', first=sys.executable):
        return ('--', first, '-SE', self.path('service.py'), told, code)

    def begin(self, *arguments, **options):
        """Launches it in a folder of its own, in which it leaves marks."""
        self.count = getattr(self, 'count', 0) + 1
        folder = self.path(f'run.{self.count}')
        os.makedirs(folder + '/marks')
        process = self.launch(*arguments, env=self.env, cwd=folder, **options)
        process.folder = folder
        return process

    def mark(self, process, name):
        open(f'{process.folder}/marks/{name}', 'w').close()

    def ports(self, process):
        with open(process.folder + '/marks/port') as file:
            return file.read().split()

    def await_line(self, process, word='still waiting'):
        while line := process.stderr.readline():
            if word in line:
                return line
        self.fail(f'{process.args} ended with {process.wait()}')

    def assert_line(self, line, begins, hint, name=re.escape(sys.executable),
                    clients=CLIENTS):
        self.assertRegex(line, rf'^portexec: {begins}still waiting for {name} '
                         rf'to (bind|accept on|listen on) \S+ \([\d.]+ s'
                         rf'{clients}\){re.escape(hint)}\n?$')


def ask(rest=''):
    return f'{Session.ASK.replace("ask.py", "../ask.py")} {{addr}} x{rest}'


# Name, options, code, hint; WHERE and OTHER are what the service's marks say.
SAID = (
    ('adopt, elsewhere', ('-H', 'adopt'), f'a = listen(); {FOREVER}',
     '; it listens on 127.0.0.1:WHERE: try --map WHERE'),
    ('adopt, another family', ('-H', 'adopt'),
     f'a = listen(0, "::1"); {FOREVER}',
     '; it listens on [::1]:WHERE: try --map WHERE'),
    ('adopt, two', ('-H', 'adopt'),
     f'a = listen(); b = listen(); {FOREVER}',
     '; it listens on 127.0.0.1:OTHER and 127.0.0.1:WHERE: try --map with its '
     'own port'),
    ('adopt, a child of a child', ('-H', 'adopt'),
     'os.fork() and os.wait(); os.setsid(); a = listen(); ' + FOREVER,
     '; it listens on 127.0.0.1:WHERE: try --map WHERE'),
    ('adopt, a number for a probe', ('-H', 'adopt'),
     'assert socket.create_connection(("127.0.0.1", told))\n'
     'for port in range(told + 1, told + 10):\n'
     '    try: a = listen(port); break\n'
     '    except OSError: pass\n' + FOREVER,
     '; it listens on 127.0.0.1:WHERE: if it found TOLD in use by connecting '
     'to it, try -H reserve'),
    ('adopt, merely bound', ('-H', 'adopt'), f'a = bind(); {FOREVER}',
     FRIENDLY),
    ('adopt, nothing', ('-H', 'adopt'), FOREVER, FRIENDLY),
    ('adopt, given but not accepted', ('-H', 'adopt'),
     f'a = listen(told); {FOREVER}', ''),
    ('adopt, given, and another', ('-H', 'adopt'),
     f'a = listen(told); b = listen(); {FOREVER}', ''),
    ('adopt, an inspector', ('-H', 'adopt'),
     f'sys.argv.append("--inspect=9230"); {FOREVER}', FRIENDLY),
    ('adopt, stopped', ('-H', 'adopt'),
     'os.kill(os.getpid(), signal.SIGSTOP)', '; process PID (NAME) is stopped'),
    ('adopt, a unix socket', ('-H', 'adopt', '-l', '../run/s', '-e',
                              'P=<addr>'), f'a = listen(); {FOREVER}',
     '; it listens on 127.0.0.1:WHERE'),
    ('inherit, elsewhere', ('-H', 'inherit'), f'a = listen(); {FOREVER}',
     f'; it listens on 127.0.0.1:WHERE: {TELL}, or try --map WHERE'),
    ('inherit, nothing', ('-H', 'inherit'), FOREVER, FRIENDLY),
    ('inherit, a unix socket', ('-H', 'inherit', '-l', '../run/t'), FOREVER,
     FRIENDLY),
    ('reserve, elsewhere', ('-H', 'reserve'), f'a = listen(); {FOREVER}',
     f'; it listens on 127.0.0.1:WHERE: {TELL}'),
    ('reserve, nothing', ('-H', 'reserve'), FOREVER, FRIENDLY),
)


class Lines(Waiting):
    def expand(self, process, hint, line=''):
        """The order of several is that of the line: that of their inodes,
        which is not always that of time."""
        ports = self.ports(process) if 'WHERE' in hint else []
        ports.sort(key=lambda port: -line.find(':' + port))
        told = re.search(r':(\d+)', process.first)
        keeper, service = self.parts(process.pid)
        with open(f'/proc/{service}/comm') as file:
            name = file.read().strip()
        for word, value in (('WHERE', ports and ports[0]),
                            ('OTHER', ports and ports[-1]),
                            ('TOLD', told and told[1]),
                            ('PID', str(service)), ('NAME', name)):
            hint = hint.replace(word, value or word)
        return hint

    def begin_all(self, *options):
        """All at once: each takes 3 seconds."""
        for name, given, code, hint in SAID:
            told = '{port}' if '/run/' not in ' '.join(given) and \
                '-l' not in given else '0'
            client = ask() if told != '0' else \
                f'{sys.executable} -SE ../ask.py ./{given[3]} x'
            process = self.begin(*options, *given, '-c', client,
                                 *self.command(code, told))
            process.first = '' if options else process.stderr.readline()
            yield name, process, hint

    def test_a_line_says_what_is_the_matter(self):
        """And the last one repeats it."""
        for name, process, hint in list(self.begin_all()):
            with self.subTest(name):
                clients = '' if 'reserve,' in name else CLIENTS
                line = self.await_line(process)
                hint = self.expand(process, hint, line)
                self.assert_line(line, '', hint, clients=clients)
                self.assertRegex(line, r'\(([3-9]|\d\d+) s')
                process.send_signal(signal.SIGTERM)
                *rest, last = process.stderr.readlines()
                self.assert_line(last, 'ended ', hint, clients=clients)
                self.assertNotIn('portexec: still', ''.join(rest))
                process.wait(DEADLINE)

    def test_quiet(self):
        process = self.begin('-q', '-c', ask(), *self.command(FOREVER))
        self.assert_line(process.stderr.readline(), '', FRIENDLY)

    def test_said_again_when_it_changes(self):
        process = self.begin(
            '-c', ask(), *self.command(
                'wait("one"); a = listen(); wait("two"); b = listen(told); '
                'serve(b)'))
        self.assert_line(self.await_line(process), '', FRIENDLY)
        self.mark(process, 'one')
        line = self.await_line(process)
        port, = self.ports(process)
        self.assert_line(line, '', f'; it listens on 127.0.0.1:{port}: try '
                         f'--map {port}')
        self.mark(process, 'two')
        self.assertEqual(process.stderr.read(), '')
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_a_healthy_service_gets_one_friendly_line(self):
        """Others show that the time has gone by."""
        slow = self.begin('-c', ask(), *self.command(
            'wait("go"); serve(listen(told))'))
        other = self.begin('-c', ask(), *self.command(
            'wait("go"); a = listen(); signal.pause()'))
        self.assert_line(self.await_line(slow), '', FRIENDLY)
        self.await_line(other)
        self.mark(other, 'go')
        self.await_line(other)
        self.mark(slow, 'go')
        self.assertEqual(slow.stderr.read(), '')
        self.assertEqual(slow.wait(DEADLINE), 0)

    def test_nothing_where_one_was_taken(self):
        """Which is in the service's hands still, while others wait."""
        for handoff, server in (('inherit', 'socket.socket(fileno=3)'),
                                ('adopt', 'listen(told)')):
            with self.subTest(handoff), contextlib.ExitStack() as stack:
                taken = self.begin(
                    '-t', '900', '-H', handoff, *self.command(
                        f's = {server}; c = s.accept()[0]; c.send(b"x"); '
                        + FOREVER))
                address = self.announced(taken)
                first = stack.enter_context(connect(address))
                self.assertEqual(first.recv(1), b'x')
                for _ in range(3):
                    stack.enter_context(connect(address))
                other = self.begin('-c', ask(), *self.command(FOREVER))
                self.await_line(other)
                taken.terminate()
                self.assertEqual(taken.stderr.read(), '')

    def test_a_service_that_is_started_anew(self):
        """The client of its second life, which binds elsewhere."""
        code = ('s = listen(told); c = s.accept()[0]; c.send(b"x"); '
                'c.close()')
        script = self.write('twice', f'{sys.executable} -SE "$0.py" "$1" '
                            f"'{code}'; exec {sys.executable} -SE "
                            f'"$0.py" "$1" \'a = listen(); {FOREVER}\'')
        os.rename(self.path('service.py'), script + '.py')
        process = self.begin('-H', 'adopt', '--', 'sh', script, '{port}')
        address = self.announced(process)
        with connect(address) as client:
            self.assertEqual(client.recv(1), b'x')
        wait_for(lambda: len(self.ports(process)) == 2, 'the second life')
        with connect(address):
            line = self.await_line(process)
        port = self.ports(process)[1]
        self.assert_line(line, '', f'; it listens on 127.0.0.1:{port}: try '
                         f'--map {port}', name='sh')

    @harness.in_namespace
    def test_inspectors_and_other_networks(self):
        inspector = self.begin('-H', 'adopt', '-c', ask(), *self.command(
            f'a = listen(9229); b = listen(7777); {FOREVER}'),
            '--inspect-brk=127.0.0.1:7777')
        away = self.begin('-H', 'adopt', '-c', ask(), '--', 'unshare', '-n',
                          'sh', '-c', 'ip link set lo up; exec "$@"', 'sh',
                          *self.command(f'a = listen(told); {FOREVER}')[1:])
        self.assert_line(self.await_line(inspector), '', '')
        line = self.await_line(away)
        port, = self.ports(away)
        self.assertRegex(line, r'; process \d+ \(python.*\) listens on '
                         rf'127\.0\.0\.1:{port} in another network namespace')

    def test_programs_that_have_others_do_it(self):
        shutil.copy('/bin/sleep', self.path('docker'))
        process = self.begin('-c', ask(), '--', self.path('docker'), '1000')
        self.assert_line(self.await_line(process), '', '; what docker starts '
                         'is not under portexec: try -H reserve', name='.*')


class Limit(Waiting):
    """-t SECONDS"""

    def assert_gave_up(self, process, hint=FRIENDLY, clients=CLIENTS):
        lines = process.stderr.readlines()
        self.assertEqual(process.wait(DEADLINE), 125, lines)
        self.assert_line(lines[-1], r'gave up after 1\.5 s \(-t\), ', hint,
                         clients=clients)
        self.assertEqual(sum(bool(re.search(
            r'giving up in 0\.[01] s \(-t\), ', line)) for line in lines),
                         1, lines)

    def test_ends_the_run(self):
        """The client is told first, and its end is waited for."""
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                client = f'trap "touch marks/end; exit 3" TERM; {ask()} & wait'
                process = self.begin('-t', '1.5', '-H', handoff, '-c', client,
                                     *self.command(FOREVER))
                clients = '' if handoff == 'reserve' else CLIENTS
                self.assert_gave_up(process, clients=clients)
                self.assertEqual(
                    os.path.exists(process.folder + '/marks/end'),
                    handoff != 'reserve')
                self.assert_clean()

    def test_without_a_client_of_ours(self):
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff), contextlib.ExitStack() as stack:
                process = self.begin('-t', '1.5', '-H', handoff,
                                     *self.command(f'a = listen(); {FOREVER}'))
                if handoff != 'reserve':
                    stack.enter_context(connect(self.announced(process)))
                lines = process.stderr.readlines()
                self.assertEqual(process.wait(DEADLINE), 125, lines)
                port, = self.ports(process)
                self.assertIn(f'it listens on 127.0.0.1:{port}', lines[-1])
                self.assert_nothing_left()

    def test_what_was_taken_is_not_limited(self):
        """Nor what was given, nor a socket without a client."""
        given = self.begin('-t', '0.3', '-H', 'adopt', '-c', ask(),
                           *self.command('s = listen(told); wait("go"); '
                                         'serve(s)'))
        idle = self.begin('-t', '0.3', '-H', 'inherit', '-c',
                          'until [ -e marks/go ]; do sleep 0.01; done',
                          *self.command(FOREVER))
        self.await_line(given)      # after 3 s
        for process in given, idle:
            self.mark(process, 'go')
            self.assertEqual(process.wait(DEADLINE), 0)

    def test_counts_from_the_last_sign_of_life(self):
        """An execve(2), or under adopt a bind(2): longer than -t at all."""
        begin = time.monotonic()
        codes = {'exec': 'for _ in range(8): os.system("sleep 0.5")\n',
                 'bind': 'for _ in range(40): bind(); time.sleep(0.1)\n'}
        started = [self.begin('-t', '1.5', '-H', 'adopt', '-c', ask(),
                              *self.command(code + 'serve(listen(told))'))
                   for code in codes.values()]
        for name, process in zip(codes, started):
            with self.subTest(name):
                self.assertEqual(process.wait(DEADLINE), 0,
                                 process.stderr.read())
        self.assertGreater(time.monotonic() - begin, 3)

    def test_portexec_stays(self):
        for words, stays in (((), False), (('-t', '0'), False),
                             (('-t', '5'), True)):
            with self.subTest(words):
                report = self.probe(*words, env=self.env)
                self.assertEqual(str(report['pid']),
                                 harness.protocol(report)['PID'])
                process = self.begin(*words, '--', 'sleep', '1000')
                self.announced(process)
                if stays:
                    self.parts(process.pid)
                else:
                    wait_for(lambda: open(f'/proc/{process.pid}/comm').read()
                             == 'sleep\n', 'sleep')

    def test_daemons_are_left_alone(self):
        """And so is a socket that one has at fd 3."""
        process = self.begin('-t', '900', '--', 'sh', '-c',
                             f'{sys.executable} -SE ../service.py "" '
                             "'serve(socket.socket(fileno=3))' "
                             '>/dev/null 2>&1 & exit 3')
        address = self.announced(process)
        self.assertEqual(process.wait(DEADLINE), 3)
        with connect(address) as client:
            client.send(b'?')
            self.assertEqual(client.recv(1), b'x')

    def test_values(self):
        for value in '', 'x', '-1', '5s', '86401':
            self.assert_fails('-t', value, '--', PROBE, exact=True,
                              message=f"-t '{value}': not a number of "
                              'seconds, a day at most')
        self.assert_fails('-t', '5', '--on-demand', '--', PROBE, exact=True,
                          message='-t: with --on-demand only where there is '
                          '-c')


class Unreached(Waiting):
    WAIT = 'until [ -s marks/port ]; do sleep 0.01; done; '

    def test_no_client_came(self):
        """The client asks where the service is, and nobody used portexec."""
        for handoff, hint in (('adopt', 'try --map WHERE'),
                              ('inherit', TELL + ', or try --map WHERE')):
            for status in 0, 7:
                with self.subTest(handoff, status=status):
                    process = self.begin(
                        '-q', '-H', handoff, '-c', f'{self.WAIT} exit '
                        f'{status}', *self.command('serve(listen())'))
                    said = process.stderr.read()
                    self.assertEqual(process.wait(DEADLINE), status)
                    port, = self.ports(process)
                    self.assertRegex(said, '^portexec: no client came to '
                                     r'127\.0\.0\.1:\d+; .* listens on '
                                     rf'127\.0\.0\.1:{port}: ' + re.escape(
                                         hint.replace('WHERE', port)) + r'\n$')

    def test_one_came(self):
        """However fast it was taken, and wherever else the service is."""
        for handoff, server in (('adopt', 'listen(told)'),
                                ('inherit', 'socket.socket(fileno=3)')):
            for _ in range(harness.BRIEF and 3 or 10):
                process = self.begin(
                    '-q', '-H', handoff, '-c', self.WAIT + ask(),
                    *self.command(f's = {server}; a = listen(); serve(s)'))
                self.assertEqual(process.stderr.read(), '')
                self.assertEqual(process.wait(DEADLINE), 0)
