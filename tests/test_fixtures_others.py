# SPDX-License-Identifier: ISC
"""The test fixtures of tests/examples for languages that have the program
alone, each run with the archive of the release, unpacked in an empty folder.

The command of each is that of the cookbook's table; where it builds something
this is done once, and the program that was built is run.
"""

import contextlib
import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import unittest

import harness
from fixtures import (ANSWER, DIES, EXAMPLES, FAILS, HANG, IGNORES, MARK,
                      SERVER, SOON, Example)
from harness import DEADLINE, TOP, environment, name_of

JUNIT = '/usr/share/java/junit-platform-console-standalone.jar'

with open(os.path.join(TOP, 'VERSION')) as version_file:
    ARCHIVE = os.path.join(
        TOP, 'build', 'release',
        f'portexec-{version_file.read().strip()}-linux-x86_64.tar.gz')
with open(os.path.join(TOP, 'docs', 'cookbook.md')) as page:
    COMMANDS = dict(re.findall(      # {file: command}
        r'^\| .* \| \[(.*/.*)\]\(\.\./tests/examples/\1\) \| `(.*)` \|$',
        page.read(), re.MULTILINE))

ENDED = (r'portexec: python3 ended with status 3 after \d+\.\d s, before the '
         'client')

folder = None       # the module's own


def setUpModule():
    global folder
    if not os.path.exists(ARCHIVE):
        raise unittest.SkipTest('make release has not been run')
    folder = os.path.realpath(tempfile.mkdtemp(prefix='portexec-fixtures-'))
    unittest.addModuleCleanup(shutil.rmtree, folder)
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(folder)
    os.rename(os.path.join(folder, os.path.basename(ARCHIVE)[:-7]),
              folder + '/portexec')


def settings():
    """Nothing of the user's is read or written."""
    return {'PATH': f'{folder}/portexec/bin:{os.environ["PATH"]}',
            'JUNIT': JUNIT, 'GOCACHE': folder + '/go', 'GOFLAGS': '-vet=off',
            'GO111MODULE': 'off', 'PYTHONDONTWRITEBYTECODE': '1',
            # A JVM that is to end soon.
            'JDK_JAVA_OPTIONS': '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'}


@functools.cache
def built(file, builds, options):
    """A folder with the example, its service, and what the script builds.
    The options, if there are any, take the place of the example's -t."""
    name = file.split('/')[0]
    result = f'{folder}/{name}-{options}'.replace(' ', '')
    shutil.copytree(os.path.join(EXAMPLES, name), result)
    shutil.copy(EXAMPLES + '/server.py', result)
    changed = 0
    for path in options and glob.glob(result + '/**/*.*', recursive=True):
        with open(path) as source:      # the words may be in quotes
            text, found = re.subn(
                r'-t(\W+)3', lambda words: words[1].join(options.split()),
                source.read())
        with open(path, 'w') as source:
            source.write(text)
        changed += found
    if options and changed != 1:
        raise AssertionError(f'{file}: {changed} limits')
    subprocess.run(['sh', '-ec', builds], cwd=result, check=True,
                   env=environment(**settings()), timeout=2 * DEADLINE)
    return result


class Fixture(Example):
    """Each of the languages is a class of its own."""

    needs = ()
    builds = ':'
    other = 'goodbye'       # in the report, where the answer is that
    asked = 1               # how often, of a service whose end is looked at

    def setUp(self):
        super().setUp()
        for need in self.needs:
            if not shutil.which(need) and not os.path.exists(need):
                self.skipTest('not installed: ' + need)
        self.assertIn(self.file, COMMANDS)
        self.env.update(settings(), MARK=self.path('mark'))

    def project(self, service=None, options='-t 60'):
        """A copy of what was built, with that service.  A machine that does
        much else takes patience."""
        shutil.copytree(built(self.file, self.builds, options),
                        self.path('project'))
        if service is not None:
            self.write('project/server.py', service)
        self.before = self.files()

    def test_passes(self):
        """By the command that the table has."""
        shutil.copytree(os.path.join(EXAMPLES, self.file.split('/')[0]),
                        self.path('project'))
        shutil.copy(EXAMPLES + '/server.py', self.path('project'))
        command = COMMANDS[self.file]
        process = self.start(command)
        self.assertEqual(process.wait(2 * DEADLINE), 0, self.read('log'))
        self.assertRegex(self.read('log'), self.success)
        self.assert_nothing_left(seconds=SOON)

    def test_side_by_side(self):
        self.project()
        self.run_side_by_side()

    def test_another_answer(self):
        self.project(SERVER.replace('hello', 'goodbye'))
        self.run_to_failure(self.other, marked=False)

    def test_service_fails(self):
        self.project(FAILS)
        self.run_to_failure('no database', ENDED)

    def test_service_hangs(self):
        self.project(f'{MARK}\n{HANG}\n', '')
        self.run_to_failure(r'portexec: gave up after 3 s \(-t\), still '
                            r'waiting for python3 to bind \d+')

    def test_service_dies(self):
        """In the midst of an answer."""
        self.project(SERVER.replace(
            ANSWER, f'        {MARK}; {DIES}\n{ANSWER}'), '-k .5 -t 60')
        self.run_to_failure('out of memory', ENDED)

    def test_service_dies_with_the_last_answer(self):
        """Which a child of it gives, when portexec has seen the end."""
        self.project(SERVER.replace('Threading', '').replace(ANSWER, f'''\
        import os, time
        Handler.asked = getattr(Handler, 'asked', 0) + 1
        if Handler.asked == {self.asked}:
            parent = os.getpid()
            if os.fork() > 0:
                print('out of memory', flush=True); os._exit(3)
            while os.path.exists('/proc/%d' % parent):
                time.sleep(0.01)
{ANSWER}'''))
        self.run_to_failure('out of memory', ENDED, marked=False)

    def test_service_ignores_term(self):
        self.project(IGNORES + SERVER, '-k .5 -t 60')
        process = self.start()
        self.assertEqual(process.wait(DEADLINE), 0, self.read('log'))
        self.assert_clean()

    def test_portexec_fails(self):
        self.project()
        os.mkdir(self.path('bin'))
        self.write('bin/portexec', '#!/bin/sh\necho "portexec: no" >&2\n'
                   'exit 125\n', 0o755)
        self.run_to_failure('portexec: no', marked=False, PATH=':'.join([
            self.path('bin'), os.environ['PATH']]))

    def test_interrupted(self):
        self.interrupt_test()

    def test_killed(self):
        """The process that holds the service, and its starters."""
        process = self.start_test()
        for pid in self.holders(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.assert_clean()
        process.wait(DEADLINE)

    def holders(self, runner):
        return [runner]


class Go(Fixture):
    file = 'go/server_test.go'
    needs = 'go',
    builds = 'go test -c -o server.test server_test.go'
    command = './server.test'
    success = r'^ok '
    failure = '--- FAIL|portexec: exit status'


class Junit(Fixture):
    file = 'junit/ServerTest.java'
    hung = 2
    needs = 'javac', 'java', JUNIT
    builds = 'javac -cp "$JUNIT" *.java'
    asked = 2
    command = 'java -jar "$JUNIT" -cp . --scan-classpath'
    success = '2 tests successful'
    failure = r'Failures \([1-9]\)'
    at_once = 4


class Minitest(Fixture):
    file = 'minitest/test_server.rb'
    needs = 'ruby',
    hung = 2
    asked = 2
    command = 'ruby test_server.rb'
    success = '3 runs, 3 assertions, 0 failures, 0 errors, 0 skips'
    failure = r'\d runs, .*, 0 skips|portexec: pid \d+ exit 125'


class Rust(Fixture):
    file = 'rust/tests/server.rs'
    needs = 'rustc',
    builds = 'rustc --edition 2021 --test tests/server.rs'
    command = './server'
    success = 'test result: ok. 3 passed'
    failure = 'test result: FAILED'


class Bats(Fixture):
    file = 'bats/server.bats'
    needs = 'bats', 'parallel'
    asked = 2
    command = 'bats --jobs 2 server.bats'
    success = '(?m)^ok 2 '
    failure = '(?m)^not ok '
    other = r'\[ "\$output" = .* failed'
    at_once = 4

    def holders(self, runner):
        """All of its shells."""
        return [pid for pid in self.left() if name_of(pid) in (
            'bash', 'bats', 'env', 'perl', 'parallel')]


class Check(Fixture):
    file = 'check/check_server.c'
    hung = 2
    needs = 'cc', 'pkg-config', 'curl'
    builds = ('cc -o check_server check_server.c '
              '$(pkg-config --cflags --libs check)')
    command = './check_server'
    success = '100%: Checks: 2, Failures: 0, Errors: 0'
    failure = r'\d+%: Checks: \d'


class Table(harness.Case):
    def test_commands_are_these(self):
        """What is built and run by the tests is what the table has."""
        for each in Fixture.__subclasses__():
            with self.subTest(file=each.file):
                parts = [] if each.builds == ':' else [each.builds]
                if each is not Go:      # `go test` is both
                    self.assertEqual(COMMANDS[each.file], ' && '.join(
                        [*parts, each.command]))


def load_tests(loader, *_):
    """Not of the class that they share."""
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, (
        Table, *Fixture.__subclasses__())))
