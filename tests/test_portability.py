# SPDX-License-Identifier: ISC
"""Other architectures, as far as a cross-compiler and an emulator show."""

import glob
import os
import shutil
import subprocess

import harness

ARCHITECTURES = {
    # name: AUDIT_ARCH_* of linux/audit.h, bind's number
    'aarch64': (0xc00000b7, 200),
    'x86_64': (0xc000003e, 49),
}
SOURCES = sorted(glob.glob(os.path.join(harness.TOP, 'src', '**', '*.c'),
                           recursive=True))
FLAGS = ('-std=c11 -O2 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra '
         '-Werror -DVERSION="0"').split() + [
             '-I' + os.path.join(harness.TOP, 'src')]


class Portability(harness.Case):
    def compiler(self, name):
        program = shutil.which(f'{name}-linux-gnu-gcc')
        if program is None:
            self.skipTest(f'no cross-compiler for {name}')
        return program

    def compile(self, name, *arguments):
        overlay = subprocess.run(
            ['pkg-config', '--cflags', 'libbsd-overlay'], text=True,
            check=True, capture_output=True).stdout.split()
        done = subprocess.run(
            [self.compiler(name), *FLAGS, *overlay, *arguments], text=True,
            capture_output=True, cwd=self.directory)
        self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_no_warnings(self):
        for name in ARCHITECTURES:
            with self.subTest(name):
                self.compile(name, '-c', *SOURCES)

    def test_the_filter(self):
        for name, (architecture, number) in ARCHITECTURES.items():
            with self.subTest(name):
                emulator = shutil.which(f'qemu-{name}-static')
                if emulator is None:
                    self.skipTest(f'no emulator for {name}')
                self.compile(
                    name, '-static', '-o', 'filter',
                    os.path.join(harness.TOP, 'tests/portability/filter.c'),
                    harness.source('filter.c'))
                printed = subprocess.run(
                    [emulator, self.path('filter')], text=True, check=True,
                    capture_output=True).stdout
                self.assertEqual(
                    [tuple(int(word, 0) for word in line.split())
                     for line in printed.splitlines()], [
                         (0x20, 0, 0, 4),               # the architecture
                         (0x15, 0, 5, architecture),
                         (0x20, 0, 0, 0),               # the call
                         (0x15, 0, 3, number),
                         (0x20, 0, 0, 32),              # the length, low half
                         (0x35, 0, 1, 16),
                         (0x06, 0, 0, 0x7fc00000),      # report it
                         (0x06, 0, 0, 0x7fff0000)])     # let it pass
