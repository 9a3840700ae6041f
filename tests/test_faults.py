# SPDX-License-Identifier: ISC
"""Each system call that can fail, made to fail by strace's injection: one
clear line, status 125, and neither a file nor a socket's path left."""

import os
import re
import resource
import stat
import unittest

import harness
from harness import PORTEXEC, PROBE

# A port, a path, datagrams and a file: something of each to be cleaned up.
EVERYTHING = ('-l', '0', '-l', './sock', '-l', 'udp:0', '-p', 'port')
RESERVE = ('-H', 'reserve', '-p', 'port')


def load_tests(loader, tests, pattern):
    """LeakSanitizer cannot work under ptrace."""
    return unittest.TestSuite() if harness.SANITIZED else tests


class Faults(harness.Case):

    @classmethod
    def setUpClass(cls):
        harness.need_strace()

    def setUp(self):
        super().setUp()
        self.log = self.write('log', '')

    def traced(self, *strace):
        return ('-f', '-qq', '-o', self.log, '-e', 'signal=none', *strace,
                PORTEXEC)

    def clean(self):
        for name in os.listdir(self.directory):
            if name != 'log' and not name.endswith('.in'):
                os.unlink(self.path(name))

    def find_call(self, pattern, arguments, **options):
        """Runs it without a fault.  Returns the name of the system call that
        the pattern matches in the log, and which one of that name it is,
        counted from 1."""
        self.run_portexec(*self.traced(), *arguments, program='strace',
                          status=None, **options)
        self.clean()
        counts = {}
        for line in self.read('log').splitlines():
            found = re.match(r'\d+ +(\w+)\(', line)
            if found is None:
                continue
            counts[found[1]] = counts.get(found[1], 0) + 1
            if re.search(pattern, line):
                return found[1], counts[found[1]]
        raise AssertionError(f'{pattern}: not in\n' + self.read('log'))

    def inject(self, pattern, error, arguments, count='', **options):
        """strace's options that make this call, and with count '+' or '+N'
        also later ones, fail."""
        name, number = self.find_call(pattern, arguments, **options)
        if name == 'execve':        # the first, portexec's, is strace's own
            number -= 1
        return self.traced(
            '-e', f'inject={name}:error={error}:when={number}{count}')

    def assert_injected(self, error):
        self.assertRegex(self.read('log'), f' = -1 {error} .*\\(INJECTED\\)')

    def test_a_fifo_that_cannot_be_looked_at(self):
        """It is not replaced by a file: it may be a device."""
        fifo = self.path('fifo.in')
        os.mkfifo(fifo)
        reading = os.open(fifo, os.O_RDWR)
        self.addCleanup(os.close, reading)
        command = ('-p', 'fifo.in', '--', 'touch', 'ran')
        # The second look, when it is written; the first is for old files.
        name, number = self.find_call(
            r' stat\("fifo.in", .* = 0|newfstatat\(.*"fifo.in", .*, 0\) = 0',
            command)
        self.assert_fails(
            *self.traced('-e', f'inject={name}:error=EIO:when={number + 1}'),
            *command, program='strace', exact=True,
            message='write fifo.in: Input/output error')
        self.assert_injected('EIO')
        self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))

    def assert_fault(self, pattern, error, message, *arguments, status=125,
                     count='', **options):
        """The call fails, and so does portexec, cleanly."""
        with self.subTest(call=pattern, arguments=arguments):
            command = (*arguments, '--', '/bin/true')
            strace = self.inject(pattern, error, command, count, **options)
            try:
                self.assert_fails(*strace, *command, program='strace',
                                  message=message, status=status, **options)
                self.assert_injected(error)
            finally:
                self.clean()

    def survive(self, pattern, error, *arguments, count=''):
        """The call fails, and the service starts all the same; returns what
        the probe reports."""
        command = (*arguments, '--', PROBE)
        strace = self.inject(pattern, error, command, count)
        report = self.probe(*strace, *arguments, program='strace')
        self.assert_injected(error)
        return report

    def test_socket(self):
        self.assert_fault(r'socket\(AF_INET6, SOCK_STREAM', 'EMFILE',
                          'listen on 127.0.0.1:0: Too many open files',
                          *EVERYTHING)
        self.assert_fault(r'socket\(AF_INET, SOCK_STREAM', 'ENFILE',
                          'Too many open files in system', *EVERYTHING)
        self.assert_fault(r'socket\(AF_UNIX', 'EAFNOSUPPORT',
                          'listen on ./sock: Address family not supported',
                          *EVERYTHING)
        self.assert_fault(r'socket\(AF_INET, SOCK_DGRAM', 'ENOBUFS',
                          'listen on 127.0.0.1:0: No buffer space available',
                          *EVERYTHING)

    def test_wait_for_demand(self):
        """Without the fault it would wait on."""
        for call, error, message in (
                ('signalfd4', 'EMFILE', 'Too many open files'),
                ('poll', 'ENOMEM', 'Cannot allocate memory')):
            with self.subTest(call=call):
                strace = self.traced('-e', f'inject={call}:error={error}:'
                                     'when=1')
                self.assert_fails(*strace, '--on-demand', *EVERYTHING, '--',
                                  'true', program='strace', exact=True,
                                  message='wait for a client: ' + message)
                self.assert_injected(error)

    def test_socket_options(self):
        for option in 'SO_REUSEADDR', 'IPV6_V6ONLY':
            self.assert_fault(fr'setsockopt\(.*{option}', 'ENOPROTOOPT',
                              'listen on 127.0.0.1:0: Protocol not available',
                              *EVERYTHING)
        for option in 'reuseport', 'rcvbuf=9999', 'sndbuf=9999':
            name = option.split('=')[0].upper()
            self.assert_fault(fr'setsockopt\(.*SO_{name}', 'ENOBUFS',
                              'listen on 127.0.0.1:0: No buffer space',
                              '-l', './sock', '-l', f'udp:0,{option}')

    def test_bind(self):
        self.assert_fault(r'bind\(.*AF_INET6', 'EACCES',
                          'listen on 127.0.0.1:0: Permission denied',
                          *EVERYTHING)
        self.assert_fault(r'bind\(.*"127.0.0.1"', 'EACCES',
                          'Permission denied', *EVERYTHING)
        self.assert_fault(r'bind\(.*"127.0.0.1"', 'EADDRNOTAVAIL',
                          'Cannot assign requested address', '-l',
                          '127.0.0.1:0')
        report = self.survive(r'bind\(.*"127.0.0.1"', 'EADDRNOTAVAIL',
                              '-l', '0')
        self.assertEqual(harness.addresses(report), ['[::1]:A'])
        self.assert_fault(r'bind\(.*"\./sock"', 'EROFS',
                          'listen on ./sock: Read-only file system',
                          *EVERYTHING)
        self.assert_fault(r'bind\(.*htons\(0\), sin_addr', 'EADDRINUSE',
                          'listen on 127.0.0.1:0: Address already in use',
                          *EVERYTHING)

    def test_a_taken_number_is_given_up_for_another(self):
        report = self.survive(r'bind\(.*"127.0.0.1"', 'EADDRINUSE')
        self.assertEqual(sorted(report['fds']), ['0', '2', '3'])
        numbers = re.findall(r'bind\(.*port=htons\((\d+)\), .*"127',
                             self.read('log'))
        self.assertEqual(len(set(numbers)), 2, numbers)
        self.assertIn(f'LISTEN_PORT={numbers[1]}', report['environ'])

    def test_numbers_are_not_tried_for_ever(self):
        """On each try the last bind() of the group fails."""
        for spec, last, size in (('0', 4, 2), ('tcp+udp:0', 5, 3)):
            self.assert_fault(fr'bind\({last}, ', 'EADDRINUSE',
                              f"listen on '{spec}': no number was free for "
                              'all of it in 64 tries', '-l', spec,
                              count=f'+{size}')

    def test_listen(self):
        for number, name in (1, r'127\.0\.0\.1:\d+'), (2, r'\./sock'):
            with self.subTest(name):
                strace = self.traced(
                    '-e', f'inject=listen:error=EADDRINUSE:when={number}')
                done = self.assert_fails(
                    *strace, *EVERYTHING, '--', '/bin/true', program='strace',
                    message='Address already in use')
                self.assertRegex(done.stderr, f'^portexec: listen on {name}: ')
                self.assert_injected('EADDRINUSE')

    def test_getsockname(self):
        self.assert_fault(r'getsockname\(.*AF_INET6', 'ENOBUFS',
                          'listen on 127.0.0.1:0: No buffer space',
                          *EVERYTHING)
        self.assert_fault(r'getsockname\(.*"127', 'ENOBUFS',
                          ': No buffer space available', *EVERYTHING)
        self.assert_fault(r'getsockname\(.*AF_UNIX', 'ENOBUFS',
                          'listen on ./sock: No buffer space available',
                          *EVERYTHING)

    def test_descriptors_out_of_the_way_of_the_standard_three(self):
        self.assert_fault(r'fcntl\(\d+, F_DUPFD_CLOEXEC, 3\)', 'EMFILE',
                          'listen on 127.0.0.1:0: Too many open files',
                          '-l', '0', preexec_fn=lambda: os.close(0))

    def test_descriptors_into_place(self):
        self.assert_fault(r'fcntl\(\d+, F_DUPFD_CLOEXEC', 'EMFILE',
                          ': Too many open files', *EVERYTHING)
        # Not EBUSY: musl's dup2() tries again then.
        self.assert_fault(r'dup[23]\(\d+, 3\b', 'EBADF',
                          'as fd 3: Bad file descriptor', *EVERYTHING)
        self.assert_fault(r'dup[23]\(\d+, 5\b', 'EBADF',
                          'as fd 5: Bad file descriptor', *EVERYTHING)
        self.assert_fault(r'fcntl\(3, F_SETFD, 0\)', 'EINVAL',
                          'pass ./sock as fd 3: Invalid argument',
                          '-l', './sock')
        self.assert_fault(r'fcntl\(\d+, F_SETFD, 0\)', 'EINVAL',
                          ': Invalid argument', *RESERVE)

    def test_port_file(self):
        for pattern, error, why in (
                (r'open(at)?\(.*\.portexec-', 'EROFS', 'Read-only file'),
                (r'open(at)?\(.*\.portexec-', 'EMFILE',
                 'Too many open files'),
                (r'write\([^2].*\\n"', 'ENOSPC', 'No space left on device'),
                (r'write\([^2].*\\n"', 'EIO', 'Input/output error'),
                (r'fchmod\(', 'EPERM', 'Operation not permitted'),
                (r'fstat(at)?\(\d+, .*S_IFREG\|\d+, st_size=[56],', 'EIO',
                 'Input/output error'),
                (r'rename(at2?)?\(', 'EXDEV', 'Invalid cross-device link')):
            for arguments in EVERYTHING, RESERVE:
                self.assert_fault(pattern, error, f'write port: {why}',
                                  *arguments)

    def test_port_file_closed(self):
        """The network file system's late error: the file is taken back."""
        self.find_call('rename', (*EVERYTHING, '--', '/bin/true'))
        before = re.split(r'rename(?:at2?)?\(', self.read('log'))[0]
        number = len(re.findall(r' close\(', before)) + 1
        strace = self.traced(
            '-e', f'inject=close:error=EDQUOT:when={number}')
        self.assert_fails(*strace, *EVERYTHING, '--', '/bin/true',
                          program='strace',
                          message='write port: Disk quota exceeded')
        self.assert_injected('EDQUOT')

    def test_a_file_after_another(self):
        """What was written before the fault is removed again."""
        self.assert_fault(r'rename(at2?)?\(.*"second"', 'EACCES',
                          'write second: Permission denied', '-p', 'first',
                          '-w', 'second=<addr>', '-l', '0', '-l', './sock')

    def test_template_file(self):
        self.write('t.in', '<port>\n')
        for pattern, error, message in (
                (r'open(at)?\(.*"t\.in"', 'EACCES',
                 'open t.in: Permission denied'),
                (r'read\(\d+, "<port>', 'EIO',
                 'read t.in: Input/output error')):
            self.assert_fault(pattern, error, message, '-w', 'port=@t.in',
                              '-l', '0', '-l', './sock')

    def test_a_stale_file_that_cannot_be_removed(self):
        command = ('-p', 'port', '--', '/bin/true')
        self.run_portexec(*command)
        strace = self.traced('-e', 'inject=unlink,unlinkat:error=EPERM')
        self.assert_fails(*strace, *command, program='strace',
                          message='remove port: Operation not permitted')
        self.assert_injected('EPERM')

    def test_exec(self):
        for error, status, why in (
                ('ENOENT', 127, 'No such file or directory'),
                ('EACCES', 126, 'Permission denied'),
                ('ENOMEM', 126, 'Cannot allocate memory'),
                ('E2BIG', 126, 'Argument list too long'),
                ('ETXTBSY', 126, 'Text file busy')):
            for arguments in EVERYTHING, RESERVE:
                self.assert_fault(r'execve\("/bin/true"', error,
                                  f'execute /bin/true: {why}', *arguments,
                                  status=status)

    def test_no_pidfd_is_no_failure(self):
        for pattern, error in ((r'pidfd_open\(', 'ENOSYS'),
                               (r'pidfd_open\(', 'EPERM'),
                               (r'pidfd_open\(', 'EMFILE'),
                               (r'fstatfs\(', 'ENOSYS')):
            with self.subTest(call=pattern, error=error):
                report = self.survive(pattern, error)
                variables = dict(variable.split('=', 1)
                                 for variable in report['environ'])
                self.assertNotIn('LISTEN_PIDFDID', variables)
                self.assertEqual(variables['LISTEN_PID'], str(report['pid']))
                self.assertEqual(sorted(report['fds']), ['0', '2', '3'])

    def test_an_interrupted_write_is_repeated(self):
        report = self.survive(r'write\(\d+, "\d+\\n"', 'EINTR', '-p', 'port')
        self.assertIn('LISTEN_PORT=' + self.read('port').strip(),
                      report['environ'])

    def test_a_line_that_cannot_be_written_is_no_failure(self):
        report = self.survive(r'write\(2, "portexec: listening', 'EIO')
        self.assertEqual(report['stderr'], '')
        self.assertIn('LISTEN_FDS=1', report['environ'])

    def test_help_that_cannot_be_written(self):
        for option in '--help', '--version':
            with self.subTest(option):
                strace = self.inject(r'writev?\(1, ', 'ENOSPC', (option,))
                self.assert_fails(*strace, option, program='strace',
                                  message='write standard output: No space '
                                  'left on device', exact=True)
                self.assert_injected('ENOSPC')


class TooLittleMemory(harness.Case):
    """An address space in which what is to be made has no room."""

    def assert_no_room(self, *arguments):
        limit = 16 << 20
        self.assert_fails(*arguments, message='memory',
                          preexec_fn=lambda: resource.setrlimit(
                              resource.RLIMIT_AS, (limit, limit)))

    def test_for_a_template(self):
        self.write('t.in', 16 * 1024 * 1024 * 'x')
        self.assert_no_room('-w', 'f=@t.in', '-l', '0', '-l', './sock',
                            '/bin/true')

    def test_for_what_a_template_becomes(self):
        self.write('t.in', 160 * 1024 * '<addr>')
        self.assert_no_room('-w', 'f=@t.in', '-l', './' + 100 * 'x',
                            '/bin/true')

    def test_for_variables(self):
        text = 16 * 1024 * '<addr>'        # becomes 1.6 megabytes
        settings = [f'-eA{number}={text}' for number in range(14)]
        self.assert_no_room(*settings, '-l', './' + 100 * 'x',
                            '/bin/true')

    def test_for_arguments(self):
        arguments = 14 * [16 * 1024 * '<addr>']
        self.assert_no_room('-l', './' + 100 * 'x', '--', '/bin/true',
                            *arguments)
