# SPDX-License-Identifier: ISC
"""The CI jobs of tests/examples: that they run, and what they come to.  How
those of GitHub and GitLab install portexec is tests/test_ci.py's."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import textwrap

import harness
from harness import DEADLINE, PORTEXEC, TOP

EXAMPLES = os.path.join(TOP, 'tests', 'examples')
NAMES = ['ci.sh', 'ci.mk', 'github.yml', 'gitlab.yml']

# Before server.py: it loads until a client waits in the queue, which the
# kernel shows as what a listening socket (0A) has to read: proc_net_tcp(5).
LOADS = '''
import sys

def is_awaited(port):
    with open('/proc/net/tcp') as table:
        rows = [line.split() for line in table][1:]
    return any(row[1].endswith(':%04X' % port) and row[3] == '0A' and
               not row[4].endswith(':00000000') for row in rows)

while not is_awaited(int(sys.argv[2])):
    pass
'''

# Before server.py: 503 for the first request.
COLD = '''
import http.server

class Cold(http.server.BaseHTTPRequestHandler):
    asked = 0

    def send_response(self, code, message=None):
        Cold.asked += 1
        super().send_response(503 if Cold.asked == 1 else code, message)

http.server.BaseHTTPRequestHandler = Cold
'''


def indent(line):
    return len(line) - len(line.lstrip())


def nested(lines, at):
    """What is under a line of our YAML: all that is indented deeper."""
    return textwrap.dedent('\n'.join(itertools.takewhile(
        lambda line: not line or indent(line) > indent(lines[at]),
        lines[at + 1:]))).splitlines()


def value(lines, at):
    """Of `key: value` or `- value`; of a block where the value is `|`."""
    text = re.sub(r'^ *(?:- |\w+: )', '', lines[at])
    return '\n'.join(nested(lines, at)) if text == '|' else text


def github_scripts(lines):
    """Each `run` is a shell's."""
    return [value(lines, at) for at, line in enumerate(lines)
            if line.lstrip().startswith('run: ')]


def gitlab_scripts(lines):
    """The items of `script`, all of which are one shell's."""
    items = nested(lines, lines.index('  script:'))
    return ['\n'.join(value(items, at) for at, item in enumerate(items)
                      if item.startswith('- '))]


def text_of(name):
    with open(os.path.join(EXAMPLES, name)) as file:
        return file.read()


def commands(name, text):
    """What to run, in order, for an example with that text."""
    if name == 'ci.sh':
        return [['sh', '-c', text, './ci.sh']]
    if name == 'ci.mk':
        return [[shutil.which('make'), '-f', 'ci.mk', 'check']]
    scripts = {'github.yml': github_scripts, 'gitlab.yml': gitlab_scripts}
    return [['bash', '-e', '-c', script]
            for script in scripts[name](text.splitlines())]


class Examples(harness.Tree):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path('bin'))
        os.symlink(PORTEXEC, self.path('bin/portexec'))
        self.env.update(no_proxy='*',
                        PATH=self.path('bin') + ':' + self.env['PATH'])

    def run_example(self, name, expected, limit=300, **changes):
        """Runs it, with changes to the files around it, in a folder where it
        leaves nothing; expected is its status."""
        self.write('said', '')
        text = text_of(name).replace('timeout 300', f'timeout {limit}')
        for file in ('server', 'smoke'):
            self.write(file + '.py',
                       changes.get(file) or text_of(file + '.py'))
        self.write(name, text)
        before = sorted(os.listdir(self.directory))
        with open(self.path('said'), 'a') as output:
            for command in commands(name, text):
                status = subprocess.run(
                    command, cwd=self.directory, env=self.env,
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    timeout=4 * DEADLINE).returncode
                if status != 0:
                    break
        said = self.read('said')
        self.assertEqual(status, expected, said)
        self.assert_nothing_left()
        self.assertEqual(sorted(os.listdir(self.directory)), before)
        return said

    def test_the_test_passes(self):
        for name in NAMES:
            with self.subTest(name=name):
                said = self.run_example(name, 0)
                self.assertRegex(said, r'listening on 127\.0\.0\.1:\d+, until')
                self.assertRegex(said, r'\nRan 1 test in .*\n\nOK\n')

    def test_the_test_fails(self):
        """make has one status for all failures, and says which it was."""
        for name in NAMES:
            with self.subTest(name=name):
                said = self.run_example(name, 2 if name == 'ci.mk' else 7,
                                        smoke='raise SystemExit(7)\n')
                if name == 'ci.mk':
                    self.assertRegex(said, r'ci\.mk:\d+: check\] Error 7\n')

    def test_the_service_fails(self):
        for name in NAMES:
            with self.subTest(name=name):
                said = self.run_example(name, 2 if name == 'ci.mk' else 3,
                                        server='raise SystemExit(3)\n')
                self.assertRegex(said, 'portexec: python3 ended with status '
                                 '3 after .* s, before the client\n')

    def test_the_service_loads_slowly(self):
        """It binds its port when the first request waits already."""
        for name in NAMES:
            with self.subTest(name=name):
                self.run_example(name, 0,
                                 server=LOADS + text_of('server.py'))

    def test_the_service_is_cold(self):
        """It says 503 to the first request."""
        for name in NAMES:
            with self.subTest(name=name):
                self.assertIn('Ran 1 test', self.run_example(
                    name, 0, server=COLD + text_of('server.py')))

    def test_the_step_is_cancelled(self):
        """GitHub's runner tells the step's shell alone: INT, TERM after 7.5
        s, and after 2.5 s more KILL.  Nobody is left at the first one."""
        self.write('server.py', text_of('server.py'))
        self.write('smoke.py', 'import signal\nprint("waits", flush=True)\n'
                   'signal.pause()\n')
        script = commands('github.yml', text_of('github.yml'))[0][-1]
        self.write('step.sh', script)
        step = self.launch('-e', 'step.sh', program='bash', env=self.env,
                           start_new_session=True, stderr=subprocess.DEVNULL)
        while step.stdout.readline() != 'waits\n':
            self.assertIsNone(step.poll())
        step.send_signal(signal.SIGINT)
        self.assertEqual(step.wait(DEADLINE), -signal.SIGINT)
        self.assert_nothing_left()

    def test_the_service_never_answers(self):
        for name in NAMES:
            with self.subTest(name=name):
                self.run_example(
                    name, 2 if name == 'ci.mk' else 124, limit=1,
                    server='import signal\nsignal.pause()\n')

    def test_all_are_one_command(self):
        """And no more is in the files than was run here."""
        lines = [[line.strip() for line in text_of(name).splitlines()]
                 for name in NAMES]
        starts = [text.index('exec timeout 300 portexec -e '
                             "'SERVICE_URL=http://{addr}' \\")
                  for text in lines]
        found = [text[start:start + 3] for text, start in zip(lines, starts)]
        self.assertEqual(found, found[:1] * len(NAMES))
        for name in ('github.yml', 'gitlab.yml'):
            script, = commands(name, text_of(name))
            self.assertIn("-- python3 server.py --port '{port}'", script[-1])
