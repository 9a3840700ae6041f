# SPDX-License-Identifier: ISC
"""What the service gets: descriptors, LISTEN_*, and all else untouched."""

import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys

import harness
from harness import (PORTEXEC, PROBE, arrange, environment, pidfd_inode,
                     port, ports, protocol)

STALE = {'LISTEN_FDS': '7', 'LISTEN_PID': '1', 'LISTEN_PIDFDID': '1',
         'LISTEN_FDNAMES': 'a:b:c', 'LISTEN_FDS_FIRST_FD': '5',
         'LISTEN_PORT': '1', 'LISTEN_PORTS': '1:2'}

# In a network namespace: of 32 numbers one is free for UDP as well.
TAKE_ALL_BUT_ONE = '''
import socket, subprocess, sys
with open('/proc/sys/net/ipv4/ip_local_port_range', 'w') as file:
    file.write('40000 40031')
taken = []
for number in range(40000, 40032):
    if number != 40016:
        taken.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        taken[-1].bind(('::', number))
sys.exit(subprocess.run(sys.argv[1:]).returncode)
'''


class Passing(harness.Case):
    def report(self, *arguments, **options):
        """As probe(), for a service whose standard output may be closed."""
        done = self.run_portexec(*arguments, '--', PROBE, '-o', 'report',
                                 **{'stdout': subprocess.DEVNULL, **options})
        with open(self.path('report')) as file:
            return {**json.load(file), 'stderr': done.stderr}


class Descriptors(Passing):
    def test_order_is_that_of_the_options(self):
        report = self.probe('-l', 'b=0', '-l', 'a=udp:127.0.0.1:0',
                            '-l', './s', '-l', '0')
        self.assertEqual(
            [report['fds'][str(fd)]['type'] for fd in (3, 4, 5, 6)],
            [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_STREAM,
             socket.SOCK_STREAM])
        self.assertEqual(report['fds']['5']['address'], './s')
        numbers = ports(report)
        numbers[2] = ''
        self.assertEqual(protocol(report)['PORTS'], ':'.join(numbers))
        self.assertEqual(protocol(report)['FDNAMES'], 'b:a:unknown:unknown')

    def test_no_reserve_is_left(self):
        for specs in (['0'], ['0', '0'], ['*:0'], ['udp:0'], ['tcp+udp:0']):
            with self.subTest(specs=specs):
                options = [word for spec in specs for word in ('-l', spec)]
                report = self.report(*options)
                count = int(protocol(report)['FDS'])
                self.assertEqual(sorted(report['fds'], key=int),
                                 [str(fd) for fd in range(3 + count)])

    def test_many(self):
        names = [f's{i}' for i in range(150)]
        options = [word for i, name in enumerate(names) for word in
                   ('-l', f'{name}={"udp:" if i % 3 else ""}127.0.0.1:0')]
        report = self.probe(*options)
        self.assertEqual(protocol(report)['FDS'], '150')
        self.assertEqual(protocol(report)['FDNAMES'], ':'.join(names))
        self.assertEqual(protocol(report)['PORTS'], ':'.join(ports(report)))
        self.assertEqual([report['fds'][str(3 + i)]['type']
                          for i in range(150)],
                         [socket.SOCK_DGRAM if i % 3 else socket.SOCK_STREAM
                          for i in range(150)])

    def test_whatever_was_open_before(self):
        """Each subset of 0, 1 and 2 closed, each of 3 to 6 taken, so that
        the kernel hands out every sequence of numbers that there is."""
        with open(self.write('taken', ''), 'r+') as file:
            for closed, taken in itertools.product(
                    subsets(range(3)), subsets(range(3, 7))):
                with self.subTest(closed=closed, taken=taken):
                    self.one_of_what_was_open(file, closed, taken)

    def one_of_what_was_open(self, file, closed, taken):
        report = self.report(
            '-v', '-l', 'udp:127.0.0.1:0', '-l', './s,nonblock', '-l', '0',
            **arrange({fd: file.fileno() for fd in taken}, closed))
        self.assertEqual(
            sorted(map(int, report['fds'])),
            [fd for fd in range(7) if fd not in closed and
             (fd < 6 or fd in taken)])
        fds = [report['fds'][str(fd)] for fd in (3, 4, 5)]
        self.assertEqual([(fd['type'], fd['listens'], fd['cloexec'])
                          for fd in fds],
                         [(socket.SOCK_DGRAM, 0, 0)] +
                         [(socket.SOCK_STREAM, 1, 0)] * 2)
        self.assertEqual(fds[1]['address'], './s')
        self.assertEqual(protocol(report)['PORTS'], ':'.join(
            [port(fds[0]), '', port(fds[2])]))
        if 6 in taken:
            self.assertEqual(report['fds']['6']['link'], self.path('taken'))
        if 2 not in closed:
            self.assertEqual(
                [line.split(': ', 2)[2]
                 for line in report['stderr'].splitlines()
                 if 'was open' in line],
                [f'fd {fd} was open and is closed'
                 for fd in taken if fd < 6])

    def test_numbers_in_an_unfortunate_order(self):
        """A group that had to try many numbers has left low descriptors
        free, and its sockets stand where the next ones are to go."""
        namespace = ['unshare', '-n' if harness.is_root() else '-rn']
        if subprocess.run([*namespace, 'true'], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest('no network namespace')
        done = self.run_portexec(
            *namespace[1:], sys.executable, '-c', TAKE_ALL_BUT_ONE,
            PORTEXEC, '-l', 'tcp+udp:*:0', '-l', './a', '-l', './b', '-l',
            './c', '--', PROBE, program=namespace[0])
        report = json.loads(done.stdout)
        self.assertEqual(ports(report),
                         ['40016', '40016', './a', './b', './c'])
        self.assertEqual([report['fds'][fd]['type'] for fd in '34'],
                         [socket.SOCK_STREAM, socket.SOCK_DGRAM])
        self.assertEqual(protocol(report)['PORTS'], '40016:40016:::')

    def test_other_descriptors_keep_their_flags(self):
        first = os.open(self.write('first', ''), os.O_RDWR | os.O_APPEND)
        second, third = socket.socketpair()
        second.setblocking(False)
        self.addCleanup(os.close, first)
        self.addCleanup(second.close)
        self.addCleanup(third.close)
        setup = arrange({3: first, 4: first, 9: second.fileno(), 40: first,
                         41: third.fileno()})
        report = self.report('-v', **setup)
        self.assertEqual(set(report['fds']),
                         {'0', '1', '2', '3', '4', '9', '40', '41'})
        self.assertEqual(report['fds']['3']['listens'], 1)
        self.assertEqual(report['stderr'].count('was open and is closed'), 1)
        self.assertIn(': fd 3 was open and is closed\n', report['stderr'])
        expected = self.plain(**setup)['fds']
        for fd in ('4', '9', '40', '41'):
            self.assertEqual(report['fds'][fd], expected[fd])

    def plain(self, **options):
        """The probe's report without portexec."""
        return self.report(program='/usr/bin/env', **options)

    def test_reserve_replaces_none(self):
        """And takes none of the standard three where they are closed."""
        with open(self.write('taken', ''), 'r+') as file:
            fds = {fd: file.fileno() for fd in (3, 4, 9)}
            closed = self.report('-H', 'reserve', **arrange(fds, (0, 1, 2)))
            report = self.report('-v', '-H', 'reserve', **arrange(fds))
        self.assertEqual(set(closed['fds']), {'3', '4', '5', '9'})
        for fd in ('3', '4', '9'):
            self.assertEqual(report['fds'][fd]['link'], self.path('taken'))
        self.assertNotIn('was open', report['stderr'])

    def test_process_substitution(self):
        done = self.run_portexec(
            '-c', '"$@" <(echo inside)', 'bash', PORTEXEC, '-q', '--', 'sh',
            '-c', 'cat "$1"', 'sh', program='/bin/bash')
        self.assertEqual(done.stdout, 'inside\n')

    def test_jobserver_of_make(self):
        """make -j has fds 3 and 4 open, or did until it took to a FIFO."""
        self.write('Makefile', 'all: one two\none two:\n'
                   f'\t+{PORTEXEC} -v -- {PROBE} -o $@.report\n')
        self.run_portexec('-j2', program='make', env=environment(
            MAKEFLAGS=None, MFLAGS=None, MAKELEVEL=None))
        for name in ('one', 'two'):
            report = json.loads(self.read(name + '.report'))
            self.assertEqual(report['fds']['3']['listens'], 1)
            self.assertEqual(protocol(report)['FDS'], '1')


class Variables(Passing):
    def test_one_tcp_socket(self):
        report = self.probe()
        inode = pidfd_inode(os.getpid()) and str(report['pidfd'])
        expected = {'FDS': '1', 'PID': str(report['pid']),
                    'FDNAMES': 'unknown', 'PIDFDID': inode,
                    'PORT': port(report['fds']['3']),
                    'PORTS': port(report['fds']['3'])}
        if inode is None:
            del expected['PIDFDID']
        self.assertEqual(protocol(report), expected)

    def test_no_port_where_the_first_is_unix(self):
        report = self.probe('-l', '@', '-l', 'web=0', '-l', 'unixgram:./s')
        found = protocol(report)
        self.assertNotIn('PORT', found)
        self.assertEqual(found['PORTS'], f':{port(report["fds"]["4"])}:')
        self.assertEqual(found['FDNAMES'], 'unknown:web:unknown')

    def test_no_pid(self):
        found = protocol(self.probe('--no-pid', env=environment(**STALE)))
        self.assertEqual(set(found), {'FDS', 'FDNAMES', 'PORT', 'PORTS'})

    def test_reserve_gives_the_port_only(self):
        report = self.probe('-H', 'reserve', '-l', '0', '-l', '0',
                            env=environment(**STALE))
        found = protocol(report)
        self.assertEqual(set(found), {'PORT', 'PORTS'})
        self.assertEqual(found['PORTS'].split(':')[0], found['PORT'])
        self.assertEqual(len(found['PORTS'].split(':')), 2)

    def test_stale_ones_are_gone(self):
        cases = [{name: value} for name, value in STALE.items()]
        cases += [STALE, {name: '' for name in STALE},
                  {name: 'x' for name in STALE}]
        for case in cases:
            for option in ([], ['--no-pid'], ['-l', '@']):
                with self.subTest(case=case, option=option):
                    found = protocol(self.probe(*option,
                                                env=environment(**case)))
                    fresh = protocol(self.probe(*option))
                    self.assertEqual(set(found), set(fresh))
                    for name in ('FDS', 'FDNAMES'):
                        self.assertEqual(found[name], fresh[name])

    def test_the_rest_is_the_same_in_the_same_order(self):
        given = {'Z': '1', 'LISTEN_PORT': '7', 'A': '', 'LISTEN_FDS': '2',
                 'PATH': os.environ['PATH'], 'M': 'a=b=c', 'LISTENER': 'x',
                 'LISTEN_PIDS': 'y', 'LISTEN': 'z', 'MY_LISTEN_FDS': '3',
                 'LISTEN_FDS_FIRST_FD': '5', 'listen_fds': '4',
                 'U': '{port} <port> \t\n', 'LAST': 'last'}
        report = self.probe(env=given)
        self.assertEqual(
            [entry for entry in report['environ']
             if entry.split('=')[0] not in harness.PROTOCOL],
            [f'{name}={value}' for name, value in given.items()
             if name not in harness.PROTOCOL])

    def test_each_name_is_there_once(self):
        report = self.probe('-e', 'A', '-e', 'A=2', '-e', 'LISTEN_PORT=1',
                            env=environment(A='0', **STALE))
        names = [entry.split('=')[0] for entry in report['environ']]
        self.assertEqual(len(names), len(set(names)))


class Settings(Passing):
    def test_templates_and_order(self):
        report = self.probe(
            '-l', 'web=0', '-l', 'admin=0', '-e', 'PORT', '-e', 'EMPTY=',
            '-e', 'ADMIN=<port:admin>', '-e', 'URL=http://{addr}/?a=b',
            '-e', 'TWICE=first', '-e', 'KEPT=new', '-e', 'TWICE=later {fd}',
            env=environment(KEPT='old', PORT='old', EMPTY='old'))
        web, admin = protocol(report)['PORTS'].split(':')
        self.assertEqual(report['environ'][-6:], [
            f'PORT={web}', 'EMPTY=', f'ADMIN={admin}',
            f'URL=http://127.0.0.1:{web}/?a=b', 'KEPT=new', 'TWICE=later 3'])

    def test_long_option(self):
        report = self.probe('--env', 'A=1', '--env=B=2')
        self.assertEqual(report['environ'][-2:], ['A=1', 'B=2'])

    def test_applied_after_the_protocol(self):
        found = protocol(self.probe(
            '-e', 'LISTEN_PORT=<port:1>', '-e', 'LISTEN_PORTS=none',
            '-e', 'LISTEN_FDS_FIRST_FD=<fd>', '-l', 'udp:0', '-l', '0'))
        self.assertEqual((found['PORTS'], found['FDS_FIRST_FD']),
                         ('none', '3'))
        self.assertRegex(found['PORT'], r'^\d+$')

    def test_the_protocol_itself_is_refused(self):
        for name in ('LISTEN_FDS', 'LISTEN_PID', 'LISTEN_PIDFDID',
                     'LISTEN_FDNAMES'):
            for text in (name, f'{name}=3', f'{name}='):
                with self.subTest(text=text):
                    self.assert_fails('-e', text, 'true', message=name)

    def test_path_is_used_for_the_search(self):
        os.mkdir(self.path('bin'))
        self.write('bin/a-service', '#!/bin/sh\necho found\n', 0o755)
        done = self.run_portexec('-e', f'PATH={self.path("bin")}',
                                 'a-service')
        self.assertEqual(done.stdout, 'found\n')
        self.assert_fails('a-service', message='execute a-service',
                          status=127)
        self.assert_fails('-e', 'PATH=/nowhere', 'true', status=127,
                          message='execute true')


class Process(Passing):
    def test_same_process(self):
        """Seen while portexec waits for the FIFO's reader, and after."""
        os.mkfifo(self.path('fifo'))
        process = self.launch('-p', 'fifo', '--', PROBE)
        before = stat_fields(process.pid)
        self.assertEqual(os.readlink(f'/proc/{process.pid}/exe'),
                         os.path.realpath(PORTEXEC))
        number = self.read('fifo').strip()
        report = json.loads(process.communicate(timeout=harness.DEADLINE)[0])
        self.assertEqual((report['pid'], report['ppid'], report['start']),
                         (process.pid, os.getpid(), before['start']))
        self.assertEqual(before['ppid'], os.getpid())
        self.assertEqual(report['fds']['3']['address'], '127.0.0.1:' + number)

    def test_nothing_else_of_the_process_changes(self):
        os.mkdir(self.path('elsewhere'))
        signals = {signal.SIGINT, signal.SIGQUIT, signal.SIGHUP,
                   signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD,
                   signal.SIGPIPE, signal.SIGRTMIN + 3}

        def change(ignored=(), blocked=(), umask=0o22, limit=None):
            def child():
                for number in signals:
                    signal.signal(number, signal.SIG_IGN if number in ignored
                                  else signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
                os.umask(umask)
                if limit is not None:
                    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            return child

        cases = {
            'nothing ignored': change(),
            'only SIGPIPE ignored': change({signal.SIGPIPE}),
            'all ignored': change(signals),
            'all blocked': change((), signals),
            'both': change(signals - {signal.SIGPIPE}, {signal.SIGPIPE}),
            'umask 0': change(umask=0),
            'umask 077': change(umask=0o77),
            'a low limit': change(limit=(37, 61)),
        }
        for what, child in cases.items():
            for option in (['-l', '0', '-l', './s', '-p', 'port'],
                           ['-H', 'reserve']):
                with self.subTest(what=what, option=option):
                    report = self.probe(*option, preexec_fn=child,
                                        cwd=self.path('elsewhere'))
                    expected = json.loads(subprocess.run(
                        [PROBE], stdout=subprocess.PIPE, check=True,
                        preexec_fn=child,
                        cwd=self.path('elsewhere')).stdout)
                    self.assertEqual(report['cwd'], self.path('elsewhere'))
                    for key in ('blocked', 'ignored', 'umask', 'limit',
                                'cwd', 'ppid'):
                        self.assertEqual(report[key], expected[key], key)

    def test_sigpipe_does_to_the_service_what_it_did(self):
        for action, status in ((signal.SIG_DFL, -signal.SIGPIPE),
                               (signal.SIG_IGN, 0)):
            with self.subTest(action=action):
                self.run_portexec(
                    '-p', 'port', '--', 'sh', '-c', 'kill -PIPE $$',
                    status=status, preexec_fn=lambda: signal.signal(
                        signal.SIGPIPE, action))


class Command(Passing):
    def arguments(self, *words):
        done = self.run_portexec('-q', *words)
        return json.loads(done.stdout)['argv'][1:]

    def test_arguments_are_untouched(self):
        words = ['--', '', ' ', 'a b', '-l', '--no-such', '\\', '"\'', '$HOME',
                 '*', 'tab\there', 'line\nfeed', '%d', '\xe9\udcff']
        self.assertEqual(self.arguments('--', PROBE, *words),
                         words[:-1] + ['\xc3\xa9\xff'])    # its bytes

    def test_long_argument(self):
        self.assertTrue(self.arguments(PROBE, 'a' * 100000) ==
                        ['a' * 100000])

    def test_options_end_at_the_first_operand(self):
        self.assertEqual(self.arguments(PROBE, 'x', '-l', 'bad', '--', '-h'),
                         ['x', '-l', 'bad', '--', '-h'])
        self.assertEqual(self.arguments('--', PROBE, 'x', '--version'),
                         ['x', '--version'])
        self.assertEqual(
            self.arguments('-l', '0', PROBE, '--', '-l', './s'),
            ['--', '-l', './s'])

    def test_a_command_that_begins_with_a_dash(self):
        self.write('-service', '#!/bin/sh\necho "$0"\n', 0o755)
        done = self.run_portexec(
            '-e', f'PATH={self.directory}:{os.environ["PATH"]}', '--',
            '-service')
        self.assertEqual(done.stdout, self.path('-service') + '\n')


def subsets(values):
    return itertools.chain.from_iterable(
        itertools.combinations(values, size)
        for size in range(len(values) + 1))


def stat_fields(pid):
    with open(f'/proc/{pid}/stat') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return {'ppid': int(fields[1]), 'start': int(fields[19])}
