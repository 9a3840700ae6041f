# SPDX-License-Identifier: ISC
"""packaging/npm: the package, .bin/portexec and start(), as a user has them.

Everything is installed from the file that `make npm` builds, without a
network; what installs it is in build/npm-packages.
"""

import functools
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import tempfile
import unittest

import harness
from harness import DEADLINE, TOP, Case, Tree, connect, environment

SOURCE = os.path.join(TOP, 'packaging', 'npm')
RELEASE = os.path.join(TOP, 'build', 'release')
TOOLS = os.path.join(TOP, 'build', 'npm-packages', 'node_modules')
MACHINE = {'x86_64': 'x64', 'aarch64': 'arm64'}.get(platform.machine())
NODE24 = os.path.join(TOOLS, f'node-linux-{MACHINE}', 'bin', 'node')
PNPM = os.path.join(TOOLS, 'pnpm', 'bin', 'pnpm.cjs')
YARN1 = os.path.join(TOOLS, 'yarn', 'bin', 'yarn.js')
YARN4 = os.path.join(TOOLS, '@yarnpkg', 'cli-dist', 'bin', 'yarn.js')
TSC = os.path.join(TOOLS, 'typescript', 'bin', 'tsc')
VITEST = os.path.join(TOOLS, 'vitest', 'vitest.mjs')
MOST = 200 * 1024       # bytes
KILLS = 50

with open(os.path.join(TOP, 'VERSION')) as version_file:
    VERSION = version_file.read().strip()
TARBALL = os.path.join(RELEASE, f'portexec-{VERSION}.tgz')

FILES = {       # {name: run bit}
    'COPYING': False, 'LICENSES': False, 'README.md': False,
    'bin/portexec': True, 'index.d.ts': False, 'index.js': False,
    'linux/aarch64/portexec': True, 'linux/x86_64/portexec': True,
    'package.json': False}

SERVER = '''
require('node:http')
  .createServer((request, response) => response.end('hello'))
  .listen(process.env.PORT, '127.0.0.1');
'''

# What each script of a test begins with.
PRELUDE = '''
const say = (value) => console.log(JSON.stringify(value));
const failure = (promise) => promise.then(
  () => null, (error) => ({ ...error, keys: Object.keys(error),
    message: error.message, name: error.name, output: error.output }));
const lives = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const until = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};
'''
ESM = "import { start } from 'portexec';" + PRELUDE
COMMONJS = "const { start } = require('portexec');" + PRELUDE

folder = None       # the module's own: installations, caches


def setUpModule():
    global folder
    if not os.path.exists(TARBALL):
        raise unittest.SkipTest('make npm has not been run')
    for name in ('node', 'npm'):
        if shutil.which(name) is None:
            raise unittest.SkipTest(f'not installed: {name}')
    if not os.path.exists(TOOLS):
        raise unittest.SkipTest('not installed: build/npm-packages')
    folder = os.path.realpath(tempfile.mkdtemp(prefix='portexec-npm-'))
    installed.cache_clear()
    unittest.addModuleCleanup(shutil.rmtree, folder)


def settings():
    """A home of its own."""
    return {'HOME': folder, 'npm_config_cache': folder + '/cache',
            'npm_config_update_notifier': 'false',
            'npm_config_audit': 'false', 'npm_config_fund': 'false',
            # In CI it changes no yarn.lock, and these projects have none.
            'YARN_ENABLE_IMMUTABLE_INSTALLS': '0',
            'YARN_ENABLE_TELEMETRY': '0'}


def clean_environment(**changes):
    """Without what a surrounding npm says."""
    result = environment(**settings(), **changes)
    return {name: value for name, value in result.items()
            if name not in ('NODE_OPTIONS', 'NODE_PATH', 'INIT_CWD')
            and not name.startswith(('npm_lifecycle_', 'XDG_'))}


def call(*command, cwd, **changes):
    done = subprocess.run(command, cwd=cwd, env=clean_environment(**changes),
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=2 * DEADLINE)
    if done.returncode != 0:
        raise AssertionError(f'{command}: {done.stdout}{done.stderr}')
    return done.stdout


@functools.cache
def installed(how):
    """Installs the file, and returns the project's folder."""
    project = os.path.join(folder, how)
    os.mkdir(project)
    with open(project + '/package.json', 'w') as file:
        json.dump({'private': True, 'dependencies':
                   {'portexec': 'file:' + TARBALL} if 'yarn4' in how else {}},
                  file)
    if how == 'npm':
        call('npm', 'install', '--offline', TARBALL, cwd=project)
    elif how == 'npm-ignore-scripts':
        call('npm', 'install', '--offline', '--ignore-scripts', TARBALL,
             cwd=project)
    elif how == 'npm-global':
        call('npm', 'install', '--offline', '-g', '--prefix', project, TARBALL,
             cwd=project)
    elif how == 'pnpm':
        call('node', PNPM, 'add', '--offline', TARBALL, cwd=project)
    elif how == 'yarn1':
        call('node', YARN1, 'add', '--offline', 'file:' + TARBALL,
             cwd=project)
    else:
        linker = {'yarn4': 'node-modules', 'yarn4-pnp': 'pnp'}[how]
        with open(project + '/.yarnrc.yml', 'w') as file:
            file.write(f'nodeLinker: {linker}\nenableGlobalCache: false\n')
        open(project + '/yarn.lock', 'w').close()
        call('node', YARN4, 'install', cwd=project)
    return project


def shim(how):
    return os.path.join(installed(how), 'bin/portexec' if how == 'npm-global'
                        else 'node_modules/.bin/portexec')


class Tarball(Case):
    def setUp(self):
        super().setUp()
        with tarfile.open(TARBALL) as tar:
            self.members = {member.name.removeprefix('package/'): member
                            for member in tar if member.isfile()}
            self.contents = {name: tar.extractfile(member).read()
                             for name, member in self.members.items()}
        self.package = json.loads(self.contents['package.json'])

    def test_holds_these_files_with_their_run_bits(self):
        self.assertEqual({name: member.mode for name, member
                          in self.members.items()},
                         {name: 0o755 if runs else 0o644
                          for name, runs in FILES.items()})

    def test_is_small(self):
        self.assertLess(os.path.getsize(TARBALL), MOST)

    def test_says_nothing_that_npm_would_act_on(self):
        self.assertEqual(self.package['version'], VERSION)
        self.assertEqual(
            {'scripts', 'dependencies', 'optionalDependencies', 'os', 'cpu',
             'peerDependencies', 'libc'} & set(self.package), set())
        self.assertEqual(self.package['bin'], {'portexec': 'bin/portexec'})

    def test_programs_are_those_of_the_release(self):
        for machine in ('x86_64', 'aarch64'):
            with open(f'{RELEASE}/{machine}/portexec', 'rb') as file:
                self.assertEqual(
                    self.contents[f'linux/{machine}/portexec'], file.read())

    def test_licences(self):
        with open(TOP + '/COPYING', 'rb') as file:
            self.assertEqual(self.contents['COPYING'], file.read())
        self.assertRegex(self.contents['LICENSES'],
                         b'(?s)musl.*Permission is hereby granted')

    def test_same_bytes_from_another_folder(self):
        """And with another Node."""
        for name in ('COPYING', 'VERSION'):
            shutil.copyfile(os.path.join(TOP, name), self.path(name))
        shutil.copytree(SOURCE, self.path('packaging/npm'),
                        copy_function=shutil.copy)      # other times
        release = self.path('release')
        for machine in ('x86_64', 'aarch64'):
            os.makedirs(f'{release}/{machine}')
            shutil.copyfile(f'{RELEASE}/{machine}/portexec',
                            f'{release}/{machine}/portexec')
        shutil.copyfile(RELEASE + '/LICENSES', release + '/LICENSES')
        call('sh', '-c', 'umask 077; exec "$0" release',
             self.path('packaging/npm/build'), cwd=self.directory,
             TZ='Asia/Tokyo',
             PATH=os.path.dirname(NODE24) + ':' + os.environ['PATH'])
        with open(f'{release}/portexec-{VERSION}.tgz', 'rb') as other, \
                open(TARBALL, 'rb') as file:
            self.assertEqual(hashlib.sha256(other.read()).hexdigest(),
                             hashlib.sha256(file.read()).hexdigest())

    def test_options_are_the_same_everywhere(self):
        """In index.js, whose FLAGS lacks two; in the types; in README."""
        script = self.contents['index.js'].decode()
        flags = re.findall(r"(\w+): '-\w'", script)
        types = self.contents['index.d.ts'].decode()
        declared = re.findall(r'^  (\w+)\?:', types.partition('\n}')[0],
                              re.MULTILINE)
        rows = re.findall(r'^\| (`\w+: .*?`) \|',
                          self.contents['README.md'].decode(), re.MULTILINE)
        told = re.findall(r'`(\w+): ', ' '.join(rows))
        expected = sorted([*flags, 'cwd', 'args'])
        self.assertEqual(len(flags), 8)
        self.assertEqual(sorted(declared), expected)
        self.assertEqual(sorted(told), expected)

    def test_shell_part_is_clean(self):
        if shutil.which('shellcheck') is None:
            self.skipTest('not installed: shellcheck')
        text, found, _ = self.contents['bin/portexec'].decode().partition(
            '\n*/')
        self.assertTrue(found)
        self.write('shim', text + '\n')
        # The second line is an assignment of what is a comment elsewhere.
        call('shellcheck', '-s', 'sh', '-e', 'SC2034,SC2125', 'shim',
             SOURCE + '/build', cwd=self.directory)


class Bin(Tree):
    # Those that a kernel executes, or the shell script that pnpm makes.
    SHIMS = ('npm', 'npm-ignore-scripts', 'npm-global', 'pnpm', 'yarn1')

    def setUp(self):
        super().setUp()
        self.env = clean_environment(PORTEXEC_TEST=self.directory)

    def ways(self):
        """(what, words before portexec's arguments, working folder)"""
        for how in self.SHIMS:
            yield how, [shim(how)], self.directory
        link = self.path('further')
        if not os.path.lexists(link):
            os.symlink(shim('npm'), link)
        yield 'a link to the link', [link], self.directory
        yield 'npx', ['npx', 'portexec'], installed('npm')
        yield 'npm exec', ['npm', 'exec', '--', 'portexec'], installed('npm')
        yield 'pnpm exec', ['node', PNPM, 'exec', 'portexec'], \
            installed('pnpm')
        yield 'yarn 1', ['node', YARN1, '-s', 'run', 'portexec', '--'], \
            installed('yarn1')
        for how in ('yarn4', 'yarn4-pnp'):
            for node in ('node', NODE24):
                yield f'{how} {node}', [node, YARN4, 'portexec'], \
                    installed(how)

    def each(self, test):
        for what, words, cwd in self.ways():
            with self.subTest(what):
                test(words, cwd)

    def run_way(self, words, cwd, *arguments, status=0):
        return self.run_portexec(*words[1:], *arguments, program=words[0],
                                 cwd=cwd, env=self.env, status=status)

    def test_is_this_version(self):
        def test(words, cwd):
            done = self.run_way(words, cwd, '--version')
            self.assertEqual(done.stdout, f'portexec {VERSION}\n')
            if YARN1 not in words:      # it misses the network
                self.assertEqual(done.stderr, '')
        self.each(test)

    def test_arguments_arrive(self):
        """And no signal is ignored, as Node ignores SIGPIPE."""
        arguments = ['', 'a b', '$HOME', '*', "it's", '"', '--']

        def test(words, cwd):
            if words[0] == 'npx':
                words = ['npx', '--', *words[1:]]
            done = self.run_way(
                words, cwd, '-q', '--', 'sh', '-c',
                'printf "<%s>" "$@"; grep SigIgn /proc/self/status',
                'sh', *arguments)
            said, ignored = done.stdout.split('SigIgn:')
            self.assertEqual(said, ''.join(map('<{}>'.format, arguments)))
            # Of glibc's posix_spawn(3), and so of make: 32 and 33.
            self.assertEqual(int(ignored, 16) & ~(3 << 31), 0)
        self.each(test)

    def test_status_is_the_services(self):
        def test(words, cwd):
            self.run_way(words, cwd, '-q', '-c', 'exit 7', '--', 'sleep', 1000,
                         status=7)
            if PNPM in words:
                return      # it has a status of its own for the other
            done = self.run_way(words, cwd, '-q', '--', 'sh', '-c',
                                'kill -9 $$', status=None)
            self.assertIn(done.returncode,
                          [-9] if len(words) == 1 else [-9, 137])
        self.each(test)
        self.assertEqual(self.left(), [])

    def test_signal_reaches_the_service(self):
        """By a shim, and through Yarn 4; the others have ways of their own."""
        def test(words, cwd):
            if len(words) > 1 and YARN4 not in words:
                return
            process = self.launch(
                *words[1:], '-q', '--', 'sh', '-c',
                'trap "echo told; exit 9" TERM; echo ready; sleep 1000 & wait',
                program=words[0], cwd=cwd, env=self.env)
            self.assertEqual(process.stdout.readline(), 'ready\n')
            os.kill(process.pid, signal.SIGTERM)
            self.assertEqual(process.wait(DEADLINE), 9)
            self.assertEqual(process.stdout.readline(), 'told\n')
            self.end_left()     # the sleep
        self.each(test)

    def test_process_becomes_the_program(self):
        for how in self.SHIMS:
            with self.subTest(how):
                process = self.launch('-q', '--', 'sh', '-c', 'echo $$',
                                      program=shim(how), env=self.env)
                self.assertEqual(process.stdout.read(), f'{process.pid}\n')
                self.assertEqual(process.wait(DEADLINE), 0)

    def test_process_becomes_the_program_under_yarn_4_and_node_24(self):
        for how in ('yarn4', 'yarn4-pnp'):
            with self.subTest(how):
                done = self.run_way(
                    [NODE24, YARN4, 'portexec'], installed(how), '-q', '--',
                    'sh', '-c', 'tr "\\0" " " </proc/$PPID/cmdline')
                self.assertIn('cli-dist', done.stdout)
                self.assertNotIn('bin/portexec', done.stdout)

    def test_in_a_package_script(self):
        project = installed('npm')
        with open(project + '/package.json') as file:
            package = json.load(file)
        package['scripts'] = {'it': "portexec -q -e PORT -c 'exit 5' -- "
                                    'sleep 1000'}
        with open(project + '/package.json', 'w') as file:
            json.dump(package, file)
        self.run_portexec('run', 'it', program='npm', cwd=project,
                          env=self.env, status=5)

    def test_each_shell_reads_it(self):
        for shell in ('dash', 'bash', 'busybox sh'):
            with self.subTest(shell):
                if shutil.which(shell.split()[0]) is None:
                    self.skipTest(f'not installed: {shell}')
                for name in (shim('npm'), './portexec', 'portexec'):
                    words = [*shell.split(), name]
                    cwd = os.path.join(installed('npm'), 'node_modules',
                                       'portexec', 'bin')
                    done = self.run_way(words, cwd, '--version')
                    self.assertEqual(done.stdout, f'portexec {VERSION}\n')

    @unittest.skipUnless(harness.is_root(), 'not root')
    def test_older_kernel_does_not_say_its_machine_in_a_file(self):
        done = self.run_portexec(
            '-m', 'sh', '-c', 'mount -t tmpfs none /proc/sys/kernel && '
            'exec "$0" --version', shim('npm'), program='unshare')
        self.assertEqual(done.stdout, f'portexec {VERSION}\n')

    def test_no_program_for_this_machine(self):
        package = self.path('node_modules/portexec')
        shutil.copytree(installed('npm') + '/node_modules/portexec', package)
        shutil.rmtree(f'{package}/linux/{platform.machine()}')
        done = self.run_portexec('--version', status=125,
                                 program=package + '/bin/portexec')
        self.assertRegex(done.stderr, '^portexec: runs on Linux alone, on '
                         'x64 and arm64: no .*\n$')
        for node in ('node', NODE24):
            done = self.run_portexec(package + '/bin/portexec', '--version',
                                     status=125, program=node)
            self.assertRegex(done.stderr, '^portexec: runs on Linux alone')


class Project(Tree):
    def setUp(self):
        super().setUp()
        self.env = clean_environment(PORTEXEC_TEST=self.directory)
        os.mkdir(self.path('node_modules'))
        os.symlink(installed('npm') + '/node_modules/portexec',
                   self.path('node_modules/portexec'))
        self.write('server.js', SERVER)

    def use(self, *names):
        """Puts what is in build/npm-packages beside the package."""
        for name in names:
            os.makedirs(os.path.dirname(self.path('node_modules/' + name)),
                        exist_ok=True)
            os.symlink(os.path.join(TOOLS, name),
                       self.path('node_modules/' + name))

    def script(self, text, name='script.mjs', prelude=ESM, node='node',
               **options):
        """Runs it; returns what it said, each line read as JSON."""
        self.write(name, prelude + text)
        done = self.run_portexec(name, program=node,
                                 **{'env': self.env, **options})
        self.assertEqual(self.left(), [])       # now
        return [json.loads(line) for line in done.stdout.splitlines()]


class Start(Project):
    def test_service_is_there(self):
        text = '''
const work = async () => {
  const service = await start(['node', 'server.js'],
    { env: { PORT: '{port}' } });
  say(await (await fetch(service.url)).text());
  say([service.url, service.port, service.pid, service.ports]);
  say([await service.stop(), await service.exited]);
  say(await fetch(service.url).catch((error) => error.cause.code));
};
work();
'''
        for node in ('node', NODE24):
            for name, prelude in (('script.cjs', COMMONJS),
                                  ('script.mjs', ESM)):
                with self.subTest((node, name)):
                    hello, (url, port, pid, ports), ends, then = self.script(
                        text, name, prelude, node)
                    self.assertEqual(hello, 'hello')
                    self.assertEqual(url, f'http://127.0.0.1:{port}')
                    self.assertGreater(pid, 1)
                    self.assertEqual(ports, {})
                    self.assertEqual(ends, [143, 143])
                    self.assertEqual(then, 'ECONNREFUSED')

    def test_each_option(self):
        """A service that says its arguments, a variable and its folder."""
        self.write('say', '#!/bin/sh\necho "$* $NAME $PWD"; cat file\n'
                   'trap "echo interrupted; exit 4" INT\nsleep 1000 & wait\n',
                   0o755)
        os.mkdir(self.path('there'))
        (status, output), = self.script('''
const service = await start(['../say', '{port:web}', '{addr:local}'], {
  env: { NAME: 'is {port:1}', OTHER: 3 },
  listen: ['web=0', 'api=[::1]:0', 'local=unix:../socket'],
  map: [8080, '8081=api'],
  handoff: 'adopt',
  write: { file: 'written {port}\\n' },
  cwd: 'there',
  killAfter: 100,
  stopSignal: 'INT',
  startTimeout: 100,
  args: ['--write', 'there=too'],
});
await until(() => service.output.includes('written'));
say([await service.stop(), service.output.replaceAll(
  service.ports.web, 'WEB').replaceAll(service.ports.api, 'API')]);
''')
        self.assertEqual(status, 4)
        for line in (f'WEB ../socket is API {self.path("there")}\n',
                     'written WEB\n', 'interrupted\n'):
            self.assertIn(line, output)
        self.assertEqual(os.listdir(self.path('there')), [])

    def test_sockets(self):
        """By name; a unix socket has no port."""
        said = self.script('''
const sleep = ['sleep', '1000'];
for (const listen of [['web=0', 'admin=tcp:127.0.0.1:0', 'web=0', '0'],
  '[::1]:0', ['u=udp:0'], ['./socket'], ['s=unix:./socket', 't=0'],
  ['@abstract'], ['0,backlog=5']]) {
  const service = await start(sleep, { listen });
  const { url, port, ports, output } = service;
  await service.stop();
  say([url.replace(port, 'PORT'), port, ports, output]);
}
''')
        self.assertEqual([url for url, *_ in said], [
            'http://127.0.0.1:PORT', 'http://[::1]:PORT',
            'http://127.0.0.1:PORT', '', '', '', 'http://127.0.0.1:PORT'])
        self.assertEqual([list(ports) for *_, ports, _ in said],
                         [['web', 'admin'], [], ['u'], [], ['t'], [], []])
        _, port, ports, output = said[0]
        self.assertEqual(port, ports['web'])
        self.assertEqual(
            re.findall(r'(\w+): listening on 127.0.0.1:(\d+)', output)[:2],
            [('web', str(ports['web'])), ('admin', str(ports['admin']))])
        self.assertEqual(said[3][1], 0)

    def test_reserve_waits_for_the_service(self):
        """It listens when start() is over, and did not before."""
        self.write('late.js', 'setTimeout(() => {' + SERVER + '}, 200);')
        self.assertEqual(self.script('''
const service = await start(['node', 'late.js'],
  { env: { PORT: '{port}' }, handoff: 'reserve' });
say(await (await fetch(service.url)).text());
await service.stop();
'''), ['hello'])

    def test_wired_in_port(self):
        self.assertEqual(self.script('''
const service = await start(['node', 'server.js'],
  { env: { PORT: 8080 }, map: 8080 });
say(await (await fetch(service.url)).text());
await service.stop();
'''), ['hello'])

    def test_output(self):
        """Of both streams, a character that comes in two parts too; nothing
        that is between portexec and the package."""
        output, = self.script(r'''
const service = await start(['sh', '-c', `echo out; echo err >&2
  until [ -e go ]; do sleep 0.01; done
  printf '\\303' >&2; sleep 0.1; printf '\\244\\n' >&2; printf end >&2
  trap 'exit 0' TERM; sleep 1000 & wait`]);
(await import('node:fs')).writeFileSync('go', '');
await until(() => service.output.includes('\u00e4'));
await service.stop();
say(service.output);
''')
        end, *lines, last = sorted(output.split('\n'))
        self.assertEqual([end, *lines[:3], last],
                         ['', 'end', 'err', 'out', 'ä'])
        self.assertRegex('\n'.join(lines[3:]),
                         '^portexec: listening on 127.0.0.1:.*$')

    def test_long_output_is_not_kept_for_ever(self):
        length, end = self.script('''
const service = await start(['sh', '-c',
  'yes 0123456 | head -c 8000000; echo end; exec sleep 1000']);
await until(() => service.output.endsWith('end\\n'));
say(service.output.length);
say(service.output.slice(-12));
await service.stop();
''')
        self.assertGreaterEqual(length, 1000000)
        self.assertLess(length, 3000000)
        self.assertEqual(end, '0123456\nend\n')

    def test_service_that_cannot_start(self):
        self.write('plain', 'no program')
        said = self.script('''
say(await failure(start(['./nosuchcommand'])));
say(await failure(start(['./plain'])));
say(await failure(start(['sh'], { map: 70000 })));
say(await failure(start(['sh'], { cwd: 'nosuchfolder' })));
say(await failure(start(['sh'], { args: ['--nosuchoption'] })));
say(await failure(start(['sh', '-c', 'echo why; exit 3'],
  { handoff: 'reserve', killAfter: 600 })));
''')
        self.assertEqual([error['status'] for error in said],
                         [127, 126, 125, 125, 125, 3])
        for error, pattern in zip(said, (
                'execute ./nosuchcommand: No such file or directory',
                'execute ./plain: Permission denied',
                r"-m '70000': not PORT\[=SOCKET\], PORT being a number from 1 "
                'to 65535, or any', 'in nosuchfolder: spawn .* ENOENT',
                '.*nosuchoption.*',
                r'sh ended with status 3 after \d+\.\d s, before the client\n'
                'why')):
            self.assertRegex(error['message'] + '\n',
                             f'^portexec: {pattern}\n')
            self.assertEqual(error['name'], 'Error')
        self.assertIn('why\n', said[-1]['output'])
        # What a test framework prints below the message.
        self.assertEqual(said[-1]['keys'], ['status'])

    def test_where_the_error_comes_from(self):
        """Its stack names the caller's line."""
        (named,) = self.script('''
const caller = async () => { await start(['./nosuchcommand']); };
say(await caller().catch((error) => error.stack.includes('at async caller')));
''')
        self.assertTrue(named)

    def test_misuse(self):
        said = self.script('''
for (const [command, options] of [[['sh'], { prot: 1 }],
  [['sh'], { toString: 1 }], ['sh', {}], [[], {}], [undefined, {}],
  [['cat', '-'], {}], [['cat', '/dev/stdin'], {}],
  [['sh'], { map: null }]])
  say(await failure(start(command, options)));
''')
        self.assertEqual([error['name'] for error in said],
                         ['TypeError'] * 7 + ['Error'])
        self.assertEqual(said[0]['message'],
                         "portexec: unknown option 'prot'")
        self.assertEqual(said[1]['message'],
                         "portexec: unknown option 'toString'")
        self.assertIn("['node', 'server.js']", said[2]['message'])
        self.assertIn("'/dev/stdin' in the command", said[6]['message'])

    def test_service_that_dies(self):
        """It is told at once: a process that does not end, and the time of
        -k, are not waited for.  stop() waits, and says what happened."""
        for end, status, words in (
                ('exit 3', 3, 'ended with status 3'),
                ('kill -9 $$', 137, 'was killed by signal 9')):
            with self.subTest(end):
                told, stubborn, *errors, code = self.script("""
import { rmSync, writeFileSync } from 'node:fs';
const service = await start(['sh', '-c', `
  sh -c 'trap "" TERM; echo stubborn $$ >&2; exec sleep 1000' &
  until [ -e go ]; do sleep 0.01; done
  echo last words; printf 'no newline' >&2; END`], { killAfter: 600 });
await until(() => service.output.includes('stubborn '));
const pid = Number(/stubborn (\d+)/.exec(service.output)[1]);
writeFileSync('go', '');
say(await service.exited);
say(lives(pid));
const stopped = failure(service.stop());
process.kill(pid, 'SIGKILL');
say(await stopped);
say(await failure(service.stop()));
say(await service.exited);
rmSync('go');
""".replace('END', end))
                self.assertEqual([told, stubborn, code],
                                 [status, True, status])
                self.assertEqual(len(errors), 2)
                for error in errors:
                    first, *lines = error['message'].splitlines()
                    self.assertRegex(
                        first, rf'^portexec: sh {words} after \d+\.\d s, '
                        'before the client$')
                    self.assertRegex(' '.join(sorted(lines)), 'last words '
                                     r'no newline stubborn \d+')
                    self.assertEqual(error['status'], status)
                    self.assertIn('last words\n', error['output'])

    def test_rest_of_a_service_that_dies_is_stopped(self):
        """Without stop(), and at once: not when -k is over."""
        self.assertEqual(self.script("""
const service = await start(['sh', '-c', `
  sleep 1000 & echo pid $!; until [ -e go ]; do sleep 0.01; done; exit 3`],
  { killAfter: 600 });
await until(() => /pid \\d+\\n/.test(service.output));
const pid = Number(/pid (\\d+)/.exec(service.output)[1]);
(await import('node:fs')).writeFileSync('go', '');
say(await service.exited);
await until(() => !lives(pid));
"""), [3])

    def test_no_descriptor_left(self):
        """It cannot start then; what it said is in no pipe."""
        error, = self.script("""
const { closeSync, openSync } = await import('node:fs');
const open = [];
try {
  for (;;) open.push(openSync('/dev/null'));
} catch {}
const error = await failure(start(['sleep', '1000']));
open.forEach((fd) => closeSync(fd));
say(error);
""")
        self.assertEqual(error['status'], 125)
        self.assertRegex(error['message'], '^portexec: in .: .*EMFILE')

    def test_service_that_ends_well(self):
        self.assertEqual(self.script("""
const service = await start(['sh', '-c',
  'until [ -e go ]; do sleep 0.01; done'], { killAfter: 600 });
(await import('node:fs')).writeFileSync('go', '');
say(await service.exited);
say(await service.stop());
"""), [0, 0])

    def test_others_lines_are_not_taken_for_portexecs(self):
        """The service itself runs portexec, with a service that dies."""
        said = self.script("""
const service = await start(['sh', '-c', `
  linux=$(echo node_modules/portexec/linux/$(uname -m))
  $linux/portexec -k 0.01 -c 'exec sleep 1000' -- sh -c 'exit 3'
  echo done; trap 'exit 5' TERM; sleep 1000 & wait`]);
await until(() => service.output.includes('done'));
say(service.output.includes('sh ended with status 3'));
say(await service.stop());
""")
        self.assertEqual(said, [True, 5])

    def test_stop(self):
        """With the status of the service, any time and as often as it is
        called."""
        for end, status in (('exit 7', 7), ('exit 0', 0),
                            ('trap - TERM; kill $$', 143)):
            with self.subTest(end):
                self.assertEqual(self.script("""
const service = await start(['sh', '-c', `trap 'END' TERM
  echo ready; sleep 1000 & wait`]);
await until(() => service.output.includes('ready'));
say(await Promise.all([service.stop(), service.stop()]));
say([await service.stop(), await service.exited]);
""".replace('END', end)), [[status] * 2] * 2)

    def test_stop_waits_for_all_output(self):
        self.assertEqual(self.script("""
const service = await start(['sh', '-c', `
  trap 'yes 0123456 | head -c 800000; echo end; exit 0' TERM
  echo ready; sleep 1000 & wait`]);
await until(() => service.output.includes('ready'));
await service.stop();
say([service.output.length > 800000, service.output.endsWith('end\\n')]);
"""), [[True, True]])

    def test_stop_waits_for_all(self):
        said = self.script("""
const service = await start(['sh', '-c', `
  setsid sh -c 'echo pid $$; exec sleep 1000' & wait`]);
await until(() => /pid \\d+\\n/.test(service.output));
const pid = Number(/pid (\\d+)/.exec(service.output)[1]);
say(lives(pid));
await service.stop();
say(lives(pid));
""")
        self.assertEqual(said, [True, False])

    def test_killed_after(self):
        self.assertEqual(self.script("""
const service = await start(['sh', '-c', `trap '' TERM
  echo ready; while :; do sleep 0.1; done`], { killAfter: 0.1 });
await until(() => service.output.includes('ready'));
say(await service.stop());
"""), [137])

    def test_waiting_in_vain(self):
        """The line says what portexec -t says, also where stop() is called
        as soon as the client's connection has failed."""
        for wait in ('await service.exited', ''):
            with self.subTest(wait):
                error, = self.script("""
const service = await start(['sleep', '1000'],
  { env: { PORT: '{port}' }, startTimeout: 0.3 });
await fetch(service.url).catch(() => {});
WAIT;
say(await failure(service.stop()));
""".replace('WAIT', wait))
                self.assertEqual(error['status'], 125)
                self.assertRegex(error['message'], '^portexec: gave up after '
                                 '.* still waiting for sleep to bind')

    def test_connection_that_is_never_taken(self):
        """stop() tells it after three seconds, whatever the handoff is, and
        with what else listens; but not of a service that was late."""
        self.write('late.js', """
const { existsSync } = require('node:fs');
const timer = setInterval(() => {
  if (!existsSync('go')) return;
  clearInterval(timer);
  SERVER
}, 10);
""".replace('SERVER', SERVER))
        self.write('elsewhere.js', "require('http').createServer().listen(0);")
        *errors, late = self.script("""
const { connect } = await import('node:net');
const { writeFileSync } = await import('node:fs');
const told = { env: { PORT: '{port}' } };
const run = async (command, options) => {
  const service = await start(command, options);
  const client = connect(service.port, '127.0.0.1');
  const answer = new Promise((resolve) => {
    client.on('data', resolve);
    client.write('GET / HTTP/1.0\\r\\n\\r\\n');
  });
  await until(() => service.output.includes('still waiting'));
  if (command[1] === 'late.js') {
    writeFileSync('go', '');
    await answer;
  } else {
    client.destroy();
  }
  return service.stop().catch(
    ({ message, status }) => [message, status, service.output]);
};
(await Promise.all([
  run(['sleep', '1000'], told),
  run(['sleep', '1000'], {}),
  run(['node', 'elsewhere.js'], told),
  run(['node', 'late.js'], told),
])).forEach(say);
""")
        for (message, status, output), words in zip(errors, (
                'sleep to bind', 'sleep to accept on', 'node to bind')):
            self.assertRegex(message, '^portexec: ended still waiting for '
                             rf'{words} \d+ \(\d+ s, 1 client queued\)')
            self.assertEqual(status, 125)
            self.assertIn(message.splitlines()[0], output)
        self.assertRegex(errors[2][0], r'it listens on \S+:\d+: ')
        self.assertEqual(late, 143)

    def test_signal_to_pid_is_the_services(self):
        told, first, second = self.script("""
let service = await start(['sh', '-c', `trap 'echo told' USR1
  trap 'exit 6' TERM; echo ready; while :; do sleep 0.1; done`]);
await until(() => service.output.includes('ready'));
process.kill(service.pid, 'SIGUSR1');
await until(() => service.output.includes('told'));
say(await service.stop());
service = await start(['sh', '-c', `trap 'exit 0' TERM; echo ready
  sleep 1000 & wait`]);
await until(() => service.output.includes('ready'));
process.kill(service.pid);
say([await service.exited, await service.stop()]);
service = await start(['sleep', '1000']);
process.kill(service.pid);
say([await service.exited, (await failure(service.stop())).message]);
""")
        self.assertEqual([told, first], [6, [0, 0]])
        self.assertEqual(second,
                         [143, 'portexec: sleep ended with status 143'])

    def test_portexec_that_is_killed(self):
        """Nothing is left then either, when stop() is over."""
        before, status, after = self.script("""
const service = await start(['sh', '-c', `
  trap '' TERM; echo pid $$ >&2; exec setsid -w sleep 1000`],
  { killAfter: 0.3 });
await until(() => /pid \\d+\\n/.test(service.output));
const pid = Number(/pid (\\d+)/.exec(service.output)[1]);
process.kill(service.pid, 'SIGKILL');
say(lives(pid));
say(await service.stop());
say(lives(pid));
""")
        self.assertEqual([before, status, after], [True, 137, False])

    def test_await_using(self):
        text = """
const work = async () => {
  await using service = await start(['node', 'server.js'],
    { env: { PORT: '{port}' } });
  say(await (await fetch(service.url)).text());
  return service;
};
const service = await work();
say(await service.exited);
const failing = async () => {
  await using service = await start(['sh', '-c',
    'until [ -e go ]; do sleep 0.01; done; exit 3']);
  (await import('node:fs')).writeFileSync('go', '');
  await service.exited;
  throw new Error('of the test');
};
console.error = (text) => say(text);
const error = await failing().catch((error) => error);
say([error.suppressed.message, error.error.status]);
"""
        hello, status, said, error = self.script(text, node=NODE24)
        self.assertEqual([hello, status], ['hello', 143])
        self.assertRegex(said, '^portexec: sh ended with status 3 ')
        self.assertEqual(error, ['of the test', 3])

    def test_another_platform(self):
        """A clear error, and only from start()."""
        said = self.script("""
for (const [name, value] of [['platform', 'darwin'], ['arch', 'ia32']]) {
  const before = Object.getOwnPropertyDescriptor(process, name);
  Object.defineProperty(process, name, { value });
  say(await failure(start(['node', 'server.js'])));
  Object.defineProperty(process, name, before);
}
""")
        for error, where in zip(said, (f'darwin {MACHINE}', 'linux ia32')):
            self.assertRegex(error['message'], '^portexec: runs on Linux '
                             f'alone, on x64 and arm64, not on {where}')

    def test_process_that_exits(self):
        """Without stop(): by exit(), by an error that nobody handles."""
        for end, status in (('process.exit(4)', 4),
                            ('throw new Error("of the test")', 1)):
            with self.subTest(end):
                self.write('ending.mjs', ESM + f"""
const service = await start(['setsid', 'sleep', '1000']);
say(service.port);
{end};
""")
                done = self.run_portexec('ending.mjs', program='node',
                                         env=self.env, status=status)
                self.assert_nothing_left()
                with self.assertRaises(ConnectionRefusedError):
                    connect('127.0.0.1:' + done.stdout.strip())

    def test_channel_to_the_parent_that_is_closed(self):
        """A framework that is killed may leave its workers."""
        self.write('worker.cjs', COMMONJS + """
const work = async () => {
  process.on('warning', (warning) => say(warning.message));
  const first = await Promise.all(
    Array.from({ length: 12 }, () => start(['sleep', '1000'])));
  await Promise.all(first.map((one) => one.stop()));
  say(process.listenerCount('disconnect'));
  const service = await start(['sleep', '1000']);
  process.send('started');
  say([await service.exited, await service.stop()]);
};
work();
""")
        self.assertEqual(self.script("""
import { fork } from 'node:child_process';
const worker = fork('./worker.cjs');
worker.once('message', () => worker.disconnect());
await new Promise((resolve) => { worker.once('exit', resolve); });
"""), [0, [143, 143]])

    def test_parent_that_is_killed(self):
        self.write('parent.mjs', ESM + """
const { service: words } = JSON.parse(process.argv[2]);
const service = await start(words);
say(service.port);
""")
        for count in range(KILLS):
            part = f'/{count}/'
            words = (['sleep', '1000'] if count % 2 == 0 else
                     ['sh', '-c', 'setsid sleep 1000 & setsid -w sleep 1000'])
            parent = self.launch(
                'parent.mjs', json.dumps({'service': words}), program='node',
                env={**self.env, 'PORTEXEC_TEST': self.directory + part})
            port = parent.stdout.readline().strip()
            self.assertRegex(port, r'^\d+$')
            connect('127.0.0.1:' + port).close()
            self.assertGreater(len(self.left(part)), 3)
            os.kill(parent.pid, signal.SIGKILL)
            self.assertEqual(parent.wait(DEADLINE), -signal.SIGKILL)
            self.assert_nothing_left(part)
            with self.assertRaises(ConnectionRefusedError):
                connect('127.0.0.1:' + port)
            harness.end_process(parent)


class Tools(Project):
    GOOD = """
import { start, type Options, type Service, type ServiceError }
  from 'portexec';

const options: Options = {
  env: { PORT: '{port}', DEBUG: 1 },
  listen: ['web=0', 'api=0'],
  map: 8080,
  handoff: 'adopt',
  killAfter: 0.5,
  stopSignal: 'SIGINT',
  startTimeout: 60,
  write: { 'app.conf': 'listen {addr}' },
  cwd: '.',
  args: ['--write', 'x=y'],
};
const command: readonly string[] = ['node', 'server.js'];

export async function work(): Promise<number> {
  await using service: Service = await start(['node', 'server.js'], options);
  const url: string = service.url;
  const api: number | undefined = service.ports.api;
  await start(command);
  const parts: [number, string, number?] = [await service.exited, url, api];
  const problem = await service.stop().catch((error: ServiceError) => error);
  return typeof problem === 'number' ? parts[0] : problem.status;
}
"""
    BAD = ("start('node server.js');", 'start();', 'start([3]);',
           "start(['sh'], { prot: 1 });", "start(['sh'], { env: 'PORT' });",
           "start(['sh'], { env: { PORT: true } });",
           "start(['sh'], { handoff: 'any' });",
           "start(['sh'], { killAfter: '5' });",
           "start(['sh']).then((service) => service.url = '');",
           "start(['sh']).then((service) => service.stop(1));",
           "const url: string = start(['sh']).url;")

    def tsc(self, *options, status=0):
        return self.run_portexec(
            TSC, '--strict', '--noUncheckedIndexedAccess', '--target',
            'es2022', '--lib', 'es2022', *options, program='node',
            env=self.env, status=status).stdout

    def test_types(self):
        self.write('good.mts', self.GOOD)
        self.write('good.cts', self.GOOD)
        files = ('--noEmit', 'good.mts', 'good.cts')
        for module in (('nodenext',),
                       ('esnext', '--moduleResolution', 'bundler')):
            with self.subTest(module):
                self.assertEqual(self.tsc('--module', *module, *files), '')
        self.use('@types/node', 'undici-types')
        self.assertEqual(self.tsc('--module', 'nodenext', *files), '')

    def test_types_refuse_a_misuse(self):
        """Each line is one error."""
        self.write('bad.mts', "import { start } from 'portexec';\n" +
                   '\n'.join(self.BAD))
        said = self.tsc('--noEmit', '--module', 'nodenext', 'bad.mts',
                        status=2)
        self.assertEqual(sorted({int(line) for line in re.findall(
            r'^bad\.mts\((\d+),', said, re.MULTILINE)}),
            list(range(2, 2 + len(self.BAD))), said)

    def test_compiled_await_using(self):
        """In a Node that has not the syntax."""
        self.write('compiled.mts', """
declare const console: any, fetch: any;
import { start } from 'portexec';
const work = async () => {
  await using service = await start(['node', 'server.js'],
    { env: { PORT: '{port}' } });
  console.log(await (await fetch(service.url)).text());
  return service.exited;
};
console.log(await work().then((status) => `status ${status}`));
""")
        self.tsc('--module', 'nodenext', 'compiled.mts')
        done = self.run_portexec('compiled.mjs', program='node', env=self.env)
        self.assertEqual(done.stdout, 'hello\nstatus 143\n')
        self.assertEqual(self.left(), [])

    def test_jest(self):
        jest = os.path.join(TOP, 'build', 'npm', 'node_modules', 'jest')
        if not os.path.exists(jest):
            self.skipTest('not installed: jest')
        self.write('package.json', '{}')
        self.write('hello.test.js', """
const { start } = require('portexec');
let service;
beforeAll(async () => {
  service = await start(['node', 'server.js'], { env: { PORT: '{port}' } });
});
afterAll(() => service.stop());

test('it says hello', async () => {
  expect(await (await fetch(service.url)).text()).toBe('hello');
});
""")
        self.run_portexec(jest + '/bin/jest.js', '--ci', program='node',
                          env=self.env)
        self.assertEqual(self.left(), [])

    def test_vitest(self):
        """Which runs tests in processes or threads of its own."""
        self.use('vitest')
        self.write('hello.test.ts', """
import { expect, test } from 'vitest';
import { start } from 'portexec';

test('it says hello', async () => {
  await using service = await start(['node', 'server.js'],
    { env: { PORT: '{port}' } });
  expect(await (await fetch(service.url)).text()).toBe('hello');
});

test('it is not stopped by the test', async () => {
  const service = await start(['setsid', 'sleep', '1000']);
  expect(service.port).toBeGreaterThan(0);
});
""")
        for pool in ('forks', 'threads'):
            with self.subTest(pool):
                self.run_portexec(VITEST, 'run', '--pool', pool,
                                  program='node', env=self.env)
                self.assert_nothing_left()


def blocks(text, language):
    return re.findall(rf'^```{language}\n(.*?)^```$', text,
                      re.MULTILINE | re.DOTALL)


def readme():
    with open(SOURCE + '/README.md') as file:
        return file.read()


def first_test(folder):
    """By README's lines, in an empty folder: returns the command that runs the
    test, and what else README has of it."""
    section = readme().partition('## Five minutes')[2].partition('\n## ')[0]
    install, run = blocks(section, 'sh')
    server, test, using = blocks(section, 'js')
    assert install == 'npm install --save-dev portexec\n', install
    call(*shlex.split(install.replace('portexec', '--offline ' + TARBALL)),
         cwd=folder)
    for name, text in ('server.js', server), ('server.test.js', test):
        with open(os.path.join(folder, name), 'w') as file:
            file.write(text)
    return run, using


class Readme(Tree):
    """From an empty folder to a green test, by README's lines alone."""

    def setUp(self):
        super().setUp()
        self.env = clean_environment(PORTEXEC_TEST=self.directory)
        self.text = readme()

    def test_five_minutes(self):
        run, using = first_test(self.directory)
        done = self.run_portexec('-c', run, program='sh', env=self.env)
        self.assertRegex(done.stdout, r'pass 1\n')
        self.assertEqual(self.left(), [])
        self.write('using.mjs', "import { start } from 'portexec';\n" + using +
                   'console.log(await (await fetch(service.url)).text());\n')
        done = self.run_portexec('using.mjs', program=NODE24, env=self.env)
        self.assertEqual(done.stdout, 'hello\n\n')
        # The shell's line.
        line, = blocks(self.text.partition('## In a shell')[2], 'sh')
        done = self.run_portexec('-c', line, program='sh', env=self.env)
        self.assertEqual(done.stdout, 'hello\n')
        self.assert_nothing_left()

    def test_each_way_to_be_told(self):
        """Of the section's calls, each with a service that does as it says."""
        section = self.text.partition('## How is your')[2].partition('\n## ')
        calls, sockets = blocks(section[0], 'js')
        os.mkdir(self.path('node_modules'))
        os.symlink(installed('npm') + '/node_modules/portexec',
                   self.path('node_modules/portexec'))
        self.write('package.json', '{"scripts": {"start": "./server"}}')
        self.write('server', f"""#!/usr/bin/env node
const [, , first, second] = process.argv;
const conf = () => /:(\\d+)/.exec(
  require('node:fs').readFileSync('app.conf', 'utf8'))[1];
const listen = (port) => require('node:http').createServer(
  (request, response) => response.end(first ?? 'plain')).listen(
  port, '127.0.0.1');
if (first === '--port') listen(second);
else if (first === 'app.conf') listen(conf());
else if (second) [first, second].forEach(listen);
else listen(process.env.PORT ?? 8080);
""", 0o755)
        self.write('all.mjs', "import { start } from 'portexec';\n" +
                   'const services = [];\n' +
                   re.sub(r'^start\((.*)\);',
                          r'services.push(await start(\1));', calls,
                          flags=re.MULTILINE) + sockets + """
const ask = async (port) => console.log(
  await (await fetch(`http://127.0.0.1:${port}`)).text());
for (const { port } of services) await ask(port);
await ask(service.ports.web);
await ask(service.ports.admin);
for (const one of [...services, service]) await one.stop();
""")
        env = {name: value for name, value in self.env.items()
               if name != 'PORT'}
        done = self.run_portexec('all.mjs', program='node', env=env)
        *first, web, admin = done.stdout.splitlines()
        self.assertEqual(first, ['--port', 'plain', 'app.conf', 'plain'])
        self.assertRegex(web + ' ' + admin, r'^(\d+) \1$')
        self.assertEqual(self.left(), [])
