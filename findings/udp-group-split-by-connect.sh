#!/bin/sh
# SPDX-License-Identifier: ISC
# UDP workers that share a port by SO_REUSEPORT, one of which has called
# connect(2) for a client, as DTLS and QUIC servers do.
#
# Expected: the connected socket gets what its client sends, and all others
# share the rest, whenever they were bound.
# True: so it is, unless the connected socket is the one that was bound last,
# as one that is made for a client is.  Then the next one that is bound does not
# join the others, it takes their place: those that were there before get
# nothing any more, also after the connected one is closed.  A worker that is
# started again takes all clients of its siblings.
#
# Linux 6.18; Python 3.11 makes the calls.

set -u
export LC_ALL=C
command -v python3 >/dev/null || { echo 'no python3'; exit 77; }
uname -s; uname -r | cut -d. -f1-2
timeout 60 python3 - <<'END'
import socket
import sys

COUNT = 200


def worker(port):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(('127.0.0.1', port))
    one.setblocking(False)
    return one


def received(one):
    count = 0
    while True:
        try:
            one.recv(16)
        except BlockingIOError:
            return count
        count += 1


def share(what, workers, port):
    """How many of COUNT datagrams, each of another client, each one gets."""
    for _ in range(COUNT):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b'?', ('127.0.0.1', port))
    counts = [received(one) for one in workers]
    print(f'{what}: {counts}')
    return counts


first = worker(0)
port = first.getsockname()[1]
second, third = worker(port), worker(port)
before = share('three workers', [first, second, third], port)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(('127.0.0.1', 0))
third.connect(client.getsockname())
connected = share('the third is connected', [first, second, third], port)
fourth = worker(port)
joined = share('a fourth joins', [first, second, third, fourth], port)
third.close()
closed = share('the third is closed', [first, second, fourth], port)
as_recorded = (min(before) > 0 and min(connected[:2]) > 0 and
               connected[2] == 0 and joined == [0, 0, 0, COUNT] and
               closed == [0, 0, COUNT])
print('as recorded' if as_recorded else 'changed')
sys.exit(0 if as_recorded else 1)
END
