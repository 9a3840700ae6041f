# SPDX-License-Identifier: ISC
"""The demonstration, and services side by side.  Services as they are, one by
one: tests/servers, which `make check-servers` runs."""

import os
import re
import shutil
import subprocess
import sys

import harness
from harness import (BUILD, DEADLINE, DENY, PORTEXEC, TOP, connect, http_get,
                     wait_for)


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


TOLD = '$ portexec -p port -- python3 -m http.server {port} &'
TEN = ("$ portexec -c 'curl -fsS http://{addr}/name' -- "
       'python3 -m http.server {port}')
# Not portexec: fails where there is a client to run.
NO_CLIENTS = f'''#!/bin/sh
[ "$1" = -c ] && echo 'no client today' && exit 125
exec {PORTEXEC} "$@"
'''
# Not curl: where it is one of ten, it waits.
SLOW_CURL = '''#!/bin/sh
case $* in */name) : >"$MARK"; exec sleep 300 ;; esac
exec {} "$@"
'''


class Demo(harness.Tree):
    def words(self, *before, **changes):
        os.makedirs(self.path('tmp'))
        return [*before, os.path.join(TOP, 'tests', 'demo')], {
            **self.env, 'BUILD': BUILD, 'PROGRAM': PORTEXEC,
            'TMPDIR': self.path('tmp'), **changes}

    def assert_clean(self):
        self.assertEqual(os.listdir(self.path('tmp')), [])
        self.assert_nothing_left()

    def demo(self, *before, **changes):
        """Runs it; it and its services leave nothing."""
        words, env = self.words(*before, **changes)
        done = subprocess.run(
            words, text=True, capture_output=True, stdin=subprocess.DEVNULL,
            timeout=4 * DEADLINE, env=env)
        self.assert_clean()
        return done, len(re.findall('^portexec: listening on', done.stderr,
                                    re.MULTILINE))

    def assert_parts(self, lines, *parts):
        """They are in the lines, in this order."""
        for pattern in parts:
            found = [number for number, line in enumerate(lines)
                     if re.fullmatch(pattern, line)]
            self.assertTrue(found, f'{pattern}: {lines}')
            lines = lines[found[0] + 1:]
        return lines

    def test_three_parts(self):
        done, services = self.demo()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(services, 2)
        lines = self.assert_parts(
            done.stdout.splitlines(), '# 1[.] .*', re.escape(TOLD),
            'hello from http.server', '# 2[.] .*',
            re.escape('$ portexec -p port -- hello &'), 'hello from fd 3',
            '# 3[.] .*')
        if 'no network namespace' in done.stdout:
            self.skipTest(lines[0])
        lines = self.assert_parts(
            lines, r'\$ sh test[.]sh.*', r'\d+ of 10 tests failed',
            re.escape(TEN))
        self.assertEqual(lines, ['0 of 10 tests failed'])

    def test_no_namespace(self):
        """Then only those under portexec are run."""
        done, _ = self.demo(DENY, 'unshare', 'EPERM')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn('$ sh ', done.stdout)
        lines = self.assert_parts(
            done.stdout.splitlines(), '.*: no network namespace: Operation '
            r'not permitted[.]\)', re.escape(TEN))
        self.assertEqual(lines, ['0 of 10 tests failed'])

    def test_ten_that_fail(self):
        """Their number is the status, and that of the others is not."""
        done, services = self.demo(
            PROGRAM=self.write('portexec', NO_CLIENTS, 0o755))
        self.assertEqual((done.returncode, services), (1, 2), done.stderr)
        self.assertEqual(done.stdout.splitlines()[-2:], [
            '10 of 10 tests failed', '  10 x no client today'])

    def test_a_client_that_fails(self):
        os.mkdir(self.path('bin'))
        self.write('bin/curl', '#!/bin/sh\nexit 7\n', 0o755)
        done, services = self.demo(PATH=f'{self.path("bin")}:{os.environ["PATH"]}')
        self.assertEqual((done.returncode, services), (1, 1))

    def test_a_program_that_fails(self):
        self.write('portexec', '#!/bin/sh\nexit 125\n', 0o755)
        done = self.demo(PROGRAM=self.path('portexec'))[0]
        self.assertEqual(done.returncode, 1)

    def test_it_is_ended(self):
        """While ten run: neither they nor their services are left."""
        os.mkdir(self.path('bin'))
        self.write('bin/curl', SLOW_CURL.format(shutil.which('curl')), 0o755)
        words, env = self.words(
            DENY, 'unshare', 'EPERM', MARK=self.path('mark'),
            PATH=f'{self.path("bin")}:{os.environ["PATH"]}')
        demo = self.launch(*words[1:], program=words[0], env=env)
        wait_for(lambda: os.path.exists(self.path('mark')), 'the ten')
        demo.terminate()
        self.assertEqual(demo.wait(DEADLINE), 143)
        self.assert_clean()
