# SPDX-License-Identifier: ISC
"""tests/layout: it finds what it is to find."""

import os
import shutil
import subprocess

import harness

LAYOUT = os.path.join(harness.TOP, 'tests', 'layout')


class Layout(harness.Case):
    def layout(self, tree=harness.TOP):
        done = subprocess.run([LAYOUT, tree], text=True, capture_output=True,
                              timeout=harness.DEADLINE)
        self.assertEqual(done.stderr, '')
        return done.returncode, done.stdout

    def changed(self, name, text):
        """What it says of a copy of src/, with text at the end of a file."""
        tree = self.path('tree')
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(os.path.join(harness.TOP, 'src'),
                        os.path.join(tree, 'src'))
        with open(os.path.join(tree, 'src', name), 'a') as file:
            file.write(text)
        return self.layout(tree)

    def test_the_tree(self):
        self.assertEqual(self.layout(), (0, ''))

    def test_an_include(self):
        for name, include in (('socket/bind.c', 'cli/options.h'),
                              ('cli/options.c', 'plan.h'),
                              ('handoff/exec.c', 'supervise/front.h'),
                              ('adopt/holders.c', 'handoff/launch.h'),
                              ('process/tree.c', 'base/log.h')):
            with self.subTest(name):
                self.assertEqual(
                    self.changed(name, f'#include "{include}"\n'),
                    (1, f'{name}: includes {include}\n'))
        self.assertEqual(
            self.changed('cli/options.c', '#include "socket/bind.h"\n'),
            (0, ''))

    def test_a_long_file(self):
        status, output = self.changed('socket/address.h', '\n' * 450)
        self.assertEqual(status, 1)
        self.assertRegex(output, r'^socket/address\.h: \d+ lines\n$')

    def test_a_long_function(self):
        for lines, expected in ((58, ''), (59, 'socket/address.c: '
                                           'f() has 61 lines\n')):
            text = 'int\nf(int a)\n{\n' + '\ta++;\n' * lines + '}\n'
            self.assertEqual(self.changed('socket/address.c', text),
                             (bool(expected), expected))
