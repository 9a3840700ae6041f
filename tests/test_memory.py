# SPDX-License-Identifier: ISC
"""Under valgrind: no failure leaves memory or a descriptor behind, and no
memory is misused on the way to the service."""

import os
import re
import shutil
import subprocess
import unittest

import harness
from harness import PORTEXEC, PROBE, TOP

BUILD = os.path.relpath(os.path.join(harness.BUILD, 'valgrind'), TOP)
DYNAMIC = os.path.join(BUILD, 'portexec')
MISUSED = 99        # valgrind's status, where it has found something

EVERYTHING = ('-l', 'a=0', '-l', 'b=localhost:0', '-l', './sock', '-l',
              'c=tcp+udp:0', '-l', '@', '-p', 'port', '-w', 'all=<addr:b>',
              '-e', 'A', '-e', 'B={fd:c}', '-e', 'A=<host>')


def load_tests(loader, tests, pattern):
    """The sanitizers do this themselves, and valgrind cannot run them; and
    of an installed program there is no dynamic build to be had."""
    ours = os.path.normpath(PORTEXEC).startswith(TOP + os.sep)
    musl = 'musl' in os.environ.get('CC', '')   # valgrind knows not its malloc
    if harness.SANITIZED or musl or not ours:
        return unittest.TestSuite()
    return tests


class Memory(harness.Case):

    @classmethod
    def setUpClass(cls):
        """valgrind cannot replace the malloc of a static program."""
        if shutil.which('valgrind') is None:
            raise unittest.SkipTest('no valgrind')
        done = subprocess.run(
            ['make', '-s', '-C', TOP, 'BUILD=' + BUILD, 'PROGRAM=' + DYNAMIC,
             'STATIC=no', DYNAMIC], capture_output=True, text=True,
            env={name: value for name, value in os.environ.items()
                 if name not in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS')})
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    def setUp(self):
        super().setUp()
        self.log = self.write('log', '')
        self.valgrind = (
            shutil.which('valgrind'), '--leak-check=full', '--errors-for-leak-kinds=all',
            '--show-leak-kinds=all', '--track-fds=yes',
            f'--error-exitcode={MISUSED}', '--log-file=' + self.log,
            os.path.join(TOP, DYNAMIC))

    def assert_clean_end(self):
        log = self.read('log')
        self.assertIn('ERROR SUMMARY: 0 errors', log)
        self.assertIn('no leaks are possible', log)
        self.assertIn('FILE DESCRIPTORS: ', log)
        for which, whence in re.findall(r'== Open (.*)\n==\d+== +(.*)', log):
            self.assertEqual(whence, '<inherited from parent>', which)

    def assert_clean_failure(self, *arguments, message, status=125, outer=()):
        """outer is a command that executes the valgrind that follows it."""
        with self.subTest(arguments=arguments):
            program, *rest = (*outer, *self.valgrind)
            # execvp(3) says EACCES for what is under a closed folder.
            self.assert_fails(*rest, *arguments, message=message,
                              status=status, program=program,
                              env=harness.environment(PATH='/usr/bin:/bin'))
            self.assert_clean_end()

    def test_usage(self):
        for arguments, message in (
                ((), 'no command'),
                (('-q', '--'), 'no command'),
                (('-x', 'true'), "unknown option '-x'"),
                (('--nonsense', 'true'), "unknown option '--nonsense'"),
                (('-l', '0', '-e', 'A', '-p', 'f', '-w', 'g=h', '-x'),
                 "unknown option '-x'"),
                (('-l', '0', '-p'), "option '-p' needs a value"),
                (('-e', 'A', '--quiet=1'), 'takes no value'),
                (('-e', 'A', '-e', 'LISTEN_FDS=1', 'true'), 'LISTEN_FDS is'),
                (('-w', 'a=b', '-w', 'f', 'true'), 'not FILE=TEMPLATE'),
                (('-l', '0', '-H', 'fork', 'true'), "-H 'fork'"),
                (('-H', 'reserve', '-l', '0', '-l', 'udp:0', 'true'),
                 'only tcp can be reserved')):
            self.assert_clean_failure(*arguments, message=message)

    def test_specs(self):
        for spec, message in (
                ('', 'there is no port'),
                ('65536', 'the port is not a number'),
                ('sctp:0', "'sctp' is neither a type nor a numeric host"),
                ('unix:', 'the path is empty'),
                ('/' + 200 * 'x', 'the path is longer than'),
                (300 * 'n' + '=0', 'the name is longer than'),
                ('tcp:example.com:0', 'the host is not numeric'),
                ('localhost:0,mode=600', "option 'mode' is for"),
                ('0,backlog=', "option 'backlog' takes")):
            self.assert_clean_failure('-l', 'tcp+udp:localhost:0', '-l', spec,
                                      'true', message=message)

    def test_templates(self):
        for arguments in (('true', '{port}', '<port:nobody>'),
                          ('-e', 'A', '-e', 'B=<port:nobody>', 'true'),
                          ('-w', 'f=<port>', '-w', 'g=<port:nobody>', 'true')):
            self.assert_clean_failure(*arguments,
                                      message='there is no such socket')
        self.assert_clean_failure('-l', './sock', 'true', '<port>',
                                  message='./sock is a unix socket')
        self.assert_clean_failure('-H', 'reserve', 'true', '<fd>',
                                  message='the service gets no descriptor')

    def test_sockets(self):
        with harness.listening() as stray:
            number = stray.getsockname()[1]
            self.assert_clean_failure('-l', '0', '-l', './sock', '-l',
                                      str(number), 'true',
                                      message='Address already in use')
        self.assert_clean_failure('-l', 'localhost:0', '-l', './a', '-l',
                                  './no/sock', 'true',
                                  message='No such file or directory')
        self.assert_clean_failure('-l', '0', '-l', '[::1%nosuchif]:0', 'true',
                                  message='No such device')

    def test_inherited_sockets(self):
        # valgrind may not know pidfd_open(2).
        outer = (PORTEXEC, '-q', '-l', 'a=0', '-l', 'b=@', '--', 'env', '-u',
                 'LISTEN_PIDFDID')
        for arguments, status, message in (
                (('./none',), 127, 'execute ./none: No such file'),
                (('-l', 'c=0', './none'), 127, 'execute ./none: No such file'),
                (('-p', 'no/port', 'true'), 125, 'write no/port: No such'),
                (('-H', 'reserve', 'true'), 125, 'cannot be reserved'),
                (('true', '{port:b}'), 125, '{port:b}: @')):
            self.assert_clean_failure(*arguments, message=message,
                                      status=status, outer=outer)
        self.assert_clean_failure(
            'true', message='inherited fd 3: Socket operation on non-socket',
            outer=('sh', '-c', 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" '
                   '3</dev/null', 'sh'))

    def test_files(self):
        self.write('bad.in', '<port:nobody>')
        for arguments, message in (
                (('-p', 'no/port'), 'write no/port: No such file'),
                (('-p', '/dev/full'), 'write /dev/full: No space left'),
                (('-p', '.'), 'write .: Is a directory'),
                (('-p', '/dev/fd/7'), 'write /dev/fd/7: Bad file'),
                (('-w', 'f=@none'), 'open none: No such file'),
                (('-w', 'f=@.'), 'read .: Is a directory'),
                (('-w', 'bad.in=@bad.in'), 'bad.in is its own template'),
                (('-w', 'f=@bad.in'), 'there is no such socket')):
            self.assert_clean_failure('-p', 'first', '-l', '0', '-l', './s',
                                      *arguments, 'true', message=message)

    def test_exec(self):
        self.write('data', '')
        for command, status, message in (
                ('./none', 127, 'execute ./none: No such file'),
                ('no-such-command', 127, 'execute no-such-command: No such'),
                ('', 127, "execute '': No such file"),
                ('cd', 127, "it is the shell's: write sh -c 'cd "),
                ('./data', 126, 'execute ./data: Permission denied'),
                ('.', 126, 'execute .: Permission denied')):
            for arguments in ((*EVERYTHING, '-H', 'inherit'),
                              ('-H', 'inherit'),
                              ('-H', 'reserve', '-p', 'port')):
                self.assert_clean_failure(
                    *arguments, '--', command, '{port}', '<addr>',
                    status=status, message=message)

    def test_help(self):
        for arguments in (('--help',), ('--version',), ('-qh',),
                          ('-l', '0', '-e', 'A', '-p', 'f', '-h')):
            with self.subTest(arguments=arguments):
                self.run_portexec(*self.valgrind[1:], *arguments,
                                  program='valgrind')
                self.assert_clean_end()

    def test_up_to_the_service(self):
        """An error is logged with a stack trace when it happens."""
        self.write('t.in', '{port} {addr:b} <<fd>> ${fd} {id}')
        for arguments in (
                (), EVERYTHING, ('-v', *EVERYTHING), ('-q', '--no-pid'),
                ('-e', 'PORT=8080', '-e', 'A,B={PORT}'),
                ('-H', 'reserve', '-l', 'localhost:0', '-p', '-'),
                ('-H', 'inherit', '-p', 'f', '-w', 'g=@t.in', '-l', '0', '-l',
                 'b=[::1]:0')):
            with self.subTest(arguments=arguments):
                done = self.run_portexec(
                    *self.valgrind[1:], *arguments, PROBE, '-o', '/dev/null',
                    program='valgrind')
                log = self.read('log')
                self.assertIn('Memcheck', log)
                self.assertNotIn(' at 0x', log, done.stderr)
                self.assertNotIn('ERROR SUMMARY', log)
