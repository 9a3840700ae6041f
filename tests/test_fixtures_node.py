# SPDX-License-Identifier: ISC
"""tests/examples: the fixtures for the test frameworks of Node.js.

Each is run in an empty folder, with the package that `make npm` has built.
What breaks is the service alone.
"""

import collections
import concurrent.futures
import contextlib
import fcntl
import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import termios
import threading
import time
import unittest

import harness
import test_npm
from harness import DEADLINE, TOP, Tree, wait_for

EXAMPLES = os.path.join(TOP, 'tests', 'examples')
# Of each fixture: files, four at a time, where each has a service; else runs of
# the framework.
RUNS = int(os.environ.get('PORTEXEC_RUNS') or 20)
AT_ONCE = 3     # runs
# Seconds.  A run is to end within 5 s of what went wrong.  Here it has three
# times that, for a machine that does much else.
LIMIT = 15

# file is the test; shared says that one service is for all.
Fixture = collections.namedtuple('Fixture', 'folder file others command '
                                 'shared')
FIXTURES = {
    'vitest': Fixture(
        'vitest', 'shared.test.mjs', ('vitest.config.mjs', 'setup.mjs'),
        'vitest run --maxWorkers 4', True),
    'vitest, a file': Fixture(
        'vitest', 'own.test.mjs', (), 'vitest run --maxWorkers 4', False),
    'vitest, a test': Fixture(
        'vitest', 'using.test.ts', (), 'vitest run --maxWorkers 4', False),
    'jest': Fixture(
        'jest', 'shared.test.js', ('jest.config.js', 'setup.js',
                                   'teardown.js'),
        'jest --maxWorkers 4', True),
    'jest, a file': Fixture(
        'jest', 'own.test.js', (), 'jest --maxWorkers 4', False),
    'mocha': Fixture(
        'mocha', 'hello.test.js', ('.mocharc.json', 'hooks.js'),
        "mocha --jobs 4 '*.test.js'", False),
    'node:test': Fixture(
        'node-test', 'hello.test.mjs', (),
        'node --test --test-concurrency=4', False),
    'playwright': Fixture(
        'playwright', 'shared.spec.js', ('playwright.config.js',),
        'playwright test --workers 4', True),
    'playwright, a worker': Fixture(
        'playwright', 'own.spec.js', ('fixtures.js',),
        'playwright test --workers 4', False),
    'package.json': Fixture(
        'package-scripts', 'hello.test.mjs', ('package.json',), 'npm test',
        True),
}
OUTPUT = {'test-results'}       # Playwright's

# A machine that does much else may take longer than a file allows, where that
# is not what is tested: changes to files, and options.
PATIENCE = (('startTimeout: 3', 'startTimeout: 60'), ('-t 3', '-t 60'))
PATIENT = {'vitest': ' --testTimeout 60000 --hookTimeout 60000',
           'jest': ' --testTimeout 60000', 'mocha': ' --timeout 60000'}

# Debian's browser in the place of Playwright's own, which is not downloaded.
BROWSER = {
    'launchOptions': '''
const launchOptions = { executablePath: '/usr/bin/chromium' };
''',
    'playwright': '''
import config from './playwright.config.js';

export default { ...config, use: { ...config.use, launchOptions } };
''',
    'playwright, a worker': '''
export default { use: { launchOptions } };
'''}

# What the service does: in the place of server.js, or behind it.
BEGUN = '''
require('node:fs').writeFileSync('begun', '');
'''
COUNTED = '''
require('node:fs').appendFileSync('services', `${process.pid}\\n`);
'''
FAILS = BEGUN + '''
console.error('last words');
process.exit(3);
'''
HANGS = BEGUN + '''
setInterval(() => {}, 1000);
'''
DIES = '''
require('node:http').createServer(() => {
  require('node:fs').writeFileSync('begun', '');
  console.error('last words');
  process.exit(4);
}).listen(process.env.PORT, '127.0.0.1');
'''
STUBBORN = '''
process.on('SIGTERM', () => {});
'''
SILENT = '''
require('node:http').createServer(() => {
  require('node:fs').writeFileSync('begun', '');
}).listen(process.env.PORT, '127.0.0.1');
'''


def text_of(*names):
    with open(os.path.join(EXAMPLES, *names)) as file:
        return file.read()


SERVER = text_of('server.js')


def setUpModule():
    test_npm.setUpModule()
    if shutil.which('chromium') is None:
        raise unittest.SkipTest('not installed: chromium')


@functools.cache
def modules(project):
    """node_modules of a project that has portexec and all frameworks."""
    folder = os.path.join(project, 'fixtures')
    os.makedirs(folder + '/.bin')
    for top in (os.path.join(project, 'node_modules'), test_npm.TOOLS):
        for name in os.listdir(top):
            if not name.startswith('.'):
                os.symlink(os.path.join(top, name),
                           os.path.join(folder, name))
        for name in os.listdir(top + '/.bin'):
            if name != 'node':
                os.symlink(os.path.join(top, '.bin', name),
                           os.path.join(folder, '.bin', name))
    return folder


class Run:
    """Of a fixture, in a folder of its own."""

    def __init__(self, case, name, server=SERVER, files=1, changes=PATIENCE,
                 browser=False, command=None):
        self.name, self.fixture = name, FIXTURES[name]
        self.part = f'/{next(case.numbers)}/'
        self.folder = case.path('run' + self.part.strip('/'))
        os.mkdir(self.folder)
        os.symlink(case.modules, self.path('node_modules'))
        self.write('server.js', server)
        if 'package.json' not in self.fixture.others:
            self.write('package.json', '{"private": true}\n')
        for other in self.fixture.others:
            self.write(other, text_of(self.fixture.folder, other), changes)
        for number in range(files):
            self.write(self.fixture.file.replace('.', f'{number or ""}.', 1),
                       text_of(self.fixture.folder, self.fixture.file),
                       changes)
        self.command = command or self.fixture.command
        if changes:
            self.command += PATIENT.get(self.fixture.folder, '')
        if self.fixture.folder == 'playwright':
            if browser:
                self.write('browser.config.js',
                           BROWSER['launchOptions'] + BROWSER[name])
            self.command += (' -c browser.config.js' if browser else
                             ' -g client')
        self.env = {**case.env, 'PORTEXEC_TEST': case.directory + self.part,
                    'PATH': self.path('node_modules/.bin') + ':' +
                    case.env['PATH']}
        self.before = self.files()
        self.case = case

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, changes=()):
        for old, new in changes:
            text = text.replace(old, new)
        with open(self.path(name), 'w') as file:
            file.write(text)

    def files(self):
        return set(os.listdir(self.folder))

    def start(self, **options):
        self.process = subprocess.Popen(
            ['sh', '-c', 'exec ' + self.command], cwd=self.folder,
            env=self.env, text=True, errors='replace', **{
                'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
                'stderr': subprocess.STDOUT, **options})
        return self

    def interrupt(self):
        """By a key of its terminal, while a test waits for an answer."""
        terminal, inner = os.openpty()
        said = []

        def child():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        def read():
            with contextlib.suppress(OSError):  # EIO: all have closed it
                while part := os.read(terminal, 65536):
                    said.append(part)
        self.start(stdin=inner, stdout=inner, preexec_fn=child)
        os.close(inner)
        reader = threading.Thread(target=read)
        reader.start()
        wait_for(self.begun, 'the test of ' + self.name)
        self.event_at = time.time()
        os.write(terminal, b'\x03')
        self.process.wait(DEADLINE)
        self.assert_nothing_left()
        self.ended_at = time.time()
        reader.join(DEADLINE)
        os.close(terminal)
        self.said = b''.join(said).decode(errors='replace')

    def finish(self, status=0):
        """What it said; nothing is left of it."""
        self.said = self.process.communicate(timeout=4 * DEADLINE)[0]
        if status is not None:
            self.case.assertEqual(self.process.returncode, status, self.said)
        self.assert_nothing_left()
        self.ended_at = time.time()
        return self.said

    def begun(self):
        return os.path.exists(self.path('begun'))

    def assert_nothing_left(self):
        self.case.assert_nothing_left(self.part)
        self.case.assertEqual(
            self.files() - OUTPUT - {'begun', 'services'}, self.before)


class Case(Tree):
    def setUp(self):
        super().setUp()
        self.numbers = itertools.count()
        self.modules = modules(test_npm.installed('npm'))
        self.env = test_npm.clean_environment(
            PORTEXEC_TEST=self.directory, NO_COLOR='1', CI=None,
            FORCE_COLOR=None, npm_config_loglevel='error',
            PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD='1')

    def each(self, test, names=tuple(FIXTURES), at_once=AT_ONCE):
        """Calls test(name) for each, some at a time."""
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            found = [(name, pool.submit(test, name)) for name in names]
        for name, done in found:
            with self.subTest(name):
                done.result()

    def assert_soon(self, run):
        seconds = run.ended_at - run.event_at
        self.assertLess(seconds, LIMIT, run.said)


class Fixtures(Case):
    def test_green(self):
        """Three files: as many services as there should be."""
        def test(name):
            run = Run(self, name, SERVER + COUNTED, 3, (), browser=True)
            run.start().finish()
            with open(run.path('services')) as file:
                services = len(set(file.read().split()))
            if run.fixture.shared:
                self.assertEqual(services, 1, run.said)
            elif run.fixture.folder == 'playwright':    # one a worker
                self.assertIn(services, (1, 2, 3), run.said)
            else:
                self.assertEqual(services, 3, run.said)
        self.each(test, at_once=2)

    def to_failure(self, name, server, pattern, **options):
        run = Run(self, name, server, **options)
        said = run.start().finish(status=None)
        self.assertNotEqual(run.process.returncode, 0, said)
        self.assertRegex(said, pattern)
        run.event_at = os.stat(run.path('begun')).st_mtime
        self.assert_soon(run)
        return run

    def test_service_fails(self):
        def test(name):
            run = self.to_failure(name, FAILS,
                                  'portexec: .*node.* ended with status 3')
            self.assertIn('last words', run.said)
        self.each(test)

    def test_service_hangs(self):
        def test(name):
            self.to_failure(name, HANGS, 'portexec: gave up after 3 s .*still '
                            r'waiting for node to bind \d+ ', changes=())
        self.each(test)

    def test_service_dies(self):
        def test(name):
            run = self.to_failure(name, DIES,
                                  'portexec: .*node.* ended with status 4')
            self.assertIn('last words', run.said)
        self.each(test)

    def test_interrupted(self):
        """By the terminal's key."""
        def test(name):
            run = Run(self, name, SILENT)
            run.interrupt()
            self.assert_soon(run)
            if name != 'mocha':     # its status is the number of failures
                self.assertNotEqual(run.process.returncode, 0, run.said)
        self.each(test)

    def kill(self, name, command=None):
        """The runner alone: for a script, that is portexec."""
        run = Run(self, name, SILENT, command=command).start()
        wait_for(run.begun, 'the test of ' + name)
        killed = run.process.pid
        if name == 'package.json':
            killed = next(pid for pid in sorted(self.left(run.part))
                          if harness.name_of(pid) == 'portexec')
        run.event_at = time.time()
        os.kill(killed, signal.SIGKILL)
        return run

    def test_killed(self):
        def test(name):
            run = self.kill(name, FIXTURES[name].command +
                            ' --pool threads' * name.startswith('vitest'))
            run.finish(status=None)
            self.assertNotEqual(run.process.returncode, 0)
            self.assert_soon(run)
        self.each(test)

    def test_vitest_killed_with_its_default_pool(self):
        """It leaves its worker, also without portexec, and nothing else."""
        def others(run):
            return [line for line in map(harness.command_line,
                                         self.left(run.part))
                    if line and 'node (vitest ' not in line]

        def test(name):
            run = self.kill(name)
            wait_for(lambda: not others(run), 'the end of the service', LIMIT)
            for pid in self.left(run.part):
                os.kill(pid, signal.SIGKILL)
            run.finish(-signal.SIGKILL)
        self.each(test, ['vitest', 'vitest, a file'])

    def test_side_by_side(self):
        """Many of a kind."""
        def test(name):
            files = 1 if FIXTURES[name].shared else RUNS
            Run(self, name, files=files).start().finish()
        self.each(test, [name for name, fixture in FIXTURES.items()
                         for _ in range(RUNS if fixture.shared else 1)])

    def test_service_ignores_the_stop_signal(self):
        def test(name):
            run = Run(self, name, SERVER + STUBBORN, changes=[
                ('startTimeout: 3', 'startTimeout: 60, killAfter: 0.5'),
                ('-t 3', '-t 60 -k 0.5'), (' -k 1', '')])
            run.start().finish()
        self.each(test)


class Scripts(Case):
    """The package.json under each program that runs its scripts."""

    def setUp(self):
        super().setUp()
        self.yarn4 = test_npm.installed('yarn4')

    def script(self, runner, server):
        run = Run(self, 'package.json', server, command={
            'npm': 'npm test',
            'pnpm': f'node {test_npm.PNPM} test',
            'yarn 1': f'node {test_npm.YARN1} test',
            'yarn 4': f'node {test_npm.YARN4} test',
            'node --run': f'{test_npm.NODE24} --run test'}[runner])
        if runner == 'yarn 4':
            self.install(run)
        return run

    def install(self, run):
        """Yarn 4 runs the scripts of what it has installed itself."""
        os.remove(run.path('node_modules'))
        with open(self.yarn4 + '/package.json') as file:
            package = json.load(file)
        package.update(json.loads(text_of('package-scripts', 'package.json')))
        shutil.copytree(self.yarn4, run.folder, symlinks=True,
                        dirs_exist_ok=True)
        run.write('package.json', json.dumps(package))
        os.symlink(os.path.join(test_npm.TOOLS, 'vitest'),
                   run.path('node_modules/vitest'))
        run.env['PATH'] = self.modules + '/.bin:' + self.env['PATH']
        run.before = run.files()

    RUNNERS = ('npm', 'pnpm', 'yarn 1', 'yarn 4', 'node --run')

    def test_status(self):
        """It is the test's; or the service's, where that fails."""
        def test(runner):
            self.script(runner, SERVER).start().finish()
            said = self.script(runner, FAILS).start().finish(
                1 if runner == 'node --run' else 3)
            self.assertRegex(said, 'portexec: node ended with status 3')
        self.each(test, self.RUNNERS)

    def test_interrupted(self):
        def test(runner):
            run = self.script(runner, SILENT)
            run.interrupt()
            self.assert_soon(run)
            self.assertNotEqual(run.process.returncode, 0, run.said)
        self.each(test, self.RUNNERS)
