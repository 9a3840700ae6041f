#!/bin/sh
# SPDX-License-Identifier: ISC
# What a program finds ignored when it begins: SigIgn in /proc/PID/status.
#
# Expected: what its parent ignored, and nothing else: posix_spawn(3) sets the
# signals of the attribute to their default, and leaves the others.
# True: glibc's posix_spawn(3) leaves 32 and 33 ignored, which it keeps for its
# threads, in the program and in all that this starts; fork(2) and execve(2) do
# not.  GNU make uses it, so a service that a Makefile starts has the two
# ignored: so has a test that asks whether a service is given any.
#
# make 4.3, glibc 2.36; Linux 6.18.

set -u
export LC_ALL=C
for command in make python3 sh; do
	command -v "$command" >/dev/null || { echo "no $command"; exit 77; }
done
make --version | head -n 1
getconf GNU_LIBC_VERSION
folder=$(mktemp -d) || exit
trap 'rm -rf "$folder"' EXIT

mask() {
	awk '/^SigIgn:/ { print substr($2, 8) }' "$1"
}

# Those of 32 and 33 alone, in the upper half of the lower 36 bits.
printf 'all:\n\t@cat /proc/self/status >%s/make\n' "$folder" >"$folder/Makefile"
(unset MAKEFLAGS MAKELEVEL; exec timeout 20 make -s -f "$folder/Makefile")
timeout 20 python3 - "$folder" <<'END'
import os
import sys

for name in 'spawn', 'fork':
    words = ['sh', '-c', f'cat /proc/self/status >{sys.argv[1]}/{name}']
    if name == 'spawn':
        pid = os.posix_spawn('/bin/sh', words, os.environ)
    elif (pid := os.fork()) == 0:
        os.execv('/bin/sh', words)
    os.waitpid(pid, 0)
END
status=0
for name in make spawn fork; do
	seen=$(mask "$folder/$name")
	echo "$name: SigIgn ...$seen"
	case $name:$seen in
	fork:0??????* | make:18??????* | spawn:18??????*) ;;
	*)	status=1 ;;
	esac
done
exit "$status"
