# SPDX-License-Identifier: ISC
"""tests/run, which runs the tests, on tests of its own."""

import os
import re
import shutil
import subprocess
import sys

import harness
from harness import TOP, Case

SAMPLE = '''
import unittest

class First(unittest.TestCase):
    def test_fails(self):
        self.assertEqual(1, 2, 'one\\ntwo')

    def test_fails_in_part(self):
        for part in 'ab':
            with self.subTest(part):
                self.assertEqual(part, 'a')

    def test_passes(self):
        pass

    def test_skipped(self):
        self.skipTest('no moon\\n  tonight')

class Second(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError('cannot be set up')

    def test(self):
        pass

class Third(unittest.TestCase):
    def test_a(self):
        self.skipTest('no sun')

    def test_b(self):
        for part in range(2):
            with self.subTest(part):
                self.skipTest('no sun')
'''
PASSES = '''
import unittest

class First(unittest.TestCase):
    def test(self):
        pass
'''
# It passes while another module runs it too.
MEETS = '''
import os, time, unittest

class First(unittest.TestCase):
    def test(self):
        open(__name__, 'w').close()
        for _ in range(1000):
            if os.path.exists('test_one') and os.path.exists('test_two'):
                return
            time.sleep(0.01)
        self.fail('alone')
'''
HANGS = '''
import os, subprocess, unittest

class First(unittest.TestCase):
    def test_a(self):
        child = subprocess.Popen(['sleep', '1000'])
        try:
            child.wait()
        except OSError:
            pass
        finally:
            child.kill()
            child.wait()

    def test_b(self):
        pass

class Second(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.read(os.pipe()[0], 1)

    def test(self):
        pass
'''
# As those of tests/test_services.py where there is no portexec.
SERVICES = '''
import unittest

class First(unittest.TestCase):
    def test_a(self):
        self.fail('no client waits for the service')

class Second(unittest.TestCase):
    def test_b(self):
        self.fail({!r})
'''


class Run(Case):
    def setUp(self):
        super().setUp()
        for name in ('run', 'harness.py', 'without'):
            shutil.copy(os.path.join(TOP, 'tests', name), self.directory)

    def run_tests(self, *names, status=0, program='run', cwd=None, **changes):
        done = subprocess.run(
            [sys.executable, self.path(program), *names], text=True, cwd=cwd,
            stdin=subprocess.DEVNULL, capture_output=True,
            env=harness.environment(**{'NO_SKIP': None, **changes}))
        self.assertEqual((done.returncode, done.stderr), (status, ''))
        return done.stdout

    def test_nothing_fails(self):
        self.write('test_sample.py', PASSES)
        self.assertRegex(self.run_tests('sample'),
                         '^sample: 1 passed, [0-9.]+ s\n'
                         '1 passed, 0 failed, 0 skipped\n$')

    def test_what_failed_comes_again(self):
        """At the end, with its text, and not as another failure."""
        self.write('test_sample.py', SAMPLE)
        output = self.run_tests('sample', status=1)
        first, again = output.split('\nfailed:\n')
        told = re.findall(r'(?m)^FAIL: (.*)\n((?: {4}.*\n)+)', first)
        self.assertEqual([name for name, _ in told], [
            'test_sample.First.test_fails',
            'test_sample.First.test_fails_in_part [b]',
            'setUpClass (test_sample.Second)'])
        for (_, text), words in zip(told, ('one\n    two\n', "'b' != 'a'",
                                           'cannot be set up')):
            self.assertIn(words, text)
        self.assertEqual(re.findall(
            r'(?m)^  (\S.*)\n((?: {6}.*\n)+)', again), [
                (name, re.sub('(?m)^    ', ' ' * 6, text))
                for name, text in told])
        self.assertNotRegex(again, '(?m)^(FAIL|SKIP)')

    def test_why_some_were_skipped(self):
        """Each in a line, and then a line a reason."""
        self.write('test_sample.py', SAMPLE)
        output = self.run_tests('sample', status=1)
        self.assertEqual(re.findall('(?m)^SKIP.*', output), [
            'SKIP: test_sample.First.test_skipped: no moon tonight',
            'SKIP: test_sample.Third.test_a: no sun',
            'SKIP: test_sample.Third.test_b [0]: no sun',
            'SKIP: test_sample.Third.test_b [1]: no sun'])
        self.assertEqual(output.splitlines()[-4:], [
            '', '3 skipped: no sun', '1 skipped: no moon tonight',
            '1 passed, 3 failed, 4 skipped'])
        self.assertEqual(
            self.run_tests('sample', status=1, NO_SKIP='1').splitlines()[-1],
            '1 passed, 7 failed, 4 skipped')

    def test_modules_run_side_by_side(self):
        """As many at a time as JOBS says."""
        for name in 'one', 'two':
            self.write(f'test_{name}.py', MEETS)
        output = self.run_tests('one', 'two', JOBS=2, cwd=self.directory)
        self.assertEqual(sorted(output.split()[i] for i in (0, 5)),
                         ['one:', 'two:'])
        self.assertEqual(output.splitlines()[-1],
                         '2 passed, 0 failed, 0 skipped')

    def test_what_hangs(self):
        """The others go on."""
        self.write('test_sample.py', HANGS)
        output = self.run_tests('sample', status=1, LIMIT='0.5')
        self.assertEqual(re.findall('(?m)^FAIL: (.*)', output), [
            'test_sample.First.test_a', 'setUpClass (test_sample.Second)'])
        self.assertRegex(output, r'Overdue: not over within 0.5 s, with\n'
                         r'''    '\d+ sleep 1000 ': child of \d+, S, ''')
        self.assertEqual(output.splitlines()[-1],
                         '1 passed, 2 failed, 0 skipped')

    def test_without(self):
        """It finds a failure that is of something else, the last too."""
        names = 'services.First', 'services.Second'
        for reason, status in (('the number is not reserved', 0),
                               ('something else', 1)):
            self.write('test_services.py', SERVICES.format(reason))
            output = self.run_tests(*names, status=status, program='without')
            self.assertIn(f'without portexec 2 tests fail, {status} of them '
                          'of something else, and 0 do not\n', output)
