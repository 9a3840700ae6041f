# SPDX-License-Identifier: ISC
"""What `make release` has made: programs for seven architectures, and their
archives.  `make check-packages` runs this."""

import hashlib
import os
import shutil
import struct
import subprocess
import tarfile
import unittest

import harness
from harness import TOP

RELEASE = os.path.join(TOP, 'build', 'release')
# The ELF machine, and the emulator's name.
ARCHITECTURES = {'x86_64': (62, 'x86_64'), 'aarch64': (183, 'aarch64'),
                 'armhf': (40, 'arm'), 'i386': (3, 'i386'),
                 'ppc64el': (21, 'ppc64le'), 's390x': (22, 's390x'),
                 'riscv64': (243, 'riscv64')}
LIMIT = 200 << 10   # bytes
PT_DYNAMIC, PT_INTERP, PT_GNU_STACK = 2, 3, 0x6474e551
DT_NEEDED, ET_DYN, SHT_SYMTAB = 1, 3, 2

with open(os.path.join(TOP, 'VERSION')) as version_file:
    VERSION = version_file.read().strip()


class Elf:
    """The headers of a program: elf(5)."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            self.bytes = file.read()
        self.wide = self.bytes[4] == 2
        self.order = '>' if self.bytes[5] == 2 else '<'
        (self.type, self.machine, _, _, phoff, shoff, _, _, phsize, phnum,
         shsize, shnum, _) = self.unpack(16, 'HHI' + 3 * 'N' + 'IHHHHHH')
        self.segments = [self.segment(phoff + i * phsize)
                         for i in range(phnum)]
        self.sections = [self.unpack(shoff + i * shsize, 'II')[1]
                         for i in range(shnum)]

    def unpack(self, offset, form):
        form = form.replace('N', 'Q' if self.wide else 'I')
        return struct.unpack_from(self.order + form, self.bytes, offset)

    def segment(self, at):
        """(type, flags, offset, size in the file)."""
        if self.wide:
            kind, flags, offset, _, _, size = self.unpack(at, 'IIQQQQ')
        else:
            kind, offset, _, _, size, _, flags = self.unpack(at, '7I')
        return kind, flags, offset, size

    def tags(self):
        """Those of its dynamic section."""
        step = 16 if self.wide else 8
        for kind, _, offset, size in self.segments:
            if kind == PT_DYNAMIC:
                for at in range(offset, offset + size, step):
                    yield self.unpack(at, 'N')[0]


def program(arch):
    return os.path.join(RELEASE, arch, 'portexec')


def archive(arch):
    return os.path.join(RELEASE, f'portexec-{VERSION}-linux-{arch}.tar.gz')


class Release(harness.Case):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists(archive('riscv64')):
            raise unittest.SkipTest('make release has not been run')


class Programs(Release):
    def test_the_headers(self):
        """A compiler that does not know -static-pie makes a dynamic one
        without a word."""
        for arch in ARCHITECTURES:
            with self.subTest(arch):
                elf = Elf(program(arch))
                kinds = {kind: flags for kind, flags, *_ in elf.segments}
                self.assertEqual(elf.machine, ARCHITECTURES[arch][0])
                self.assertEqual(elf.type, ET_DYN)
                self.assertNotIn(PT_INTERP, kinds)
                self.assertNotIn(DT_NEEDED, set(elf.tags()))
                self.assertNotIn(SHT_SYMTAB, elf.sections)
                self.assertEqual(kinds[PT_GNU_STACK] & 1, 0, 'it executes')

    def test_the_size(self):
        for arch in ARCHITECTURES:
            with self.subTest(arch):
                self.assertLess(os.path.getsize(program(arch)), LIMIT)

    def test_no_folder_is_named(self):
        for arch in ARCHITECTURES:
            with self.subTest(arch):
                with open(program(arch), 'rb') as file:
                    self.assertNotIn(TOP.encode(), file.read())

    def run_it(self, arch, *arguments):
        """On another machine's processor by qemu-user."""
        name = ARCHITECTURES[arch][1]
        before = []
        if name != os.uname().machine and name != 'i386':
            emulator = shutil.which(f'qemu-{name}-static')
            if emulator is None:
                self.skipTest(f'not installed: qemu-{name}-static')
            before = [emulator]
        return subprocess.run([*before, program(arch), *arguments],
                              capture_output=True, text=True,
                              timeout=harness.DEADLINE,
                              stdin=subprocess.DEVNULL)

    def test_each_runs(self):
        for arch in ARCHITECTURES:
            with self.subTest(arch):
                done = self.run_it(arch, '--version')
                self.assertEqual((done.returncode, done.stdout),
                                 (0, f'portexec {VERSION}\n'))

    def test_inherit(self):
        script = ('echo $$ $LISTEN_PID $LISTEN_FDS $LISTEN_PORT; '
                  'readlink /proc/self/fd/3')
        for arch in ARCHITECTURES:
            with self.subTest(arch):
                done = self.run_it(arch, '-q', '--', 'sh', '-c', script)
                self.assertRegex(done.stdout, r'^(\d+) \1 1 [1-9]\d+\n'
                                 r'socket:.*\n$', done.stderr)

    def test_reserve(self):
        for arch in ARCHITECTURES:
            with self.subTest(arch):
                done = self.run_it(
                    arch, '-q', '-H', 'reserve', '--', harness.BINDER,
                    'socket=tcp4', 'set=reuseaddr:1', 'bind=127.0.0.1:{port}',
                    'listen')
                self.assertEqual(done.stdout, 'bind own\n', done.stderr)

    def test_in_a_root_that_holds_nothing_else(self):
        """The service is portexec itself."""
        if os.geteuid() != 0:
            self.skipTest('not root')
        shutil.copy(program('x86_64'), self.path('portexec'))
        done = subprocess.run(
            ['chroot', self.directory, '/portexec', '-q', '-e', 'PORT', '--',
             '/portexec', '-V'], capture_output=True, text=True,
            timeout=harness.DEADLINE, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, f'portexec {VERSION}\n', ''))
        self.assertEqual(os.listdir(self.directory), ['portexec'])


class Archives(Release):
    FILES = {'bin/portexec': 0o755, 'share/man/man1/portexec.1': 0o644,
             'share/bash-completion/completions/portexec': 0o644,
             'share/zsh/site-functions/_portexec': 0o644,
             'share/fish/vendor_completions.d/portexec.fish': 0o644,
             'share/doc/portexec/COPYING': 0o644,
             'share/doc/portexec/LICENSES': 0o644}

    def test_the_files(self):
        for arch in ARCHITECTURES:
            with self.subTest(arch):
                with tarfile.open(archive(arch)) as tar:
                    found = {member.name.partition('/')[2]: member.mode
                             for member in tar if member.isfile()}
                    owners = {(member.uid, member.gid, member.uname)
                              for member in tar}
                    bytes_ = tar.extractfile(
                        f'portexec-{VERSION}-linux-{arch}/bin/portexec').read()
                self.assertEqual(found, self.FILES)
                self.assertEqual(owners, {(0, 0, '')})
                with open(program(arch), 'rb') as file:
                    self.assertEqual(bytes_, file.read())

    def test_the_sums(self):
        with open(os.path.join(RELEASE, 'SHA256SUMS')) as file:
            sums = dict(reversed(line.split()) for line in file)
        self.assertEqual(sorted(sums), sorted(map(os.path.basename, map(
            archive, ARCHITECTURES))))
        for name, wanted in sums.items():
            with open(os.path.join(RELEASE, name), 'rb') as file:
                self.assertEqual(hashlib.sha256(file.read()).hexdigest(),
                                 wanted)

    def test_the_licenses(self):
        """Of all that is linked in: ours, and musl's."""
        with tarfile.open(archive('x86_64')) as tar:
            name = f'portexec-{VERSION}-linux-x86_64/share/doc/portexec/'
            ours = tar.extractfile(name + 'COPYING').read()
            other = tar.extractfile(name + 'LICENSES').read().decode()
        with open(os.path.join(TOP, 'COPYING'), 'rb') as file:
            self.assertEqual(ours, file.read())
        self.assertIn('Rich Felker', other)
        self.assertIn('Permission is hereby granted, free of charge', other)

    def test_the_same_bytes_from_another_folder(self):
        """Of the commit: built and packed there once more."""
        tree = self.path('another folder')
        subprocess.run(['git', 'clone', '-q', TOP, tree], check=True)
        shutil.copytree(os.path.join(RELEASE, 'musl'),
                        tree + '/build/release/musl')
        differs = subprocess.run(['git', '-C', TOP, 'diff', 'HEAD'],
                                 capture_output=True, check=True).stdout
        subprocess.run(['git', '-C', tree, 'apply', '--allow-empty'],
                       input=differs, check=True)
        for arch in 'x86_64', 'ppc64el':
            subprocess.run([tree + '/packaging/release/build', arch,
                            'build/release'], check=True,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            with tarfile.open(archive(arch)) as tar:
                epoch = str(int(tar.next().mtime))
            subprocess.run([tree + '/packaging/release/pack',
                            'build/release', arch], check=True,
                           env={**os.environ, 'SOURCE_DATE_EPOCH': epoch})
            for path in program(arch), archive(arch):
                with open(path, 'rb') as one, open(os.path.join(
                        tree, os.path.relpath(path, TOP)), 'rb') as other:
                    self.assertTrue(one.read() == other.read(), path)


if __name__ == '__main__':
    unittest.main()
