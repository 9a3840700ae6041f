# SPDX-License-Identifier: ISC
"""python -m portexec: becomes the program."""

import os
import signal
import sys

from portexec import program

# Python ignores these two, and what is executed would.
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execv(program(), ['portexec', *sys.argv[1:]])
