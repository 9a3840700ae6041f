# SPDX-License-Identifier: ISC
"""What the test fixtures of tests/examples are held to, whatever their
language: each runs in a copy of its folder, with a service that is as it should
be, or fails, hangs, dies, or is stopped."""

import concurrent.futures
import os
import signal
import time

from harness import DEADLINE, TOP, Tree, wait_for

EXAMPLES = os.path.join(TOP, 'tests', 'examples')
SOON = 5            # seconds: what is promised
TIMES = 20          # side by side

with open(EXAMPLES + '/server.py') as server_file:
    SERVER = server_file.read()
ANSWER = '        text = '        # begins one

# What a service does when a test looks at its end: when was that?
MARK = "import os; open(os.environ['MARK'], 'a').close()"
# The kernel closes the connection, and the test is over, before portexec can
# know of the end.
DIES = "print('out of memory', flush=True); os._exit(3)"
FAILS = f"{MARK}; print('no database', flush=True); os._exit(3)\n"
HANG = 'import threading; threading.Event().wait()'
IGNORES = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'


class Example(Tree):
    """A subclass has the command, and makes the copy: project(), with the text
    of the service in the place of its own."""

    hung = 1                    # how many, one after the other, if all hang
    at_once = TIMES
    statuses = range(1, 256)    # of a test that has failed

    def files(self):
        return sorted(os.path.join(where, name) for where, _, names
                      in os.walk(self.path('project')) for name in names)

    def text(self):
        return SERVER

    def start(self, command=None, **changes):
        log = open(self.path('log'), 'a+')
        self.addCleanup(log.close)
        return self.launch('-c', command or 'exec ' + self.command,
                           program='sh', cwd=self.path('project'), stdout=log,
                           stderr=log, start_new_session=True,
                           env={**self.env, **changes})

    def assert_clean(self):
        self.assert_nothing_left(seconds=SOON)
        self.assertEqual(self.files(), self.before)

    def run_to_failure(self, *lines, marked=True, **changes):
        """It fails as the framework has it, and says these lines."""
        process = self.start(**changes)
        self.assertIn(process.wait(DEADLINE), self.statuses, self.read('log'))
        if marked:
            self.assertLess(
                time.time() - os.stat(self.path('mark')).st_mtime,
                self.hung * SOON)
        self.assert_clean()
        for line in (self.failure, *lines):
            self.assertRegex(self.read('log'), line)

    def run_side_by_side(self):
        with concurrent.futures.ThreadPoolExecutor(self.at_once) as pool:
            statuses = list(pool.map(
                lambda _: self.start().wait(2 * DEADLINE), range(TIMES)))
        self.assertEqual(statuses, TIMES * [0], self.read('log'))
        self.assert_clean()

    def start_test(self):
        """In the midst of which it is."""
        self.project(self.text().replace(
            ANSWER, f'        {MARK}; {HANG}\n{ANSWER}'))
        process = self.start()
        wait_for(lambda: os.path.exists(self.path('mark')), 'a request')
        return process

    def interrupt_test(self):
        """As by Ctrl-C."""
        process = self.start_test()
        os.killpg(process.pid, signal.SIGINT)
        self.assert_clean()
        self.assertNotEqual(process.wait(DEADLINE), 0)
