# SPDX-License-Identifier: ISC
"""Debian's package, which `make deb` has made of what is committed: what
Debian's own tools say of it.  `make check-packages` runs this; it installs
only in a Debian 12 below build/, which tests/fresh makes."""

import filecmp
import functools
import glob
import os
import re
import shlex
import shutil
import subprocess
import unittest

import harness
from harness import TOP

DEB = os.path.join(TOP, 'build', 'deb')
BASE = os.path.join(TOP, 'build', 'fresh.tar')
DEADLINE = 500      # seconds

# Somebody else who builds it.
OTHER = {'TZ': 'Etc/GMT-14', 'LC_ALL': 'C', 'HOME': '/nonexistent',
         'CFLAGS': '-O0', 'MAKEFLAGS': 'V=1'}

# Of all files; a folder's size and time are its own business.
LIST = "find / -xdev ! -path '/tmp/*' -printf '%p %M %u %g %l\\n' | sort"


def run(*command, **options):
    """Returns what it printed; if it fails, that is the failure."""
    done = subprocess.run(
        command, **{'text': True, 'stdin': subprocess.DEVNULL,
                    'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT,
                    'timeout': DEADLINE, 'env': harness.environment(),
                    **options})
    if done.returncode:
        raise AssertionError(f'{command}: {done.returncode}\n{done.stdout}')
    return done.stdout


def need(*commands):
    for command in commands:
        if shutil.which(command) is None:
            raise unittest.SkipTest('not installed: ' + command)


def built(pattern):
    with open(os.path.join(TOP, 'VERSION')) as file:
        version = file.read().strip()
    found = glob.glob(os.path.join(DEB, f'portexec_{version}-{pattern}'))
    if not found:
        raise unittest.SkipTest('make deb has not been run')
    if len(found) > 1:
        raise AssertionError(f'{found}: of one version')
    return found[0]


@functools.cache
def base():
    """The archive of a Debian 12 that has nothing else."""
    if not os.path.exists(BASE):
        need('debootstrap')
        run(os.path.join(TOP, 'tests', 'fresh'), '--base')
    return BASE


class Package(harness.Case):
    def test_lintian(self):
        need('lintian')
        self.assertEqual(run(
            'lintian', '-I', '-E', '--pedantic', '--allow-root',
            built('*.changes')), '')

    def test_the_program_is_hardened(self):
        need('hardening-check')
        run('dpkg-deb', '-x', built('*.deb'), self.path('root'))
        program = self.path('root/usr/bin/portexec')
        said = run('hardening-check', '--nocfprotection', program)
        for what in ('Position Independent Executable', 'Stack protected',
                     'Fortify Source functions', 'Read-only relocations',
                     'Immediate binding'):
            self.assertRegex(said, rf'(?m)^ {what}: yes')
        self.assertIn('NEEDED', run('readelf', '-d', program))
        self.assertRegex(run('readelf', '-lW', program),
                         r'GNU_STACK .* RW +0x')

    def test_the_same_bytes_from_another_folder(self):
        """By somebody else."""
        need('dh', 'git')
        first = os.path.dirname(built('*.deb'))
        tree = self.path('a/longer/path')
        os.makedirs(os.path.dirname(tree))
        run('git', 'clone', '-q', TOP, tree, umask=0o077)
        run('packaging/debian/build', 'build/deb', cwd=tree, umask=0o077,
            env=harness.environment(**OTHER))
        second = tree + '/build/deb'
        names = sorted(name for name in os.listdir(second) if re.search(
            r'\.(deb|dsc|tar\.gz|tar\.xz)$', name))
        self.assertEqual(len(names), 5, names)
        commits = [subprocess.run(
            f'zcat {shlex.quote(folder)}/*.orig.tar.gz | git '
            'get-tar-commit-id', shell=True, text=True, check=True,
            stdout=subprocess.PIPE).stdout for folder in (first, second)]
        if commits[0] != commits[1]:
            self.skipTest('make deb has been run at another commit')
        self.assertEqual(filecmp.cmpfiles(first, second, names, False),
                         (names, [], []))


class Root(harness.Case):
    """A Debian of one's own for each test, and no file of the machine's."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('not root')
        need('autopkgtest', 'dpkg-source')
        os.mkdir(self.path('root'))
        run('tar', '-xf', base(), '-C', self.path('root'))
        # It need not survive a power cut.
        self.write('root/etc/dpkg/dpkg.cfg.d/fast', 'force-unsafe-io\n')

    def around(self, *command):
        """Runs it where the root has what the kernel gives, in namespaces
        which nothing outlives."""
        return run('unshare', '--mount', '--pid', '--fork', '--kill-child',
                   '--mount-proc', os.path.join(TOP, 'tests', 'fresh'),
                   '--around', self.path('root'), *command,
                   cwd=self.directory)

    def test_installs_and_purges(self):
        """What it depends on stays: that is not its own."""
        shutil.copy(built('*.deb'), self.path('root/tmp/portexec.deb'))
        said = self.around('chroot', self.path('root'), 'sh', '-ec', f'''
            export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin
            list() {{
                {LIST}
            }}
            apt-get update
            apt-get install -y --no-install-recommends libbsd0
            list >/tmp/before
            dpkg -i /tmp/portexec.deb
            list >/tmp/with
            portexec -c : -- sleep 60
            dpkg --purge portexec
            list >/tmp/after
            ! diff /tmp/before /tmp/with >/tmp/new
            grep "^> /usr/bin/portexec " /tmp/new
            diff /tmp/before /tmp/after
            echo the same''')
        self.assertRegex(said, r'\n> /usr/bin/portexec .*\nthe same\n\Z')

    def test_autopkgtest(self):
        run('dpkg-source', '--no-check', '-x', built('*.dsc'),
            self.path('source'))
        said = self.around(
            'autopkgtest', '--setup-commands=apt-get update; apt-get install '
            '-y --no-install-recommends apt-utils', '--no-built-binaries',
            built('*.deb'), self.path('source') + '/', '--', 'chroot',
            self.path('root'))
        self.assertRegex(said, r'summary\ndemo +PASS\nprogram +PASS\n')
        passed, = re.findall(r'\n(\d+) passed, 0 failed, 0 skipped\n', said)
        self.assertGreater(int(passed), 90)
