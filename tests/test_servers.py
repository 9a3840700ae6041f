"""The demonstration, and services side by side.  Services as they are, one by
one: tests/servers, which `make check-servers` runs."""

import os
import re
import subprocess
import sys

import harness
from harness import (BUILD, Case, DEADLINE, PORTEXEC, TOP, connect,
                     environment, http_get, wait_for)


def accepts(address):
    try:
        connect(address).close()
    except OSError:
        return False
    return True


class Wired(harness.Tree):
    def test_two_with_one_port_wired_in(self):
        """Side by side, and nothing is on that port itself."""
        number = harness.free_number()
        addresses = {
            self.announced(self.launch(
                '-m', number, '--', sys.executable, '-m', 'http.server',
                '-b', '127.0.0.1', number, env=self.env))
            for _ in range(2)}
        self.assertEqual(len(addresses), 2)
        for address in addresses:
            self.assertIn('Directory listing', http_get(address))
        self.assertFalse(accepts(f'127.0.0.1:{number}'))


class Demo(Case):
    def demo(self, **changes):
        """Runs it; it and its services leave nothing."""
        os.mkdir(self.path('tmp'))
        done = subprocess.run(
            [os.path.join(TOP, 'tests', 'demo')], text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=DEADLINE,
            env=environment(**{'BUILD': BUILD, 'PROGRAM': PORTEXEC,
                               'TMPDIR': self.path('tmp'), **changes}))
        self.assertEqual(os.listdir(self.path('tmp')), [])
        ports = re.findall(r'^portexec: (?:listening on 127.0.0.1:)?(\d+)',
                           done.stderr, re.MULTILINE)
        for port in ports:
            wait_for(lambda: not accepts(f'127.0.0.1:{port}'), port)
        return done, len(ports)

    def test_both_answer(self):
        done, services = self.demo()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(services, 2)
        lines = done.stdout.splitlines()
        for command, answer in (
                ('$ portexec -p port -- hello &', 'hello from fd 3'),
                ("$ portexec -p port -- python3 -m http.server '<port>' &",
                 'hello from http.server')):
            self.assertIn(answer, lines[lines.index(command):])

    def test_a_client_that_fails(self):
        os.mkdir(self.path('bin'))
        self.write('bin/curl', '#!/bin/sh\nexit 7\n', 0o755)
        done, services = self.demo(PATH=f'{self.path("bin")}:{os.environ["PATH"]}')
        self.assertEqual((done.returncode, services), (1, 1))

    def test_a_program_that_fails(self):
        self.write('portexec', '#!/bin/sh\nexit 125\n', 0o755)
        done = self.demo(PROGRAM=self.path('portexec'))[0]
        self.assertEqual(done.returncode, 1)
