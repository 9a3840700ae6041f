#!/bin/sh
# SPDX-License-Identifier: ISC
# A CI job as a shell script.  Its status is the test's, or 124 after five
# minutes; the service is stopped, whatever it was.
#
# The first request may take two minutes: it waits for a service that loads
# slowly, so that the test itself need not.

set -eu
cd "$(dirname "$0")"

exec timeout 300 portexec -e 'SERVICE_URL=http://{addr}' \
    -c 'curl -fsS -m 120 --retry 60 -o /dev/null {addr} && python3 smoke.py' \
    -- python3 server.py --port '{port}'
