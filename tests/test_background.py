# SPDX-License-Identifier: ISC
"""-b: in the background, and what it prints."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys

import harness
from harness import (BINDER, DEADLINE, HANDOFFS, PORTEXEC, PROBE, Tree,
                     connect, read_all, wait_for)
from test_terminal import PROMPT, InTerminal

SHELLS = {'dash': ['dash'], 'bash': ['bash'], 'zsh': ['zsh', '-f'],
          'busybox': ['busybox', 'sh']}
STEPS = {'inherit': ['take=3'],
         'adopt': ['socket=tcp4', 'set=reuseaddr:1', 'bind=127.0.0.1:{port}',
                   'listen']}
STEPS['reserve'] = STEPS['adopt']
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def command_of(pid):
    """Empty where it has ended."""
    try:
        with open(f'/proc/{pid}/cmdline') as file:
            return file.read().split('\0')[0]
    except OSError:
        return ''


class Background(Tree):
    def setUp(self):
        super().setUp()
        self.said = open(self.path('said'), 'w+')
        self.addCleanup(self.said.close)

    def told(self):
        """What has come to standard error; the services write there, too."""
        with open(self.path('said')) as file:
            return file.read()

    def begin(self, *arguments, **options):
        """Runs portexec -b, and returns what it printed, {name: value}."""
        done = self.run_portexec('-b', *arguments, **{
            'env': self.env, 'stderr': self.said, 'status': None, **options})
        self.assertEqual(done.returncode, 0, self.told())
        self.assertTrue(done.stdout.endswith('\n'), done.stdout)
        return dict(line.split('=', 1) for line in done.stdout.splitlines())

    def begin_binder(self, handoff, *options, steps=('answer=9', 'wait=never'),
                     **others):
        return self.begin('-H', handoff, *options, '--', BINDER,
                          *STEPS[handoff], *steps, **others)

    def end(self, printed):
        os.kill(int(printed['PORTEXEC_PID']), signal.SIGTERM)
        self.assert_nothing_left()

    def assert_refused(self, *arguments, message, status=125, **options):
        """Nothing is printed, executed or left."""
        done = self.assert_fails('-b', *arguments, message=message,
                                 status=status, env=self.env, **options)
        self.assertEqual(done.stdout, '')
        self.assertEqual(self.left(), [])


class Printed(Background):
    def test_in_each_handoff(self):
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                printed = self.begin_binder(
                    handoff, '-e', 'PORT', '-e', 'URL=http://{addr}/x')
                self.assertEqual(list(printed), [
                    'PORTEXEC_PORT', 'PORTEXEC_PID', 'PORT', 'URL'])
                port = printed['PORTEXEC_PORT']
                self.assertEqual(printed['PORT'], port)
                self.assertEqual(printed['URL'], f'http://127.0.0.1:{port}/x')
                self.assertEqual(
                    command_of(printed['PORTEXEC_PID']),
                    PORTEXEC if handoff == 'adopt' else BINDER)
                if handoff == 'reserve':
                    wait_for(lambda: 'bind own' in self.told(), 'bind')
                with connect('127.0.0.1:' + port) as client:
                    self.assertIn(b'\n', read_all(client))
                self.end(printed)

    def test_the_last_value_of_a_variable(self):
        printed = self.run_portexec(
            '-b', '-e', 'A=1', '-e', 'B=', '-e', 'A=2', '--', 'true',
            env=self.env).stdout.splitlines()
        self.assertEqual(printed[2:], ['B=', 'A=2'])

    def test_the_port_of_the_first_socket(self):
        printed = self.begin_binder('inherit', '-l', 'udp:0', '-l', '0',
                                    '-e', 'ALL={port:0}:{port:1}',
                                    steps=('wait=never',))
        self.assertEqual(printed['ALL'].split(':')[0],
                         printed['PORTEXEC_PORT'])
        self.end(printed)
        printed = self.begin_binder('inherit', '-l', './socket', '-l', '0',
                                    steps=('wait=never',))
        self.assertEqual(list(printed), ['PORTEXEC_PID'])
        self.end(printed)

    def test_appended_to_a_file(self):
        """As $GITHUB_ENV has it, while others append, too."""
        self.write('env', 'FIRST=1\n')
        done = self.run_portexec(
            '-c', '"$0" -b -- "$1" socket=tcp4 wait=never "{port}" >>env',
            PORTEXEC, BINDER, program='sh', env=self.env, stderr=self.said)
        self.assertEqual(done.stdout, '')
        self.assertRegex(self.read('env'), r'\AFIRST=1\nPORTEXEC_PORT=\d+\n'
                         r'PORTEXEC_PID=\d+\n\Z')

    def test_every_plain_character(self):
        value = ('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
                 '0123456789._/:@%[]-+,=')
        for shell, command in SHELLS.items():
            if shutil.which(command[0]) is None:
                continue
            with self.subTest(shell):
                for text in (value, value[::-1].lstrip('='), '[::1]:1',
                             '%1', '-e', '+x', '@', ':', 'a=/b=c,d'):
                    done = self.run_portexec(
                        *command[1:], '-c',
                        'vars=$("$0" -q -b -e "A=$1" -- true) && '
                        'eval "$vars" && printf %s "$A"', PORTEXEC, text,
                        program=command[0], env=self.env)
                    self.assertEqual(done.stdout, text)


class Shells(Background):
    LINE = 'vars=$("$0" -b -e "URL={addr}" -- "$@") && eval "$vars"'

    def in_each(self, test):
        """Calls test(shell) with the words for each shell."""
        for name, shell in SHELLS.items():
            with self.subTest(name):
                if shutil.which(shell[0]) is None:
                    self.skipTest(f'no {name}')
                test(shell)

    def run_shell(self, shell, script, *arguments, status=0, **options):
        """The script has portexec as $0."""
        return self.run_portexec(
            *shell[1:], '-c', script, PORTEXEC, *arguments, program=shell[0],
            **{'env': self.env, 'stderr': self.said, 'status': status,
               **options}).stdout

    def test_a_service(self):
        service = (BINDER, *STEPS['adopt'], 'answer=9', 'wait=never')

        def test(shell):
            output = self.run_shell(
                shell, f'set -eu; {self.LINE}; echo "$PORTEXEC_PORT" '
                '"$PORTEXEC_PID" "$URL"', *service)
            port, pid, url = output.split()
            self.assertEqual(url, '127.0.0.1:' + port)
            with connect(url) as client:
                self.assertIn(b'\n', read_all(client))
            self.end({'PORTEXEC_PID': pid})
        self.in_each(test)

    def test_a_failure(self):
        """What is left of && does not end a script with set -e."""
        apart = 'set -e; ' + self.LINE.replace('&&', ';')

        def test(shell):
            for script in (f'{self.LINE} && echo on',
                           f'{self.LINE} || exit; echo on',
                           f'{apart}; echo on', f'({apart}; echo on)',
                           f'set -e; ({apart}; echo on); echo on'):
                self.assertEqual(self.run_shell(
                    shell, script, './nosuch', '{port}', status=127), '')
        self.in_each(test)

    def test_a_failure_in_a_pipeline(self):
        self.assertEqual(self.run_shell(
            ['bash'], 'set -euo pipefail; "$0" -b -- ./nosuch | cat',
            status=127), '')

    def test_a_script_that_is_read(self):
        """From standard input: nothing of it is the service's."""
        script = self.LINE + '\necho "$PORTEXEC_PID"\n' + 'echo on\n' * 999

        def test(shell):
            for service in ((BINDER, *STEPS['adopt'], 'wait=never'),
                            ('cat',)):
                done = self.run_portexec(
                    *shell[1:], '-s', *service, program=shell[0],
                    env=self.env, stderr=self.said, stdin=None, input=script
                    .replace('$0', PORTEXEC))
                pid, _, rest = done.stdout.partition('\n')
                self.assertEqual(rest, 'on\n' * 999)
                self.end({'PORTEXEC_PID': pid})
        self.in_each(test)

    def test_stopped_and_waited_for(self):
        """By what the manual says."""
        self.write('slow.sh', 'trap "echo end >ended; exit" TERM\n'
                   'echo up >up; while :; do sleep 0.01; done\n')

        def test(shell):
            waits = ['while kill -0 "$PORTEXEC_PID" 2>/dev/null; do '
                     'sleep 0.1; done',
                     'tail --pid="$PORTEXEC_PID" -f /dev/null']
            if shell[0] == 'busybox':   # its own tail has no --pid
                del waits[1]
            for wait in waits:
                self.run_shell(
                    shell, f'{self.LINE}; until [ -e up ]; do sleep 0.01; '
                    f'done; kill "$PORTEXEC_PID"; {wait}; [ -s ended ]',
                    'sh', 'slow.sh', '{port}')
                os.remove(self.path('up'))
                os.remove(self.path('ended'))
                self.assert_nothing_left()
        self.in_each(test)


class Refused(Background):
    def test_a_command_that_cannot_be_executed(self):
        self.write('text', 'no program\n', 0o644)
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                self.assert_refused('-H', handoff, '-p', 'port', '--',
                                    './nosuch', message='execute ./nosuch: '
                                    'No such file or directory', status=127)
                self.assert_refused('-H', handoff, '-p', 'port', '--',
                                    './text', message='execute ./text: '
                                    'Permission denied', status=126)

    def test_a_socket_that_cannot_be_had(self):
        with harness.listening() as taken:
            port = taken.getsockname()[1]
            self.assert_refused('-l', str(port), '--', 'touch', 'started',
                                message=f'listen on 127.0.0.1:{port}: '
                                'Address already in use')

    def test_a_value_that_a_shell_would_read(self):
        for text in ' \t\n"\'`$\\&;|<>(){}*?!#~^':
            self.assert_refused(
                '-l', './socket', '-w', 'file=x', '-e', f'NAME=a{text}b',
                '--', 'touch', 'started',
                message='-b: -e NAME: a shell would read ')
        self.assert_refused('-e', 'A=1', '-e', 'NAME=a b', '--', 'true',
                            message='-b: -e NAME: a shell would read 0x20 in '
                            'its value', exact=True)
        self.assert_refused('-e', 'NAME=a;b', '--', 'true',
                            message="-b: -e NAME: a shell would read ';' in "
                            'its value', exact=True)
        for value in '=ls', 'a:=ls', '\xe9':
            self.assert_refused('-e', 'NAME=' + value, '--', 'true',
                                message='-b: -e NAME: a shell would read ')
        self.write('here', '')
        os.mkdir(self.path('a b'))
        self.assert_refused('-l', './a b/s', '-e', 'NAME={addr}', '--',
                            'true', message='-b: -e NAME: a shell')

    def test_a_name_that_is_no_variable(self):
        for name in 'A-B', '1A', 'a b', 'a;b', 'A.B', 'A[1]':
            self.assert_refused('-e', name + '=1', '--', 'touch', 'started',
                                message=f'-b: -e {name}: not the name of a '
                                "shell's variable")
        for name in 'PORTEXEC_PORT', 'PORTEXEC_PID':
            self.assert_refused('-e', name, '--', 'touch', 'started',
                                message=f"-b: -e {name}: that is -b's own")

    def test_options_that_do_not_go_with_it(self):
        for options, message in (
                (['-c', 'true'], '-b: not with -c, '),
                (['--on-demand'], '-b: not with --on-demand, '),
                (['--inetd'], '-b: not with --inetd, '),
                (['-p', '-'], '-b: standard output is not for -p and -w'),
                (['-p', '/dev/stdout'], '-b: standard output is not for '),
                (['-w', '/dev/fd/1={port}'], '-b: standard output is not '),
                (['-w', '/proc/self/fd/1=x'], '-b: standard output is ')):
            with self.subTest(options):
                self.assert_refused(*options, '--', 'touch', 'started',
                                    message=message)

    def test_a_handoff_that_is_impossible(self):
        """And the way back to reserve, where it is the default."""
        deny = os.path.join(harness.BUILD, 'tests', 'deny')
        words = ('seccomp', 'EPERM', PORTEXEC, '-b')
        done = self.assert_fails(
            *words, '-H', 'adopt', '--', 'touch', 'started', program=deny,
            message='adopt: seccomp is not permitted here', exact=True)
        self.assertEqual(done.stdout, '')
        done = self.run_portexec(
            *words, '--', BINDER, *STEPS['adopt'], 'wait=never',
            program=deny, stderr=self.said, env=self.env)
        pid = re.search('^PORTEXEC_PID=(.*)$', done.stdout, re.MULTILINE)[1]
        self.assertEqual(command_of(pid), BINDER)
        self.assertIn('; so reserve: ', self.told())
        self.end({'PORTEXEC_PID': pid})


class Output(Background):
    """Where the lines cannot be written, the service is stopped."""

    def test_full(self):
        for handoff in HANDOFFS:
            with self.subTest(handoff), open('/dev/full', 'w') as full:
                self.run_portexec(
                    '-b', '-H', handoff, '-p', 'port', '-k', '0.2', '--',
                    'sh', '-c', 'sleep 1000 & setsid sleep 1000 & sleep 1000',
                    env=self.env, stdout=full, stderr=self.said, status=125,
                    preexec_fn=lambda: signal.signal(signal.SIGTERM,
                                                     signal.SIG_IGN))
                self.assertIn(
                    'portexec: write standard output: ' +
                    harness.said('No space left on device\n'), self.told())
                self.assert_nothing_left()
                self.assertEqual(os.listdir(self.directory), ['said'])

    def test_without_a_reader(self):
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                end, other = os.pipe()
                os.close(end)
                with open(other, 'w') as pipe:
                    self.run_portexec(
                        '-b', '-H', handoff, '-l', '0', '--', 'sleep',
                        '1000', env=self.env, stdout=pipe, stderr=self.said,
                        status=125)
                self.assertIn('portexec: write standard output: ' +
                              harness.said('Broken pipe\n'), self.told())
                self.assert_nothing_left()

    def test_closed(self):
        self.assert_fails('-b', '-p', 'port', '--', 'touch', 'started',
                          message='write standard output: Bad file '
                          'descriptor', exact=True, stdout=None,
                          **harness.arrange(closed=[1]))

    def test_more_than_a_pipe_takes(self):
        """Whoever reads gets it all; while nobody does, TERM ends it."""
        value = 'x' * 100000
        printed = self.begin_binder('adopt', '-e', 'A=' + value,
                                    steps=('wait=never',))
        self.assertEqual(printed['A'], value)
        self.end(printed)
        process = self.launch(
            '-b', '-H', 'adopt', '-e', 'A=' + value, '--', 'sleep', '1000',
            env=self.env, stderr=self.said)
        self.assertEqual(process.stdout.read(1), 'P')
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), -signal.SIGTERM)
        self.assert_nothing_left()

    def test_closed_input_and_error(self):
        for closed in ([0], [2], [0, 2]):
            for handoff in HANDOFFS:
                with self.subTest(closed=closed, handoff=handoff):
                    printed = self.begin_binder(
                        handoff, **harness.arrange(closed=closed))
                    self.end(printed)


class Service(Background):
    """What the service gets."""

    def report(self, *options, handoff='inherit', **others):
        printed = self.begin('-H', handoff, *options, '--', PROBE, '-o',
                             'report', '-w', 'never', '-a', '1', **others)
        wait_for(lambda: os.path.exists(self.path('report')) and
                 self.read('report').endswith('}\n'), 'the report')
        report = json.loads(self.read('report'))
        os.remove(self.path('report'))
        return printed, report

    def test_in_a_session_of_its_own(self):
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                printed, report = self.report(handoff=handoff)
                pid = int(printed['PORTEXEC_PID'])
                self.assertEqual(os.getsid(report['pid']), pid)
                self.assertEqual(os.getpgid(pid), pid)
                self.assertNotEqual(os.getsid(0), pid)
                if handoff != 'adopt':
                    self.assertEqual(report['pid'], pid)
                self.end(printed)

    def test_sockets_and_variables(self):
        for handoff in ('inherit', 'adopt'):
            options = ['-l', 'web=0'] + ['-e', 'P'] * (handoff == 'adopt')
            with self.subTest(handoff):
                printed, report = self.report(*options, handoff='inherit')
                found = harness.protocol(report)
                self.assertEqual(harness.ports(report),
                                 [printed['PORTEXEC_PORT']])
                self.assertEqual((found['PID'], found['FDS'],
                                  found['FDNAMES']),
                                 (str(report['pid']), '1', 'web'))
                if 'PIDFDID' in found:
                    self.assertEqual(found['PIDFDID'], str(report['pidfd']))
                self.assertEqual(
                    {fd for fd in report['fds'] if int(fd) > 2}, {'3'})
                self.end(printed)

    def test_sockets_that_portexec_inherited(self):
        """LISTEN_PID is the first process's."""
        with socket.socket() as inherited:
            inherited.bind(('127.0.0.1', 0))
            inherited.listen()
            port = str(inherited.getsockname()[1])
            for handoff in ('inherit', 'adopt'):
                with self.subTest(handoff):
                    words = ['-b', '-H', handoff, '-l', 'new=0', '--', BINDER,
                             *(step.format(port=port) for step in
                               STEPS[handoff]), 'answer=1', 'wait=never']
                    done = self.run_portexec(
                        *words, stderr=self.said, **harness.passing(
                            [PORTEXEC, *words], {3: inherited.fileno()},
                            {'LISTEN_FDS': '1', 'LISTEN_PID': '{pid}',
                             'PORTEXEC_TEST': self.directory}))
                    printed = dict(line.split('=') for line in
                                   done.stdout.splitlines())
                    self.assertEqual(printed['PORTEXEC_PORT'], port)
                    with connect('127.0.0.1:' + port) as client:
                        self.assertIn(b'\n', read_all(client))
                    self.end(printed)

    def test_a_socket_by_descriptor(self):
        with socket.socket() as inherited:
            inherited.bind(('127.0.0.1', 0))
            inherited.listen()
            printed = self.begin('-l', 'fd:7', '--', BINDER, 'take=3',
                                 'answer=1', 'wait=never',
                                 **harness.arrange({7: inherited.fileno()}))
            self.assertEqual(printed['PORTEXEC_PORT'],
                             str(inherited.getsockname()[1]))
            with connect('127.0.0.1:' + printed['PORTEXEC_PORT']) as client:
                self.assertIn(b'\n', read_all(client))
            self.end(printed)

    def test_descriptors_of_the_caller(self):
        """They stay, but where a socket goes."""
        with open(self.path('file'), 'w') as file:
            printed, report = self.report(**harness.arrange(
                {4: file.fileno(), 9: file.fileno()}))
        self.assertEqual({fd for fd in report['fds'] if int(fd) > 2},
                         {'3', '4', '9'})
        self.end(printed)

    def test_standard_descriptors(self):
        """The input is a pipe that is silent, the output the error; under
        adopt no process has the caller's output."""
        with open(self.path('said')) as file:
            expected = os.fstat(file.fileno()).st_ino
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                printed, report = self.report(handoff=handoff)
                inodes = [os.stat(f'/proc/{report["pid"]}/fd/{fd}').st_ino
                          for fd in (1, 2)]
                self.assertEqual(inodes, [expected] * 2)
                self.assertRegex(report['fds']['0']['link'], r'^pipe:')
                self.assertFalse(any(report['fds'][fd]['cloexec']
                                     for fd in '012'))
                self.end(printed)

    def test_standard_input_is_silent(self):
        self.write('input.py', 'import select, sys\n'
                   'print(select.select([0], [], [], 0.2)[0], flush=True)\n'
                   'sys.stdin.read()\n')
        printed = self.begin('--', sys.executable, '-SE', 'input.py',
                             stdin=subprocess.DEVNULL)
        wait_for(lambda: '[]\n' in self.told(), 'the look')
        self.end(printed)

    def test_signals_are_the_callers(self):
        def block():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                printed, report = self.report(handoff=handoff,
                                              preexec_fn=block)
                self.assertEqual(report['blocked'], [signal.SIGUSR1])
                self.assertEqual(report['ignored'], [signal.SIGHUP])
                self.end(printed)

    def test_it_outlives_the_first_process(self):
        """Whose death ends it only while it starts."""
        self.write('death.py', 'import ctypes\n'
                   'number = ctypes.c_int(-1)\n'
                   'ctypes.CDLL(None).prctl(2, ctypes.byref(number))\n'
                   'print("signal", number.value, flush=True)\n'
                   'import signal; signal.pause()\n')
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                printed = self.begin('-H', handoff, '--', sys.executable,
                                     '-SE', 'death.py')
                wait_for(lambda: 'signal 0\n' in self.told(), 'its word')
                self.end(printed)
                self.said.truncate(0)

    def test_a_template_at_standard_input(self):
        printed = self.begin('-w', 'made=@/dev/stdin', '--', 'sleep', '1000',
                             stdin=None, input='at {port}\n')
        self.assertEqual(self.read('made'),
                         f'at {printed["PORTEXEC_PORT"]}\n')
        self.end(printed)

    if not harness.BRIEF:       # LeakSanitizer and gcov take descriptors
        def test_few_descriptors(self):
            """It says so, and leaves nothing, wherever they end."""
            codes = set()
            for most in range(3, 24):
                done = self.run_portexec(
                    '-b', '-H', 'adopt', '-p', 'port', '--', 'true',
                    status=None, env=self.env,
                    preexec_fn=lambda: resource.setrlimit(
                        resource.RLIMIT_NOFILE, (most, most)))
                codes.add(done.returncode)
                self.assertEqual(done.stdout == '', done.returncode != 0)
                self.assert_nothing_left()
                self.assertEqual(os.path.exists(self.path('port')),
                                 done.returncode == 0, done.stderr)
            self.assertEqual(codes, {0, 125})


class Starting(Background):
    """While the start waits for the reader of a FIFO."""

    def start(self, handoff, **options):
        os.mkfifo(self.path('fifo'))
        sockets = () if handoff == 'reserve' else ('-l', './socket')
        process = self.launch(
            '-b', '-H', handoff, '-l', 'tcp:0', *sockets, '-p', 'first', '-p',
            'fifo', '--', 'touch', 'executed',
            **{'env': self.env, 'stderr': self.said, **options})
        wait_for(lambda: os.path.exists(self.path('first')), 'the file')
        other, = harness.children(process.pid)
        return process, other

    def finish(self, process, status):
        self.assertEqual(process.wait(DEADLINE), status)
        self.assertEqual(process.stdout.read(), '')
        self.assert_nothing_left()
        self.assertFalse(os.path.exists(self.path('executed')))

    def assert_tidy(self):
        self.assertEqual(sorted(os.listdir(self.directory)),
                         ['fifo', 'said'])
        self.remove_all()

    def remove_all(self):
        for name in set(os.listdir(self.directory)) - {'said'}:
            os.remove(self.path(name))

    def test_told_to_stop(self):
        for handoff in HANDOFFS:
            for number in STOPS:
                with self.subTest(handoff=handoff, number=number):
                    process, _ = self.start(handoff)
                    process.send_signal(number)
                    self.finish(process, -number)
                    self.assert_tidy()

    def test_the_group_is_told(self):
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                process, _ = self.start(handoff, start_new_session=True)
                os.kill(-process.pid, signal.SIGINT)
                self.finish(process, -signal.SIGINT)
                self.assert_tidy()

    def test_killed(self):
        """The files that plain portexec would leave as well may stay."""
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                process, _ = self.start(handoff)
                process.kill()
                self.finish(process, -signal.SIGKILL)
                if handoff == 'adopt':
                    self.assert_tidy()
                else:
                    self.remove_all()

    def test_killed_where_stop_signals_are_ignored(self):
        def ignore():
            for number in STOPS:
                signal.signal(number, signal.SIG_IGN)
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                process, _ = self.start(handoff, preexec_fn=ignore)
                process.kill()
                self.finish(process, -signal.SIGKILL)
                self.remove_all()

    def test_the_background_process_is_killed(self):
        for handoff in HANDOFFS:
            for number in (signal.SIGKILL, signal.SIGTERM):
                with self.subTest(handoff=handoff, number=number):
                    process, other = self.start(handoff)
                    os.kill(other, number)
                    self.finish(process, 125)
                    self.assertIn('portexec: -b: the background process was '
                                  f'killed by signal {int(number)}\n',
                                  self.told())
                    self.assert_tidy()

    def test_a_reader_comes(self):
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                process, other = self.start(handoff)
                with open(self.path('fifo')) as fifo:
                    port = fifo.read().strip()
                output = process.stdout.read()
                self.assertEqual(process.wait(DEADLINE), 0)
                self.assertEqual(
                    output, f'PORTEXEC_PORT={port}\nPORTEXEC_PID={other}\n')
                wait_for(lambda: os.path.exists(self.path('executed')),
                         'executed')
                self.assert_nothing_left()
                self.remove_all()


class Prompt(InTerminal):
    def test_interrupt_later(self):
        """^C at the prompt does not reach the service, nor does the end of
        the terminal."""
        for handoff in HANDOFFS:
            with self.subTest(handoff):
                # Else the kernel may drop the prompt that follows ^C.
                shell = self.shell(
                    'stty noflsh',
                    f'vars=$({PORTEXEC} -b -q -H {handoff} -- sleep 1000) && '
                    'eval "$vars"')
                shell.send('echo pid $PORTEXEC_PID\n')
                shell.expect('pid ')
                pid = int(shell.expect('\n'))
                shell.expect(PROMPT)
                for _ in range(2):
                    shell.send('\x03')
                    shell.expect(PROMPT)
                self.assertIn(pid, self.left())
                shell.send('exit\n')
                os.waitpid(shell.pid, 0)
                self.assertIn(pid, self.left())
                os.kill(pid, signal.SIGTERM)
                self.assert_nothing_left()

    def test_interrupt_while_it_starts(self):
        os.mkfifo(self.path('fifo'))
        shell = self.shell('stty noflsh')
        shell.send(f'vars=$({PORTEXEC} -b -q -p port -p fifo -- sleep 1000); '
                   'echo over\n')
        wait_for(lambda: os.path.exists(self.path('port')), 'the file')
        shell.send('\x03')
        shell.expect(PROMPT)
        wait_for(lambda: set(map(command_of, self.left())) <=
                 {'', 'bash', sys.executable}, 'the end')
        self.assertEqual(os.listdir(self.directory), ['fifo'])
