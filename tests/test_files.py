# SPDX-License-Identifier: ISC
"""The files of -p and -w."""

import itertools
import os
import re
import shutil
import signal
import socket
import stat
import unittest

import harness
from harness import (DEADLINE, PORTEXEC, PROBE, SANITIZED, Case, connect,
                     listening, wait_for)


class FileCase(Case):
    def tearDown(self):
        """No temporary file is ever left."""
        for folder, _, names in os.walk(self.directory):
            for name in names:
                self.assertFalse(name.startswith('.portexec-'),
                                 os.path.join(folder, name))

    def expand(self, template, *options):
        """What -w makes of the template, which is written to IN."""
        with open(self.path('IN'), 'wb') as file:
            file.write(template)
        self.run_portexec(*options, '-w', 'OUT=@IN', 'true')
        with open(self.path('OUT'), 'rb') as file:
            return file.read()


class Contents(FileCase):
    def test_port_file(self):
        done = self.run_portexec('-p', 'port', 'sh', '-c',
                                 'echo $LISTEN_PORT; cat port')
        port = self.read('port')
        self.assertRegex(port, r'\A\d+\n\Z')
        self.assertEqual(done.stdout, port + port)

    def test_several(self):
        done = self.run_portexec(
            '-l', 'a=0', '-l', 'b=udp:0', '-l', './c', '-p', 'one',
            '--port-file=two', '-w', 'three=<addr:b>=<fd:b>',
            '--write', 'four={port:1} {{port}} {addr:2} $', '-p', 'five',
            'sh', '-c', 'echo $LISTEN_PORTS')
        a, b, _ = done.stdout.strip().split(':')
        self.assertEqual(self.read('one'), a + '\n')
        self.assertEqual(self.read('two'), a + '\n')
        self.assertEqual(self.read('five'), a + '\n')
        self.assertEqual(self.read('three'), f'127.0.0.1:{b}=4\n')
        self.assertEqual(self.read('four'), b + ' {port} ./c $\n')

    def test_the_last_of_the_same_file_stays(self):
        self.run_portexec('-p', 'x', '-w', 'x=last', 'true')
        self.assertEqual(self.read('x'), 'last\n')

    def test_a_newline_at_the_end(self):
        for template, text in (('', '\n'), ('x', 'x\n'), ('x\n', 'x\n'),
                               ('x\n\n', 'x\n\n'), ('\n', '\n'),
                               ('a=b', 'a=b\n'), ('a\nb', 'a\nb\n')):
            with self.subTest(template):
                self.run_portexec('-w', 'x=' + template, 'true')
                self.assertEqual(self.read('x'), text)
                self.assertEqual(self.expand(template.encode()),
                                 text.encode())

    def test_a_template_of_any_bytes(self):
        every = bytes(range(256))
        self.assertEqual(self.expand(every), every + b'\n')
        self.assertEqual(self.expand(b'\0<host>\0{fd}\0\xff'),
                         b'\x00127.0.0.1\x003\x00\xff\n')

    def test_a_large_template(self):
        line = b'0123456789 <fd> ' + b'x' * 47 + b'\n'
        self.assertEqual(self.expand(line * 16384),
                         line.replace(b'<fd>', b'3') * 16384)

    def test_a_template_from_a_pipe(self):
        reader, writer = os.pipe()
        os.write(writer, b'host <host>')
        os.close(writer)
        self.run_portexec('-w', f'out=@/dev/fd/{reader}', 'true',
                          pass_fds=[reader])
        self.assertEqual(self.read('out'), 'host 127.0.0.1\n')
        os.close(reader)
        self.run_portexec('-w', 'out=@/dev/stdin', 'true', stdin=None,
                          input='fd <fd>\n')
        self.assertEqual(self.read('out'), 'fd 3\n')

    def test_a_template_from_a_fifo(self):
        os.mkfifo(self.path('in'))
        process = self.launch('-w', 'out=@in', 'true')
        with open(self.path('in'), 'w') as file:
            file.write('fd <fd>\n')
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertEqual(self.read('out'), 'fd 3\n')

    def test_bad_templates(self):
        self.write('file', 'old\n')
        os.symlink('file', self.path('symbolic'))
        os.link(self.path('file'), self.path('hard'))
        os.mkdir(self.path('folder'))
        for text, message in (
                ('x=@no', 'open no: No such file or directory'),
                ('x=@folder', 'read folder: Is a directory'),
                ('file=@file', 'file is its own template'),
                ('file=@symbolic', 'symbolic is its own template'),
                ('file=@hard', 'hard is its own template'),
                ('hard=@./file', './file is its own template'),
                ('x=<port:1>', '<port:1>: there is no such socket')):
            with self.subTest(text):
                self.assert_fails('-p', 'new', '-w', text, 'true',
                                  message=message, exact=True)
                self.assertEqual(self.read('file'), 'old\n')
        self.assert_fails('-l', './a', '-p', 'x', 'true', exact=True,
                          message='<port>: ./a is a unix socket')
        self.assert_fails('-H', 'reserve', '-w', 'x=<fd>', 'true',
                          message='<fd>: the service gets')

    def test_mode(self):
        for umask in (0, 0o022, 0o027, 0o077, 0o137, 0o666, 0o777):
            for stale in (False, True):
                with self.subTest(oct(umask), stale=stale):
                    if stale:
                        self.write('port', '1\n', 0o666)
                    self.run_portexec('-p', 'port', 'true', umask=umask)
                    status = os.stat(self.path('port'))
                    self.assertEqual(stat.S_IMODE(status.st_mode),
                                     0o644 & ~umask)
                    os.unlink(self.path('port'))

    def test_long_name(self):
        name = 'n' * 255
        self.run_portexec('-p', name, 'true')
        self.assertEqual(os.listdir(self.directory), [name])
        self.assert_fails('-p', name + 'n', 'true', exact=True,
                          message=f'write {name}n: File name too long')

    def test_under_reserve(self):
        done = self.run_portexec('-H', 'reserve', '-p', 'port', 'sh', '-c',
                                 'echo $LISTEN_PORT; cat port')
        self.assertEqual(done.stdout, self.read('port') * 2)


class Order(FileCase):
    """A FIFO that nobody reads yet stops portexec before the service."""

    def held(self, *arguments):
        os.mkfifo(self.path('hold'))
        return self.launch(*arguments[:-1], '-p', 'hold', arguments[-1])

    def release(self, process, status=0):
        with open(self.path('hold')) as file:
            file.read()
        self.assertEqual(process.wait(DEADLINE), status)

    def test_a_client_that_sees_the_file_can_connect(self):
        process = self.held('-p', 'port', 'true')
        wait_for(lambda: os.path.exists(self.path('port')), 'port')
        connect('127.0.0.1:' + self.read('port').strip()).close()
        self.release(process)
        self.assertTrue(os.path.exists(self.path('port')))

    def test_only_what_portexec_wrote_is_removed(self):
        process = self.held('-p', 'port', '-p', 'other', './nosuch')
        wait_for(lambda: os.path.exists(self.path('other')), 'other')
        self.write('new', 'mine\n')
        os.rename(self.path('new'), self.path('port'))
        self.release(process, 127)
        self.assertEqual(sorted(os.listdir(self.directory)),
                         ['hold', 'port'])
        self.assertEqual(self.read('port'), 'mine\n')

    def test_a_stale_file_is_gone_first(self):
        with listening() as stray:
            port = stray.getsockname()[1]
            for option, value in (('-p', 'old'), ('-w', 'old=x')):
                with self.subTest(option):
                    self.write('old', '1\n', 0o444)
                    self.run_portexec('-l', port, option, value, 'true',
                                      status=125)
                    self.assertEqual(os.listdir(self.directory), [])

    def test_files_stay_only_where_something_was_executed(self):
        self.run_portexec('-p', 'a', '-w', 'b=x', 'false', status=1)
        self.assertEqual(sorted(os.listdir(self.directory)), ['a', 'b'])
        self.write('data', '')
        for command, status in (('./nosuch', 127), ('./data', 126)):
            self.run_portexec('-p', 'a', '-w', 'b=x', command, status=status)
            self.assertEqual(os.listdir(self.directory), ['data'])

    if not SANITIZED:   # LeakSanitizer aborts under strace
        def test_system_calls(self):
            """The temporary file is new, and rename comes after listen."""
            if shutil.which('strace') is None:
                self.skipTest('no strace')
            self.write('port', '1\n')
            done = self.run_portexec(
                '-o', 'log', '-e', 'trace=socket,listen,rename,renameat,'
                'renameat2,unlink,?open,openat,execve', PORTEXEC, '-p',
                'port', 'true', program='strace', status=None)
            if 'ptrace' in done.stderr or not os.path.exists(self.path('log')):
                self.skipTest('strace is forbidden: ' + done.stderr)
            self.assertEqual(done.returncode, 0, done.stderr)
            log = self.read('log')
            places = []
            for pattern in (r'unlink\("port"\)', r'socket\(', r'listen\(',
                            r'open(at\(AT_FDCWD, |\()"\.portexec-',
                            r'rename\("\.portexec-'):
                found = re.search('\n' + pattern, log)
                self.assertIsNotNone(found, pattern + log)
                places.append(found.start())
            places.append(log.index('execve(', places[0]))
            self.assertEqual(places, sorted(places), log)
            opened = log[places[3]:].splitlines()[1]
            self.assertIn('O_CREAT|O_EXCL', opened)
            self.assertIn('O_CLOEXEC', opened)
            self.assertIn('", "port")', log[places[4]:].splitlines()[1])


class Descriptors(FileCase):
    def setUp(self):
        super().setUp()
        self.ordinary = self.as_ordinary_user()

    def test_each_name_of_a_descriptor(self):
        for name in ('-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'):
            with self.subTest(name):
                done = self.run_portexec('-q', '-p', name, 'sh', '-c',
                                         'echo $LISTEN_PORT', **self.ordinary)
                self.assertRegex(done.stdout, r'\A(\d+\n)\1\Z')
        for name in ('/dev/stderr', '/dev/fd/2', '/proc/self/fd/2'):
            with self.subTest(name):
                done = self.run_portexec('-q', '-w', name + '=x<fd>', 'true',
                                         **self.ordinary)
                self.assertEqual((done.stdout, done.stderr), ('', 'x3\n'))

    def test_the_open_file_is_written(self):
        """Not opened anew: its offset is shared, appending is respected."""
        for mode in ('>', '>>'):
            for form in ('/dev/fd/9', '/proc/self/fd/9'):
                with self.subTest(mode, form=form):
                    self.run_portexec(
                        '-c', f'exec 9{mode}log; echo before >&9; '
                        f'"$0" -w "{form}=<host>" sh -c "echo service >&9"; '
                        'echo after >&9', PORTEXEC, program='sh')
                    self.assertEqual(self.read('log'), 'before\n127.0.0.1\n'
                                     'service\nafter\n')
                    os.unlink(self.path('log'))

    def test_others_lines_are_kept(self):
        self.write('log', 'before\n')
        with open(self.path('log'), 'a') as log:
            self.run_portexec('-q', '-w', '-=one', '-w', '/dev/stdout=two',
                              '-w', '/dev/stderr=three', 'echo', 'four',
                              stdout=log, stderr=log, **self.ordinary)
        self.assertEqual(self.read('log'),
                         'before\none\ntwo\nthree\nfour\n')

    def test_a_descriptor_where_a_socket_is_to_go(self):
        """It is the caller's that is written, and not the socket."""
        self.run_portexec('-c', 'exec "$0" -p /dev/fd/3 true 3>log',
                          PORTEXEC, program='sh')
        self.assertRegex(self.read('log'), r'\A\d+\n\Z')

    def test_closed_descriptors(self):
        for name in ('/dev/fd/3', '/dev/fd/4', '/dev/fd/9',
                     '/proc/self/fd/3', '/proc/self/fd/9'):
            with self.subTest(name):
                self.assert_fails('-l', '0', '-l', '0', '-p', name, 'true',
                                  message=f'write {name}: Bad file '
                                  'descriptor', exact=True, **self.ordinary)
        for name in ('-', '/dev/stdout', '/dev/fd/1'):
            with self.subTest(name):
                self.assert_fails('-p', name, 'true', stdout=None,
                                  preexec_fn=lambda: os.close(1), exact=True,
                                  message=f'write {name}: Bad file descriptor',
                                  **self.ordinary)

    def test_what_is_no_descriptor(self):
        for name in ('/dev/fd/', '/dev/fd/x', '/dev/fd/1x', '/dev/fd/-1',
                     '/dev/fd/99999999999'):
            with self.subTest(name):
                self.assert_fails('-p', name, 'true',
                                  message=f'write {name}: ', **self.ordinary)

    def test_standard_output_that_nobody_reads(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.assert_fails('-l', './a', '-w', '-=x', 'true', stdout=writer,
                          message='write -: Broken pipe', exact=True)
        os.close(writer)


class Fifos(FileCase):
    def test_the_recipe(self):
        """mkfifo p; portexec -p p -- ./server & read -r port <p"""
        shell = self.launch(
            '-c', 'mkfifo p; "$0" -p p -- "$1" -o report -a 1 & '
            'read -r port <p; echo "$port"; wait "$!"', PORTEXEC, PROBE,
            program='sh')
        port = shell.stdout.readline().strip()
        with connect('127.0.0.1:' + port) as client:
            self.assertEqual(harness.read_all(client), b'answer\n')
        self.assertEqual(shell.wait(DEADLINE), 0)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path('p')).st_mode))

    def test_a_reader_that_goes_away(self):
        os.mkfifo(self.path('p'))
        self.write('in', 'x' * (1 << 20))
        process = self.launch('-q', '-l', './a', '-w', 'made=x', '-w',
                              'p=@in', 'true')
        with open(self.path('p'), 'rb', buffering=0) as reader:
            self.assertTrue(reader.read(1))
        self.assertEqual(process.wait(DEADLINE), 125)
        self.assertEqual(process.stderr.read(),
                         'portexec: write p: Broken pipe\n')
        self.assertEqual(sorted(os.listdir(self.directory)), ['in', 'p'])

    def test_a_stop_while_a_reader_is_awaited(self):
        """It is not there yet, or it does not read: nothing is left."""
        os.mkfifo(self.path('p'))
        self.write('in', 'x' * (1 << 20))
        for handoff, number, reads in itertools.product(
                harness.HANDOFFS, (signal.SIGINT, signal.SIGTERM),
                (False, True)):
            with self.subTest(handoff, signal=number, reads=reads):
                socket = () if handoff == 'reserve' else ('-l', './a')
                process = self.launch(
                    '-q', '-H', handoff, '-l', '0', *socket, '-w', 'made=x',
                    '-w', 'p=@in', '--', 'true')
                wait_for(lambda: os.path.exists(self.path('made')), 'a file')
                reader = None
                if reads:
                    reader = open(self.path('p'), 'rb', buffering=0)
                    self.assertTrue(reader.read(1))
                process.send_signal(number)
                self.assertEqual(process.wait(DEADLINE), -number)
                if reader:
                    reader.close()
                self.assertEqual(sorted(os.listdir(self.directory)),
                                 ['in', 'p'])
                self.assertEqual(process.stderr.read(), '')

    def test_more_than_a_pipe_holds(self):
        os.mkfifo(self.path('p'))
        self.write('in', 'x' * (1 << 20))
        process = self.launch('-w', 'p=@in', 'true')
        self.assertEqual(self.read('p'), 'x' * (1 << 20) + '\n')
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_a_fifo_stays_where_nothing_was_executed(self):
        os.mkfifo(self.path('p'))
        process = self.launch('-p', 'p', './nosuch')
        self.assertRegex(self.read('p'), r'\A\d+\n\Z')
        self.assertEqual(process.wait(DEADLINE), 127)
        self.assertEqual(os.listdir(self.directory), ['p'])


class Places(FileCase):
    def test_a_link_is_replaced(self):
        """As rename(2) does it; what it leads to is left alone."""
        self.write('target', 'old\n')
        for target in ('target', 'no/where', 'nowhere'):
            with self.subTest(target):
                os.symlink(target, self.path('link'))
                self.run_portexec('-p', 'link', 'true')
                self.assertTrue(stat.S_ISREG(
                    os.lstat(self.path('link')).st_mode))
                self.assertRegex(self.read('link'), r'\A\d+\n\Z')
                os.unlink(self.path('link'))
        self.assertEqual(self.read('target'), 'old\n')
        self.assertEqual(os.listdir(self.directory), ['target'])

    def test_a_link_to_a_device_is_followed(self):
        os.symlink('/dev/null', self.path('link'))
        ordinary = self.as_ordinary_user()
        self.run_portexec('-p', 'link', 'true', **ordinary)
        self.assertEqual(os.readlink(self.path('link')), '/dev/null')
        self.run_portexec('-p', '/dev/null', 'true', **ordinary)
        self.assertTrue(stat.S_ISCHR(os.stat('/dev/null').st_mode))

    def test_other_hard_links_keep_the_old_text(self):
        self.write('one', 'old\n')
        os.link(self.path('one'), self.path('other'))
        self.run_portexec('-p', 'one', 'true')
        self.assertEqual(self.read('other'), 'old\n')

    def test_places_that_cannot_be(self):
        self.write('file', '')
        os.mkdir(self.path('folder'))
        with socket.socket(socket.AF_UNIX) as stray:
            stray.bind(self.path('socket'))
            stray.listen()
            for name, reason in (('folder', 'Is a directory'),
                                 ('folder/', 'Is a directory'),
                                 ('no/port', 'No such file or directory'),
                                 ('no/', 'No such file or directory'),
                                 ('file/port', 'Not a directory'),
                                 ('socket', 'No such device or address')):
                with self.subTest(name):
                    self.assert_fails('-p', 'made', '-p', name, 'true',
                                      message=f'write {name}: {reason}',
                                      exact=True)
        self.assert_fails('-l', './a', '-w', 'a=x', 'true', exact=True,
                          message='write a: No such device or address')

    def test_a_folder_that_cannot_be_written(self):
        os.mkdir(self.path('locked'))
        self.write('locked/old', '1\n')
        os.chmod(self.path('locked'), 0o555)
        ordinary = self.as_ordinary_user()
        self.assert_fails('-p', 'locked/port', 'true', exact=True,
                          message='write locked/port: Permission denied',
                          **ordinary)
        self.assert_fails('-p', 'locked/old', 'true', exact=True,
                          message='remove locked/old: Permission denied',
                          **ordinary)
        self.assertEqual(self.read('locked/old'), '1\n')
        os.chmod(self.path('locked'), 0o755)

    def test_a_link_planted_in_a_shared_directory(self):
        """One that belongs to somebody else is neither followed nor gone."""
        self.write('victim', 'safe\n', 0o666)
        os.mkdir(self.path('shared'))
        os.chmod(self.path('shared'), 0o1777)
        ordinary = self.as_ordinary_user()
        for target, verb in (('../victim', 'remove'), ('../none', 'write')):
            with self.subTest(target):
                os.symlink(target, self.path('shared/port'))
                done = self.run_portexec(
                    '-q', '-p', 'shared/port', 'true', **ordinary,
                    status=125 if harness.is_root() else 0)
                if harness.is_root():
                    self.assertEqual(done.stderr, f'portexec: {verb} shared/'
                                     'port: Operation not permitted\n')
                self.assertEqual(self.read('victim'), 'safe\n')
                self.assertFalse(os.path.exists(self.path('none')))
                os.unlink(self.path('shared/port'))


if __name__ == '__main__':
    unittest.main()
