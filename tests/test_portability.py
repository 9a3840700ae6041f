# SPDX-License-Identifier: ISC
"""Other architectures, as far as a cross-compiler and an emulator show; and
programs of another one that this kernel runs."""

import glob
import os
import platform
import re
import shutil
import subprocess

import harness
from harness import connect

ARCHITECTURES = ('aarch64', 'x86_64')
# As the filter has them, native first: AUDIT_ARCH_* of linux/audit.h, the
# numbers of bind, connect and socketcall.
X86_64 = 0xc000003e
I386, ARM = (0x40000003, 361, 362, 102), (0x40000028, 282, 283, None)
FILTERS = {'aarch64': ((0xc00000b7, 200, 203, None), ARM),
           'x86_64': ((X86_64, 49, 42, None), I386)}
# Where the kernel's headers for an architecture are, what is added to their
# numbers, and what the filter has: bind, connect, socketcall.
HEADERS = {
    'x86_64-linux-gnu': {'unistd_32': (0, 361, 362, 102),
                         'unistd_64': (0, 49, 42, None)},
    's390x-linux-gnu': {'unistd_32': (0, 361, 362, 102),
                        'unistd_64': (0, 361, 362, 102)},
    'mips64el-linux-gnuabi64': {'unistd_n64': (5000, 5048, 5041, None),
                                'unistd_n32': (6000, 6048, 6041, None),
                                'unistd_o32': (4000, 4169, 4170, 4102)},
}
SOURCES = sorted(glob.glob(os.path.join(harness.TOP, 'src', '**', '*.c'),
                           recursive=True))
FLAGS = ('-std=c11 -O2 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra '
         '-Werror -DVERSION="0"').split() + [
             '-I' + os.path.join(harness.TOP, 'src')]
TCP, HERE = 'socket=tcp4', 'bind=127.0.0.1:{port}'
# In the place of the C library's bind().
BIND = '''
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int
bind(int fd, const struct sockaddr *address, socklen_t length)
{
%s
}
'''
SOCKETCALL = '''
	unsigned long arguments[] = { fd, (unsigned long)address, length };

	return syscall(SYS_socketcall, 2, arguments);
'''
DIRECTLY = '''
	return syscall(SYS_bind, fd, address, length);
'''


def expected_filter(rows):
    """Its instructions: code, jt, jf, k."""
    report, let_pass = (0x06, 0, 0, 0x7fc00000), (0x06, 0, 0, 0x7fff0000)
    result = [(0x20, 0, 0, 4)]                      # the architecture
    for architecture, bind, connect, socketcall in rows:
        more = 0 if socketcall is None else 5
        x32 = 1 << 30 if architecture == X86_64 else 0
        result += [(0x15, 0, 11 + more, architecture),
                   (0x20, 0, 0, 0),                 # the call
                   (0x15, 7 + more, 0, 425),        # io_uring_setup
                   (0x15, 4 + more, 0, bind),
                   (0x15, 3 + more, 0, bind + x32),
                   (0x15, 2 + more, 0, connect),
                   (0x15, 1 + more, 0, connect + x32)]
        if more:
            result += [(0x15, 1, 0, socketcall),
                       let_pass,
                       (0x20, 0, 0, 16),            # which call
                       (0x15, 4, 0, 2),
                       (0x15, 3, 0, 3)]
        result += [let_pass,
                   (0x20, 0, 0, 32),                # the length, low half
                   (0x35, 0, 1, 16),
                   report, let_pass]
    return result + [let_pass]


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
        for name in ARCHITECTURES:
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
                     for line in printed.splitlines()],
                    expected_filter(FILTERS[name]))

    def test_numbers_are_those_of_the_kernels_headers(self):
        """And of the table, which tests/unit/test_filter.c has as well."""
        with open(harness.source('filter.c')) as file:
            table = [(int(bind), int(connect), int(socketcall)
                      if socketcall[0] != '-' else None, int(ring))
                     for bind, connect, socketcall, ring in
                     re.findall(r'\{ AUDIT_ARCH_\w+, (\d+), (\d+), '
                                r'(?:0|X32_BIT), (-?\d+), (\d+), \d \}',
                                file.read())]
        for triplet, headers in HEADERS.items():
            for name, (first, *numbers) in headers.items():
                with self.subTest(triplet, header=name):
                    for folder in (f'/usr/{triplet}/include',
                                   f'/usr/include/{triplet}'):
                        path = os.path.join(folder, 'asm', name + '.h')
                        if os.path.exists(path):
                            break
                    else:
                        self.skipTest(f'no headers for {triplet}')
                    with open(path) as file:
                        found = dict(re.findall(
                            r'#define __NR_(bind|connect|socketcall) \D*(\d+)',
                            file.read()))
                    self.assertEqual([
                        first + int(found[call]) if call in found else None
                        for call in ('bind', 'connect', 'socketcall')],
                                     numbers)
                    # As old as these headers may be: asm-generic/unistd.h.
                    self.assertIn((*numbers, first + 425), table)

    def test_one_that_is_not_known(self):
        """A program that was built for it says its name."""
        done = subprocess.run(
            ['make', '-C', harness.TOP, '-s', 'STATIC=no',
             f'BUILD={self.directory}/build',
             f'PROGRAM={self.directory}/portexec',
             'CPPFLAGS=-DFILTER_NATIVE=1', self.path('portexec')],
            text=True, capture_output=True, env=harness.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        why = f'adopt: the architecture {platform.machine()} is not known'
        self.assert_fails('-H', 'adopt', '--', 'true', exact=True,
                          message=why, program=self.path('portexec'))
        done = self.run_portexec('--', 'true', '{port}',
                                 program=self.path('portexec'))
        self.assertIn(f'portexec: {why}; so reserve: ', done.stderr)


class Compat(harness.Binding):
    """A 32-bit service of a 64-bit portexec."""

    def setUp(self):
        super().setUp()
        compiler = shutil.which('i686-linux-gnu-gcc')
        if platform.machine() != 'x86_64':
            self.skipTest('not an x86-64 machine')
        if compiler is None:
            self.skipTest('no cross-compiler for i686')
        source = os.path.join(harness.TOP, 'tests/probes/binder.c')
        for name, code in (('socketcall', SOCKETCALL),
                           ('directly', DIRECTLY)):
            self.write(name + '.c', BIND % code)
            subprocess.run(
                [compiler, '-std=c11', '-D_GNU_SOURCE', '-static', '-pthread',
                 '-o', self.path(name), source, self.path(name + '.c')],
                check=True)
        try:
            subprocess.run([self.path(name)], check=True)
        except OSError as error:
            self.skipTest(f'a 32-bit program: {error}')

    def test_is_answered(self):
        for name in 'socketcall', 'directly':
            self.binder = self.path(name)
            for steps, said in (
                    ([TCP, HERE], []),
                    (['socket=tcp6', 'bind=[::]:{port}'], []),
                    ([TCP, 'epoll=level', 'dup', HERE], []),
                    ([TCP, 'bind=127.0.0.1:0', TCP, HERE], ['bind own']),
                    (['socket=netlink', 'bind=netlink', TCP, HERE],
                     ['bind own']),
                    (['socket=unix', 'bind=@', TCP, HERE], ['bind own'])):
                with self.subTest(name, steps=steps):
                    found, answers = self.serve(*steps, 'listen', 'answer')
                    self.assertEqual(found, [*said, 'bind given'])
                    self.assertRegex(answers[0], '^[01]$')

    def test_the_kernels_own_errors(self):
        for name in 'socketcall', 'directly':
            self.binder = self.path(name)
            with self.subTest(name):
                found, _ = self.serve(
                    'socket=tcp6', 'short=[::]:{port}', 'wild=[::]:{port}',
                    'bind=[::]:{port}', 'listen', 'answer')
                self.assertEqual(found, ['bind EINVAL'] * 3 + [
                    'bind EFAULT', 'bind given'])

    def test_one_that_cannot_be_read(self):
        given = harness.is_root() and not self.ordinary
        for name in 'socketcall', 'directly':
            self.binder = self.path(name)
            with self.subTest(name):
                process, address = self.start(
                    'dumpable=0', TCP, 'set=reuseaddr:1', HERE, 'listen',
                    'touch=bound', 'answer')
                self.wait_for_file('bound')
                with connect(address) as client:
                    self.assertEqual(harness.read_all(client), b'0\n')
                self.assertEqual(self.finish(process), [
                    'bind given' if given else 'bind own'])
                os.unlink(self.path('bound'))

    def test_a_unix_path(self):
        for name in 'socketcall', 'directly':
            self.binder = self.path(name)
            with self.subTest(name):
                process, address = self.start(
                    'socket=unix', 'bind={addr}', 'listen', 'answer',
                    options=['-l', f'@{self.directory}'])
                with connect(address) as client:
                    self.assertEqual(harness.read_all(client), b'0\n')
                self.assertEqual(self.finish(process), ['bind given'])


if harness.is_root():
    class CompatOfAnOrdinaryUser(Compat):
        ordinary = True
