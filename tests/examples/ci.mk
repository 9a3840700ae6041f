# A CI job as a target: make -f ci.mk check
#
# The first request may take two minutes: it waits for a service that loads
# slowly, so that the test itself need not.

check:
	exec timeout 300 portexec -e 'SERVICE_URL=http://{addr}' \
	    -c 'curl -fsS -m 120 --retry 60 -o /dev/null {addr} && python3 smoke.py' \
	    -- python3 server.py --port '{port}'

.PHONY: check
