#!/bin/sh
# SPDX-License-Identifier: ISC
# `sv check SERVICE` of runit, the readiness probe of its run scripts
# (`sv check db || exit 1`), and a service that is wanted up and ends with
# status 1 each time it is started.
#
# Expected: "Check for the service to be in the state that's been
# requested", says sv(8): up is requested, so it waits and fails.
# True: while the service is between two lives, `sv check` says "ok: down:
# ... want up" at once, with status 0, and ./check is not run.  `sv start`
# fails as it should.
#
# Debian runit 2.1.2-54.

set -u
export LC_ALL=C
directory=$(mktemp -d) || exit 77
pid=
finish() {
	[ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null
	[ -z "$pid" ] || wait "$pid"
	rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

cd "$directory" || exit 77
{ apt-get download runit=2.1.2-54 && dpkg -x runit_*.deb tree; } \
    >log 2>&1 || { cat log; exit 77; }
PATH=$directory/tree/usr/bin:$directory/tree/bin:$PATH
echo 'runit 2.1.2-54'

# A life is over at once, and runsv waits a second before the next.
mkdir service
printf '#!/bin/sh\nexit 1\n' >service/run
printf '#!/bin/sh\necho run >>checks\nexit 1\n' >service/check
chmod +x service/run service/check
runsv service &
pid=$!
tries=50
until sv status ./service >log 2>&1 && grep -q 'want up' log; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || { cat log; exit 77; }
	sleep 0.1
done

good=0
for try in 1 2 3; do
	out=$(sv -w 3 check ./service)
	status=$?
	echo "sv check, $try: status $status: $out"
	case $status,$out in
	0,ok:\ down:*want\ up) good=$((good + 1)) ;;
	esac
	sleep 0.4
done
checks=$(wc -l 2>/dev/null <service/checks)
echo "./check was run ${checks:-0} times"
out=$(sv -w 3 start ./service)
started=$?
echo "sv start: status $started: $out"

# One look of the three may fall into a life.
if [ "$good" -lt 2 ] || [ "$started" != 1 ] || [ "${checks:-0}" -gt 1 ]; then
	echo 'This has changed.'
	exit 1
fi
echo 'As recorded: down, wanted up, and ok.'
