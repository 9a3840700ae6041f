# SPDX-License-Identifier: ISC
"""The wheel's one file that is no Python: the program, in bin/."""

import os

from setuptools import setup
from wheel.bdist_wheel import bdist_wheel


class Wheel(bdist_wheel):
    def get_tag(self):
        """Any Python; any libc, for the program is static; one processor."""
        platforms = 'manylinux_2_17', 'manylinux2014', 'musllinux_1_1'
        arch = os.environ['ARCH']
        return 'py3', 'none', '.'.join(f'{name}_{arch}' for name in platforms)


setup(cmdclass={'bdist_wheel': Wheel}, data_files=[('bin', ['portexec'])])
