#!/bin/sh
# SPDX-License-Identifier: ISC
# Two sockets of a process, by their inodes, which /proc, ss and lsof show: the
# one with the higher number is taken for the newer one, as a process with a
# higher number is the newer one of two.
#
# Expected: the numbers grow with time.
# True: each processor takes its numbers from a batch of its own.  A process
# that moves between two processors makes sockets whose numbers jump back and
# forth, also where it makes them one right after the other.
#
# Linux 6.18; Python 3.11 makes the calls.

set -u
export LC_ALL=C
command -v python3 >/dev/null || { echo 'no python3'; exit 77; }
uname -s; uname -r | cut -d. -f1-2
timeout 60 python3 - <<'END'
import os
import socket
import sys

processors = sorted(os.sched_getaffinity(0))[:2]
if len(processors) < 2:
    print('one processor alone')
    sys.exit(77)


def make(count, several):
    """Sockets one after another, on one processor or on two in turn."""
    kept, inodes = [], []
    for number in range(count):
        os.sched_setaffinity(0, {processors[number % 2 if several else 0]})
        kept.append(socket.socket())
        inodes.append(os.fstat(kept[-1].fileno()).st_ino)
    for one in kept:
        one.close()
    return inodes


def steps_back(inodes):
    return sum(b < a for a, b in zip(inodes, inodes[1:]))


alone, in_turn = make(20, False), make(20, True)
print(f'on one processor: {steps_back(alone)} of 19 steps go back')
print(f'on two in turn: {steps_back(in_turn)} of 19 steps go back')
# A batch may be used up in the middle: then one step is another.
as_recorded = steps_back(alone) <= 1 and steps_back(in_turn) >= 8
print('as recorded' if as_recorded else 'changed')
sys.exit(not as_recorded)
END
