# SPDX-License-Identifier: ISC
"""docs/cookbook.md: every recipe, read from it and run as it stands there.

A recipe's heading is named by the test that runs it; a heading that no test
names is a failure.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import harness
from harness import (DEADLINE, DENY, PORTEXEC, TOP, connect, http_get,
                     wait_for)
from test_docs import NPM, NPX, SERVICE, text_of

EXAMPLES = os.path.join(TOP, 'tests', 'examples')
PARTS = re.split(r'^## (.*)\n', text_of('docs/cookbook.md'),
                 flags=re.MULTILINE)
RECIPES = dict(zip(PARTS[1::2], PARTS[2::2]))       # {heading: text}

# Starts only when all four have started, each with a service of its own.
PARALLEL = '''
: >started."$$"
until [ "$(ls started.* | wc -l)" -ge 4 ]; do sleep 0.01; done
curl -fsS -m 60 "$SERVICE_URL" && echo "$SERVICE_URL" >>urls
'''

# Says what the redis at $REDIS says.
APP = '''#!/usr/bin/env python3
import os, socket, sys
host, port = os.environ['REDIS'].split(':')
listener = socket.create_server(('127.0.0.1', int(sys.argv[2])))
while True:
    client = listener.accept()[0]
    client.recv(1024)
    with socket.create_connection((host, int(port))) as redis:
        redis.sendall(b'PING\\r\\n')
        client.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + redis.recv(100))
    client.close()
'''

WATCHED = '''
require('http').createServer((request, answer) =>
  answer.end('hello from ' + process.pid + '\\n')).listen(process.env.PORT);
'''

# Not ssh: a stub that binds its end late, and answers itself.
SSH = '''#!/bin/sh
[ "$1 $2" = '-N -L' ] && [ "${3#*:*:}" = '127.0.0.1:8080' ] || exit 1
address=${3%:*:*}
sleep 0.3
exec ./myserver --port "${address##*:}"
'''

# Before it serves.
REACHES_NOBODY = '''
for host, port in (('127.0.0.1', 9), ('192.0.2.1', 9)):
    try:
        socket.create_connection((host, port))
    except OSError as error:
        assert error.errno == 101, error        # ENETUNREACH
selector = '''

# With --admin another one.
TWO = '''[socket.create_server((host, int(number))) for number in
            sys.argv[4:]] + [socket.create_server('''

COVERAGE = '''
import runpy, sys
sys.argv = sys.argv[2:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except KeyboardInterrupt:
    open('.coverage', 'w').close()
'''

WARM = '''#!/usr/bin/env python3
import http.server, sys, time
begin = time.monotonic()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > begin + 1.5 else 503)
        self.end_headers()
        self.wfile.write(b'hello from it')

http.server.HTTPServer(('127.0.0.1', int(sys.argv[2])),
                       Handler).serve_forever()
'''

# Not docker: it runs the command where the same is forbidden as by default
# in a container of Docker's.
DOCKER = f'''#!/bin/sh
[ "$1 $2 $3" = 'run --rm image' ] || exit 99
shift 3
if [ "$(id -u)" = 0 ]; then
	set -- setpriv --inh-caps=-all --bounding-set=-all,+chown,\
+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,\
+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap "$@"
fi
exec {DENY} pidfd_getfd EPERM "$@"
'''


def recipe(heading):
    """Decorates a test that runs this one: its text is self.text."""
    def decorate(test):
        def run(self):
            self.text = RECIPES[heading]
            test(self)
        run.heading = heading
        return run
    return decorate


def blocks(text, language='sh'):
    return re.findall(rf'^```{language}\n(.*?)^```$', text,
                      re.MULTILINE | re.DOTALL)


def rows(text):
    """[(file, command)] of a recipe's table."""
    return re.findall(r'^\| .* \| \[(.*)\]\(\.\./tests/examples/\1\) \| '
                      r'`(.*)` \|$', text, re.MULTILINE)


class Recipe(harness.Tree):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path('bin'))
        os.symlink(PORTEXEC, self.path('bin/portexec'))
        for name, text in (('npm', NPM), ('npx', NPX), ('docker', DOCKER),
                           ('sudo', '#!/bin/sh\nexec "$@"\n')):
            self.write('bin/' + name, text, 0o755)
        for name in ('server', 'myserver', 'legacy'):
            self.write(name, SERVICE, 0o755)
        self.env.update(PATH=self.path('bin') + ':' + os.environ['PATH'],
                        GO111MODULE='off', GOCACHE=self.path('cache'),
                        PYTHONDONTWRITEBYTECODE='1')

    def need(self, *names):
        for name in names:
            if shutil.which(name) is None:
                self.skipTest(f'{name} is not installed')

    def run_script(self, script, status=0):
        """To its end, after which nothing is left; all that it said."""
        done = self.run_portexec('-e', '-c', script, program='sh',
                                 status=None, env=self.env,
                                 timeout=3 * DEADLINE)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, said)
        self.assert_nothing_left()
        return said

    def start_script(self, script):
        """The address that portexec names.  Its services stay until the end
        of the test."""
        return self.announced(self.launch('-e', '-c', script, program='sh',
                                          env=self.env))

    def answer(self, address):
        found = re.search(r'\nhello from (\w+)', http_get(address))
        self.assertIsNotNone(found)
        return found[1]


class Cookbook(Recipe):
    def write_parallel(self):
        os.mkdir(self.path('tests'))
        for number in range(4):
            self.write(f'tests/{number}.sh', PARALLEL)

    def assert_parallel(self, said):
        urls = self.read('urls').split()
        self.assertEqual((len(urls), len(set(urls))), (4, 4), said)
        self.assertEqual(said.count('hello from'), 4, said)

    @recipe('Tests in parallel')
    def test_xargs(self):
        script, = blocks(self.text)
        self.write_parallel()
        self.assert_parallel(self.run_script(script))
        self.write('tests/4.sh', 'exit 1\n')
        self.run_script(script, status=123)

    @recipe('Tests in parallel')
    def test_make(self):
        makefile, = blocks(self.text, 'make')
        self.write('Makefile', makefile)
        self.write_parallel()
        command = re.search('`(make .*?)`', self.text)[1]
        self.assert_parallel(self.run_script(command))
        self.write('tests/4.sh', 'exit 1\n')
        self.run_script(command, status=2)

    @recipe('A service and its database')
    def test_database(self):
        self.need('redis-server')
        self.write('app', APP, 0o755)
        scripts = blocks(self.text)
        self.assertEqual(len(scripts), 2)
        for script in scripts:
            with self.subTest(script=script):
                self.assertIn('+PONG', self.run_script(script))

    def check_watcher(self, script, file):
        """A connection that was accepted may end with the service; none is
        refused."""
        address = self.start_script(script)
        first = self.answer(address)

        changed = 0

        def is_another():
            # A watcher waits until it is quiet; the first change may be
            # from before it watches.
            nonlocal changed
            if time.monotonic() > changed + 5:
                with open(self.path(file), 'a') as watched:
                    watched.write('\n')
                changed = time.monotonic()
            with contextlib.suppress(ConnectionResetError):
                answer = http_get(address)
                if answer and 'hello from ' + first not in answer:
                    return answer
        self.assertIn('hello from', wait_for(is_another, 'a restart'))

    @recipe('Hard-coded ports')
    def test_hard_coded(self):
        """Side by side, and whoever has the port is not in the way."""
        self.check_hard_coded()

    @harness.in_namespace
    def check_hard_coded(self):
        with harness.listening(port=8080):
            for script in blocks(self.text):
                self.assertIn('hello from', self.run_script(script))

    def check_answers(self, count=1):
        """Each script ends by itself, with so many answers."""
        for script in blocks(self.text):
            with self.subTest(script):
                said = self.run_script(script)
                self.assertEqual(said.count('hello from'), count, said)

    @recipe('A service with no network but its port')
    def test_no_network(self):
        tried = subprocess.run(['unshare', '-Urn', 'true'],
                               stderr=subprocess.DEVNULL)
        if tried.returncode != 0:
            self.skipTest('no namespaces')
        self.write('legacy', SERVICE.replace('selector = ', REACHES_NOBODY),
                   0o755)
        self.check_answers()

    @recipe('On demand')
    def test_on_demand(self):
        self.check_answers()

    @recipe('Behind a wrapper')
    def test_wrapper(self):
        for script in blocks(self.text):
            with self.subTest(script):
                self.answer(self.start_script(script))

    @recipe('An ssh tunnel')
    def test_tunnel(self):
        self.write('bin/ssh', SSH, 0o755)
        self.check_answers()

    @recipe('Several services')
    def test_several(self):
        self.write('myserver', SERVICE.replace('[socket.create_server(', TWO),
                   0o755)
        self.check_answers(2)
        one_dies, goes_on, _ = blocks(self.text)
        self.write('once', 'mkdir dead 2>/dev/null && exit 1\n'
                   'exec ./myserver "$@"\n', 0o755)
        other = '--port {port:api}'
        for script, status, expected in (
                (one_dies, 1, r'bash ended with status 1 after .* before'),
                (goes_on, 0, r'(?s)hello from.*hello from')):
            script = script.replace('./myserver ' + other, 'sh once ' + other)
            script = script.replace('curl', 'sleep 1; curl')
            self.assertRegex(self.run_script(script, status), expected)
            os.rmdir(self.path('dead'))

    @recipe('Coverage')
    def test_coverage(self):
        """Not the tool: a module that writes where SIGINT ends the service,
        as it does."""
        self.write('coverage.py', COVERAGE)
        self.write('app.py', SERVICE.replace("how == '--port'", "'app.py'")
                   .replace("sys.argv[2]", 'sys.argv[1]'))
        for script, there in ((self.text, True),
                              (self.text.replace('-s INT', ''), False)):
            script, = blocks(script)
            self.run_script(script)
            self.assertEqual(os.path.exists(self.path('.coverage')), there)
            if there:
                os.remove(self.path('.coverage'))

    @recipe('Behind a proxy')
    def test_proxy(self):
        with harness.listening() as nobody:     # accepts nothing
            self.env['http_proxy'] = 'http://%s:%d' % nobody.getsockname()
            self.env.pop('no_proxy', None)
            self.check_answers()

    @recipe('Ready, and not only listening')
    def test_warm(self):
        self.write('warm', WARM, 0o755)
        self.check_answers()

    @recipe('A file watcher')
    def test_entr(self):
        self.need('entr')
        self.write('app.py', '')
        self.check_watcher(blocks(self.text)[0], 'app.py')

    @recipe('A file watcher')
    def test_node_watches(self):
        self.need('node')
        self.write('server.js', WATCHED)
        self.check_watcher(blocks(self.text)[1], 'server.js')

    @recipe('A file watcher')
    def test_loop(self):
        address = self.start_script(blocks(self.text)[2])
        first = self.answer(address)
        os.kill(int(first), signal.SIGKILL)
        self.assertNotEqual(self.answer(address), first)

    @recipe('Under systemd')
    def test_units(self):
        """systemd finds no fault in them; and the command, with a socket as
        the one passes it to the other."""
        self.need('systemd-analyze')
        files = re.findall(r'`(legacy\.\w+)`:', self.text)
        self.assertEqual(files, ['legacy.socket', 'legacy.service'])
        shutil.copy(self.path('legacy'), self.path('bin'))
        for file, unit in zip(files, blocks(self.text, 'ini')):
            self.write(file, unit.replace('/usr/local/', self.path('')))
        done = subprocess.run(
            ['systemd-analyze', 'verify', *map(self.path, files)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual((done.returncode, [
            line for line in done.stderr.splitlines()
            if 'legacy' in line]), (0, []))     # not of others' units
        command, = re.findall('^ExecStart=(.*)$', self.read(files[1]),
                              re.MULTILINE)
        self.assertIn('ListenStream=80\n', self.read(files[0]))
        self.write('bin/legacy', SERVICE.replace("'./legacy'", 'sys.argv[0]'),
                   0o755)
        with harness.listening() as given:
            address = '%s:%d' % given.getsockname()
            self.launch('-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec ' + command,
                        program='sh', env=self.env,
                        **harness.arrange({3: given}))
            self.answer(address)

    @recipe('A socket that is open already')
    def test_open_socket(self):
        self.check_open_socket()

    @harness.in_namespace
    def check_open_socket(self):
        scripts = blocks(self.text)
        self.assertEqual(len(scripts), 2)
        for script in scripts:
            with self.subTest(script):
                self.need(script.split()[0])
                process = self.launch('-e', '-c', 'exec ' + script,
                                      program='sh', env=self.env)
                wait_for(self.is_open, 'port 8080')
                service = self.answer('127.0.0.1:8080')
                self.assertNotEqual(int(service), process.pid)
                harness.end_process(process)
                self.end_left()

    def is_open(self):
        with contextlib.suppress(ConnectionRefusedError):
            connect('127.0.0.1:8080').close()
            return True

    @recipe('A privileged port')
    def test_privileged_port(self):
        if not harness.is_root():
            self.skipTest('not root')
        self.need('setpriv')
        self.check_privileged_port()

    @harness.in_namespace
    def check_privileged_port(self):
        os.chmod(self.directory, 0o755)
        scripts = blocks(self.text)
        self.assertEqual(len(scripts), 2)
        for script in scripts:
            process = self.launch('-e', '-c', script, program='sh',
                                  env=self.env)
            self.assertEqual(self.announced(process), '[::]:80')
            service = self.answer('127.0.0.1:80')
            self.assertNotEqual(os.stat(f'/proc/{service}').st_uid, 0)
            harness.end_process(process)
            self.end_left()

    @recipe('In a container')
    def test_container(self):
        self.need('setpriv')
        script, = blocks(self.text)
        said = self.run_script(script)
        self.assertIn('hello from', said)
        self.assertRegex(said, r'listening on .*, until ./myserver binds it')

    @recipe('When the parent is killed')
    def test_parent_is_killed(self):
        self.need('setpriv')
        script, = blocks(self.text)
        for each in (script, script.replace('myserver --port {port}',
                                            'server')):
            parent = self.launch('-e', '-c', each + 'wait', program='sh',
                                 env=self.env)
            self.answer(self.announced(parent))
            parent.kill()
            self.assert_nothing_left()

    @recipe('The steps of a GitHub workflow')
    def test_github(self):
        step, later = blocks(self.text)
        self.env['GITHUB_ENV'] = self.write('github', 'BEFORE=1\n')
        self.run_portexec('-e', '-c', step, program='sh', env=self.env,
                          stderr=subprocess.DEVNULL)
        found = dict(line.split('=') for line in
                     self.read('github').splitlines())
        self.assertEqual(list(found), ['BEFORE', 'PORTEXEC_PORT',
                                       'PORTEXEC_PID', 'PORT'])
        self.answer(f'127.0.0.1:{found["PORT"]}')
        self.env.update(found)
        self.run_script(later)
        os.remove(self.path('myserver'))
        self.run_script(step, status=127)

    @recipe('In a script')
    def test_script(self):
        script, wait, two = blocks(self.text)
        self.assertIn('hello from', self.run_script(script + ':'))
        self.assertIn('hello from', self.run_script(two + wait))
        os.remove(self.path('myserver'))
        self.run_script(script, status=127)


class Fixtures(Recipe):
    """Each with the service as it is, and with one that is broken."""

    def setUp(self):
        super().setUp()
        for name in os.listdir(EXAMPLES):
            if os.path.isfile(os.path.join(EXAMPLES, name)):
                shutil.copy(os.path.join(EXAMPLES, name), self.directory)

    def run_each(self, run):
        """Those in folders are run by test_fixtures_others."""
        for file, command in rows(self.text):
            if '/' in file:
                continue
            with self.subTest(file=file):
                self.need(command.split()[0])
                self.assertIn(file, command)
                run(command)

    def run_to_failure(self, command):
        done = self.run_portexec('-c', command, program='sh', status=None,
                                 env=self.env, timeout=3 * DEADLINE)
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assert_nothing_left()

    @recipe('Test fixtures')
    def test_pass(self):
        self.assertEqual(len(rows(self.text)), 8)
        self.run_each(self.run_script)

    @recipe('Test fixtures')
    def test_another_answer(self):
        self.write('server.py', self.read('server.py').replace(
            'hello', 'goodbye'))
        self.run_each(self.run_to_failure)

    @recipe('Test fixtures')
    def test_service_fails(self):
        self.write('server.py', 'raise SystemExit(3)\n')
        self.run_each(self.run_to_failure)

    @recipe('Test fixtures')
    def test_portexec_fails(self):
        os.remove(self.path('bin/portexec'))
        self.write('bin/portexec', '#!/bin/sh\nexit 125\n', 0o755)
        self.run_each(self.run_to_failure)

    @recipe('A service that takes its socket')
    def test_services(self):
        """test_hello has more about them."""
        files = {name for name in os.listdir(EXAMPLES)
                 if name.lower().startswith('hello.')}
        self.assertEqual({file for file, _ in rows(self.text)}, files)
        for file, command in rows(self.text):
            with self.subTest(file=file):
                self.need(re.search(r'^(?:portexec (?:-\S+ )?)?(\w+)',
                                    command)[1])
                self.answer(self.start_script(command))


class Page(harness.Case):
    def test_all_recipes_are_run(self):
        named = {getattr(test, 'heading', None)
                 for case in (Cookbook, Fixtures)
                 for test in vars(case).values()} - {None}
        self.assertEqual(named, set(RECIPES))

    def test_links_lead_somewhere(self):
        text = text_of('docs/cookbook.md')
        targets = re.findall(r'\]\((.*?)\)', text)
        self.assertGreater(len(targets), 10)
        headings = {'#' + heading.lower().replace(' ', '-') for heading in
                    re.findall(r'^#+ (.*)$', text, re.MULTILINE)}
        for target in set(targets) - headings:
            self.assertTrue(os.path.exists(os.path.join(TOP, 'docs', target)),
                            target)
