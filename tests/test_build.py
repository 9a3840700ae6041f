# SPDX-License-Identifier: ISC
"""The Makefile, in a copy of the tree."""

import functools
import glob
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from harness import SANITIZED, TOP, Case, source

BUILT = shutil.ignore_patterns('.git', 'build', 'portexec', '__pycache__',
                               'portexec-*.tar.gz')
SECONDS = 600       # for one build
# Logs each call, and makes an empty file of what it was to make.
FAKE_CC = '''#!/bin/sh
printf '%s\\n' "$0 $*" >>"$LOG"
while [ $# -gt 1 ]; do [ "$1" = -o ] && : >"$2"; shift; done
'''
# Compiles.  Where LOG is there it only touches what it was to make.
TIRED_CC = '''#!/bin/sh
[ -e "$LOG" ] || exec cc "$@"
while [ $# -gt 1 ]; do [ "$1" = -o ] && touch "$2"; shift; done
'''
FAKE_PKG_CONFIG = '''#!/bin/sh
echo "-DFROM_PKG_CONFIG"
'''
# A static link that cannot be, for two reasons.
NO_STATIC_CC = '''#!/bin/sh
case " $* " in *" -static-pie "*) echo 'no static here' >&2; exit 1;; esac
exec cc "$@"
'''
NO_STATIC_PKG_CONFIG = '''#!/bin/sh
case " $* " in *" --static "*) exit 1;; esac
exec pkg-config "$@"
'''
# Knows all but one.
FORGETFUL_PKG_CONFIG = '''#!/bin/sh
case " $* " in *" {} "*) exit 1;; esac
exec pkg-config "$@"
'''
WHICH = '''
import harness
class Which(harness.Case):
    def test(self):
        print('says', self.run_portexec('-V').stdout)
'''


def sources(folder='src', end='.c'):
    """As they are named in an #include."""
    return sorted(glob.glob('**/*' + end, root_dir=os.path.join(TOP, folder),
                            recursive=True))


def modules():
    return [name[:-2] for name in sources()]


def compiled(output):
    """The modules that make says it compiled."""
    return sorted(re.findall(r'(?m)^  CC +src/(\S+)\.c$', output))


def make(tree, *arguments, **variables):
    """Variables are make's environment, beside the bare minimum."""
    return subprocess.run(
        ['make', *arguments], cwd=tree, text=True, stdin=subprocess.DEVNULL,
        env={'PATH': os.environ['PATH'], **variables}, timeout=SECONDS,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@functools.cache
def built(*arguments):
    """A tree in which make has built so, for all tests that begin with it."""
    folder = tempfile.mkdtemp(prefix='portexec-test-')
    unittest.addModuleCleanup(shutil.rmtree, folder)
    tree = os.path.join(folder, 'tree')
    shutil.copytree(TOP, tree, ignore=BUILT, symlinks=True)
    done = make(tree, '-j2', *arguments, HOME=folder)
    assert done.returncode == 0, done.stdout
    return tree


class BuildCase(Case):
    def setUp(self):
        super().setUp()
        self.tree = self.path('tree')
        shutil.copytree(TOP, self.tree, ignore=BUILT, symlinks=True)

    def begin_built(self, *arguments):
        """What built() has made takes the tree's place, with its times."""
        shutil.rmtree(self.tree)
        shutil.copytree(built(*arguments), self.tree, symlinks=True)

    def script(self, name, text):
        return self.write(name, text, 0o755)

    def make(self, *arguments, status=0, **variables):
        done = make(self.tree, *arguments, **{
            'HOME': self.directory, 'LOG': self.path('log'), **variables})
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def in_tree(self, *names):
        return os.path.join(self.tree, *names)

    def files(self, folder=None):
        folder = folder or self.tree
        return sorted(os.path.relpath(os.path.join(path, name), folder)
                      for path, _, names in os.walk(folder) for name in names)

    def version(self):
        return self.run_portexec('-V', program=self.in_tree('portexec')).stdout

    def readelf(self, *options):
        return subprocess.run(
            ['readelf', '-W', *options, self.in_tree('portexec')], check=True,
            text=True, stdout=subprocess.PIPE, env={
                'PATH': os.environ['PATH'], 'LC_ALL': 'C'}).stdout


class Build(BuildCase):
    def test_make_alone(self):
        """It builds ./portexec, and says how; then it has nothing to do."""
        output = self.make()
        found = re.search(r'portexec: linked (statically|dynamically)', output)
        self.assertIsNotNone(found, output)
        self.assertEqual('(NEEDED)' not in self.readelf('-d'),
                         found[1] == 'statically')
        self.assertEqual('INTERP' not in self.readelf('-l'),
                         found[1] == 'statically')
        with open(self.in_tree('VERSION')) as file:
            self.assertEqual(self.version(), f'portexec {file.read()}')
        made = [name for name in self.files()
                if not os.path.exists(os.path.join(TOP, name)) or
                name == 'portexec' or name.startswith('build/')]
        self.assertIn('portexec', made)
        self.assertEqual([name for name in made
                          if not name.startswith('build/')], ['portexec'])
        before = {name: os.stat(self.in_tree(name)).st_mtime_ns
                  for name in made}
        self.assertEqual(self.make(), '')
        self.assertEqual(before, {
            name: os.stat(self.in_tree(name)).st_mtime_ns for name in made})

    def test_it_is_brief(self):
        """A line a file, for the tests' programs too; all with V=1."""
        programs = ['build/tests/test_buffer', 'build/tests/sdprobe']
        arguments = ['-j2', 'all', *programs,
                     'CC=' + self.script('fake-cc', FAKE_CC)]
        self.assertEqual(
            sorted(self.make(*arguments).splitlines()),
            sorted([f'  CC      src/{name}' for name in sources()] +
                   ['  CC      tests/unit/test_buffer.c',
                    '  CC      tests/probes/sdprobe.c',
                    '  LINK    portexec', 'portexec: linked statically']))
        brief = self.read('log').splitlines()
        self.make('clean')
        output = self.make(*arguments, 'V=1').replace('\\\n', ' ')
        self.assertNotRegex(output, '(?m)^  ')
        for line in brief:
            words = [word for word in line.split() if word[:9] != '-DVERSION']
            self.assertRegex(output, r'\s+(\S+\s+)?'.join(
                map(re.escape, words[:8])))
        for name in sources():
            self.assertRegex(output, rf'fake-cc .* src/{name}\n')
        self.assertRegex(output, r'fake-cc -static-pie .* -o portexec ')

    def without(self, name):
        return 'PKG_CONFIG=' + self.script(
            'all-but-' + name, FORGETFUL_PKG_CONFIG.format(name))

    def test_what_is_missing_is_said_in_a_line(self):
        for arguments, packages, target in (
                ([self.without('libbsd-overlay')], 'libbsd-dev', 'deps-build'),
                (['PKG_CONFIG=not-there'], 'pkg-config libbsd-dev',
                 'deps-build'),
                (['check', self.without('check')], 'check', 'deps'),
                (['check', self.without('libsystemd')], 'libsystemd-dev',
                 'deps'),
                (['soak', 'PKG_CONFIG=not-there'],
                 'pkg-config libbsd-dev check libsystemd-dev', 'deps')):
            with self.subTest(arguments):
                self.assertRegex(
                    self.make('-j2', *arguments, status=2),
                    rf'^Makefile:\d+: \*\*\* not installed: {packages}; '
                    rf"`make {target}' installs what it takes\.  Stop\.\n$")
                self.assertFalse(
                    [name for name in self.files() if name.endswith('.o')])

    def test_what_is_missing_does_not_matter_later(self):
        """As where another user installs what was built."""
        self.make('CC=' + self.script('fake-cc', FAKE_CC))
        self.assertEqual(self.make('PKG_CONFIG=not-there',
                                   'CC=' + self.path('fake-cc')), '')

    def test_the_same_bytes_in_any_folder(self):
        """Whatever its name, and by whichever name it was entered."""
        other = os.path.join(self.directory, 'another: its name is long')
        os.rename(self.tree, other)
        link = self.path('link')
        os.symlink(other, link)
        for options in ((), ('CC=clang', 'STATIC=no', 'CFLAGS=-O0 -g'),
                        ('CC=musl-gcc', 'STATIC=yes', 'CFLAGS=-O0 -g')):
            compiler = ''.join(options[:1])[3:] or 'cc'
            if shutil.which(compiler) is None:
                self.skipTest('no ' + compiler)
            with self.subTest(compiler):
                self.tree = link
                self.make('-j2', *options, PWD=link)
                files = []
                for self.tree in link, built(*options):
                    with open(self.in_tree('portexec'), 'rb') as file:
                        files.append(file.read())
                    self.assertIn('.debug_info', self.readelf('-S'))
                self.assertTrue(files[0] == files[1])
                for folder in self.directory, os.path.dirname(self.tree):
                    self.assertFalse(folder.encode() in files[0])

    def test_the_version_is_that_of_the_tree(self):
        self.begin_built('STATIC=no', 'CFLAGS=-O0')
        with open(self.in_tree('VERSION'), 'w') as file:
            file.write('98.7.6\n')
        self.make('-j2', 'STATIC=no', 'CFLAGS=-O0')
        self.assertEqual(self.version(), 'portexec 98.7.6\n')

    def includers(self, header):
        """The modules that a header is part of, as the sources have it."""
        direct = {}
        for name in sources() + sources(end='.h'):
            with open(os.path.join(TOP, 'src', name)) as file:
                direct[name] = set(re.findall(r'#include "(.*)"',
                                              file.read()))
        found, more = set(), {header}
        while more:
            found |= more
            more = {name for name in direct if direct[name] & found} - found
        return sorted(name[:-2] for name in found if name.endswith('.c'))

    def test_a_touched_header_rebuilds_what_includes_it(self):
        build = ('-j2', 'STATIC=no', 'CFLAGS=-O0',
                 'CC=' + self.script('cc', TIRED_CC))
        self.make(*build)
        self.write('log', '')
        for header in sources(end='.h'):
            with self.subTest(header):
                os.utime(self.in_tree('src', header))
                output = self.make(*build)
                self.assertEqual(compiled(output), self.includers(header))

    def test_sources_that_move_into_folders(self):
        """What was built before they did is no hindrance."""
        self.begin_built('STATIC=no', 'CFLAGS=-O0')
        found = {end: os.path.join(self.tree, os.path.relpath(
            source('buffer' + end), TOP)) for end in ('.c', '.h')}
        os.makedirs(self.in_tree('src', 'moved'))
        for end, name in found.items():
            os.rename(name, self.in_tree('src', 'moved', 'buffer' + end))
        old = os.path.relpath(found['.h'], self.in_tree('src'))
        for name in self.files(self.in_tree('src')):
            with open(self.in_tree('src', name)) as file:
                text = file.read()
            with open(self.in_tree('src', name), 'w') as file:
                file.write(text.replace(f'#include "{old}"',
                                        '#include "moved/buffer.h"'))
        output = self.make('-j2', 'STATIC=no', 'CFLAGS=-O0')
        self.assertIn('moved/buffer', compiled(output))
        self.assertEqual(self.version(), 'portexec ' + self.read(
            'tree/VERSION'))
        os.utime(self.in_tree('src', 'moved', 'buffer.h'))
        output = self.make('-j2', 'STATIC=no', 'CFLAGS=-O0')
        self.assertEqual(
            [os.path.basename(name) for name in sorted(
                compiled(output), key=os.path.basename)],
            [os.path.basename(name) for name in sorted(
                self.includers(old), key=os.path.basename)])

    def test_each_header_compiles_alone(self):
        flags = subprocess.check_output(
            ['pkg-config', '--cflags', 'libbsd-overlay'], text=True).split()
        for header in sources(end='.h'):
            with self.subTest(header):
                done = subprocess.run(
                    ['cc', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra',
                     '-Werror', '-Isrc', *flags, '-fsyntax-only', '-x', 'c',
                     os.path.join('src', header)], text=True, cwd=self.tree,
                    stderr=subprocess.PIPE)
                self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_no_compiler_warns(self):
        """With optimization and without, of the tests' programs either; but
        for an example in a folder, which is built as its user does."""
        programs = ['build/tests/' + name[:-2]
                    for folder in ('unit', 'probes', 'examples')
                    for name in sources(os.path.join('tests', folder))
                    if '/' not in name]
        programs += ['build/tests/seeds_' + name[:-2]
                     for name in sources('tests/fuzz')
                     if name != 'seeds.c']
        for compiler, flags in (('gcc', '-O2'), ('clang', '-O2'),
                                ('gcc', ''), ('clang', '-O0')):
            if shutil.which(compiler) is None:
                self.skipTest('no ' + compiler)
            with self.subTest(compiler, flags=flags):
                output = self.make('-j2', f'CC={compiler}', 'all',
                                   f'CFLAGS={flags} -Werror',
                                   *(programs if flags == '-O2' else []))
                self.assertNotIn('warning', output)
        with open(self.in_tree('Makefile')) as file:
            self.assertNotIn('-Werror', file.read())

    def test_hardening(self):
        for options in ('STATIC=no',), ():
            with self.subTest(options):
                self.tree = built(*options)
                self.assertRegex(self.readelf('-h'), r'Type:\s+DYN ')
                self.assertRegex(self.readelf('-d'), r'FLAGS_1\).*NOW.*PIE')
                segments = self.readelf('-l')
                self.assertIn('GNU_RELRO', segments)
                self.assertRegex(segments, r'GNU_STACK .* RW  0x')
                self.assertNotIn(' RWE ', segments)
                symbols = self.readelf('-s')
                self.assertRegex(symbols, r' __stack_chk_fail\b')
                self.assertRegex(symbols, r' __(?!stack)\w+_chk\b')


class Static(BuildCase):
    def test_yes_and_no(self):
        output = self.make('-j2', 'STATIC=no', 'CFLAGS=-O0', 'V=1')
        self.assertIn(' -pie ', output)
        self.assertNotIn('-static', output)
        self.assertIn('(NEEDED)', self.readelf('-d'))
        self.make('clean')
        self.make('STATIC=yes', 'CC=' + self.script('fake-cc', FAKE_CC))
        self.assertIn('-static-pie', self.read('log').splitlines()[-1])

    def test_nonsense(self):
        for value in ('maybe', '1', 'YES'):
            with self.subTest(value):
                output = self.make('STATIC=' + value, status=2,
                                   CC=self.script('fake-cc', FAKE_CC))
                self.assertIn('STATIC is auto, yes or no', output)
                self.assertFalse(os.path.exists(self.in_tree('portexec')))

    def test_auto_falls_back_and_says_so(self):
        cc = self.script('cc', NO_STATIC_CC)
        config = self.script('config', NO_STATIC_PKG_CONFIG)
        for variable in ('CC=' + cc, 'PKG_CONFIG=' + config):
            with self.subTest(variable):
                output = self.make('-j2', 'CFLAGS=-O0', variable,
                                   'STATIC=auto')
                self.assertIn('portexec: linked dynamically '
                              '(build/static.log says why)', output)
                self.assertIn('(NEEDED)', self.readelf('-d'))
                self.assertTrue(os.path.getsize(self.in_tree(
                    'build/static.log')))
                self.run_portexec('-q', 'true',
                                  program=self.in_tree('portexec'))
                os.unlink(self.in_tree('portexec'))
                self.make('CFLAGS=-O0', variable, 'STATIC=yes', status=2)
                self.assertFalse(os.path.exists(self.in_tree('portexec')))


class Musl(BuildCase):
    MUSL = ('CC=musl-gcc', 'STATIC=yes')

    def setUp(self):
        super().setUp()
        if shutil.which('musl-gcc') is None:
            self.skipTest('no musl-gcc')

    def test_a_static_pie_without_libbsd(self):
        """Its compiler makes a dynamic program of -static-pie, silently."""
        output = self.make('-j2', *self.MUSL, 'PKG_CONFIG=not-there',
                           'CFLAGS=-O2 -Werror')
        self.assertNotIn('warning', output)
        self.assertRegex(self.readelf('-h'), r'Type:\s+DYN ')
        segments = self.readelf('-l')
        self.assertNotIn('INTERP', segments)
        # It would be in vain: musl leaves it writable in a static program.
        self.assertNotIn('GNU_RELRO', segments)
        self.assertRegex(segments, r'GNU_STACK .* RW  0x')
        self.assertNotIn('(NEEDED)', self.readelf('-d'))
        self.assertNotIn('GLIBC', self.readelf('-s'))
        self.assertRegex(self.version(), r'^portexec \d')
        self.make('install-strip', *self.MUSL, 'PKG_CONFIG=not-there',
                  'CFLAGS=-O2 -Werror', 'DESTDIR=' + self.path('root'))
        self.assertLess(os.path.getsize(self.path(
            'root/usr/local/bin/portexec')), 200 << 10)

    def test_the_tests_own_programs_are_not_of_musl(self):
        """libcheck and libsystemd are of another libc."""
        self.make('-j2', *self.MUSL, 'CFLAGS=-O0', 'build/tests/test_buffer',
                  'build/tests/sdprobe', 'build/tests/probe')
        done = subprocess.run([self.in_tree('build/tests/test_buffer')],
                              text=True, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_not_installed(self):
        self.assertRegex(
            self.make('CC=not-there-musl-gcc', status=2),
            r'^Makefile:\d+: \*\*\* not installed: musl-tools; '
            r"`make deps-lint' installs what it takes\.  Stop\.\n$")


class Variables(BuildCase):
    GIVEN = {'CPPFLAGS': '-DGIVEN_CPP=\'"two words"\'',
             'CFLAGS': '-O1 -fno-stack-protector -DGIVEN_C',
             'LDFLAGS': '-Wl,--given-ld'}

    def log(self):
        """What the compiler was called with: to compile, and to link."""
        lines = self.read('log').splitlines()
        os.unlink(self.path('log'))
        return ([line for line in lines if ' -c ' in line],
                [line for line in lines if ' -c ' not in line])

    def test_they_are_respected(self):
        """From the command line and from the environment."""
        given = {**self.GIVEN, 'CC': self.script('fake-cc', FAKE_CC),
                 'PKG_CONFIG': self.script('config', FAKE_PKG_CONFIG),
                 'STATIC': 'no'}
        words = [f'{name}={value}' for name, value in given.items()]
        for arguments, variables in ((words, {}), ([], given)):
            with self.subTest(arguments):
                self.make('clean')
                output = self.make(*arguments, 'V=1', **variables)
                self.assertIn('fake-cc', output)
                self.assertNotRegex(output, r'(?m)^g?cc ')
                compilations, links = self.log()
                self.assertEqual(len(compilations), len(modules()))
                self.assertEqual(len(links), 1)
                for line in compilations:
                    self.assertRegex(line, r'-fstack-protector-strong .*'
                                     r'-DFROM_PKG_CONFIG .*-DGIVEN_CPP="two '
                                     r'words" .*-O1 -fno-stack-protector '
                                     '-DGIVEN_C')
                    self.assertNotIn('-O2', line)
                self.assertRegex(links[0], '-O1 .*-Wl,--given-ld .*'
                                 '-DFROM_PKG_CONFIG')
                self.assertNotIn('-static', links[0])

    def test_a_users_fortify_stays(self):
        cc = self.script('fake-cc', FAKE_CC)
        for variable in ('CPPFLAGS=-D_FORTIFY_SOURCE=3',
                         'CFLAGS=-O2 -D_FORTIFY_SOURCE=3'):
            self.make('CC=' + cc, variable)
            for line in self.log()[0]:
                self.assertEqual(line.count('FORTIFY_SOURCE'), 1)

    def test_a_change_rebuilds_all(self):
        cc = 'CC=' + self.script('fake-cc', FAKE_CC)
        self.make(cc)
        for variable in ('CFLAGS=-O1', 'CFLAGS=-O3', 'CPPFLAGS=-DX',
                         'CPPFLAGS=-DX="\'"', 'LDFLAGS=-s', 'STATIC=no'):
            with self.subTest(variable):
                self.assertEqual(compiled(self.make(cc, variable)), modules())
                self.assertEqual(compiled(self.make(cc, variable)), [])


class Targets(BuildCase):
    def quick(self, *arguments, **options):
        """The program here is a file, and no program at all."""
        return self.make('CC=' + self.script('fake-cc', FAKE_CC), *arguments,
                         **options)

    def test_install_and_uninstall(self):
        for given, place in ((['PREFIX=/usr'], 'usr'), ([], 'usr/local'),
                             (['PREFIX=/opt/a b'], 'opt/a b')):
            with self.subTest(given):
                root = self.path('a root')
                output = self.quick('install', 'DESTDIR=' + root, *given)
                installed = self.files(root)
                for name in ('bin/portexec', 'share/man/man1/portexec.1',
                             *('share/doc/portexec/' + name for name in (
                                 'README.md', 'NEWS', 'COPYING',
                                 'docs/race.svg', 'docs/bench/launch.svg',
                                 'tests/examples/ci.sh'))):
                    self.assertIn(os.path.join(place, name), installed,
                                  output)
                for name, mode in (('bin/portexec', 0o755),
                                   ('share/man/man1/portexec.1', 0o644),
                                   ('share/doc/portexec/NEWS', 0o644)):
                    self.assertEqual(os.stat(os.path.join(
                        root, place, name)).st_mode & 0o7777, mode)
                for _ in range(2):
                    self.quick('uninstall', 'DESTDIR=' + root, *given)
                    self.assertEqual(self.files(root), [])
                    self.assertFalse(os.path.exists(os.path.join(
                        root, place, 'share/doc/portexec')))
                shutil.rmtree(root)

    def test_uninstall_leaves_what_is_not_ours(self):
        root = self.path('root')
        mine = ['usr/bin/other', 'usr/share/doc/portexec/docs/mine',
                'usr/share/doc/portexec/tests/examples/mine']
        self.quick('install', 'DESTDIR=' + root, 'PREFIX=/usr')
        for name in mine:
            with open(os.path.join(root, name), 'w'):
                pass
        self.quick('uninstall', 'DESTDIR=' + root, 'PREFIX=/usr')
        self.assertEqual(self.files(root), mine)

    def test_no_installed_page_has_a_dead_link(self):
        """And what is linked is what is installed, as it is in the tree."""
        root = self.path('root')
        self.quick('install', 'DESTDIR=' + root, 'DOCDIR=/doc')
        doc = os.path.join(root, 'doc')
        pages = [name for name in self.files(doc) if name.endswith('.md')]
        self.assertIn('README.md', pages)
        self.assertIn('docs/services.md', pages)
        linked = {'README.md', 'NEWS', 'COPYING'}
        for page in pages:
            with open(os.path.join(doc, page)) as file:
                text = file.read()
            for target in re.findall(r'\]\(([^)#]+)', text):
                if ':' not in target:
                    linked.add(os.path.normpath(os.path.join(
                        os.path.dirname(page), target)))
        self.assertEqual(linked - set(self.files(doc)), set())
        self.assertEqual(set(map(os.path.dirname, self.files(doc))),
                         set(map(os.path.dirname, linked)))
        for name in self.files(doc):
            with open(os.path.join(doc, name), 'rb') as ours, \
                    open(os.path.join(TOP, name), 'rb') as tree:
                self.assertTrue(ours.read() == tree.read(), name)

    def test_install_strip(self):
        root = self.path('root')
        self.begin_built('STATIC=no')
        self.make('-j2', 'STATIC=no', 'install-strip', 'PREFIX=/usr',
                  'DESTDIR=' + root)
        self.assertIn('.symtab', self.readelf('-S'))
        before = self.files(root)
        self.tree = os.path.join(root, 'usr/bin')
        self.assertIn('.dynsym', self.readelf('-S'))
        self.assertNotRegex(self.readelf('-S'), r'\.symtab|\.debug_')
        self.assertRegex(self.version(), r'^portexec \d')
        self.tree = self.path('tree')
        self.make('-j2', 'STATIC=no', 'install', 'PREFIX=/usr',
                  'DESTDIR=' + root)
        self.assertEqual(self.files(root), before)

    def test_clean(self):
        before = self.files()
        self.quick('all', 'build/tests/probe', 'build/tests/hello')
        self.write('tree/portexec-1.2.3.tar.gz', '')
        self.assertNotEqual(self.files(), before)
        self.make('clean')
        self.assertEqual(self.files(), before)
        self.make('clean')

    def test_help(self):
        """It lists every target that a user would call."""
        before = self.files()
        output = self.make('help')
        with open(self.in_tree('Makefile')) as file:
            text = file.read().replace('\\\n', ' ')
        targets = re.search(r'(?m)^\.PHONY:(.*)', text)[1].split()
        self.assertIn('check', targets)
        for target in targets:
            if target != 'FORCE':
                self.assertRegex(output, rf'(?m)^  {target} +\w')
        for name in ('CC', 'CPPFLAGS', 'CFLAGS', 'LDFLAGS', 'PKG_CONFIG',
                     'PREFIX', 'DESTDIR', 'STATIC=auto|yes|no', 'PORTEXEC=',
                     'TESTS=', 'NO_SKIP=1', 'V=1'):
            self.assertIn(name, output)
        self.assertEqual(self.files(), before)

    def test_deps(self):
        """Each set is installed by its own target, before what it is for."""
        fake = '#!/bin/sh\necho "to install: $*" | tee -a "$LOG"\n'
        self.write('tree/tests/deps', fake, 0o755)
        for target, named in (('deps', 'tree'), ('deps-build', 'build'),
                              ('deps-servers', 'servers'),
                              ('deps-lint', 'lint'),
                              ('deps-bench', 'bench release'),
                              ('deps-release', 'release')):
            self.assertEqual(self.make(target), ''.join(
                f'to install: {name}\n' for name in named.split()))
        self.write('tree/tests/kernels/get',
                   '#!/bin/sh\nshift\necho "to download: $*"\n', 0o755)
        for options, kernels in (
                [], 'amd64 i386 s390x arm64 armhf ppc64el'), (
                ['KERNELS=arm64'], 'arm64'):
            self.assertEqual(
                self.make('deps-kernels', *options),
                f'to install: kernels\nto download: {kernels}\n')
        os.unlink(self.path('log'))
        self.quick('-j2', 'all', 'deps-build')
        self.assertEqual(self.read('log').splitlines()[0],
                         'to install: build')

    def test_check_of_another_program(self):
        """The tree's own is not built."""
        self.write('tree/tests/test_which.py', WHICH)
        fake = self.script('another', '#!/bin/sh\necho "another $*"\n')
        for arguments, variables in (([], {'PORTEXEC': fake}),
                                     (['PORTEXEC=' + fake], {})):
            output = self.make('-j2', 'check', 'TESTS=which', 'CFLAGS=-O0',
                               *arguments, **variables)
            self.assertIn('says another -V\n', output)
            self.assertIn('1 passed, 0 failed, 0 skipped\n', output)
            self.assertFalse(os.path.exists(self.in_tree('portexec')))
        output = self.make('-j2', 'check', 'TESTS=which', 'CFLAGS=-O0')
        self.assertRegex(output, r'says portexec \d')

    def test_dist(self):
        if shutil.which('git') is None:
            self.skipTest('no git')
        for command in (
                ['init', '-q'], ['add', '-A'],
                ['-c', 'user.name=test', '-c', 'user.email=test@localhost',
                 'commit', '-q', '-m', 'test']):
            subprocess.run(['git', *command], cwd=self.tree, check=True,
                           env={'PATH': os.environ['PATH'],
                                'HOME': self.directory})
        committed = [name for name in self.files()
                     if not name.startswith('.git/')]
        self.make('dist')
        with open(self.in_tree('VERSION')) as file:
            name = 'portexec-' + file.read().strip()
        with tarfile.open(self.in_tree(name + '.tar.gz')) as archive:
            archive.extractall(self.directory)
        self.tree = self.path(name)
        self.assertEqual(self.files(), committed)
        self.make('-j2', 'STATIC=no', 'CFLAGS=-O0')
        self.assertEqual(self.version(), name.replace('-', ' ') + '\n')


def load_tests(loader, tests, _):
    """Sanitizers do not touch what these are about."""
    return unittest.TestSuite() if SANITIZED else tests


if __name__ == '__main__':
    unittest.main()
