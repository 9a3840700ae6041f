#!/bin/sh
# SPDX-License-Identifier: ISC
# mocha, and SIGINT to its process group, which is Ctrl-C, in the middle of a
# test: with --parallel and without.
#
# Expected: death by SIGINT, or status 130, or the number of tests that have
# failed or not run: not 0, since tests have not been run to their end.
# True: without --parallel it dies of SIGINT.  With --parallel the status is 0:
# the workers are gone, the tests that were under way do not count as failures,
# and `mocha --parallel && deploy` deploys.  Neither runs an after() hook, so
# that a server which a test has started in a process group of its own is left.
#
# npm mocha 11.8.0.

set -u
export LC_ALL=C
for program in npm node python3; do
	command -v "$program" >/dev/null || { echo "no $program"; exit 77; }
done
directory=$(mktemp -d) || exit 77
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' HUP INT TERM
cd "$directory" || exit 77
npm install --silent --no-audit --no-fund --ignore-scripts \
    --cache "$directory/cache" --prefix "$directory" mocha@11.8.0 \
    >log 2>&1 || { cat log; exit 77; }
node -p '"mocha " + require("./node_modules/mocha/package.json").version +
    ", node " + process.version'

for name in one two; do
	cat >"$name.test.js" <<-'JS'
	const { basename } = require('node:path');
	const { writeFileSync } = require('node:fs');
	after(() => writeFileSync(`after-${basename(__filename)}`, ''));
	it('waits', (done) => {
	  writeFileSync(`begun-${basename(__filename)}`, '');
	  setTimeout(done, 20000);
	});
	JS
done
cat >look.py <<'PYTHON'
import glob
import os
import signal
import subprocess
import sys
import time


def outcome(*options, tests):
    """How mocha ends that gets SIGINT when so many tests have begun."""
    for name in glob.glob('begun-*') + glob.glob('after-*'):
        os.remove(name)
    runner = subprocess.Popen(
        ['node', 'node_modules/mocha/bin/mocha.js', '--timeout', '30000',
         *options, 'one.test.js', 'two.test.js'], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        limit = time.monotonic() + 15
        while len(glob.glob('begun-*')) < tests:
            if time.monotonic() > limit:
                return 'no test has begun'
            time.sleep(0.05)
        os.killpg(runner.pid, signal.SIGINT)
        code = runner.wait(10)
        end = f'signal {-code}' if code < 0 else f'status {code}'
    except subprocess.TimeoutExpired:
        end = 'lives'
    finally:
        try:
            os.killpg(runner.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        runner.wait()
    end += f', {len(glob.glob("after-*"))} of its hooks run'
    print('mocha', *options, '<one> <two>, SIGINT:', end)
    return end


seen = [outcome(tests=1), outcome('--parallel', '--jobs', '2', tests=2)]
if seen != ['signal 2, 0 of its hooks run', 'status 0, 0 of its hooks run']:
    print('This has changed.')
    sys.exit(1)
print('As recorded: what was interrupted is green.')
PYTHON
PYTHONDONTWRITEBYTECODE=1 timeout 90 python3 look.py
