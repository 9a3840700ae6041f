# SPDX-License-Identifier: ISC
"""The test fixtures of tests/examples for Python, each in a copy of its
folder, in a virtual environment that has the wheel, installed offline."""

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import harness
from fixtures import (ANSWER, DIES, EXAMPLES, FAILS, HANG, IGNORES, MARK,
                      Example)
from harness import DEADLINE, TOP, environment

PYTHON = '/usr/bin/python3'

with open(os.path.join(TOP, 'VERSION')) as version_file:
    WHEELS = os.path.join(
        glob.escape(os.path.join(harness.BUILD, 'release')),
        f'portexec-{version_file.read().strip()}-*_{os.uname().machine}.whl')

ENDED = (r'portexec: \S*python3? ended with status 3 after \d+\.\d s, before '
         'the client')

venv = None         # the module's own


def setUpModule():
    global venv
    wheels = glob.glob(WHEELS)
    if len(wheels) != 1:
        raise unittest.SkipTest('make wheel has not been run')
    if not os.path.exists(PYTHON):
        raise unittest.SkipTest('not installed: ' + PYTHON)
    venv = os.path.realpath(tempfile.mkdtemp(prefix='portexec-fixtures-'))
    unittest.addModuleCleanup(shutil.rmtree, venv)
    for words in (
            ('venv', '--without-pip', '--system-site-packages', venv),
            ('pip', '--python', venv + '/bin/python', '-q', '--no-input',
             '--disable-pip-version-check', 'install', '--no-index',
             '--no-deps', *wheels)):
        subprocess.run([PYTHON, '-m', *words], check=True, timeout=DEADLINE,
                       cwd='/', env=environment(PIP_ROOT_USER_ACTION='ignore',
                                                PIP_NO_CACHE_DIR='1'))


class Base(Example):
    service = 'server.py'
    needs = ()
    at_once = 4         # each has several services
    statuses = 1,

    def setUp(self):
        super().setUp()
        for need in self.needs:
            if not shutil.which(need) and subprocess.run(
                    [PYTHON, '-c', f'import {need}'],
                    stderr=subprocess.DEVNULL).returncode != 0:
                self.skipTest('not installed: ' + need)
        self.env.update(
            PATH=f'{venv}/bin:{os.environ["PATH"]}', MARK=self.path('mark'),
            PYTHONDONTWRITEBYTECODE='1', PYTEST_ADDOPTS='-p no:cacheprovider')

    def project(self, service=None, options='start_timeout=60'):
        """A copy of the folder, with that text of the service, and these
        options for each.  A machine that does much else takes patience."""
        shutil.copytree(os.path.join(EXAMPLES, self.name),
                        self.path('project'))
        if self.service == 'server.py':
            shutil.copy(EXAMPLES + '/server.py', self.path('project'))
        if service is not None:
            self.write('project/' + self.service, service)
        changed = 0
        for path in glob.glob(self.path('project') + '/*.py'):
            with open(path) as source:
                text, found = re.subn('start_timeout=3', options,
                                      source.read())
            with open(path, 'w') as source:
                source.write(text)
            changed += found
        self.assertGreater(changed, 0)
        self.before = self.files()

    def text(self):
        if self.service == 'server.py':
            return super().text()
        return self.read(os.path.join(EXAMPLES, self.name, self.service))


class Stopped(Base):
    """In the midst of a test."""

    def test_interrupted(self):
        self.interrupt_test()

    def test_killed(self):
        """With the workers of pytest-xdist, which else live on for some
        seconds, in the midst of a test."""
        process = self.start_test()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self.assert_clean()
        process.wait(DEADLINE)


class Fixture(Base):
    """Each of the frameworks is a class of its own."""

    def test_passes(self):
        self.project()
        for command in self.commands:
            process = self.start('exec ' + command)
            self.assertEqual(process.wait(DEADLINE), 0, self.read('log'))
            self.assertEqual(self.left(), [])
        self.assert_clean()
        self.assertEqual(
            len(re.findall(self.success, self.read('log'))),
            len(self.commands), self.read('log'))

    def test_service_fails(self):
        self.project(self.failing())
        self.run_to_failure('no database', ENDED)

    def test_service_dies(self):
        """In the midst of an answer."""
        self.project(self.dying())
        self.run_to_failure('out of memory', ENDED)

    def failing(self):
        return FAILS

    def dying(self):
        return self.text().replace(ANSWER, f'        {MARK}; {DIES}\n{ANSWER}')


class Full(Fixture, Stopped):
    """What the frameworks that are no servers are held to."""

    def test_service_hangs(self):
        self.project(f'{MARK}\n{HANG}\n', 'start_timeout=3')
        self.run_to_failure(r'portexec: gave up after 3 s \(-t\), still '
                            r'waiting for \S+python3? to bind \d+')

    def test_service_ignores_term(self):
        self.project(IGNORES + self.text(), 'kill_after=.5')
        process = self.start()
        self.assertEqual(process.wait(DEADLINE), 0, self.read('log'))
        self.assert_clean()

    def test_side_by_side(self):
        self.project()
        self.run_side_by_side()


class Pytest(Full):
    name = 'pytest'
    hung = 5
    needs = 'pytest', 'xdist', 'pytest_asyncio', 'redis-server'
    command = 'python -m pytest'
    commands = command, command + ' -n 2'
    success = r'\b6 passed in '
    failure = r'\d failed|\d errors?'


class PytestXdist(Stopped):
    """The workers end as well."""
    name = 'pytest'
    needs = 'pytest', 'xdist', 'pytest_asyncio', 'redis-server'
    command = 'python -m pytest -n 2'


class Unittest(Full):
    name = 'unittest'
    hung = 2
    command = 'python -m unittest'
    commands = command,
    success = r'Ran 3 tests in .*\n\nOK\n'
    failure = r'FAILED \((failures|errors)='


class Loaded(Fixture):
    """The tests load the service as well, where serves is false."""

    def failing(self):
        return f'import sys\nif {self.serves}:\n    ' + FAILS + self.text()

    def dying(self):
        return self.text().replace('    return ', (
            f'    import sys\n    if {self.serves}:\n'
            f'        {MARK}; {DIES}\n    return '))


class Flask(Loaded):
    name = 'flask'
    service = 'app.py'
    needs = 'pytest', 'flask'
    command = 'python -m pytest'
    commands = command,
    success = r'\b2 passed in '
    failure = r'1 failed, 1 passed'
    serves = "'pytest' not in sys.modules"


class Django(Loaded):
    name = 'django'
    service = 'urls.py'
    needs = 'django',
    command = 'python manage.py test'
    commands = command,
    success = r'Ran 2 tests in .*\n\nOK\n'
    failure = r'FAILED \(errors=[12]\)'
    serves = "'runserver' in sys.argv"


def load_tests(loader, *_):
    """Not of the classes that they share."""
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, (
        Pytest, PytestXdist, Unittest, Flask, Django)))
