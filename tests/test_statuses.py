# SPDX-License-Identifier: ISC
"""Statuses and messages: what portexec says, and how it ends."""

import os
import re
import resource
import socket
import unittest

import harness
from harness import PORTEXEC, Case, listening

HELP = " (try 'portexec --help')"
TMPFS = '''
mount -t tmpfs -o size=64k none full || exit 99
cd full
head -c 1000000 /dev/zero >filler 2>/dev/null
"$@"
status=$?
ls -A
exit $status
'''

# Values that each option is to refuse.
HUGE = '9' * 400
BAD_VALUES = {
    'listen': ['', 'x', '-1', '65536', '4294967296', HUGE, '0x10', '1.5',
               'tcp:', 'tcp:-1', 'udp:65536', 'sctp:0', 'TCP:0', '[::1]',
               '0,backlog=-1', '0,backlog=' + HUGE, '0,rcvbuf=-1',
               '0,sndbuf=' + HUGE, './p,mode=' + HUGE, '0,linger=1'],
    'env': ['', '=', '=x', 'LISTEN_FDS', 'LISTEN_PID=1', 'X=<port:nobody>'],
    'port-file': ['', '0', '8080', HUGE, 'no/such/file'],
    'write': ['', 'x', '=x', 'x=@', 'x=@no/such/file', 'x=<port:nobody>'],
    'map': ['', 'x', '-1', '0', '65536', HUGE, '80=', '80=nobody', '80=-1',
            '80=2', '80=' + HUGE, '80x', ' 80'],
    'client': ['', 'true <port:nobody>', 'true {fd}'],
    'handoff': ['', 'x', '-1', '0', 'Adopt', 'adopt ', 'inherit,adopt'],
    'stop-signal': ['', 'x', '0', '-1', '65', HUGE, 'SIG', 'INT ', '2.0'],
    'kill-after': ['', 'x', '-1', '-0.5', '86401', HUGE, '1e3', 'nan', 'inf',
                   '0x10', '.', '1.2.3', ' 1', '1 ', '1s', '+1'],
    'start-timeout': ['', 'x', '-1', '86401', HUGE, 'inf', '.', '1s'],
}


def limit(what, value):
    """What a child does to itself before it is executed."""
    return lambda: resource.setrlimit(what, (value, value))


class StatusCase(Case):
    def fails(self, *arguments, **options):
        """As assert_fails, and nothing is on standard output."""
        done = self.assert_fails(*arguments, **options)
        self.assertEqual(done.stdout, '')
        return done


class CommandLine(StatusCase):
    def test_usage_errors(self):
        for arguments, message in (
                ([], 'no command' + HELP),
                (['--'], 'no command' + HELP),
                (['-q', '-l', '0'], 'no command' + HELP),
                (['-x', 'true'], "unknown option '-x'" + HELP),
                (['-qx', 'true'], "unknown option '-x'" + HELP),
                (['--quiet', '-xq', 'true'], "unknown option '-x'" + HELP),
                (['--bogus', 'true'], "unknown option '--bogus'" + HELP),
                (['--bogus=1', 'true'], "unknown option '--bogus=1'" + HELP),
                (['-l'], "option '-l' needs a value" + HELP),
                (['--listen'], "option '--listen' needs a value" + HELP),
                (['--env'], "option '--env' needs a value" + HELP),
                (['-q', '-p'], "option '-p' needs a value" + HELP),
                (['--quiet=1', 'true'], "option '--quiet=1' takes no value"),
                (['--no-pid=', 'true'], "option '--no-pid=' takes no value"),
                (['-H', 'adopted', 'true'],
                 "-H 'adopted': not inherit, adopt or reserve"),
                (['-H', '', 'true'], "-H '': not inherit, adopt or reserve"),
                (['--handoff=inh', 'true'],
                 "-H 'inh': not inherit, adopt or reserve"),
                (['-p', '', 'true'], "-p '': the file's name is empty"),
                (['-w', 'x', 'true'], "-w 'x': not FILE=TEMPLATE"),
                (['-w', '=x', 'true'], "-w '=x': the file's name is empty"),
                (['-H', 'reserve', '-l', 'udp:0', 'true'],
                 "socket 'udp:0': only tcp can be reserved"),
                (['-H', 'reserve', '-l', './x', 'true'],
                 "socket './x': only tcp can be reserved")):
            with self.subTest(arguments):
                self.fails(*arguments, message=message, exact=True)

    def test_every_option_and_value(self):
        """A value that is missing, wrong, negative or too large, or one
        where there is none to be, in each way to write it."""
        told = self.run_portexec('--help').stdout
        rows = re.findall(r'^ +(?:-(\w), +)?--([\w-]+)(?: (\S+))?$', told,
                          re.MULTILINE)
        self.assertEqual({name for _, name, value in rows if value},
                         set(BAD_VALUES))
        for letter, name, value in rows:
            long, short = '--' + name, ['-' + letter] if letter else []
            if not value:
                with self.subTest(long):
                    self.fails(long + '=1', 'true', message=f"'{long}=1'")
                continue
            for word in [long, *short]:
                with self.subTest(word):
                    self.fails(word, message=f"'{word}' needs a value")
            for bad in BAD_VALUES[name]:
                for words in ([long + '=' + bad], [long, bad],
                              [short[0], bad]):
                    with self.subTest([word[:40] for word in words]):
                        self.fails('-q', *words, '--', 'touch', 'ran',
                                   message='')

    def test_an_ambiguous_abbreviation_is_an_error(self):
        self.fails('--ver', 'true', message="'--ver'")

    def test_an_abbreviation_that_is_not_ambiguous_is_taken(self):
        self.assertEqual(self.run_portexec('--qui', 'true').stderr, '')

    def test_bad_variables(self):
        self.fails('-e', '', 'true', message="-e '': the name is empty",
                   exact=True)
        self.fails('-e', '=x', 'true', message="-e '=x': the name is empty",
                   exact=True)
        for name in ('LISTEN_FDS', 'LISTEN_PID', 'LISTEN_PIDFDID',
                     'LISTEN_FDNAMES'):
            for text in (name, name + '=1'):
                with self.subTest(text):
                    self.fails(
                        '-e', text, 'true', exact=True, message=f"-e '{text}'"
                        f": {name} is portexec's own to set")

    def test_a_message_is_one_line(self):
        nasty = 'a\nb\tc\x1b[2J\x7f'
        for arguments, status in (
                (['--' + nasty, 'true'], 125), (['-\n', 'true'], 125),
                (['-H', nasty, 'true'], 125), (['-e', '=' + nasty], 125),
                (['-e', 'LISTEN_FDS=' + nasty], 125),
                (['-w', nasty, 'true'], 125), (['-l', nasty, 'true'], 125),
                (['-l', '0,' + nasty, 'true'], 125),
                (['-p', f'no/{nasty}/port', 'true'], 125),
                (['-w', f'port=@{nasty}', 'true'], 125),
                ([f'./{nasty}'], 127)):
            with self.subTest(arguments):
                done = self.fails(*arguments, message='?', status=status)
                self.assertNotRegex(done.stderr, r'[\0-\t\v-\x1f\x7f]')
        done = self.run_portexec('-H', 'reserve', './a\nb', status=127)
        self.assertEqual(len(done.stderr.splitlines()), 2)

    def test_very_long_arguments(self):
        """What is shortened is the object, not the reason."""
        long = 'x' * 100000
        deep = 'no/' + 'x/' * 900
        for arguments, status, reason in (
                (['--' + long, 'true'], 125, ''),
                (['-H', long, 'true'], 125, 'not inherit, adopt or reserve'),
                (['-e', '=' + long, 'true'], 125, 'the name is empty'),
                (['-w', long, 'true'], 125, 'not FILE=TEMPLATE'),
                (['-l', long, 'true'], 125, ''),
                (['-l', './' + long, 'true'], 125, 'longer than 107 bytes'),
                (['-p', long, 'true'], 125, 'File name too long'),
                (['-p', deep + 'p', 'true'], 125,
                 'No such file or directory'),
                (['-w', 'p=@' + deep, 'true'], 125,
                 'No such file or directory'),
                ([deep + 'p'], 127, 'No such file or directory'),
                ([long], 126, 'File name too long')):
            with self.subTest(arguments[0][:9], status=status, why=reason):
                done = self.fails(*arguments, message=reason, status=status)
                self.assertLess(len(done.stderr), 2000)
        self.fails('true', 'x' * 131060 + '<addr>', status=126,
                   message='Argument list too long')


class Help(Case):
    def test_help_and_version_are_on_standard_output(self):
        for option in ('-h', '--help', '--he'):
            done = self.run_portexec(option)
            self.assertEqual(done.stderr, '')
            self.assertTrue(done.stdout.startswith('usage: portexec '))
        for option in ('-V', '--version'):
            done = self.run_portexec(option)
            self.assertEqual(done.stderr, '')
            self.assertRegex(done.stdout, r'\Aportexec \S+\n\Z')

    def test_the_first_of_help_and_mistake_counts(self):
        for arguments in (['-q', '--help', '--bogus'],
                          ['-l', '0', '-e', 'A', '-h', '-H']):
            done = self.run_portexec(*arguments)
            self.assertEqual(done.stderr, '')
            self.assertTrue(done.stdout.startswith('usage: '))
        done = self.run_portexec('--bogus', '--help', status=125)
        self.assertEqual(done.stdout, '')

    def test_help_of_the_service_is_its_own(self):
        done = self.run_portexec('-q', 'echo', '--', '--help')
        self.assertEqual(done.stdout, '-- --help\n')
        done = self.run_portexec('-q', '--', 'echo', '-V')
        self.assertEqual(done.stdout, '-V\n')

    def test_help_that_cannot_be_written(self):
        for option in ('--help', '--version'):
            with open('/dev/full', 'w') as full:
                done = self.run_portexec(option, stdout=full, status=125)
            self.assertEqual(done.stderr, 'portexec: write standard output: '
                             'No space left on device\n')


class Sockets(StatusCase):
    def test_bad_specs(self):
        for spec in (
                '', 'x', 'http', '-1', '+1', ' 1', '1 ', '0x10', '1.5',
                '65536', '99999999999999999999', '127.0.0.1', '127.0.0.1:',
                '127.0.0.1:x', ':80', '127.1:0', '1.2.3.256:0',
                'example.org:0', 'LOCALHOST:0', 'localhost:', '*', '*:',
                '[::1]', '[::1]:', '[::1:0', '[]:0', '[::g]:0', '::1:0',
                '[127.0.0.1]:0', '[::1%]:0', '[fe80::1%sixteen-and-more]:0',
                'sctp:0', 'TCP:0', 'tcp', 'tcp:', 'udp:', 'tcp+udp:',
                'udp+tcp:0', 'unix:', 'unixgram:', 'unixpacket:', '0,',
                '0,,', '0,bogus', '0,Backlog=1', '0,backlog', '0,backlog=',
                '0,backlog=-1', '0,backlog=1x', '0,backlog=2147483648',
                '0,v6only', '*:0,v6only', '[::1]:0,v6only=1', '0,nonblock=1',
                '0,reuseport=', '0,mode=600', '0,rcvbuf=0', '0,sndbuf=x',
                'udp:0,backlog=1', 'unixgram:./x,backlog=1', './x,reuseport',
                './x,mode', './x,mode=8', './x,mode=1777', './x,mode=rw',
                '@x,mode=600', '@,mode=600', '=0', 'a:b=0', 'a/b=0',
                'a\tb=0', 'é=0', 'a\\b=0'):
            with self.subTest(spec):
                shown = re.sub(r'[\0-\x1f]', '?', spec)
                self.fails('-l', spec, 'true', message=f"socket '{shown}': ")

    def test_a_long_name(self):
        name = 'n' * 255
        done = self.run_portexec('-q', '-l', name + '=0', 'sh', '-c',
                                 'printf %s "$LISTEN_FDNAMES"')
        self.assertEqual(done.stdout, name)
        self.fails('-l', name + 'n=0', 'true',
                   message='the name is longer than 255 characters')

    def test_a_long_path(self):
        self.run_portexec('-q', '-l', './' + 'x' * 105, 'true')
        os.unlink(self.path('x' * 105))
        for text in ('./' + 'x' * 106, 'unixgram:' + 'x' * 108,
                     '@' + 'x' * 107):
            with self.subTest(text):
                self.fails('-l', text, 'true',
                           message="': the path is longer than 107 bytes")

    def test_a_port_in_use(self):
        has = harness.has_it()
        with listening() as stray:
            port = stray.getsockname()[1]
            for arguments in (['-l', port], ['-l', f'127.0.0.1:{port}'],
                              ['-l', f'localhost:{port}'],
                              ['-l', './a', '-l', port, '-l', './b'],
                              ['-H', 'reserve', '-l', port]):
                with self.subTest(arguments):
                    self.fails(*arguments, 'true', exact=True, message='listen'
                               f' on 127.0.0.1:{port}: Address already in '
                               f'use{has}')
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
            stray.bind(('127.0.0.1', 0))
            port = stray.getsockname()[1]
            self.fails('-l', f'udp:{port}', 'true', exact=True, message=f'list'
                       f'en on 127.0.0.1:{port}: Address already in use{has}')

    def test_a_path_in_use(self):
        self.write('file', '')
        os.mkdir(self.path('folder'))
        with socket.socket(socket.AF_UNIX) as stray:
            stray.bind(self.path('live'))
            stray.listen()
            for path in ('./file', './folder', './live'):
                with self.subTest(path):
                    self.fails('-l', path, 'true', exact=True, message=f'liste'
                               f'n on {path}: Address already in use')
        self.fails('-l', './a', '-l', './a', 'true', exact=True,
                   message='listen on ./a: Address already in use')

    def test_a_path_that_cannot_be(self):
        self.fails('-l', './no/a', 'true', exact=True,
                   message='listen on ./no/a: No such file or directory')
        os.mkdir(self.path('locked'), 0o555)
        self.fails('-l', './locked/a', 'true', exact=True,
                   message='listen on ./locked/a: Permission denied',
                   **self.as_ordinary_user())

    def test_a_privileged_port(self):
        ordinary = self.as_ordinary_user()
        with open('/proc/sys/net/ipv4/ip_unprivileged_port_start') as file:
            start = int(file.read())
        message = ('listen on 127.0.0.1:80: Permission denied: ports below '
                   f"{max(start, 1024)} are root's: sysctl net.ipv4."
                   'ip_unprivileged_port_start=80, or --map 80 without -l')
        if start > 80:
            self.fails('-l', '80', 'true', exact=True, message=message,
                       **ordinary)
        elif not harness.is_root():
            self.skipTest('port 80 is not privileged here')
        else:
            self.fails('-n', 'setpriv', '--reuid=65534', '--regid=65534',
                       '--clear-groups', ordinary['program'], '-l', '80',
                       'true', exact=True, message=message,
                       program='unshare')

    def test_an_address_that_is_not_ours(self):
        for address in ('192.0.2.1:0', '[2001:db8::1]:0'):
            with self.subTest(address):
                self.fails('-l', address, 'true', message=f'listen on '
                           f'{address}: Cannot assign requested address')

    def test_no_such_interface(self):
        done = self.fails('-l', '[fe80::1%nosuch0]:0', 'true',
                          message='listen on [fe80::1')
        self.assertIn('nosuch0', done.stderr)

    def test_too_many_sockets(self):
        for most in (8, 16, 64):
            for form in ('0', 'udp:0', 'localhost:0', './{}', '@'):
                with self.subTest(most, form=form):
                    given = [word for number in range(most - 2)
                             for word in ('-l', form.format(number))]
                    self.fails(*given, '-p', 'port', 'true',
                               message='Too many open files',
                               preexec_fn=limit(resource.RLIMIT_NOFILE, most))

    def test_as_many_sockets_as_fit(self):
        done = self.run_portexec(
            *['-l', 'udp:0'] * 12, 'sh', '-c', 'echo $LISTEN_FDS',
            preexec_fn=limit(resource.RLIMIT_NOFILE, 16))
        self.assertEqual(done.stdout, '12\n')


class FullDisk(StatusCase):
    def test_full_device(self):
        ordinary = self.as_ordinary_user()
        for option, value in (('-p', '/dev/full'), ('-w', '/dev/full=x')):
            self.fails('-l', '0', '-l', './a', '-p', 'made', option, value,
                       'true', exact=True,
                       message='write /dev/full: No space left on device',
                       **ordinary)
        with open('/dev/full', 'w') as full:
            self.assert_fails('-p', '-', 'true', stdout=full, exact=True,
                              message='write -: No space left on device')

    def test_full_file_system(self):
        os.mkdir(self.path('full'))
        for arguments in (['-p', 'port'], ['-w', 'port=<addr>']):
            done = self.run_portexec(
                '-m' if harness.is_root() else '-rm', 'sh', '-c', TMPFS, 'sh',
                PORTEXEC, '-l', '0', '-l', './a', *arguments, 'true',
                program='unshare', status=None)
            if done.returncode in (1, 99):
                self.skipTest('no file system can be mounted here')
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertEqual(done.stdout, 'filler\n')
            self.assertEqual(done.stderr.splitlines()[2:], [
                'portexec: write port: No space left on device'])

    def test_file_size_limit(self):
        """With SIGXFSZ ignored, as Python itself has it."""
        for arguments in (['-p', 'port'], ['-w', 'port=' + 'x' * 5000]):
            self.fails('-l', '0', '-l', './a', *arguments, 'true', exact=True,
                       message='write port: File too large',
                       restore_signals=False,
                       preexec_fn=limit(resource.RLIMIT_FSIZE, 3))


class Execution(StatusCase):
    def test_not_found(self):
        self.write('script', '#!/no/such/interpreter\n', 0o755)
        why = {'./script': ": its interpreter '/no/such/interpreter' is not "
               'there'}
        for command in ('no-such-command', './no-such-command',
                        '/no/such/command', '', './script', '{port}'):
            with self.subTest(command):
                self.fails('-l', '0', '-p', 'port', '-l', './a', command,
                           status=127, exact=True,
                           message=f"execute {command or repr('')}: No such "
                           f"file or directory{why.get(command, '')}",
                           env=harness.environment(PATH='/usr/bin:/bin'))

    def test_cannot_be_executed(self):
        self.write('data', 'exit 0\n')
        os.mkdir(self.path('folder'))
        for command, reason in (('./data', 'Permission denied'),
                                ('./folder', 'Permission denied'),
                                ('/', 'Permission denied'),
                                ('./data/x', 'Not a directory')):
            with self.subTest(command):
                for more in ([], ['-H', 'reserve']):
                    self.fails('-p', 'port', *more, command, status=126,
                               message=f'execute {command}: {reason}',
                               exact=True)
        self.fails('-l', './a', '-w', 'b=<addr>', './data', status=126,
                   message='execute ./data: Permission denied', exact=True)

    def test_a_script_without_an_interpreter_line(self):
        self.write('script', 'echo "given $1"\nexit 3\n', 0o755)
        for command, path in (('./script', '/bin'),
                              ('script', 'none:.:/bin'), ('script', '')):
            with self.subTest(command, path=path):
                done = self.run_portexec(
                    '-q', command, 'x{{port}}', status=3,
                    env=harness.environment(PATH=path))
                self.assertEqual(done.stdout, 'given x{port}\n')

    def test_where_it_is_found(self):
        """The first in PATH that may be executed."""
        for folder, mode in (('plain', 0o644), ('one', 0o755),
                             ('two', 0o755)):
            os.mkdir(self.path(folder))
            self.write(folder + '/it', f'#!/bin/sh\necho {folder}\n', mode)
        for path, found in (('two:one', 'two'), ('plain:one', 'one'),
                            ('none::one/it:x' + 'x' * 5000 + ':one', 'one')):
            with self.subTest(path[:20]):
                self.assertEqual(self.run_portexec(
                    '-q', 'it', env=harness.environment(PATH=path)).stdout,
                    found + '\n')
        for path, status, reason in (
                ('plain:none', 126, 'Permission denied'),
                ('none:plain:none', 126, 'Permission denied'),
                ('none', 127, 'No such file or directory')):
            with self.subTest(path):
                self.fails('it', status=status, exact=True,
                           message='execute it: ' + reason,
                           env=harness.environment(PATH=path))
        self.run_portexec('-q', 'true', env=harness.environment(PATH=None))

    def test_the_status_is_the_services(self):
        for script, status in (('exit 0', 0), ('exit 3', 3),
                               ('exit 125', 125), ('kill -TERM $$', -15),
                               ('kill -KILL $$', -9)):
            for handoff in ('inherit', 'reserve'):
                with self.subTest(script, handoff=handoff):
                    done = self.run_portexec('-H', handoff, 'sh', '-c', script,
                                             status=status)
                    self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_socket_and_files_stay_with_what_was_executed(self):
        self.run_portexec('-l', 'a=0', '-l', './a', '-p', 'port', 'false',
                          status=1)
        self.assertEqual(sorted(os.listdir(self.directory)), ['a', 'port'])


class Lines(Case):
    """What is on standard error when all is well."""

    def test_a_command_whose_name_is_longer_than_a_line(self):
        """What is announced is one line all the same, cut at its end."""
        name = 1000 * './' + os.path.relpath('/bin/true', self.directory)
        for handoff, before in (('adopt', 'listening on '),
                                ('reserve', '')):
            with self.subTest(handoff):
                done = self.run_portexec('-H', handoff, '--', name)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stderr.startswith('portexec: ' + before))
                self.assertIn('./././', done.stderr)
                self.assertEqual(done.stderr.index('\n'),
                                 len(done.stderr) - 1)
                self.assertLess(len(done.stderr), 1200)

    def test_one_line_a_socket(self):
        done = self.run_portexec(
            '-l', '0', '-l', 'dns=udp:0', '-l', './a', '-l', '[::]:0,v6only',
            '-l', 'unixgram:./b', '-l', '@', '-l', 'localhost:0', 'sh', '-c',
            'echo $LISTEN_PORTS')
        tcp, udp, _, six, _, _, both, _ = done.stdout.strip().split(':')
        lines = done.stderr.splitlines()
        self.assertRegex(lines.pop(5),
                         r'\Aportexec: listening on @[0-9a-f]+, fd 8\Z')
        self.assertEqual(lines, [
            f'portexec: listening on 127.0.0.1:{tcp}, fd 3',
            f'portexec: dns: listening on 127.0.0.1:{udp} (datagrams), fd 4',
            'portexec: listening on ./a, fd 5',
            f'portexec: listening on [::]:{six}, fd 6',
            'portexec: listening on ./b (datagrams), fd 7',
            f'portexec: listening on 127.0.0.1:{both}, fd 9',
            f'portexec: listening on [::1]:{both}, fd 10'])

    def test_names(self):
        """With which each line about the socket begins."""
        for line, *arguments in (
                (r'listening on 127\.0\.0\.1:\d+, fd 3',),
                (r'listening on 127\.0\.0\.1:\d+, until true binds it',
                 '-H', 'adopt'),
                (r'\d+ reserved for true', '-H', 'reserve'),
                (r'listening on 127\.0\.0\.1:\d+, fds 0 and 1', '--inetd')):
            done = self.run_portexec(*arguments, '-l', 'web=0', 'true')
            self.assertRegex(done.stderr, fr'^portexec: web: {line}\n$')
        done = self.run_portexec('-l', 'web=0', '--', PORTEXEC, 'true')
        self.assertRegex(done.stderr, r'\nportexec: web: inherited [^ ]*, fd 3')
        done = self.run_portexec('-H', 'adopt', '-l', 'web=localhost:0', 'true')
        self.assertRegex(done.stderr, r'\nportexec: web: \[::1\]:\d+ listens w')
        with harness.listening() as taken:
            address = '%s:%d' % taken.getsockname()
            self.assert_fails('-l', 'web=' + address, 'true', message=(
                f'web: listen on {address}: Address already in use'))

    def test_one_line_a_reserved_number(self):
        done = self.run_portexec('-H', 'reserve', '-l', '0', '-l', '0',
                                 '/bin/sh', '-c', 'echo $LISTEN_PORTS')
        self.assertEqual(done.stderr, ''.join(
            f'portexec: {port} reserved for /bin/sh\n'
            for port in done.stdout.strip().split(':')))

    def test_quiet_and_verbose(self):
        """The last of -q and -v counts."""
        for options, least, most in (
                (['-q'], 0, 0), (['-vq'], 0, 0), (['-v', '--quiet'], 0, 0),
                ([], 1, 1), (['-v'], 2, 99), (['-qv'], 2, 99),
                (['-q', '-q', '--verbose'], 2, 99)):
            with self.subTest(options):
                done = self.run_portexec(*options, 'true')
                lines = done.stderr.splitlines()
                self.assertTrue(least <= len(lines) <= most, lines)
                self.assertEqual(done.stdout, '')
                if least > 1:
                    self.assertRegex(done.stderr,
                                     r'portexec: \d+\.\d+ s: executing true\n')

    def test_quiet_does_not_hide_errors(self):
        self.assert_fails('-q', './nosuch', status=127, exact=True,
                          message='execute ./nosuch: No such file or '
                          'directory')

    def test_nothing_is_on_standard_output(self):
        ordinary = self.as_ordinary_user()
        for options in ([], ['-q'], ['-v'], ['-H', 'reserve'], ['-p', 'port'],
                        ['-v', '-w', '/dev/stderr=x'], ['-l', './a']):
            with self.subTest(options):
                done = self.run_portexec(*options, 'true', **ordinary)
                self.assertEqual(done.stdout, '')
        self.assertRegex(self.run_portexec('-p', '-', 'true').stdout,
                         r'\A\d+\n\Z')

    def standard_errors(self):
        """One that is closed, and a pipe that nobody reads."""
        yield 'closed', {'preexec_fn': lambda: os.close(2), 'stderr': None}
        reader, writer = os.pipe()
        os.close(reader)
        yield 'broken', {'stderr': writer}
        os.close(writer)

    def test_standard_error_that_cannot_be_written(self):
        for kind, options in self.standard_errors():
            for arguments, status in (
                    (['-v', '-p', 'port', 'sh', '-c', 'exit 3'], 3),
                    (['-l', './a', 'sh', '-c', 'rm a; exit 4'], 4),
                    (['--bogus'], 125), (['-l', 'x', 'true'], 125),
                    (['-p', 'no/port', 'true'], 125),
                    (['-w', 'new=x', '-l', './a', './nosuch'], 127)):
                with self.subTest(kind, arguments=arguments):
                    done = self.run_portexec(*arguments, status=status,
                                             **options)
                    self.assertEqual(done.stdout, '')
        self.assertEqual(os.listdir(self.directory), ['port'])
        self.assertRegex(self.read('port'), r'\A\d+\n\Z')


if __name__ == '__main__':
    unittest.main()
