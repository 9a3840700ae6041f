# SPDX-License-Identifier: ISC
"""The action for GitHub and the jobs of tests/examples, as their services run
them, with what `make release` has made.  `make check-packages` runs this."""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile

import harness
import test_debian
import test_examples
from harness import TOP

RELEASE = os.path.join(TOP, 'build', 'release')
MODULES = os.path.join(TOP, 'build', 'npm-packages', 'node_modules')
ACTION = os.path.join(TOP, 'packaging', 'github')
DEADLINE = 300      # seconds
COPIES = 10         # of a job, side by side

# As GitHub's documentation has them for RUNNER_ARCH, and as uname -m has them.
ARCHITECTURES = {
    'X64': 'x86_64', 'ARM64': 'aarch64', 'ARM': 'armhf', 'X86': 'i386',
    'x86_64': 'x86_64', 'aarch64': 'aarch64', 'armv7l': 'armhf',
    'i686': 'i386', 'ppc64le': 'ppc64el', 's390x': 's390x',
    'riscv64': 'riscv64'}

# Before smoke.py: a copy goes on when all copies have come so far, each with
# a service at a port of its own.
MEETING = f'''
import os
import time

port = os.environ['SERVICE_URL'].rsplit(':')[-1]
with open(os.path.join(os.environ['MEETING'], port), 'x'):
    pass
end = time.monotonic() + {harness.DEADLINE}
while len(os.listdir(os.environ['MEETING'])) < {COPIES}:
    if time.monotonic() > end:
        raise SystemExit('the others did not come')
    time.sleep(0.01)
'''


@functools.cache
def version():
    with open(os.path.join(TOP, 'VERSION')) as file:
        return file.read().strip()


def read(path):
    with open(path) as file:
        return file.read()


class Job(harness.Tree):
    """One of tests/examples, whose test meets that of the other copies."""

    def setUp(self):
        super().setUp()
        self.env.update(no_proxy='*', MEETING=self.path('meeting'),
                        HOME=self.path('home'))
        for name in 'meeting', 'home', 'bin':
            os.mkdir(self.path(name))
        self.env['PATH'] = self.path('bin') + ':' + self.env['PATH']

    def need_release(self):
        if not os.path.exists(RELEASE + '/SHA256SUMS'):
            self.skipTest('make release has not been run')

    def module(self, name):
        """A file of npm's packages."""
        path = os.path.join(MODULES, name)
        if not os.path.exists(path):
            self.skipTest('not installed: ' + name.split('/bin/')[0])
        return path

    def write_sources(self, folder, smoke=None):
        os.makedirs(self.path(folder), exist_ok=True)
        self.write(folder + '/server.py', test_examples.text_of('server.py'))
        self.write(folder + '/smoke.py', smoke or
                   MEETING + test_examples.text_of('smoke.py'))

    def assert_they_met(self):
        """Each at a port of its own; and all has ended."""
        self.assertEqual(len(os.listdir(self.path('meeting'))), COPIES)
        self.assert_nothing_left()

    def run_all(self, commands, **options):
        """Side by side, [(command, folder)]; returns what each has said."""
        runs = [subprocess.Popen(
            command, cwd=self.path(folder), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **options)
            for command, folder in commands]
        said = [run.communicate(timeout=DEADLINE)[0] for run in runs]
        for run, text in zip(runs, said):
            self.assertEqual(run.returncode, 0, text)
        return said


class GitHub(Job):
    def setUp(self):
        super().setUp()
        self.need_release()
        os.mkdir(self.path('runner temp'))
        self.env.update(GITHUB_ACTION_PATH=ACTION, RUNNER_ARCH='X64',
                        RUNNER_TEMP=self.path('runner temp'),
                        GITHUB_PATH=self.write('path', '/before\n'))

    def install(self, url, status=0, **changes):
        """Does what the action says, as a runner does.  Returns its output."""
        steps = re.findall(
            r'^    - shell: sh\n      env:\n        PORTEXEC_URL: '
            r"\$\{\{ inputs\.url \}\}\n      run: '(.*)'\n",
            read(ACTION + '/action.yml'), re.MULTILINE)
        self.assertEqual(len(steps), 1)
        script = self.write('step.sh', steps[0])
        done = subprocess.run(
            ['sh', '-e', script], cwd=self.directory, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=DEADLINE,
            env=harness.environment(**{**self.env, 'PORTEXEC_URL': url,
                                       **changes}))
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def assert_refused(self, line, *arguments, **changes):
        """By that one line, and nothing is left."""
        said = self.install(*arguments, status=1, **changes)
        self.assertRegex(said, rf'^::error::portexec: {line}\n$')
        self.assertEqual(self.read('path'), '/before\n')
        self.assertEqual(os.listdir(self.path('runner temp')), [])

    def stand_in(self):
        """A release whose programs say what they are for."""
        os.mkdir(self.path('release'))
        sums = []
        for arch in sorted(set(ARCHITECTURES.values())):
            name = f'portexec-9.8.7-linux-{arch}'
            os.makedirs(self.path(name + '/bin'))
            self.write(name + '/bin/portexec', f'#!/bin/sh\necho {arch}\n',
                       0o755)
            file = self.path(f'release/{name}.tar.gz')
            with tarfile.open(file, 'w:gz') as archive:
                archive.add(self.path(name), name)
            with open(file, 'rb') as content:
                digest = hashlib.sha256(content.read()).hexdigest()
            sums.append(f'{digest}  {name}.tar.gz\n')
        self.write('release/SHA256SUMS', ''.join(sums))
        return 'file://' + self.path('release')

    def test_installs(self):
        for url in f'file://{RELEASE}', f'file://{RELEASE}/':
            for arch in 'X64', None:
                self.write('path', '/before\n')
                self.assertEqual(self.install(url, RUNNER_ARCH=arch),
                                 f'portexec {version()}\n')
                before, folder = self.read('path').splitlines()
                self.assertEqual(before, '/before')
                self.assertTrue(folder.startswith(
                    self.path('runner temp') + '/'))
                self.assertEqual(subprocess.check_output(
                    [folder + '/portexec', '--version'], text=True),
                    f'portexec {version()}\n')

    def test_takes_the_program_of_the_machine(self):
        url = self.stand_in()
        for name, arch in ARCHITECTURES.items():
            by_uname = name not in ('X64', 'ARM64', 'ARM', 'X86')
            self.write('bin/uname', f'#!/bin/sh\necho {name}\n', 0o755)
            self.assertEqual(self.install(
                url, RUNNER_ARCH=None if by_uname else name), arch + '\n')

    def test_a_machine_for_which_there_is_none(self):
        self.assert_refused('there is no program for MIPS',
                            f'file://{RELEASE}', RUNNER_ARCH='MIPS')
        self.write('bin/uname', '#!/bin/sh\necho sparc64\n', 0o755)
        self.assert_refused('there is no program for sparc64',
                            f'file://{RELEASE}', RUNNER_ARCH=None)

    def test_an_archive_that_was_changed(self):
        url = self.stand_in()
        name = 'portexec-9.8.7-linux-x86_64.tar.gz'
        with open(self.path('release/' + name), 'ab') as file:
            file.write(b'\0')
        self.assert_refused(
            f'{name} is not the file that SHA256SUMS describes', url)

    def test_a_release_that_lacks_something(self):
        url = self.stand_in()
        name = 'portexec-9.8.7-linux-x86_64.tar.gz'
        os.remove(self.path('release/' + name))
        self.assert_refused(f'cannot download {url}/{name}: .+', url)
        sums = self.read('release/SHA256SUMS')
        self.write('release/SHA256SUMS', sums.replace('x86_64', 'x86_65'))
        self.assert_refused(f'{url}/SHA256SUMS has no archive for x86_64',
                            url)
        self.write('release/SHA256SUMS',
                   sums + sums.replace('9.8.7', '9.8.8'))
        self.assert_refused(
            f'{url}/SHA256SUMS has several archives for x86_64', url)
        os.remove(self.path('release/SHA256SUMS'))
        self.assert_refused(f'cannot download {url}/SHA256SUMS: .+', url)
        self.assert_refused('the input url is empty', '')

    def test_the_action_and_the_workflow_are_valid(self):
        validator = self.module('.bin/action-validator')
        workflow = os.path.join(test_examples.EXAMPLES, 'github.yml')
        for file, right, wrong in (
                (ACTION + '/action.yml', 'required:', 'requird:'),
                (ACTION + '/action.yml', 'shell:', 'shel:'),
                (workflow, 'runs-on:', 'run-on:')):
            for text, status in ((read(file), 0),
                                 (read(file).replace(right, wrong), 1)):
                copy = self.write(os.path.basename(file), text)
                done = subprocess.run(
                    [validator, copy], text=True, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, timeout=DEADLINE)
                self.assertEqual(done.returncode, status, done.stdout)
                if status:
                    self.assertIn(wrong.rstrip(':'), done.stdout)

    def test_the_workflow_names_the_action_and_its_input(self):
        uses, name = re.search(
            r'uses: \./portexec/(.*)\n +with:\n +(\w+): \$\{\{ vars\.',
            test_examples.text_of('github.yml')).groups()
        self.assertEqual(os.path.join(TOP, uses), ACTION)
        self.assertIn(f'\n  {name}:\n', read(ACTION + '/action.yml'))

    def test_ten_in_parallel(self):
        """On one runner, after the action's step."""
        self.install(f'file://{RELEASE}')
        path = ':'.join(self.read('path').splitlines()[::-1])
        self.env['PATH'] = path + ':' + self.env['PATH']
        command, = test_examples.commands(
            'github.yml', test_examples.text_of('github.yml'))
        folders = [f'job{number}' for number in range(COPIES)]
        for folder in folders:
            self.write_sources(folder)
        for said in self.run_all([(command, folder) for folder in folders],
                                 env=self.env):
            self.assertRegex(said, r'\nRan 1 test in .*\n\nOK\n')
        self.assert_they_met()


class GitLab(Job):
    """By gitlab-ci-local, which runs the job in a shell of this machine, where
    the packages are there: in the place of apt-get is nothing."""

    def setUp(self):
        super().setUp()
        self.need_release()
        if shutil.which('rsync') is None:
            self.skipTest('not installed: rsync')
        self.write('bin/apt-get', '#!/bin/sh\n', 0o755)

    def run_job(self, text, status, release=RELEASE, **files):
        self.write_sources('job', **files)
        self.write('job/.gitlab-ci.yml', text)
        git = ['git', '-C', self.path('job'), '-c', 'user.name=test',
               '-c', 'user.email=test@packages.invalid']
        for words in ('init -q -b main', 'add -A', 'commit -q -m job',
                      'update-ref refs/remotes/origin/main HEAD',
                      'symbolic-ref refs/remotes/origin/HEAD '
                      'refs/remotes/origin/main',
                      'remote add origin .'):
            subprocess.run(git + words.split(), check=True, env=self.env)
        machine = 'x64' if os.uname().machine == 'x86_64' else 'arm64'
        done = subprocess.run(
            [self.module(f'node-linux-{machine}/bin/node'),
             self.module('gitlab-ci-local/dist/index.js'),
             '--force-shell-executor', '--shell-isolation', '--concurrency',
             str(COPIES), '--no-color', '--variable',
             f'PORTEXEC_URL=file://{release}', '--variable',
             'MEETING=' + self.path('meeting')],
            cwd=self.path('job'), env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=DEADLINE)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assert_nothing_left()
        return done.stdout

    def text(self, *change):
        text = test_examples.text_of('gitlab.yml')
        if change:
            self.assertEqual(text.count(change[0]), 1)
            text = text.replace(*change)
        return text

    def test_ten_in_parallel(self):
        said = self.run_job(self.text('\ncheck:\n',
                                      f'\ncheck:\n  parallel: {COPIES}\n'), 0)
        self.assertEqual(len(re.findall(r'^ PASS  check: ', said,
                                        re.MULTILINE)), COPIES, said)
        self.assert_they_met()

    def test_the_test_fails(self):
        said = self.run_job(self.text(), 1, smoke='raise SystemExit(7)\n')
        self.assertRegex(said, r'listening on 127\.0\.0\.1:\d+, until')
        self.assertRegex(said, r'(?m)^ FAIL  check\b')

    def test_an_archive_that_was_changed(self):
        release = self.path('release')
        os.mkdir(release)
        name = re.search(r'PORTEXEC: (.*)', self.text())[1]
        shutil.copy(RELEASE + '/SHA256SUMS', release)
        self.write(f'release/{name}.tar.gz', 'other bytes')
        said = self.run_job(self.text(), 1, release=release)
        self.assertIn(f'{name}.tar.gz: FAILED', said)
        self.assertNotIn('listening on', said)

    def test_a_misspelt_job(self):
        said = self.run_job(self.text('before_script:', 'before_scrpt:'), 1)
        self.assertIn('before_scrpt', said)

    def test_the_archive_is_of_this_version(self):
        self.assertIn(f'PORTEXEC: portexec-{version()}-linux-x86_64\n',
                      self.text())


class Container(Job):
    """By buildah, without an engine, and with a Debian that tests/fresh has
    made in the place of a registry's."""

    def buildah(self, *words):
        done = subprocess.run(
            self.start(*words), cwd=self.path('image'), env=self.env,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, f'{words}: {done.stdout}'
                         f'{done.stderr}')
        return done.stdout.strip()

    def start(self, *words):
        return ['buildah', '--root', self.path('store'), '--runroot',
                self.path('run'), '--storage-driver', 'vfs', *words]

    def test_ten_in_parallel(self):
        """The image's command, ten times in one root and one network."""
        self.need_release()
        if shutil.which('buildah') is None:
            self.skipTest('not installed: buildah')
        if os.geteuid() != 0:
            self.skipTest('not root')
        text = test_examples.text_of('Containerfile')
        self.write_sources('image')
        self.write('image/Containerfile', text)
        name, = re.findall(r'^ADD (\S+) ', text, re.MULTILINE)
        self.assertEqual(name, f'portexec-{version()}-linux-x86_64.tar.gz')
        shutil.copy(os.path.join(RELEASE, name), self.path('image'))
        # What is thrown away need not survive a power cut.
        self.write('image/fast', 'force-unsafe-io\n')
        tag, = re.findall(r'^FROM (.*)$', text, re.MULTILINE)
        base = self.buildah('from', 'scratch')
        self.buildah('add', base, test_debian.base(), '/')
        self.buildah('add', base, 'fast', '/etc/dpkg/dpkg.cfg.d/fast')
        self.buildah('commit', '--rm', base, tag)
        self.buildah('bud', '--isolation', 'chroot', '--pull-never', '-t',
                     'check', '.')
        command = json.loads(self.buildah(
            'inspect', '--type', 'image', 'check')
        )['OCIv1']['config']['Entrypoint']
        container = self.buildah('from', '--pull-never', 'check')
        run = self.start('run', '--isolation', 'chroot', '--env',
                         'PORTEXEC_TEST=' + self.env['PORTEXEC_TEST'],
                         '--env', 'MEETING=/meeting', '--volume',
                         self.path('meeting') + ':/meeting', container, '--')
        for said in self.run_all([(run + command, 'image')] * COPIES,
                                 env=self.env):
            self.assertRegex(said, r'\nRan 1 test in .*\n\nOK\n')
        self.assert_they_met()
        self.buildah('rm', container)
