# SPDX-License-Identifier: ISC
"""The handoff adopt as its user sees it: when it is chosen, which socket is
handed over, what is said, and what a service that restarts keeps."""

import contextlib
import json
import os
import re
import socket
import sys
import threading
import time

import harness
from harness import (DEADLINE, PORTEXEC, connect, free_number, protocol,
                     read_all)

TCP, HERE = 'socket=tcp4', 'bind=127.0.0.1:{port}'
GIVEN = 'bind given'
PATIENCE = 3    # seconds until portexec says that clients wait
LISTENS_AGAIN = '''
import signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def stop(*_):
    server.shutdown(socket.SHUT_RDWR)
    while True:
        try:
            socket.create_connection(server.getsockname()).close()
        except ConnectionRefusedError:
            continue
        sys.exit()
signal.signal(signal.SIGTERM, stop)
server.accept()[0].sendall(b"x")
signal.pause()
'''
SERVE_TWICE = '''
import socket
server = socket.socket(fileno=3)
for number in range(2):
    with server.accept()[0] as client:
        client.sendall(b'%d\\n' % number)
'''


def other_number(stack):
    """A number that stays free for one who binds it with SO_REUSEADDR."""
    held = stack.enter_context(socket.socket())
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(('127.0.0.1', 0))
    return held.getsockname()[1]


class Choice(harness.Case):
    def handoff(self, *arguments):
        """As the line before the service says it."""
        done = self.run_portexec(*arguments)
        found = re.fullmatch(r'portexec: (?:listening on \S+, (fd 3|until '
                             r'true binds it)|\d+ (reserved for true))',
                             done.stderr.splitlines()[0])
        self.assertIsNotNone(found, done.stderr)
        return {'f': 'inherit', 'u': 'adopt',
                'r': 'reserve'}[(found[1] or found[2])[0]]

    def test_what_the_words_say(self):
        self.write('port.in', 'listen {port};')
        self.write('fd.in', 'listen {fd};')
        for expected, *arguments in (
                ('inherit', '--', 'true'),
                ('adopt', '--', 'true', '<port>'),
                ('adopt', '--', 'true', '--listen={addr}'),
                ('adopt', '--', 'true', 'x', '{port:0}'),
                ('inherit', '--', 'true', '{host}'),
                ('inherit', '--', 'true', '{{port}}'),
                ('inherit', '--', 'true', '${port}'),
                ('inherit', '--', 'true', '{fd}'),
                ('inherit', '--', 'true', '{port}', '{fd}'),
                ('inherit', '-e', 'FD={fd}', '--', 'true', '{port}'),
                ('inherit', '-w', 'w=@fd.in', '-e', 'PORT', '--', 'true'),
                ('adopt', '-e', 'PORT', '--', 'true'),
                ('adopt', '-e', 'URL=http://{addr}/', '--', 'true'),
                ('adopt', '-e', 'LISTEN_PORT', '--', 'true'),
                ('inherit', '-e', 'HOST={host}', '--', 'true'),
                ('inherit', '-e', 'X=y', '--', 'true'),
                ('inherit', '-p', 'p', '--', 'true'),
                ('adopt', '-w', 'w={port}', '--', 'true'),
                ('adopt', '-w', 'w=@port.in', '--', 'true'),
                ('inherit', '-w', 'w={fd}', '--', 'true', '{addr}'),
                ('adopt', '-m', '8080', '--', 'true'),
                ('adopt', '-H', 'adopt', '--', 'true'),
                ('inherit', '-H', 'inherit', '--', 'true', '{port}'),
                ('reserve', '-H', 'reserve', '--', 'true', '{port}')):
            with self.subTest(arguments):
                self.assertEqual(self.handoff(*arguments), expected)

    def test_a_port_that_is_given_by_number(self):
        """Without a placeholder: where the service is told it.  Any other
        number may be a user or a time."""
        port = free_number()
        self.write('port.in', f'server.port={port}')
        for expected, *arguments in (
                ('adopt', '--', 'true', '--port', port),
                ('adopt', '--', 'true', f'--port={port}'),
                ('adopt', '--', 'true', '-p', port),
                ('adopt', '--', 'true', f'127.0.0.1:{port}'),
                ('adopt', '-e', f'PORT={port}', '--', 'true'),
                ('adopt', '-w', 'w=@port.in', '--', 'true'),
                ('inherit', '-H', 'inherit', '--', 'true', '--port', port),
                ('inherit', '--', 'true', '--port', port, '{fd}'),
                ('inherit', '--', 'true', port),
                ('inherit', '--', 'true', '--reuid', port),
                ('inherit', '--', 'true', '--port', f'{port}0'),
                ('inherit', '-l', '0', '--', 'true', '--port', '0'),
                ('inherit', '-p', 'w', '--', 'true')):
            with self.subTest(arguments):
                self.assertEqual(self.handoff('-l', port, *arguments),
                                 expected)

    def test_a_service_that_is_told_it(self):
        port = free_number()
        for arguments in (['--port', port], [f'--port={port}']):
            process = self.launch('-l', port, '--', sys.executable, '-c', (
                'import socket, sys\n'
                'port = int(sys.argv[-1].rpartition("=")[2])\n'
                'server = socket.create_server(("127.0.0.1", port))\n'
                'server.accept()[0].sendall(b"hello")'), *arguments)
            with harness.connect(self.announced(process)) as client:
                self.assertEqual(harness.read_all(client), b'hello')
            self.assertEqual(process.wait(harness.DEADLINE), 0)

    def test_map_is_for_adopt_only(self):
        for handoff in 'inherit', 'reserve':
            self.assert_fails('-H', handoff, '-m', '8080', '--', 'true',
                              message='-m: only with the handoff adopt')
        self.assert_fails('-m', '8080', '--', 'true', '{fd}', message='-m')

    def test_maps_that_are_none(self):
        for value in ('0', '65536', '-1', ' 80', '+80', '80x', '', '=name',
                      '80=', '80=name', '80=2'):
            with self.subTest(value):
                done = self.assert_fails('-m', value, '--', 'true',
                                         message='-m')
                self.assertIn(value, done.stderr)
        self.assert_fails('-l', './s', '-m', '80', '--', 'true',
                          message='./s is a unix socket')


class Given(harness.Case):
    """LISTEN_* and fd 3 and up, besides, unless -H adopt was asked for."""

    def test_sockets_are_passed_too(self):
        report = self.probe('-l', 'a=0', '-l', 'b=0', '-e', 'PORT')
        listen = protocol(report)
        self.assertEqual(listen['FDS'], '2')
        self.assertEqual(listen['PID'], str(report['pid']))
        self.assertEqual(listen['FDNAMES'], 'a:b')
        self.assertEqual(':'.join(harness.ports(report)), listen['PORTS'])
        self.assertEqual([fd['listens'] for fd in harness.sockets(report)],
                         [1, 1])
        if listen.get('PIDFDID') is not None:
            self.assertEqual(listen['PIDFDID'], str(report['pidfd']))

    def test_what_is_open_there_stays(self):
        with open(self.write('kept', '')) as file:
            for number in 3, 4:
                with self.subTest(fd=number):
                    report = self.probe(
                        '-l', '0', '-l', '0', '-e', 'PORT',
                        **harness.arrange({number: file.fileno()}))
                    self.assertEqual(report['fds'][str(number)]['link'],
                                     self.path('kept'))
                    self.assertEqual(sorted(protocol(report)),
                                     ['PORT', 'PORTS'])
                    self.assertEqual(harness.sockets(report), [])
            self.assertEqual(protocol(self.probe(
                '-e', 'PORT', **harness.arrange({4: file.fileno()})))
                ['FDS'], '1')

    def test_nobody_waits_where_they_are_taken(self):
        """With accept(2), and never with bind(2); so nothing is said."""
        process = self.launch('-e', 'PORT', '--', sys.executable, '-c',
                              SERVE_TWICE)
        address = self.announced(process)
        for answer in b'0\n', b'1\n':
            with connect(address) as client:
                self.assertEqual(read_all(client), answer)
            if answer == b'0\n':
                time.sleep(PATIENCE + 0.2)
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertEqual(process.stderr.read(), '')

    def test_nothing_with_the_option(self):
        for options in ((), ('-m', '8080'), ('-e', 'X={port}'),
                        ('-k', '0.1', '-c', 'sleep 1000')):
            with self.subTest(options):
                report = self.probe('-H', 'adopt', '-l', 'a=0', '-l',
                                    'udp:0', *options, status=None)
                listen = protocol(report)
                self.assertEqual(sorted(listen), ['PORT', 'PORTS'])
                self.assertEqual(listen['PORTS'].split(':')[0],
                                 listen['PORT'])
                self.assertEqual(len(listen['PORTS'].split(':')), 2)
                self.assertEqual(
                    [fd for fd, what in report['fds'].items()
                     if 'type' in what], [])

    def test_what_was_inherited_is_not_passed_on(self):
        with harness.listening() as own:
            process = self.launch(**harness.passing(
                [PORTEXEC, '-q', '-H', 'adopt', '--', harness.PROBE],
                {3: own.fileno()}, {'LISTEN_FDS': '1',
                                    'LISTEN_PID': '{pid}'}))
            report = json.loads(process.communicate()[0])
            self.assertEqual(protocol(report), {
                'PORT': str(own.getsockname()[1]),
                'PORTS': str(own.getsockname()[1])})
            self.assertNotIn('3', report['fds'])

    def test_there_is_no_descriptor_to_name(self):
        for word in '{fd}', '<fd:0>':
            self.assert_fails('-H', 'adopt', '--', 'true', word,
                              message=word + ': the service gets no '
                              'descriptor', exact=True)
        self.assert_fails('-H', 'adopt', '--no-pid', '--', 'true',
                          message='--no-pid: no socket is passed with '
                          '-H adopt', exact=True)

    def test_libsystemd_finds_none_with_the_option(self):
        done = self.run_portexec('-H', 'adopt', '-m', '8080', '--',
                                 harness.SDPROBE)
        self.assertIn('"fds": 0', done.stdout)

    def test_libsystemd_finds_them(self):
        done = self.run_portexec('-m', '8080', '--', harness.SDPROBE)
        self.assertIn('"fds": 2', done.stdout)


# Makes an instance of io_uring, if it may; perhaps binds; ends with a status.
RING = '''
import ctypes, socket, sys
ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120))
if sys.argv[1] != '0':
    socket.create_server(('127.0.0.1', int(sys.argv[1])))
sys.exit(int(sys.argv[2]))
'''
# Calls bind(2) as an x32 program would; says the error or the port.
X32_CALLS = '''
import ctypes, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
port = int(sys.argv[1])
one = socket.socket()
address = bytes([2, 0]) + port.to_bytes(2, "big") + bytes([127, 0, 0, 1] +
                                                          8 * [0])
failed = libc.syscall(0x40000000 + 49, one.fileno(), address, 16)
print(ctypes.get_errno() if failed else one.getsockname()[1] - port)
'''
UNSEEN = 'uses io_uring: if that is how it calls bind, try -H reserve'


class Unseen(harness.Case):
    def test_io_uring(self):
        """It is named where a service fails, and was given no socket."""
        for arguments, status, count in (
                (['0', '3'], 3, 1), (['0', '0'], 0, 0),
                (['{port}', '3'], 3, 0)):
            with self.subTest(arguments):
                done = self.run_portexec('-H', 'adopt', '--', sys.executable,
                                         '-c', RING, *arguments,
                                         status=status)
                self.assertEqual(done.stderr.count(UNSEEN), count)

    def test_with_a_client(self):
        done = self.run_portexec(
            '-H', 'adopt', '-c', 'sleep 300', '-k', '0', '--', sys.executable,
            '-c', RING, '0', '3', status=3)
        self.assertIn(UNSEEN, done.stderr)


if os.uname().machine == 'x86_64':
    class X32(harness.Case):
        def test_bind(self):
            """Also where the kernel has no such programs (ENOSYS)."""
            done = self.run_portexec('-H', 'adopt', '--', sys.executable,
                                     '-c', X32_CALLS, '{port}')
            self.assertEqual(done.stdout, '0\n')


class Maps(harness.Binding):
    def test_the_first_socket(self):
        port = free_number()
        for option in [f'-m{port}'], ['--map', port], ['-m', f'{port}=0']:
            with self.subTest(option):
                said, answers = self.serve(
                    TCP, f'bind=0.0.0.0:{port}', 'listen', 'answer',
                    options=option)
                self.assertEqual((said, answers), ([GIVEN], ['0']))

    def test_several(self):
        """By name and by number; the sockets' own numbers work as well."""
        first, second, third = (free_number() for _ in range(3))
        process, a = self.start(
            TCP, f'bind=127.0.0.1:{third}', 'listen',
            TCP, f'bind=[::]:{second}', 'bind=127.0.0.1:{port:b}', 'listen',
            TCP, f'bind=127.0.0.1:{first}', 'listen',
            'answer', 'use=1', 'answer', 'use=0', 'answer',
            options=['-l', 'a=0', '-l', 'b=0', '-l', 'c=0', '-m',
                     f'{first}=a', '-m', f'{third}=c', '-m', f'{second}=b'])
        b, c = self.announced(process), self.announced(process)
        with connect(a) as one, connect(b) as two, connect(c) as three:
            self.assertEqual([read_all(client) for client in
                              (one, two, three)],
                             [b'2\n', b'1\n', b'0\n'])
        self.assertEqual(self.finish(process), [
            GIVEN, 'bind EAFNOSUPPORT', GIVEN, GIVEN])

    def test_one_socket_for_two_numbers(self):
        """The second, asked for while the first is held, is a companion."""
        first, second = free_number(), free_number()
        said, answers = self.serve(
            TCP, f'bind=127.0.0.1:{first}', 'listen', TCP,
            f'bind=127.0.0.1:{second}', 'listen', 'use=0', 'answer',
            options=['-m', first, '-m', second])
        self.assertEqual((said, answers), ([GIVEN] * 2, ['0']))

    def test_each_family_gets_its_member(self):
        port = free_number()
        process, address = self.start(
            TCP, f'bind=0.0.0.0:{port}', 'listen', 'socket=tcp6',
            'set=v6only:1', f'bind=[::]:{port}', 'listen', 'touch=up',
            'answer', 'use=0', 'answer',
            options=['-l', 'localhost:0', '-m', port])
        number = address.rpartition(':')[2]
        self.wait_for_file('up')
        with connect(f'127.0.0.1:{number}') as four, \
                connect(f'[::1]:{number}') as six:
            self.assertEqual((read_all(four), read_all(six)),
                             (b'0\n', b'1\n'))
        self.assertEqual(self.finish(process), [GIVEN] * 2)

    def test_another_family_alone(self):
        """Who waits at 127.0.0.1 is told why it waits in vain."""
        for waits in True, False:
            with self.subTest(waits):
                process, address = self.start(
                    'socket=tcp6', 'bind=[::1]:{port}', 'listen', 'touch=up',
                    'answer', options=['-l', '0'])
                port = address.rpartition(':')[2]
                four = connect(address) if waits else None
                self.wait_for_file('up')
                if waits:
                    with four, self.assertRaises(ConnectionResetError):
                        read_all(four)
                else:
                    harness.wait_for(lambda: not self.listens(address),
                                     'the end of the queue')
                with connect(f'[::1]:{port}') as six:
                    self.assertEqual(read_all(six), b'0\n')
                self.assertEqual(self.finish(process), [GIVEN])
                line = (f'listens on [::1]:{port} and not on {address}, whose '
                        "clients are refused: try -l '[::1]:0'\n")
                self.assertEqual(line in process.said, waits, process.said)
                os.unlink(self.path('up'))

    def listens(self, address):
        """Without a connection, which would wait there."""
        host, port = address.split(':')
        place = socket.inet_aton(host)[::-1].hex().upper()
        with open('/proc/net/tcp') as table:
            return f' {place}:{int(port):04X} 00000000:0000 0A ' in \
                table.read()

    def test_each_type_gets_its_member(self):
        port = free_number()
        process, address = self.start(
            'socket=udp4', f'bind=0.0.0.0:{port}', TCP,
            f'bind=0.0.0.0:{port}', 'listen', 'answer', 'use=0', 'answer',
            options=['-l', 'tcp+udp:0', '-m', port])
        with connect(address) as client, \
                connect(address, socket.SOCK_DGRAM) as datagrams:
            self.assertEqual(read_all(client), b'1\n')
            self.assertEqual(harness.ask(datagrams), b'0\n')
        self.assertEqual(self.finish(process), [GIVEN] * 2)

    def test_two_with_one_wired_in_port(self):
        port = free_number()
        steps = [TCP, f'bind=0.0.0.0:{port}', 'listen', 'touch={port}',
                 'answer=2']
        both = [self.start(*steps, options=['-m', port]) for _ in range(2)]
        for _, address in both:
            self.wait_for_file(address.rpartition(':')[2])
            with connect(address) as client:
                self.assertEqual(read_all(client), b'0\n')
        with self.assertRaises(ConnectionRefusedError):
            connect(f'127.0.0.1:{port}')
        for process, address in both:
            with connect(address) as client:
                self.assertEqual(read_all(client), b'0\n')
            self.assertEqual(self.finish(process), [GIVEN])


class Words(harness.Binding):
    def test_nothing_but_one_line_a_socket(self):
        process, address = self.start(
            TCP, HERE, 'listen', 'answer',
            options=['-l', 'tcp+udp:0', '-l', '[::1]:0'])
        port = address.rpartition(':')[2]
        lines = [process.stderr.readline() for _ in range(2)]
        self.assertEqual(lines[0], f'portexec: listening on 127.0.0.1:{port}'
                         f' (datagrams), until {self.binder} binds it\n')
        self.assertRegex(lines[1], r'^portexec: listening on \[::1\]:\d+, '
                         rf'until {self.binder} binds it\n$')
        with connect(address) as client:
            self.assertEqual(read_all(client), b'0\n')
        self.finish(process)
        self.assertEqual(process.said, '')

    def test_quiet(self):
        done = self.run_portexec('-q', '--', self.binder, TCP, HERE,
                                 **self.user)
        self.assertEqual((done.stdout, done.stderr), (GIVEN + '\n', ''))

    def test_still_waiting(self):
        """Three seconds after the first of its clients; not where one was
        taken.  The last that waits shows that the time has gone by."""
        with contextlib.ExitStack() as stack:
            other = other_number(stack)
            wait = ['wait=go', TCP, HERE, 'listen']
            taken, taken_address = self.start(
                TCP, HERE, 'listen', 'touch=taken', 'answer=2')
            self.wait_for_file('taken')
            stack.enter_context(connect(taken_address))
            stack.enter_context(connect(taken_address))
            mapped, first = self.start(
                TCP, 'set=reuseaddr:1', f'bind=127.0.0.1:{other}', 'listen',
                'touch=bound', *wait, 'answer')
            plain, second = self.start(*wait, 'answer=2')
            self.wait_for_file('bound')
            clients = [stack.enter_context(connect(address))
                       for address in (first, second, second)]
            for process, address, rest in (
                    (mapped, first, f'1 client queued); it listens on '
                     f'127.0.0.1:{other}: try --map {other}'),
                    (plain, second,
                     '2 clients queued); it listens nowhere yet')):
                port = address.rpartition(':')[2]
                self.assertRegex(
                    process.stderr.readline(),
                    re.escape(f'portexec: still waiting for {self.binder} to '
                              f'bind {port} (') + r'([3-9]|\d\d+) s, '
                    + re.escape(f'{rest}\n'))
            self.write('go', '')
            for client in clients:
                self.assertRegex(read_all(client), b'[01]\n')
            for process in taken, mapped, plain:
                self.finish(process)
                self.assertEqual(process.said, '')

    def test_nothing_listens_again_at_the_end(self):
        """That is not said where the service is being stopped: one that ends
        its listening, and ends when it listens again."""
        service = [sys.executable, '-c', LISTENS_AGAIN, '{port}']
        done = self.run_portexec(
            '-v', '-c', f"""{sys.executable} -c 'import socket, sys
socket.create_connection(("{{host}}", sys.argv[1])).recv(9)' {{port}}""",
            '--', *service, env=self.env)
        process = self.launch('-v', '--', *service, env=self.env)
        with connect(self.announced(process)) as client:
            self.assertEqual(read_all(client), b'x')
        process.terminate()
        self.finish(process)
        for said in done.stderr, process.said:
            self.assertIn('bound', said)
            self.assertNotIn('again', said)
        self.assert_nothing_left()

    def test_a_time_line(self):
        """Two lives of a service, the second killed."""
        self.write('twice', '"$@" wait=first; "$@" wait=second '
                   'touch=waits wait=never')
        process, address = self.start(
            TCP, HERE, 'listen', before=['sh', 'twice'],
            options=['-v', '-p', 'port'], start_new_session=True)
        pattern = r'portexec: (\d+\.\d{3}) s: '
        bound = (pattern + rf'process (\d+) bound {address}: given '
                 f'{address}\n')
        times, pids = [], []
        for name, expected in (
                (None, pattern + 'executing sh\n'),
                (None, pattern + r'started sh as process (\d+)\n'),
                (None, bound),
                ('first', pattern + f'listening on {address} again\n'),
                (None, bound)):
            if name is not None:
                self.write(name, '')
            line = process.stderr.readline()
            found = re.fullmatch(expected, line)
            self.assertIsNotNone(found, f'{line!r} is not {expected!r}')
            times.append(float(found[1]))
            pids += found.groups()[1:]
        self.write('second', '')
        self.wait_for_file('waits')
        process.terminate()
        self.assertEqual(process.wait(harness.DEADLINE), -15)
        rest = process.stderr.read()
        self.assertRegex(rest, pattern + rf'sh \({pids[0]}\) was killed by '
                         'signal 15\n')
        self.assertEqual(times, sorted(times))
        self.assertEqual(len(set(pids)), 3)
        self.assert_nothing_left()


class Restarts(harness.Binding):
    LIVES, ANSWERS, CLIENTS = 20, 8, 4

    def keep_asking(self, address, count, failures):
        for _ in range(count):
            try:
                with connect(address) as client:
                    answer = read_all(client)
                if answer != b'0\n':
                    failures.append(answer)
            except OSError as error:
                failures.append(error)

    def test_nobody_is_refused(self):
        """A watcher starts the service twenty times; its clients do not
        stop; when all is answered it has ended by itself."""
        watchers = {
            'sh': ['sh', '-c', 'for i in $0; do "$@" || exit; done',
                   ' '.join(map(str, range(self.LIVES)))],
            'python': ['python3', '-c', 'import subprocess, sys\n'
                       f'for _ in range({self.LIVES}):\n'
                       '    subprocess.run(sys.argv[1:], check=True)'],
        }
        for name, watcher in watchers.items():
            for listen in 'listen', 'listen=5':
                with self.subTest(name, listen=listen):
                    self.restart(watcher, listen)

    def restart(self, watcher, listen):
        process, address = self.start(
            TCP, HERE, listen, f'answer={self.ANSWERS}', before=watcher)
        failures = []
        count = self.LIVES * self.ANSWERS // self.CLIENTS
        threads = [threading.Thread(target=self.keep_asking, args=(
            address, count, failures)) for _ in range(self.CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.finish(process), [GIVEN] * self.LIVES)


if harness.is_root():
    class MapsOfAnOrdinaryUser(Maps):
        ordinary = True

    class WordsOfAnOrdinaryUser(Words):
        ordinary = True

    class RestartsOfAnOrdinaryUser(Restarts):
        ordinary = True
