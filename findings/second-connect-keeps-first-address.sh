#!/bin/sh
# SPDX-License-Identifier: ISC
# A client gives up on a server, by a time limit or a signal, and calls
# connect(2) for the next server on the same socket.
#
# Expected: EALREADY or EISCONN, or a connection to the second server.
# True: the address of the second call is ignored while the first is under way.
# On a socket that blocks, the call waits for the first server, returns 0, and
# the client talks to the server that it has given up.  So it is after
# SO_SNDTIMEO has run out, after O_NONBLOCK was cleared, and after a signal;
# where the second address is not even of this machine, too.
#
# Linux 6.18; Python 3.11 makes the calls.

set -u
export LC_ALL=C
command -v python3 >/dev/null || { echo 'no python3'; exit 77; }
uname -s; uname -r | cut -d. -f1-2
timeout 60 python3 - <<'END'
import errno
import signal
import socket
import struct
import sys
import threading
import time


def server(backlog):
    one = socket.socket()
    one.bind(('127.0.0.1', 0))
    one.listen(backlog)
    return one


def fill(address):
    """So many that the next one's SYN is dropped, and sent again."""
    clients = []
    for _ in range(3):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(address)
        clients.append(client)
    time.sleep(0.1)
    return clients


def drain(one):
    time.sleep(0.3)
    one.settimeout(2)
    try:
        while True:
            one.accept()
    except TimeoutError:
        pass


def limit(client, address):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                      struct.pack('ll', 0, 100000))
    error = client.connect_ex(address)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                      struct.pack('ll', 10, 0))
    return error


def nonblock(client, address):
    client.setblocking(False)
    error = client.connect_ex(address)
    client.setblocking(True)
    return error


class Interrupted(Exception):
    pass


def interrupt(client, address):
    def handle(*_):
        raise Interrupted
    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        return client.connect_ex(address)
    except Interrupted:
        return errno.EINTR


as_recorded = True
for how in limit, nonblock, interrupt:
    for what in 'a server', 'nobody':
        first = server(0)
        second = server(5)
        other = (second.getsockname() if what == 'a server' else
                 ('192.0.2.1', 9))
        held = fill(first.getsockname())
        client = socket.socket()
        error = how(client, first.getsockname())
        thread = threading.Thread(target=drain, args=(first,))
        thread.start()
        again = client.connect_ex(other)
        met = (client.getpeername() == first.getsockname()
               if again == 0 else None)
        print(f'{how.__name__}: first {errno.errorcode[error]}; then, to '
              f'{what}, {errno.errorcode.get(again, again)}: '
              f'{"the first server" if met else "not the first server"}')
        as_recorded &= again == 0 and met is True
        thread.join()
        for one in (client, first, second, *held):
            one.close()
print('as recorded' if as_recorded else 'changed')
sys.exit(not as_recorded)
END
