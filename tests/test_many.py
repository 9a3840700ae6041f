# SPDX-License-Identifier: ISC
"""Many launches side by side, each of which holds its sockets until all do.

Shells start them, several at once, so that this process needs no pipes.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import unittest

import harness
from harness import (BRIEF, PORTEXEC, PROBE, Case, connect, environment,
                     read_all, sockets, variables, wait_for)

SHELLS = 10
EACH = 10 if BRIEF else 100     # a shell's launches
ALL = range(SHELLS * EACH)
LAUNCH = '''
program=$1 number=$2 end=$3
shift 3
while [ "$number" -lt "$end" ]; do
    "$program" -p "port$number" "$@" "report$number" &
    number=$((number + 1))
done
wait'''


class Many(Case):
    def start(self, count, *arguments):
        """Each shell launches that many; the last argument of each launch
        is the name of a report."""
        with open(self.path('errors'), 'w') as errors:
            for number in range(SHELLS):
                shell = subprocess.Popen(
                    ['sh', '-c', LAUNCH, 'sh', PORTEXEC,
                     str(number * count), str((number + 1) * count),
                     '-q', *arguments],
                    cwd=self.directory, env=environment(),
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=errors, start_new_session=True)
                self.addCleanup(self.end, shell)

    def end(self, shell):
        """With everything that it started: its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()

    def ports(self, count):
        """What all the port files say, once all are there."""
        for number in range(count):
            wait_for(lambda: os.path.exists(self.path(f'port{number}')),
                     f'port file {number}')
        self.assertEqual(self.read('errors'), '')
        texts = [self.read(f'port{number}') for number in range(count)]
        for text in texts:
            self.assertRegex(text, r'\A[1-9][0-9]*\n\Z')
        return [text.strip() for text in texts]

    def report(self, number):
        def whole():
            with contextlib.suppress(FileNotFoundError, ValueError):
                return json.loads(self.read(f'report{number}'))
        return wait_for(whole, f'report {number}')

    def test_thousand_sockets(self):
        """A service ends when its client has been answered: all of them
        are there until the last number is known."""
        self.start(EACH, '--', PROBE, '-a', '1', '-o')
        ports = self.ports(len(ALL))
        self.assertEqual(len(set(ports)), len(ALL))
        for number, port in enumerate(ports):
            report = self.report(number)
            self.assertEqual([fd['address'] for fd in sockets(report)],
                             [f'127.0.0.1:{port}'])
            self.assertEqual(variables(report)['LISTEN_PORT'], port)
            with connect(f'127.0.0.1:{port}') as client:
                self.assertEqual(read_all(client), b'answer\n')
        self.assertEqual(self.read('errors'), '')

    def test_groups(self):
        count = SHELLS * 5
        self.start(5, '-l', 'tcp+udp:0', '--', PROBE, '-a', '1', '-o')
        ports = self.ports(count)
        self.assertEqual(len(set(ports)), count)
        for number, port in enumerate(ports):
            self.assertEqual(
                [fd['address'] for fd in sockets(self.report(number))],
                [f'127.0.0.1:{port}'] * 2)
            with connect(f'127.0.0.1:{port}') as client:
                self.assertEqual(read_all(client), b'answer\n')

    def test_reserved(self):
        """The services wait at a FIFO for a writer, which never comes."""
        count = SHELLS * 5
        os.mkfifo(self.path('fifo'))
        self.start(5, '-H', 'reserve', '--', 'sh', '-c',
                   'read -r line <fifo', 'sh')
        ports = self.ports(count)
        self.assertEqual(len(set(ports)), count)
        for number, port in enumerate(ports):
            with self.assertRaises(ConnectionRefusedError):
                connect(f'127.0.0.1:{port}')


# As many of the command as the first argument says, side by side.
WORKERS = '''
echo "limit $(ulimit -Sn)"
count=$1
shift
while [ "$count" -gt 0 ]; do
    "$@" "touch=bound$count" wait=never &
    count=$((count - 1))
done
wait'''


class Workers(harness.Binding):
    LIMIT, COUNT = 64, 70

    def few(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (
            self.LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    def test_more_than_the_soft_limit(self):
        """It is the caller's in the service and in the client."""
        client = 'ulimit -Sn; ' + ''.join(
            f'until [ -e bound{number} ]; do sleep 0.01; done; '
            for number in range(1, self.COUNT + 1))
        done = self.run_portexec(
            '-c', client, '--', 'sh', '-c', WORKERS, 'sh', self.COUNT,
            self.binder, 'socket=tcp4', 'set=reuseaddr:1', 'set=reuseport:1',
            'bind=127.0.0.1:{port}', 'listen', env=self.env,
            preexec_fn=self.few, **self.user)
        self.assertEqual(sorted(done.stdout.splitlines()), sorted(
            [str(self.LIMIT), f'limit {self.LIMIT}'] +
            ['bind given'] * self.COUNT))
        self.assert_nothing_left()


if harness.is_root():
    class WorkersOfAnOrdinaryUser(Workers):
        ordinary = True


if __name__ == '__main__':
    unittest.main()
