# SPDX-License-Identifier: ISC
"""Each line of README's "Install", with the file that `make release npm wheel
deb` has made in the place of the name.  `make check-packages` runs this."""

import glob
import os
import re
import shutil
import subprocess

import harness
from harness import TOP

RELEASE = os.path.join(TOP, 'build', 'release')
DEADLINE = 300      # seconds: npm and pip take their time


def readme():
    """The part about installing."""
    with open(os.path.join(TOP, 'README.md')) as file:
        return re.search(r'^## Install\n(.*?)^## ', file.read(),
                         re.MULTILINE | re.DOTALL)[1]


def version():
    with open(os.path.join(TOP, 'VERSION')) as file:
        return file.read().strip()


class Install(harness.Case):
    def row(self, name):
        """The command that the table has for it."""
        return re.search(rf'^\| {name}.*\| `(.*)` \|$', readme(),
                         re.MULTILINE)[1]

    def file(self, pattern):
        found = glob.glob(os.path.join(RELEASE, pattern))
        if not found:
            self.skipTest('make release npm wheel has not been run')
        self.assertEqual(len(found), 1, 'of one version')
        self.assertIn(f'portexec-{version()}', found[0])
        return found[0]

    def need(self, *commands):
        for command in commands:
            if shutil.which(command) is None:
                self.skipTest('not installed: ' + command)

    def run_line(self, line, **environment):
        """In the test's folder."""
        done = subprocess.run(
            ['bash', '-e', '-c', line], cwd=self.directory, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=DEADLINE,
            env={**harness.environment(), **environment})
        self.assertEqual(done.returncode, 0, f'{line}\n{done.stdout}')
        return done.stdout

    def assert_it_runs(self, line, **environment):
        self.assertEqual(self.run_line(line, **environment),
                         f'portexec {version()}\n')

    def test_npm(self):
        self.need('npm', 'npx')
        file = self.file(f'portexec-{version()}.tgz')
        line = self.row('npm')
        self.assertTrue(line.endswith(' portexec'), line)
        self.run_line(line[:-len('portexec')] + f"'{file}'")
        self.assert_it_runs('npx portexec --version')

    def test_pip(self):
        file = self.file('portexec-*x86_64.whl')
        line = self.row('pip')
        self.assertTrue(line.endswith(' portexec'), line)
        done = subprocess.run(['/usr/bin/python3', '-m', 'venv',
                               self.path('venv')], stdout=subprocess.DEVNULL)
        if done.returncode:
            self.skipTest('not installed: python3-venv')
        path = f'{self.path("venv")}/bin:{os.environ["PATH"]}'
        self.run_line(line[:-len('portexec')] + f"--no-index '{file}'",
                      PATH=path)
        self.assert_it_runs('portexec --version', PATH=path)

    def test_an_archive(self):
        shutil.copy(self.file(f'portexec-{version()}-linux-x86_64.tar.gz'),
                    self.directory)
        shutil.copy(RELEASE + '/SHA256SUMS', self.directory)
        os.mkdir(self.path('local'))
        line = self.row('an archive').replace('/usr/local', 'local')
        self.assertIn('OK', self.run_line(line))
        self.assert_it_runs('local/bin/portexec --version')
        self.assertEqual(self.run_line('ls local'), 'bin\nshare\n')

    def test_an_archive_that_was_changed(self):
        file = self.file(f'portexec-{version()}-linux-x86_64.tar.gz')
        shutil.copy(RELEASE + '/SHA256SUMS', self.directory)
        with open(file, 'rb') as old, open(self.path(os.path.basename(
                file)), 'wb') as new:
            new.write(old.read()[:-1])
        os.mkdir(self.path('local'))
        with self.assertRaisesRegex(AssertionError, 'FAILED'):
            self.run_line(self.row('an archive').replace('/usr/local',
                                                         'local'))
        self.assertEqual(os.listdir(self.path('local')), [])

    def test_a_container(self):
        """Built and run without a registry and without an engine."""
        self.need('buildah')
        if os.geteuid() != 0:
            self.skipTest('not root')
        shutil.copy(self.file(f'portexec-{version()}-linux-x86_64.tar.gz'),
                    self.directory)
        self.write('Containerfile', re.search(
            r'^```Dockerfile\n(.*?)^```$', readme(),
            re.MULTILINE | re.DOTALL)[1])
        buildah = (f"buildah --root '{self.path('root')}' "
                   f"--runroot '{self.path('run')}' --storage-driver vfs")
        self.run_line(f'{buildah} bud --isolation chroot -t portexec . && '
                      f'{buildah} from --name it portexec')
        self.assert_it_runs(
            f'{buildah} run --isolation chroot it portexec --version')
        self.run_line(f'{buildah} rm it')

    def test_debians_package(self):
        """On this machine, of which nothing is changed: an overlay is."""
        if os.geteuid() != 0:
            self.skipTest('not root')
        file, = glob.glob(os.path.join(TOP, 'build', 'deb',
                                       f'portexec_{version()}-*.deb')) or [
            self.skipTest('make deb has not been run')]
        self.write('install', f'''
            set -e
            mount -t tmpfs tmpfs "$1"
            cd "$1"
            mkdir upper work root
            mount -t overlay overlay -o \\
                "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
            mount -t proc proc root/proc
            mount --rbind /dev root/dev
            mkdir root/package
            cp "$2" root/package
            exec chroot root sh -ec '
                cd /package
                dpkg --purge portexec
                {self.row("Debian")} --yes >&2
                /usr/bin/portexec --version
                dpkg --purge portexec >&2
                [ ! -e /usr/bin/portexec ] && [ ! -e /usr/share/doc/portexec ]'
        ''')
        os.mkdir(self.path('place'))
        done = subprocess.run(
            ['unshare', '-m', 'sh', self.path('install'), self.path('place'),
             file], text=True, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stdout),
                         (0, f'portexec {version()}\n'), done.stderr)

    def test_the_source(self):
        line = self.row('the source')
        subprocess.run(['git', 'clone', '-q', TOP, self.path('tree')],
                       check=True)
        self.run_line(f"cd tree && export DESTDIR='{self.path('root')}' && "
                      f'{line}')
        self.assert_it_runs('root/usr/local/bin/portexec --version')
