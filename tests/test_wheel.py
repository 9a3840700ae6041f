# SPDX-License-Identifier: ISC
"""packaging/python: the wheel, portexec.Service and the pytest plugin, each
in a virtual environment that is made from the wheel's file alone."""

import ast
import contextlib
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest
import zipfile

import harness
from harness import (BRIEF, DEADLINE, TOP, connect, end_process, environment,
                     http_get, wait_for)

PYTHON = '/usr/bin/python3'
SOURCE = os.path.join(TOP, 'packaging', 'python')
RELEASE = os.path.join(harness.BUILD, 'release')
with open(os.path.join(TOP, 'VERSION')) as file:
    VERSION = file.read().strip()
MACHINES = {'x86_64': 62, 'aarch64': 183}   # ELF's
PACKAGE = ('__init__.py', '__main__.py', 'py.typed', 'pytest_plugin.py')

# http.server on the port of its argument.  It says what it is asked for, and
# ends with status N at /end/N.
SERVER = '''
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith('/end/'):
            print('no newline', end='', file=sys.stderr, flush=True)
            number = int(self.path[5:])
            os._exit(number) if number >= 0 else os.kill(os.getpid(), -number)
        print('asked for', self.path, flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'hello')

    def log_message(self, *_):
        pass

address = ('127.0.0.1', int(sys.argv[1]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
'''

# Before each script.
PREAMBLE = '''
import asyncio, os, signal, subprocess, sys, threading, urllib.request
import portexec
from portexec import Service, ServiceError

SERVER = [sys.executable, 'server.py', '{port}']

def get(service, path='/'):
    return urllib.request.urlopen(service.url + path, timeout=60).read()

def end(service, status):
    """Has it end by itself."""
    try:
        get(service, f'/end/{status}')
    except OSError:
        pass

def refused(port):
    import socket
    with socket.socket() as client:
        return client.connect_ex(('127.0.0.1', port)) != 0

def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f'no {kind}')
'''


def setUpModule():
    """The environment for all tests: pytest and its plugins are Debian's."""
    global VENV
    VENV = None
    if wheel('x86_64') is None or not os.path.exists(PYTHON):
        return
    folder = tempfile.mkdtemp(prefix='portexec-test-')
    unittest.addModuleCleanup(shutil.rmtree, folder)
    make_venv(folder, '--system-site-packages')
    pip(folder, 'install', wheel(os.uname().machine))
    VENV = folder


def wheel(machine):
    """The wheel's path, or None."""
    found = glob.glob(f'{glob.escape(RELEASE)}/portexec-{VERSION}-*_{machine}'
                      '.whl')
    return found[0] if len(found) == 1 else None


def make_venv(folder, *options):
    """Without a pip of its own, which takes seconds to install."""
    subprocess.run([PYTHON, '-m', 'venv', '--without-pip', *options, folder],
                   check=True, timeout=DEADLINE)


def pip(folder, *words):
    subprocess.run(
        [PYTHON, '-m', 'pip', '--python', f'{folder}/bin/python', '-q',
         '--disable-pip-version-check', '--no-input', *words,
         *(('--no-index', '--no-deps') if words[0] == 'install' else ())],
        check=True, timeout=DEADLINE, cwd='/', env=environment(
            PIP_ROOT_USER_ACTION='ignore', PIP_NO_CACHE_DIR='1'))


def headers(program):
    """The machine, and the types of the segments and of the dynamic entries,
    of an ELF file of 64 bits."""
    machine, = struct.unpack_from('<H', program, 18)
    start, = struct.unpack_from('<Q', program, 32)
    size, count = struct.unpack_from('<HH', program, 54)
    segments = [struct.unpack_from('<IIQQQQ', program, start + i * size)
                for i in range(count)]
    entries = []
    for kind, _, offset, _, _, length in segments:
        if kind == 2:       # PT_DYNAMIC
            entries = [struct.unpack_from('<q', program, at)[0]
                       for at in range(offset, offset + length, 16)]
    return machine, [segment[0] for segment in segments], entries


class Wheels(harness.Case):
    def setUp(self):
        super().setUp()
        if None in map(wheel, MACHINES):
            self.skipTest('make wheel has not been run')

    def test_the_name_has_the_tags(self):
        for machine in MACHINES:
            tags = [f'{name}_{machine}' for name in (
                'manylinux_2_17', 'manylinux2014', 'musllinux_1_1')]
            self.assertEqual(os.path.basename(wheel(machine)),
                             f'portexec-{VERSION}-py3-none-'
                             f'{".".join(tags)}.whl')
            with zipfile.ZipFile(wheel(machine)) as file:
                text = file.read(
                    f'portexec-{VERSION}.dist-info/WHEEL').decode()
            self.assertEqual(re.findall('^Tag: (.*)', text, re.MULTILINE),
                             [f'py3-none-{tag}' for tag in tags])

    def test_it_holds_the_program_and_no_other_file(self):
        info = f'portexec-{VERSION}.dist-info/'
        program = f'portexec-{VERSION}.data/data/bin/portexec'
        for machine in MACHINES:
            with zipfile.ZipFile(wheel(machine)) as file:
                self.assertEqual(sorted(file.namelist()), sorted([
                    program, *('portexec/' + name for name in PACKAGE),
                    *(info + name for name in (
                        'COPYING', 'LICENSES', 'METADATA', 'RECORD', 'WHEEL',
                        'entry_points.txt', 'top_level.txt'))]))
                modes = {one.filename: one.external_attr >> 16 & 0o777
                         for one in file.infolist()}
                self.assertEqual(modes.pop(program), 0o755)
                del modes[info + 'RECORD']      # pip writes its own
                self.assertEqual(set(modes.values()), {0o644})
                with open(f'{RELEASE}/{machine}/portexec', 'rb') as other:
                    self.assertEqual(file.read(program), other.read())
                for name in PACKAGE:
                    with open(f'{SOURCE}/src/portexec/{name}', 'rb') as other:
                        self.assertEqual(file.read('portexec/' + name),
                                         other.read())
                licences = file.read(info + 'LICENSES').decode()
                self.assertIn('Rich Felker', licences)      # of musl
                self.assertIn(f'\nVersion: {VERSION}\n',
                              file.read(info + 'METADATA').decode())

    def test_the_program_needs_nothing(self):
        for machine, number in MACHINES.items():
            with zipfile.ZipFile(wheel(machine)) as file:
                found, segments, entries = headers(
                    file.read(f'portexec-{VERSION}.data/data/bin/portexec'))
            self.assertEqual(found, number)
            self.assertNotIn(3, segments)       # PT_INTERP
            self.assertIn(2, segments)          # PT_DYNAMIC: PIE
            self.assertNotIn(1, entries)        # DT_NEEDED

    def test_size(self):
        """All but the program is small."""
        for machine in MACHINES:
            with zipfile.ZipFile(wheel(machine)) as file:
                program = file.getinfo(
                    f'portexec-{VERSION}.data/data/bin/portexec')
            self.assertLess(os.path.getsize(wheel(machine)) -
                            program.compress_size, 16 << 10)
            self.assertLess(os.path.getsize(wheel(machine)), 100 << 10)

    def test_the_same_bytes_in_any_folder(self):
        made = []
        for name, umask in ('one', 0o022), ('another', 0o077):
            tree = self.path(name)
            old = os.umask(umask)
            try:
                for machine in MACHINES:
                    os.makedirs(f'{tree}/build/{machine}')
                    shutil.copyfile(f'{RELEASE}/{machine}/portexec',
                                    f'{tree}/build/{machine}/portexec')
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f'{RELEASE}/LICENSES',
                                    f'{tree}/build/LICENSES')
                shutil.copytree(SOURCE, f'{tree}/packaging/python',
                                copy_function=shutil.copyfile)
                for file in 'VERSION', 'COPYING':
                    shutil.copyfile(f'{TOP}/{file}', f'{tree}/{file}')
                done = subprocess.run(
                    ['sh', f'{tree}/packaging/python/build', f'{tree}/build'],
                    env=environment(SOURCE_DATE_EPOCH='1700000000'),
                    timeout=DEADLINE, text=True, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT)
            finally:
                os.umask(old)
            self.assertEqual((done.returncode, done.stdout), (0, ''))
            made.append({})
            for path in glob.glob(f'{tree}/build/*.whl'):
                with open(path, 'rb') as file:
                    made[-1][os.path.basename(path)] = file.read()
        self.assertEqual(len(made[0]), 2)
        self.assertEqual(made[0], made[1])


class InVenv(harness.Tree):
    """Scripts that the environment's Python runs, in the test's folder."""

    def setUp(self):
        super().setUp()
        if VENV is None:
            self.skipTest('make wheel has not been run')
        self.write('server.py', SERVER)
        self.python = VENV + '/bin/python'
        self.env.update(PYTHONDONTWRITEBYTECODE='1')
        self.env.pop('PYTHONPATH', None)

    def run_script(self, script, status=0, options=('-W', 'error'),
                   soon=False, **others):
        """To its end, after which, or soon, nothing is left; what it
        printed."""
        self.write('script.py', PREAMBLE + script)
        done = self.run_portexec(*options, 'script.py', program=self.python,
                                 status=None, env=self.env, **others)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, said)
        if soon:
            self.assert_nothing_left()
        self.assertEqual(self.left(), [], said)
        return said

    def start_script(self, script, **options):
        self.write('script.py', PREAMBLE + script)
        return self.launch('script.py', program=self.python,
                           **{'env': self.env, **options})


class Installed(InVenv):
    def files(self, folder):
        return sorted(os.path.join(parent, name)
                      for parent, _, names in os.walk(folder)
                      for name in names if '__pycache__' not in parent)

    def test_install_run_and_uninstall(self):
        folder = self.path('venv')
        make_venv(folder)
        before = self.files(folder)
        pip(folder, 'install', wheel(os.uname().machine))
        program = folder + '/bin/portexec'
        self.assertEqual(os.stat(program).st_mode & 0o777, 0o755)
        for words in (program,), (folder + '/bin/python', '-m', 'portexec'):
            done = subprocess.run([*words, '--version'], text=True, check=True,
                                  capture_output=True, timeout=DEADLINE)
            self.assertEqual(done.stdout, f'portexec {VERSION}\n')
        pip(folder, 'uninstall', '-y', 'portexec')
        self.assertEqual(self.files(folder), before)

    def test_in_a_folder_of_its_own(self):
        """pip install --target, with PYTHONPATH."""
        pip(VENV, 'install', '--target', self.path('lib'),
            wheel(os.uname().machine))
        done = subprocess.run(
            [PYTHON, '-m', 'portexec', '--version'], text=True, check=True,
            capture_output=True, timeout=DEADLINE,
            env=environment(PYTHONPATH=self.path('lib')))
        self.assertEqual(done.stdout, f'portexec {VERSION}\n')

    def test_without_the_program(self):
        shutil.copytree(SOURCE + '/src/portexec', self.path('lib/portexec'))
        done = subprocess.run(
            [PYTHON, '-c', 'import portexec; portexec.Service("x").start()'],
            text=True, capture_output=True, timeout=DEADLINE,
            env=environment(PYTHONPATH=self.path('lib')))
        self.assertIn('\nFileNotFoundError: the program portexec is not '
                      'installed', done.stderr)

    def test_the_module_becomes_the_program(self):
        """The same process, and no signal that Python has ignored."""
        alone = subprocess.run(
            ['sh', '-c', 'grep SigIgn /proc/self/status'], text=True,
            capture_output=True, env=self.env).stdout.split()[1]
        process = self.launch('-m', 'portexec', '-q', '--', 'sh', '-c',
                              'echo $$; grep SigIgn /proc/self/status',
                              program=self.python, env=self.env)
        pid, _, ignored = process.stdout.read().split()
        self.assertEqual((int(pid), ignored), (process.pid, alone))
        self.run_portexec('-m', 'portexec', '--', 'absent', status=127,
                          program=self.python, env=self.env)

    def test_the_file_is_the_program(self):
        """Nothing stands before it that takes time."""
        files = []
        for path in (f'{RELEASE}/{os.uname().machine}/portexec',
                     VENV + '/bin/portexec'):
            with open(path, 'rb') as file:
                files.append(file.read())
        self.assertEqual(*files)


class Starts(InVenv):
    def test_it_serves_within_the_block_only(self):
        self.run_script('''
with Service(SERVER) as service:
    assert get(service) == b'hello'
    assert service.url == f'http://127.0.0.1:{service.port}'
    assert service.address == f'127.0.0.1:{service.port}'
    assert service.pid != os.getpid()
    # Of no terminal's, so that Ctrl-C does not reach it.
    assert os.getsid(service.pid) == service.pid
    # What was said before the answer is there, whatever the reader does.
    with service._lock:
        get(service, '/said')
        assert service.output.endswith('\\nasked for /said\\n')
    assert service.output.startswith('portexec: listening on ')
    assert service._token not in service.output
assert refused(service.port)
assert service.wait() == service.stop() == service.stop() == 0
assert set(os.listdir('/proc/self/fd')) == set('0123')
''')

    def test_without_a_block(self):
        self.run_script('''
service = Service(SERVER)
assert service.stop() == 0
raises(RuntimeError, service.wait)
service = Service(SERVER)
assert service.start() is service.start() is service
with service as same:
    assert same is service and get(service) == b'hello'
assert service.stop() == 0
''')

    def test_in_asyncio(self):
        self.run_script('''
async def main():
    async with Service(SERVER) as service:
        assert await asyncio.to_thread(get, service) == b'hello'
        end = asyncio.create_task(service.wait_async())
    assert await end == 0
    assert refused(service.port)
    service = await Service(SERVER).start_async()
    end = asyncio.create_task(service.wait_async())
    await asyncio.sleep(0)
    end.cancel()
    await asyncio.gather(end, return_exceptions=True)
    assert await service.stop_async() == await service.stop_async() == 0
    try:
        async with Service('absent'):
            assert False
    except ServiceError as error:
        assert error.status == 127
    # Many watch at once, and do not hold each other up.
    services = [await Service(['sleep', '100']).start_async()
                for _ in range(20)]
    ends = [asyncio.create_task(service.wait_async())
            for service in services for _ in range(4)]
    await asyncio.gather(*(service.stop_async() for service in services))
    assert set(await asyncio.gather(*ends)) == {0}
asyncio.run(main())
''')

    def test_a_start_that_is_cancelled(self):
        """It leaves nothing, also where the service never listens: there
        portexec may be killed by the signal, and its keeper ends after it."""
        for options in '{}', "{'handoff': 'reserve'}":
            with self.subTest(options):
                said = self.run_script(f'''
async def main():
    for pause in range(20):
        service = Service(['sleep', '100'], **{options})
        start = asyncio.create_task(service.start_async())
        await asyncio.sleep(pause / 10000)
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        await service.stop_async()
asyncio.run(main())
''', soon='reserve' in options)
                self.assertEqual(said, '')

    def test_options(self):
        self.write('in', 'from {port:api}')
        os.mkdir(self.path('sub'))
        self.run_script('''
import json, pathlib
code = \'\'\'
import json, os, sys
import signal; signal.signal(signal.SIGINT, lambda *_: print("INT") or exit())
signal.signal(signal.SIGTERM, lambda *_: print("TERM") or exit())
with open("told", "w") as file, open("../conf") as conf:
    json.dump([sys.argv[1:], os.environ["A"], os.environ["B"], os.getcwd(),
               conf.read(), os.environ["LISTEN_FDNAMES"]], file)
os.write(1, b"told" + bytes([10]))
while True: signal.pause()
\'\'\'
here = pathlib.Path.cwd()
service = Service(
    [pathlib.Path(sys.executable), '-c', code, '{port:web}', '{addr}'],
    env={'A': '{port:api}', 'B': 'b=c'}, listen=['web=0', 'api=udp:0', 'x=./s'],
    write={here / 'conf': '@' + str(here / 'in')}, cwd='sub', kill_after=0.5,
    stop_signal=signal.SIGINT, start_timeout=50, handoff='inherit',
    args=['--no-pid'])
with service:
    assert set(service.ports) == {'web', 'api'}
    assert service.ports['web'] == service.port
    while 'told' not in service.output:
        pass
    with open('sub/told') as file:
        words, a, b, folder, text, names = json.load(file)
assert words == [str(service.port), service.address], words
assert (a, b) == (str(service.ports['api']), 'b=c')
assert (folder, names) == (os.getcwd() + '/sub', 'web:api:x')
assert text == f'from {a}\\n', text
assert 'INT' in service.output and 'TERM' not in service.output
assert not os.path.exists('sub/s') and not os.path.exists('conf')
with Service([sys.executable, 'server.py', '8123'], map=8123) as service:
    assert get(service) == b'hello'
    assert service.port != 8123
with Service(['sleep', '100'], listen='./s') as service:
    assert service.address == './s' and service.ports == {}
    raises(AttributeError, lambda: service.port)
with Service(['sleep', '100'], listen='[::1]:0') as service:
    assert service.url == f'http://[::1]:{service.port}'
with Service(SERVER, handoff='reserve') as service:
    assert get(service) == b'hello'
''')

    def test_refused(self):
        self.run_script('''
raises(TypeError, lambda: Service(SERVER, frob=1))
raises(ValueError, lambda: Service([sys.executable, '-']))
raises(FileNotFoundError, Service(SERVER, cwd='absent').start)
error = raises(ServiceError, Service(SERVER, args=['--frob']).start)
assert error.line == ("portexec: unknown option '--frob' "
                      "(try 'portexec --help')"), error.line
assert error.status == 125
error = raises(ServiceError, Service(SERVER, handoff='frob').start)
assert (error.status, error.line[:9]) == (125, 'portexec:')
assert set(os.listdir('/proc/self/fd')) == set('0123')
''')

    def test_that_cannot_be_started(self):
        self.run_script('''
import pickle
for words, status, reason in ((['absent', 'x'], 127, 'No such file or '
        'directory'), (['./server.py'], 126, 'Permission denied')):
    service = Service(words)
    error = raises(ServiceError, service.start)
    assert error.line == f'portexec: execute {words[0]}: {reason}'
    assert str(error).splitlines()[0] == error.line
    assert error.status == status and error.line in error.output
    assert service.stop() == status
    copy = pickle.loads(pickle.dumps(error))    # as between processes
    assert vars(copy) == vars(error)
''')

    def test_that_ends_before_it_listens(self):
        """Under reserve the client is not there yet."""
        self.run_script('''
for status in 0, 3:
    error = raises(ServiceError, Service(
        ['sh', '-c', f'echo words; exit {status}'], handoff='reserve',
        kill_after=600).start)
    assert 'portexec: sh ended with status %d after' % status in error.line
    assert 'words' in str(error)
error = raises(ServiceError, Service(['sleep', '100'], handoff='reserve',
                                     start_timeout=0.2).start)
assert error.line.startswith('portexec: gave up after 0.2 s (-t)'), error
assert error.status == 125
''')

    def test_connection_that_is_never_taken(self):
        """stop() tells of it, also where it is called as soon as the client's
        connection has failed, but not of a service that was late."""
        self.run_script('''
import time
told = {'env': {'PORT': '{port}'}}
service = Service(['sleep', '1000'], start_timeout=0.3, **told).start()
raises(OSError, lambda: get(service))
error = raises(ServiceError, service.stop)
assert error.line.startswith('portexec: gave up after 0.3 s (-t), still '
                             'waiting for sleep to bind'), error
assert error.status == 125

late = 'read line <go && exec "$@"'
os.mkfifo('go')
vain = [Service(['sleep', '1000'], **options).start()
        for options in (told, {})]
late = Service(['sh', '-c', late, 'sh', *SERVER]).start()
answers = [threading.Thread(target=lambda service=service: raises(
    OSError, lambda: get(service))) for service in vain]
good = threading.Thread(target=get, args=[late])
for thread in (*answers, good):
    thread.start()
for service in (*vain, late):
    while 'still waiting' not in service.output:
        time.sleep(0.01)
with open('go', 'w') as file:
    print(file=file)
good.join()
for service, words in zip(vain, ('bind', 'accept on')):
    error = raises(ServiceError, service.stop)
    assert error.line.startswith('portexec: ended still waiting for sleep to '
                                 f'{words} {service.port} ('), error
    assert error.status == 125 and error.line in service.output
assert late.stop() == 0
''')


class Ends(InVenv):
    """kill_after is longer than a test may take: what is told is told at
    once."""

    def test_by_itself(self):
        self.run_script('''
service = Service(SERVER, kill_after=600).start()
end(service, 3)
assert service.wait(60) == 3
# wait() has told.
assert service.stop() == 3

service = Service(SERVER, kill_after=600).start()
end(service, 3)
service._ended.result()
error = raises(ServiceError, service.stop)
assert error.status == 3
assert 'server.py' not in error.line
assert error.line.startswith(f'portexec: {sys.executable} ended with status '
                             '3 after '), error.line
assert error.line.endswith(', before the client')
assert 'no newline' in error.output
# It is told once.
assert service.stop() == service.wait() == 3

with Service(SERVER, kill_after=600) as service:
    end(service, -9)
    assert service.wait() == 137
''')

    def test_with_status_0(self):
        self.run_script('''
with Service(SERVER, kill_after=600) as service:
    end(service, 0)
    assert service.wait() == 0
with Service(SERVER, kill_after=600) as service:
    end(service, 0)
    service._ended.result()
''')

    def test_within_a_block(self):
        self.run_script('''
def block(error=None):
    with Service(SERVER, kill_after=600) as service:
        end(service, 5)
        service._ended.result()
        if error is not None:
            raise error

async def block_async(error=None):
    async with Service(SERVER, kill_after=600) as service:
        await asyncio.to_thread(end, service, 5)
        await asyncio.shield(asyncio.wrap_future(service._ended))
        if error is not None:
            raise error

for run in block, lambda *error: asyncio.run(block_async(*error)):
    assert raises(ServiceError, run).status == 5
    error = raises(KeyError, lambda: run(KeyError('key')))
    note, = error.__notes__
    assert 'ended with status 5' in note
    assert 'no newline' in note
    # Before 3.11, and without a circle.
    version, sys.version_info = sys.version_info, (3, 8)
    error = raises(KeyError, lambda: run(KeyError('key')))
    sys.version_info = version
    assert error.__context__.status == 5
    assert error.__context__.__context__ is None
''')

    def test_a_block_that_fails(self):
        """Its error is the one that is raised; the service is stopped."""
        said = self.run_script('''
with Service(SERVER) as service:
    raise LookupError('the test')
''', status=1)
        self.assertEqual(said.splitlines()[-1], 'LookupError: the test')
        self.assertNotIn('portexec:', said)

    def test_a_signal_to_it(self):
        self.run_script('''
code = ('import signal, sys; signal.signal(signal.SIGUSR1, lambda *_:'
        ' print("USR1", flush=True)); print("ready", flush=True)\\n'
        'while True: signal.pause()')
with Service([sys.executable, '-c', code]) as service:
    while 'ready' not in service.output:
        pass
    os.kill(service.pid, signal.SIGUSR1)
    while 'USR1' not in service.output:
        pass
    raises(TimeoutError, lambda: service.wait(0.01))
    os.kill(service.pid, signal.SIGTERM)
    assert service.wait() == 143
service = Service(SERVER).start()
os.kill(service.pid, signal.SIGKILL)
service._ended.result()
error = raises(ServiceError, service.stop)
assert (error.status, error.line) == (137, 'portexec: killed by signal 9')
''')

    def test_that_ignores_the_stop_signal(self):
        self.run_script('''
with Service(['sh', '-c', 'trap "" TERM; echo deaf; while :; do sleep 1; done'],
             kill_after=0.2) as service:
    while 'deaf' not in service.output:
        pass
''')

    def test_much_output(self):
        """More than a pipe holds, and the last of it too."""
        self.run_script('''
code = ('import sys; sys.stdout.write("x" * 999 * 1000); sys.stdout.flush();'
        'sys.stdout.buffer.write(b"\\\\xff last"); sys.stdout.flush();'
        'sys.stdin.read()')
with Service([sys.executable, '-c', code]) as service:
    while 'last' not in service.output:
        pass
assert service.output.count('x') >= 999000
assert service.output.endswith('\\ufffd last')
code = 'for i in range(9999): print("line", i)'
with Service([sys.executable, '-c', code]) as service:
    service.wait()
assert 'line 9998\\n' in service.output
''')

    def test_somebody_outside_has_the_output_open(self):
        """stop() does not wait for that."""
        self.run_script('''
code = \'\'\'
import os, socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect('s')
socket.send_fds(client, [b'x'], [1])
sys.stdin.read()
\'\'\'
import socket
with socket.socket(socket.AF_UNIX) as server:
    server.bind('s')
    server.listen()
    with Service([sys.executable, '-c', code]) as service:
        client = server.accept()[0]
        _, (held,), _, _ = socket.recv_fds(client, 1, 1)
    os.write(held, b'late')
    assert service.wait() == 0
''', options=())

    def test_keyboard_interrupt(self):
        """Ctrl-C reaches the process group: the service is told once, by the
        block that is left."""
        process = self.start_script('''
code = ('import signal\\nfor n in signal.SIGINT, signal.SIGTERM:'
        ' signal.signal(n, lambda n, _: print("told", n, flush=True) or'
        ' (n == signal.SIGTERM and exit()))\\n'
        'print("ready", flush=True)\\nwhile True: signal.pause()')
service = Service([sys.executable, '-c', code])
try:
    with service:
        while 'ready' not in service.output:
            pass
        print('ready', flush=True)
        signal.pause()
finally:
    print(service.output)
''', start_new_session=True)
        self.assertEqual(process.stdout.readline(), 'ready\n')
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read()
        self.assertEqual(process.wait(DEADLINE), -signal.SIGINT,
                         process.stderr.read())
        self.assertEqual(re.findall('told.*', said), ['told 15'])
        self.assertEqual(self.left(), [])


class WithItsParent(InVenv):
    KILLED = '''
service = Service(SERVER).start()
other = Service(['sh', '-c', 'setsid "$@" & wait', 'sh', *SERVER]).start()
assert get(service) == get(other) == b'hello'
print(service.port, other.port, flush=True)
signal.pause()
'''

    def test_killed(self):
        """50 services, half of them in a session of their own."""
        for number in range(5 if BRIEF else 25):
            mark = f'{self.directory}/{number}/'
            process = self.start_script(
                self.KILLED, env={**self.env, 'PORTEXEC_TEST': mark})
            ports = process.stdout.readline().split()
            self.assertEqual(len(ports), 2)
            self.assertGreaterEqual(len(self.left(f'/{number}/')), 8)
            process.kill()
            process.wait(DEADLINE)
            self.assert_nothing_left(f'/{number}/')
            for port in ports:
                with self.assertRaises(ConnectionRefusedError):
                    connect('127.0.0.1:' + port).close()

    def test_that_ends_without_stop(self):
        process = self.start_script('''
service = Service(SERVER).start()
print(service.port, flush=True)
''')
        self.assertTrue(process.stdout.read().strip().isdigit())
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assert_nothing_left()

    def test_no_child_has_the_pipes(self):
        self.run_script('''
import multiprocessing
with Service(SERVER) as service:
    said = subprocess.run(['ls', '/proc/self/fd'], close_fds=False,
                          capture_output=True, text=True)
    assert set(said.stdout.split()) == set('0123'), said

    # Not one that is forked either, and stop() is not its.
    pipes = {os.readlink(f'/proc/self/fd/{file.fileno()}')
             for file in (service._held, service._told)}
    fork = multiprocessing.get_context('fork')
    def child(pipe):
        found = set()
        for fd in os.listdir('/proc/self/fd'):
            try:
                found.add(os.readlink('/proc/self/fd/' + fd))
            except OSError:
                pass
        with service:
            pass
        pipe.send((found & pipes, service.stop(), get(service)))
    here, there = fork.Pipe()
    process = fork.Process(target=child, args=(there,))
    process.start()
    assert here.recv() == (set(), 0, b'hello')
    process.join()
    assert get(service) == b'hello'
''')

    def test_a_forked_child_outlives_it(self):
        """The service ends with the parent, not with the child."""
        process = self.start_script('''
service = Service(SERVER).start()
child = os.fork()
if child == 0:
    print(service.port, flush=True)
    signal.pause()
os.waitpid(child, 0)
''')
        port = process.stdout.readline().strip()
        self.assertIn('200 OK', http_get('127.0.0.1:' + port))
        process.kill()
        process.wait(DEADLINE)

        def refused():
            with contextlib.suppress(ConnectionResetError):
                try:
                    connect('127.0.0.1:' + port).close()
                except ConnectionRefusedError:
                    return True
            return False
        wait_for(refused, 'the end of the service')
        self.assertEqual(len(wait_for(
            lambda: len(self.left()) == 1 and self.left(), 'the child')), 1)

    def test_stop_while_somebody_has_the_pipe(self):
        """A child that Python knows nothing of does not hold stop() up."""
        self.run_script('''
import ctypes
service = Service(SERVER).start()
child = ctypes.PyDLL(None).fork()
if child == 0:
    ctypes.PyDLL(None).pause()
assert service.stop() == 0
assert refused(service.port)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
''', options=())

    def test_threads_that_start_and_fork(self):
        """No child of a fork in another thread keeps a service alive."""
        self.run_script('''
children, done = [], threading.Event()
def fork():
    while not done.is_set() and len(children) < 300:
        child = os.fork()
        if child == 0:
            while True:
                signal.pause()
        children.append(child)
thread = threading.Thread(target=fork)
thread.start()
services = [Service(['sleep', '100']) for _ in range(15)]
for service in services:
    service.start()
done.set()
thread.join()
assert children
# As if this process had ended: the newline of stop() is not needed.
for service in services:
    service._held.close()
for service in services:
    service.wait()
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
''', options=())


class Plugin(InVenv):
    HELPERS = '''
import sys, urllib.request

SERVER = [sys.executable, 'server.py', '{port}']

def get(service, path='/'):
    return urllib.request.urlopen(service.url + path, timeout=60).read()

def end(service, status):
    try:
        get(service, f'/end/{status}')
    except OSError:
        pass
    service._ended.result()

gone = []
'''
    CONFTEST = '''
import portexec, pytest
from helpers import *

@pytest.fixture(scope='session')
def wide(portexec_service):
    return portexec_service(SERVER)

@pytest.fixture(scope='module')
def module_wide():
    with portexec.Service(SERVER) as service:
        yield service

@pytest.fixture
def ask(wide):
    return lambda path: get(wide, path)
'''

    def setUp(self):
        super().setUp()
        self.write('helpers.py', self.HELPERS)
        self.write('conftest.py', self.CONFTEST)

    def need(self, *modules):
        for module in modules:
            if subprocess.run([PYTHON, '-c', f'import {module}'],
                              stderr=subprocess.DEVNULL).returncode != 0:
                self.skipTest(f'not installed: {module}')

    def pytest(self, files, *options, status=0):
        """What pytest prints of the files {name: text}, and nothing is
        left."""
        self.need('pytest')
        for name, text in files.items():
            self.write(name, 'import portexec, pytest, os\n'
                       'from helpers import *\n' + text)
        done = self.run_portexec(
            '-m', 'pytest', '-p', 'no:cacheprovider', '-W', 'error', *options,
            *files, program=self.python, env=self.env, status=None)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(self.left(), [])
        return done.stdout

    def sections(self, said):
        """{name of a failed test: [(title, text)] of its services}."""
        found, name = {}, None
        for line in said.splitlines():
            if re.fullmatch('=+ .* =+', line):
                name = None
            elif match := re.fullmatch('_+ (?:ERROR at .* of )?(.*) _+', line):
                name = match[1]
                found[name] = []
            elif match := re.fullmatch('-+ (portexec: .*|Captured.*) -+',
                                       line):
                found[name].append([match[1], ''])
            elif name is not None and found[name]:
                found[name][-1][1] += line + '\n'
        return {name: [part for part in parts
                       if part[0].startswith('portexec')]
                for name, parts in found.items()}

    def test_scopes(self):
        """Each lives as long as the fixture, or the test, that asks."""
        scopes = 'session', 'package', 'module', 'class', 'function'
        fixtures = ''.join(f'''
@pytest.fixture(scope='{scope}')
def by_{scope}(portexec_service):
    service = portexec_service(SERVER)
    yield service
    assert get(service) == b'hello'     # it outlives this
    gone.append(service)
''' for scope in scopes)
        names = ', '.join('by_' + scope for scope in scopes)
        self.write('conftest.py', self.CONFTEST + fixtures + '''
def pytest_unconfigure():
    with open('gone', 'w') as file:
        print([service._ended.done() for service in gone], file=file)
''')
        self.write('helpers.py', self.HELPERS + 'seen = []\n')
        test = f'''
class TestOne:
    def test_one(self, {names}, portexec_service):
        own = portexec_service(SERVER)
        seen.append([{names}, own])
        assert len({{service.port for service in seen[0]}}) == 6
        assert all(get(service) == b'hello' for service in seen[0])
    def test_two(self, {names}):
        seen.append([{names}])
        assert seen[0][:4] == seen[1][:4]
        assert [service._ended.done() for service in seen[0]] == [
            False, False, False, False, True, True]
class TestTwo:
    def test_three(self, {names}):
        assert seen[0][:3] == [{names}][:3]
        assert seen[0][3]._ended.done()
'''
        more = f'''
def test_four({names}):
    assert seen[0][:2] == [{names}][:2]
    assert seen[0][2]._ended.done()
'''
        said = self.pytest({'test_a.py': test, 'test_b.py': more})
        self.assertIn('4 passed', said)
        self.assertEqual(self.read('gone'), f'{[True] * 11}\n')

    def test_the_report_has_what_its_services_said(self):
        said = self.pytest({'test_a.py': '''
def test_good(ask):
    ask('/good')
def test_bad(ask):
    ask('/bad')
    assert False
def test_of_another(module_wide):
    get(module_wide, '/module')
    gone.append(module_wide)
    assert False
def test_without():
    get(gone[0], '/unseen')
    assert False
def test_own(portexec_service):
    get(portexec_service(SERVER), '/own')
    assert False
def test_block():
    with portexec.Service(SERVER) as service:
        get(service, '/block')
        assert False
def test_by_name(request):
    get(request.getfixturevalue('module_wide'), '/named')
    assert False
@pytest.fixture
def broken(portexec_service):
    get(portexec_service(SERVER), '/setup')
    assert False
def test_setup(broken):
    pass
'''}, status=1)
        found = self.sections(said)
        asked = {name: re.findall('asked for (.*)', ' '.join(
            text for _, text in parts)) for name, parts in found.items()}
        self.assertEqual(asked, {
            'test_bad': ['/bad'], 'test_of_another': ['/module'],
            'test_without': [], 'test_own': ['/own'],
            'test_block': ['/block'], 'test_by_name': ['/named'],
            'test_setup': ['/setup']})
        title, text = found['test_own'][0]
        self.assertRegex(title, r"^portexec: .*/python server\.py '?\{port\}'? "
                         r'on 127\.0\.0\.1:\d+$')
        self.assertIn('portexec: listening on', text)

    def test_a_service_that_ends_fails_the_test(self):
        """The one in which it ends, and each that would use it then; once
        each."""
        said = self.pytest({'test_a.py': '''
def test_ends(wide):
    end(wide, 3)
def test_after(ask):
    assert False, 'this is not reached'
def test_without():
    pass
def test_fails_and_ends(portexec_service):
    service = portexec_service(SERVER, kill_after=600)
    end(service, 4)
    raise KeyError('first')
def test_awaited(portexec_service):
    service = portexec_service(SERVER, kill_after=600)
    end(service, 5)
    assert service.wait() == 5
def test_status_0(portexec_service):
    end(portexec_service(SERVER, kill_after=600), 0)
def test_absent(portexec_service):
    portexec_service('absent')
'''}, '-rA', status=1)
        line = r'portexec: \S+ ended with status {} after [\d.]+ s, ' \
            'before the client'
        self.assertRegex(said, r'(?m)^_+ test_ends _+\n' + line.format(3))
        self.assertRegex(said, r'(?m)^_+ ERROR at setup of test_after _+\n' +
                         line.format(3))
        self.assertRegex(said, r'(?m)^E +KeyError: .first.')
        self.assertRegex(' '.join(self.sections(said)['test_fails_and_ends']
                                  [0]), line.format(4))
        self.assertRegex(said, '(?m)^E +portexec.ServiceError: portexec: '
                         'execute absent: No such file or directory$')
        self.assertNotIn('concurrent/futures', said)
        self.assertEqual(re.findall(r'^(\w+) test_a\.py::(\w+)', said,
                                    re.MULTILINE), [
            ('PASSED', 'test_without'), ('PASSED', 'test_awaited'),
            ('PASSED', 'test_status_0'), ('ERROR', 'test_after'),
            ('FAILED', 'test_ends'), ('FAILED', 'test_fails_and_ends'),
            ('FAILED', 'test_absent')])

    def test_a_service_that_ends_when_no_test_is_left(self):
        """After -x: its error has a place in the report."""
        self.write('conftest.py', self.CONFTEST + '''
@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish():
    end(gone[0], 3)
''')
        said = self.pytest({'test_a.py': '''
def test_fails(wide):
    gone.append(wide)
    assert False
def test_next(wide):
    pass
'''}, '-x', '--tb=line', status=1)
        self.assertRegex(said, r'(?m)^=+ portexec =+\nportexec: \S+ ended with '
                         r'status 3 after [\d.]+ s, before the client$')
        self.assertRegex(said, '(?m)^=+ 1 failed in .* =+$')
        self.assertNotIn('Traceback', said)

    def test_xdist(self):
        """Four workers, each with a service of its own, at the same time."""
        self.need('xdist')
        said = self.pytest({'test_a.py': '''
import time
@pytest.mark.parametrize('number', range(4))
def test(wide, number, worker_id):
    get(wide, f'/{number}')
    open(f'port.{wide.port}.{worker_id}', 'w').close()
    while len([name for name in os.listdir() if name[:5] == 'port.']) < 4:
        time.sleep(0.01)
    assert number != 2
'''}, '-n', '4', status=1)
        self.assertIn('1 failed, 3 passed', said)
        found = self.sections(said)
        self.assertEqual(list(found), ['test[2]'])
        self.assertEqual(re.findall('asked for .*', found['test[2]'][0][1]),
                         ['asked for /2'])
        ports = [name.split('.')[1:] for name in os.listdir(self.directory)
                 if name.startswith('port.')]
        self.assertEqual(len({port for port, _ in ports}), 4)
        self.assertEqual(len({worker for _, worker in ports}), 4)

    def test_asyncio(self):
        self.need('pytest_asyncio')
        said = self.pytest({'test_a.py': '''
import asyncio, pytest_asyncio
@pytest_asyncio.fixture
async def web():
    async with portexec.Service(SERVER) as service:
        yield service
@pytest.mark.asyncio
async def test_async(web):
    assert await asyncio.to_thread(get, web) == b'hello'
@pytest.mark.asyncio
async def test_ends(web):
    await asyncio.to_thread(end, web, 3)
'''}, '-p', 'asyncio', '--asyncio-mode=strict', '-W', 'default', status=1)
        self.assertIn('1 failed, 1 passed', said)
        self.assertIn('ended with status 3 after', said)

    def test_unittest(self):
        """Its classes use no fixtures of their own."""
        said = self.pytest({'test_a.py': '''
import unittest
class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.web = portexec.Service(SERVER).start()
        cls.addClassCleanup(cls.web.stop)
    def test(self):
        get(self.web, '/unittest')
        self.fail()
'''}, status=1)
        self.assertIn('asked for /unittest', self.sections(said)['Test.test']
                      [0][1])

    def test_keyboard_interrupt(self):
        self.need('pytest')
        self.write('test_a.py', '''
import signal
def test(wide, module_wide, portexec_service):
    portexec_service(['sleep', '1000'])
    open('ready', 'w').close()
    signal.pause()
''')
        process = self.launch(
            '-m', 'pytest', '-p', 'no:cacheprovider', 'test_a.py',
            program=self.python, env=self.env, start_new_session=True)
        wait_for(lambda: os.path.exists(self.path('ready')), 'the test')
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read()
        self.assertEqual(process.wait(DEADLINE), 2, said)
        self.assertNotIn('ServiceError', said)
        self.assertEqual(self.left(), [])


def readme():
    """README's blocks of Python."""
    with open(SOURCE + '/README.md') as file:
        return re.findall('^```python\n(.*?)^```$', file.read(),
                          re.MULTILINE | re.DOTALL)


class Documented(InVenv):
    def test_from_an_empty_folder_to_a_green_test(self):
        """README's test, as it stands."""
        folder = self.path('venv')
        make_venv(folder, '--system-site-packages')
        pip(folder, 'install', wheel(os.uname().machine))
        self.write('test_web.py', readme()[0])
        done = subprocess.run(
            [folder + '/bin/python', '-m', 'pytest', '-p', 'no:cacheprovider'],
            cwd=self.directory, env=self.env, text=True, timeout=DEADLINE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if 'No module named pytest' in done.stdout:
            self.skipTest('not installed: pytest')
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn('1 passed', done.stdout)
        self.assertEqual(self.left(), [])

    def test_the_block(self):
        """With a node that is none."""
        os.mkdir(self.path('bin'))
        self.write('bin/node', '#!/bin/sh\n'
                   f'exec {self.python} server.py "$PORT"\n', 0o755)
        self.env['PATH'] = self.path('bin') + ':' + os.environ['PATH']
        text, = readme()[1:]
        said = self.run_script(text)
        self.assertRegex(said, r'^\d+ \d+ 200\nportexec: listening on ')

    def test_types(self):
        mypy = '/usr/bin/mypy'
        if not os.path.exists(mypy):
            self.skipTest('not installed: mypy')
        self.write('user.py', '''
import asyncio
import signal
from pathlib import Path
from typing import Callable, Iterator

import portexec
import pytest


@pytest.fixture(scope='session')
def web(portexec_service: Callable[..., portexec.Service]
        ) -> Iterator[portexec.Service]:
    yield portexec_service(['server'])


def test(tmp_path: Path) -> int:
    with portexec.Service(
            [tmp_path / 'server', '{port}'], env={'A': '{addr}'}, map=8080,
            listen=['web=0'], write={tmp_path / 'a': 'b'}, cwd=tmp_path,
            kill_after=1, stop_signal=signal.SIGINT, args=['-v']) as service:
        name: str = service.url + service.address + service.output
        number: int = service.port + service.ports['web'] + service.pid
    try:
        service.start()
    except portexec.ServiceError as error:
        number = error.status
        name = error.line + error.output + portexec.program()
    return number + len(name) + service.wait(1.5) + service.stop()


async def main() -> None:
    async with portexec.Service('server') as service:
        await service.start_async()
        number: int = await service.wait_async()
        number = await service.stop_async()


asyncio.run(main())
''')
        for words in (
                ('user.py',),
                # Debian's pluggy has no types, so its decorators have none.
                ('--allow-untyped-decorators', '--python-version', '3.8',
                 SOURCE + '/src/portexec')):
            done = subprocess.run(
                [mypy, '--strict', '--cache-dir', self.path('cache'),
                 '--python-executable', self.python, *words],
                cwd=self.directory, env=self.env, text=True, timeout=DEADLINE,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(done.returncode, 0, done.stdout)
        self.write('wrong.py', 'import portexec\n'
                   'portexec.Service(["x"], env={"A": 1})\n')
        done = subprocess.run(
            [mypy, '--strict', '--cache-dir', self.path('cache'),
             '--python-executable', self.python, 'wrong.py'],
            cwd=self.directory, env=self.env, text=True, timeout=DEADLINE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_python_3_8_can_read_it(self):
        for name in PACKAGE:
            if name.endswith('.py'):
                with open(f'{SOURCE}/src/portexec/{name}') as file:
                    ast.parse(file.read(), feature_version=(3, 8))


if __name__ == '__main__':
    unittest.main()
