# SPDX-License-Identifier: ISC
"""tests/deps, with an apt-get, sudo and id that only say what they were
asked; and that make runs it before anything else."""

import os
import shutil
import stat
import subprocess

from harness import Case, DEADLINE, TOP, environment

BUILD = 'gcc libc6-dev make pkg-config libbsd-dev'.split()
TREE = [*BUILD, *'check libsystemd-dev python3 curl git'.split()]
TOOLS = 'cc make pkg-config python3 curl git'.split()
FORBIDS = '#!/bin/sh\nexit 101\n'


class Deps(Case):
    """A PATH of nothing but fakes; each writes its words to the log."""

    def setUp(self):
        super().setUp()
        for name in ('bin', 'root/usr/sbin', 'root/usr/include'):
            os.makedirs(self.path(name))
        self.write('log', '')
        for name in ('sh', 'env', 'rm', 'chmod', 'cat', 'sed', 'cp', 'cmp',
                     'mkdir'):
            os.symlink(shutil.which(name), self.path('bin/' + name))
        self.policy = self.path('root/usr/sbin/policy-rc.d')
        self.fake('id', 'echo 0')
        self.fake('sleep')
        self.fake('apt-cache')
        self.fake('apt-get')
        self.fake('npm')

    def fake(self, name, body=':'):
        self.write('bin/' + name, '#!/bin/sh\necho "{} $*" >>{}\n{}\n'.format(
            name, self.path('log'), body), 0o755)

    def fake_tools(self):
        for name in TOOLS:
            self.fake(name)
        self.write('root/usr/include/stdio.h', '')

    def deps(self, *which, status=0):
        done = subprocess.run(
            [os.path.join(TOP, 'tests', 'deps'), *(which or ['tree'])], text=True,
            capture_output=True, cwd=self.directory, timeout=DEADLINE,
            env=environment(PATH=self.path('bin'),
                            DEPS_ROOT=self.path('root')))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def log(self, name):
        """The words of each call of the fake, in order."""
        return [line.split()[1:] for line in self.read('log').splitlines()
                if line.split()[0] == name]

    def installs(self):
        """The packages of each apt-get install, in order."""
        return [words[words.index('--no-install-recommends') + 1:]
                for words in self.log('apt-get') if 'install' in words]

    def updates(self):
        return sum('update' in words for words in self.log('apt-get'))


class Installs(Deps):
    def test_all_that_is_missing(self):
        done = self.deps()
        self.assertEqual(self.installs(), [TREE])
        self.assertEqual(self.updates(), 0)
        for words in self.log('apt-get'):
            self.assertIn('$ env DEBIAN_FRONTEND=noninteractive apt-get ' +
                          ' '.join(words), done.stdout.splitlines())

    def test_only_what_the_build_needs(self):
        """And nothing where that is there, though the tests need more."""
        self.deps('build')
        self.assertEqual(self.installs(), [BUILD])
        for name in 'cc', 'make', 'pkg-config':
            self.fake(name)
        self.write('root/usr/include/stdio.h', '')
        self.assertIn('nothing to install', self.deps('build').stdout)
        self.assertEqual(len(self.installs()), 1)

    def test_what_a_fresh_root_is_made_with(self):
        self.deps('fresh')
        self.assertEqual(self.installs(), [['debootstrap', 'git']])

    def test_what_other_kernels_are_booted_with(self):
        self.deps('kernels')
        packages, = self.installs()
        self.assertLessEqual({'qemu-system-x86', 'gcc-s390x-linux-gnu',
                              'cpio', 'libbsd-dev'}, set(packages))

    def test_no_more_than_is_missing(self):
        self.fake_tools()
        os.unlink(self.path('bin/git'))
        self.fake('pkg-config', '[ "$2" != check ]')
        self.deps()
        self.assertEqual(self.installs(), [['check', 'git']])

    def test_nothing_where_nothing_is_missing(self):
        self.fake_tools()
        done = self.deps()
        self.assertIn('nothing to install', done.stdout)
        for name in ('apt-get', 'apt-cache', 'id'):
            self.assertEqual(self.log(name), [])

    def test_any_compiler_will_do(self):
        self.fake('cc')
        self.deps()
        self.assertNotIn('gcc', self.installs()[0])

    def test_a_node_that_is_there(self):
        self.deps('servers')
        self.assertIn('nodejs', self.installs()[0])
        self.fake('node')
        self.deps('servers')
        self.assertNotIn('nodejs', self.installs()[1])

    def test_nothing_of_the_tree_starts_a_daemon(self):
        self.deps('servers')
        self.deps('lint')
        self.deps('tree')
        self.deps('bench')
        servers, lint, tree, bench = self.installs()
        self.assertLessEqual({'nginx', 'redis-server'}, set(bench))
        self.assertLessEqual({'nginx', 'openssh-server'}, set(servers))
        self.assertLessEqual({'valgrind', 'clang-tidy'}, set(lint))
        self.assertEqual(tree, TREE)

    def test_says_where_systemd_would_start_daemons(self):
        self.assertNotIn('next boot', self.deps('servers').stdout)
        os.makedirs(self.path('root/run/systemd/system'))
        self.assertIn('next boot', self.deps('servers').stdout)

    def test_modules_of_npm(self):
        self.deps('tree')
        self.deps('lint')
        self.assertEqual(self.log('npm'), [])
        folder = self.path('root/npm')
        self.deps('servers')
        words, = self.log('npm')
        self.assertEqual(words[:3], ['ci', '--prefix', folder])
        os.makedirs(folder + '/node_modules')
        self.write('root/npm/node_modules/.package-lock.json', '')
        self.deps('servers')
        self.assertEqual(len(self.log('npm')), 1)
        self.write('root/npm/package-lock.json', 'an older one')
        self.deps('servers')
        self.assertEqual(len(self.log('npm')), 2)

    def test_modules_of_the_benchmarks(self):
        self.deps('bench')
        words, = self.log('npm')
        self.assertEqual(words[:3],
                         ['ci', '--prefix', self.path('root/npm-bench')])
        with open(os.path.join(TOP, 'tests/bench/npm/package-lock.json')
                  ) as file:
            self.assertEqual(self.read('root/npm-bench/package-lock.json'),
                             file.read())

    def test_the_locks_name_no_registry(self):
        for folder in 'servers', 'bench':
            with open(os.path.join(TOP, 'tests', folder,
                                   'npm/package-lock.json')) as file:
                self.assertNotIn('"resolved"', file.read())

    def test_what_the_services_need(self):
        self.deps('servers')
        packages, = self.installs()
        self.assertEqual(len(packages), len(set(packages)))
        for name, package in (('redis', 'redis-server'),
                              ('gunicorn', 'gunicorn')):
            with open(os.path.join(TOP, f'tests/servers/{name}.toml')) as file:
                self.assertIn(f':{package}', file.read())
            self.assertIn(package, packages)

    def test_says_what_is_missing(self):
        self.fake('there')
        done = self.deps('missing', 'there:a', 'missing:b', 'vite.npm')
        self.assertEqual(done.stdout, 'missing\nvite.npm\n')
        self.assertEqual(self.log('apt-get'), [])

    def test_unknown_list(self):
        self.assertIn('usage: ', self.deps('everything', status=2).stderr)
        self.assertEqual(self.log('apt-get'), [])


class Failures(Deps):
    def test_unknown_package_updates_first(self):
        self.fake('apt-cache', '[ "$2" != git ]')
        self.deps()
        self.assertIn('update', self.log('apt-get')[0])
        self.assertEqual(len(self.installs()), 1)

    def test_tries_again_after_an_update(self):
        self.fake('apt-get', 'case $* in *install*) [ -e tried ] || '
                             '{ : >tried; exit 100; } ;; esac')
        self.deps()
        self.assertEqual((len(self.installs()), self.updates()), (2, 1))

    def test_gives_up(self):
        self.fake('apt-get', 'exit 100')
        done = self.deps(status=1)
        self.assertEqual(len(self.installs()), 3)
        self.assertIn('could not install gcc', done.stderr)
        self.assertFalse(os.path.exists(self.policy))

    def test_tries_npm_again(self):
        self.fake('npm', '[ -e tried ] || { : >tried; exit 1; }')
        self.deps('servers')
        self.assertEqual(len(self.log('npm')), 2)
        self.fake('npm', 'exit 1')
        done = self.deps('servers', status=1)
        self.assertEqual(len(self.log('npm')), 5)
        self.assertIn('npm', done.stderr)

    def test_waits_for_the_lock(self):
        self.deps()
        self.assertIn('DPkg::Lock::Timeout=300', self.log('apt-get')[0])


class Systems(Deps):
    def test_sudo_where_not_root(self):
        self.fake('id', 'echo 1000')
        self.fake('sudo', 'exec "$@"')
        done = self.deps()
        self.assertEqual(self.installs(), [TREE])
        self.assertIn('$ sudo env ', done.stdout)
        asked = [words[0] for words in self.log('sudo')]
        self.assertEqual(asked, ['sh', 'env', 'rm'])
        self.assertFalse(os.path.exists(self.policy))

    def test_no_sudo_where_not_root(self):
        self.fake('id', 'echo 1000')
        done = self.deps(status=1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn('as root: apt-get install gcc ', done.stderr)
        self.assertEqual(self.log('apt-get'), [])

    def test_another_system(self):
        os.unlink(self.path('bin/apt-get'))
        done = self.deps(status=1)
        self.assertIn(' '.join(TREE), done.stdout)
        self.assertIn(' '.join(TREE), done.stderr)

    def test_another_system_with_all_there(self):
        os.unlink(self.path('bin/apt-get'))
        self.fake_tools()
        self.assertIn(' '.join(TREE), self.deps().stdout)


class Policy(Deps):
    def setUp(self):
        super().setUp()
        self.fake('apt-get', f'cat {self.policy} >seen')

    def test_put_and_removed(self):
        self.deps()
        self.assertEqual(self.read('seen'), FORBIDS)
        self.assertFalse(os.path.exists(self.policy))

    def test_it_can_be_executed(self):
        self.fake('apt-get', f'{self.policy} nginx start; echo $? >seen')
        self.deps()
        self.assertEqual(self.read('seen'), '101\n')

    def test_removed_after_a_signal(self):
        for name, status in ('HUP', 129), ('INT', 130), ('TERM', 143):
            with self.subTest(name):
                self.fake('apt-get', f'cat {self.policy} >seen\n'
                                     f'kill -{name} $PPID')
                self.deps(status=status)
                self.assertEqual(self.read('seen'), FORBIDS)
                self.assertFalse(os.path.exists(self.policy))

    def test_one_that_was_there_stays(self):
        self.write('root/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 0\n', 0o700)
        self.deps()
        self.assertEqual(self.read('seen'), '#!/bin/sh\nexit 0\n')
        self.assertEqual(stat.S_IMODE(os.stat(self.policy).st_mode), 0o700)

    def test_a_dangling_link_stays(self):
        os.symlink('nowhere', self.policy)
        self.fake('apt-get')
        self.deps()
        self.assertEqual(os.readlink(self.policy), 'nowhere')

    def test_none_where_it_cannot_be_put(self):
        shutil.rmtree(self.path('root/usr/sbin'))
        self.deps(status=1)
        self.assertEqual(self.log('apt-get'), [])


class Make(Case):
    """A tree in which deps fails: with -k, what need not wait for it is
    made all the same, so what was made did not wait."""

    def setUp(self):
        super().setUp()
        for name in ('Makefile', 'VERSION', 'src', 'man'):
            if os.path.exists(os.path.join(TOP, name)):
                os.symlink(os.path.join(TOP, name), self.path(name))
        os.mkdir(self.path('tests'))
        for name in ('examples', 'probes', 'unit'):
            if os.path.isdir(os.path.join(TOP, 'tests', name)):
                os.symlink(os.path.join(TOP, 'tests', name),
                           self.path('tests/' + name))
        for name in ('cc', 'run', 'demo', 'lint'):
            self.write('tests/' + name, f'#!/bin/sh\n: >{name}-ran\n', 0o755)

    def make(self, deps, *targets):
        """What ran, in a tree where deps is what tests/deps does."""
        self.write('tests/deps', '#!/bin/sh\necho "$1" >>deps-ran\n' + deps,
                   0o755)
        done = subprocess.run(
            ['make', '-s', '-k', '-j8', 'CC=tests/cc', *targets], text=True,
            capture_output=True, cwd=self.directory, timeout=DEADLINE,
            env=environment(MAKEFLAGS=None, MAKELEVEL=None, MFLAGS=None,
                            MAKEOVERRIDES=None, CFLAGS=None, CC=None,
                            BUILD=None, PORTEXEC=None, PROGRAM=None))
        ran = {name[:-len('-ran')] for name in os.listdir(self.directory)
               if name.endswith('-ran')}
        return done, ran

    def test_nothing_before_deps(self):
        for target in 'check', 'demo', 'lint', 'all':
            with self.subTest(target):
                done, ran = self.make('exit 1\n', 'deps', target)
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(ran, {'deps'}, done.stdout + done.stderr)

    def test_nothing_before_all_four(self):
        done, ran = self.make('[ "$1" != bench ]\n', 'deps', 'deps-servers',
                              'deps-lint', 'deps-bench', 'check')
        self.assertEqual(ran, {'deps'}, done.stdout + done.stderr)
        self.assertEqual(self.read('deps-ran'), 'tree\nservers\nlint\nbench\n')

    def test_all_after_deps(self):
        done, ran = self.make('exit 0\n', 'deps', 'check')
        self.assertEqual(ran, {'deps', 'cc', 'run'},
                         done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_deps_unasked(self):
        ran = self.make('exit 0\n', 'check')[1]
        self.assertEqual(ran, {'cc', 'run'})
