#!/bin/sh
# SPDX-License-Identifier: ISC
# foreman for Node (nf), a Procfile runner that gives each process its PORT,
# and a process that fails.
#
# Expected: the others are stopped, and nf ends with that status or with 1,
# as the foreman of Ruby (0.87.2) does.
# True: nf says "Exited with exit code null" and ends with 0, so that a step
# of CI is green.  The others get SIGINT at their `/bin/sh -c` alone: where
# sh is dash, that waits for its child, and nf for it, until the child ends
# by itself; with `exec` in the Procfile it is stopped.  A PORT below 1024,
# and so 0, is refused, for root too, with status 0.
#
# npm foreman 3.0.1.

set -u
export LC_ALL=C
for program in npm node python3; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
case $(readlink -f /bin/sh) in
*/dash) ;;
*) echo 'sh is not dash'; exit 77 ;;
esac
directory=$(mktemp -d) || exit 77
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' HUP INT TERM
cd "$directory" || exit 77
npm install --silent --no-audit --no-fund --ignore-scripts \
    --cache "$directory/cache" --prefix "$directory" foreman@3.0.1 \
    >log 2>&1 || { cat log; exit 77; }
node -p '"foreman " + require("./node_modules/foreman/package.json").version +
    ", node " + process.version'

cat >look.py <<'PYTHON'
import os
import re
import signal
import subprocess
import sys
import time


def outcome(port, *processes):
    """How nf ends, with at most eight seconds for it, and what it says."""
    with open('Procfile', 'w', encoding='ascii') as file:
        file.write(''.join(f'{i}\n' for i in processes))
    begin = time.monotonic()
    with open('log', 'wb') as log:
        runner = subprocess.Popen(
            ['node', 'node_modules/foreman/nf.js', 'start', '-p', port],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        try:
            end = f'status {runner.wait(8)}'
            if time.monotonic() - begin > 4:
                end += ' late'
        except subprocess.TimeoutExpired:
            end = 'lives'
        finally:
            try:
                os.killpg(runner.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            runner.wait()
    with open('log', encoding='utf-8', errors='replace') as file:
        said = re.findall(r'Exited.*|Only Proxies.*Ports', file.read())
    result = ', '.join([end, *said[:1]])
    print(f'-p {port}', *processes, sep=' | ', end=f'\n    {result}\n')
    return result


NULL = 'Exited with exit code null'
seen = [
    outcome('20000', 'web: exit 3'),
    outcome('20000', 'web: exit 3', 'worker: exec sleep 6'),
    outcome('20000', 'web: exit 3', 'worker: sleep 6'),
    outcome('20000', 'web: exit 3', 'worker: sleep 20'),
    outcome('0', 'web: echo hello'),
]
if seen != [f'status 0, {NULL}', f'status 0, {NULL}',
            f'status 0 late, {NULL}', f'lives, {NULL}',
            'status 0, Only Proxies Can Bind to Privileged Ports']:
    print('This has changed.')
    sys.exit(1)
print('As recorded: a failure is status 0.')
PYTHON
unset PORT
PYTHONDONTWRITEBYTECODE=1 timeout 90 python3 look.py
