# SPDX-License-Identifier: ISC
"""The table of situations.

A fault that is found becomes a row here first: marked as wrong, with the
reason in plain words, until it is mended.  A difference that is meant stands
in `documented`, with the sentence of the manual that says so.
"""

import socket

from situation import (ADOPT, BACKGROUND, DEFAULT, FOREGROUND, INHERIT,
                       JOB_WITH_INPUT, OPEN, RESERVE, Situation)

TCP = ('socket=tcp4', 'set=reuseaddr:1')
TCP6 = ('socket=tcp6', 'set=reuseaddr:1', 'set=v6only:1')
DUAL = ('socket=tcp6', 'set=reuseaddr:1', 'set=v6only:0')
SHARE = ('socket=tcp4', 'set=reuseport:1')
UDP, UDP6 = ('socket=udp4',), ('socket=udp6', 'set=v6only:1')
HERE, HERE6 = 'bind=127.0.0.1:{port}', 'bind=[::1]:{port}'
ALL, ALL6 = 'bind=0.0.0.0:{port}', 'bind=[::]:{port}'
HERE_2 = 'bind=127.0.0.2:{port}'
SERVE = 'serve=end'
ASK, ASK6 = 'ask 127.0.0.1', 'ask ::1'
DATAGRAMS = ('-l', 'udp:0')
EVERYWHERE, BOTH = ('-l', '*:0'), ('-l', 'localhost:0')
UNIX = ('-l', './s,mode=0755')
THERE = 'bind={addr}'
BINDERS = f'{DEFAULT} {ADOPT}'
EVERY = f'{DEFAULT} {ADOPT} {RESERVE} {INHERIT}'

# Sentences of the manual.
LISTENS = 'The socket is listening before the service starts.'
QUEUED = ('A client can connect at once; its connection waits in the queue '
          'until the service accepts it.')
LISTENS_AGAIN = ('After a shutdown(2) by the service, and when the process '
                 'that was given a socket ends, portexec listens again, with '
                 'the full queue.')
OUTLIVES = ('The queue outlives the service: while a file watcher or a '
            'script restarts it, clients wait and are not refused.')
ONE_QUEUE = ('Sockets that several processes bind with SO_REUSEPORT, to have '
             'a queue each, are one socket with one queue.')
ONE_NONBLOCK = ('Once one of them has O_NONBLOCK, all have, until it is '
                'cleared.')
NEEDS_REUSEADDR = ('The service, or another process for it, Docker for '
                   'example, can bind the port on any address, if it sets '
                   'SO_REUSEADDR first, as nearly all do.')
FOUND_IN_USE = ('A launcher that finds out by connect(2) whether a port is '
                'free finds it in use, as something listens there, and may '
                'take another.')
STAYS = ('Whatever address was asked for, the socket stays at that of -l: a '
         'service that asks for all addresses listens on 127.0.0.1 unless '
         '-l says otherwise.')
NOT_KEPT = 'but never SO_REUSEADDR, SO_REUSEPORT or SO_BINDTODEVICE.'
NO_MULTIPATH = 'Instead of Multipath TCP the service gets TCP.'
PASSED = ('The sockets are passed as under inherit as well, unless the '
          'caller had something open at one of their numbers, which is then '
          'left alone.')
SOME_FD = ('The service inherits the reserve alone, at some file descriptor '
           'that it does not need to know of, and nothing listens until the '
           'service does.')
ONLY_PORTS = ('Under reserve, and under adopt where no socket is passed, '
              'only LISTEN_PORT and LISTEN_PORTS are set.')
CANNOT_READ = ("An ordinary user's portexec cannot read a process that has "
               'made itself undumpable')
NOBODY_REFUSES = ('with a service that never takes the socket clients wait '
                  'without end, where they would otherwise be refused.')
MODE = 'The default is 0600.'
BOUND_TWICE = ('So if a service binds two sockets before either of them '
               'listens, the second call of bind(2) fails; on a free port '
               'listen(2) would.')
ACCEPTS_AGAIN = ('What was shut down accepts again then, at the old '
                 'descriptor too.')
TAKES_BOTH = ('A service that asks for [::] and takes IPv4 as well, or for a '
              'mapped address, is given the TCP socket at 127.0.0.1, where '
              'clients may be waiting: it listens there and not at [::1], '
              'is told IPv4 addresses as such, and finds no option of IPv6 '
              'there.')
NO_OTHER = ('which takes IPv4 and IPv6, the kernel allows no other at that '
            'port: that socket is given to a service that asks for IPv4, and '
            'a second address is refused.')
CALLER_ONLY = ('Where a helper binds a descriptor that it has inherited, its '
               'parent keeps the unbound socket.')
PATH_STAYS = ('A unix path that exists is given to a service that was '
              'started anew and has not unlinked it.')
BECOMES_IPV6 = ('A UDP socket is replaced for such a service by an IPv6 one, '
                'bound to the same address; it could not answer otherwise.')
CUT_SHORT = ('The other way round, where IPv4 was asked for and -l is *:0, '
             'addresses of clients are wrong or cut short, and a service '
             'that answers datagrams fails: use an IPv4 one.')
IN_FLIGHT = ('A descriptor that was sent over a unix socket and not received '
             'yet, and a file that is registered with io_uring, do not count '
             'as held.')
CAME_BEFORE = ('The connection of a client that came before the service bound '
               "has none of the service's options;")
NO_CLIENT = 'A service that binds the port to connect from it fails.'
NOT_CLEARED = ('These options count as they were at bind(2), even if the '
               'service clears them afterwards, because the new socket does '
               'not have them.')
PATH_EXISTS = ('The path exists before the service starts: a socket of '
               'another type cannot be bound to it, until it is unlinked.')
LEFT_GETS_TERM = ('When it has ended, what is left of its descendants is '
                  'stopped')
NO_MORE = ('no process is told more often than it would be without '
           'portexec.')
ALL_STOPPED = ('All that descends from portexec is stopped, the service and '
               'whatever service or client have left')
AS_THE_CLIENT = ('If portexec was told to stop, it is the client\'s, if it '
                 'ended in time;')
KILLED_ALIKE = ('one that is killed by a signal is portexec killed by the '
                'same signal.')
NOT_IGNORED = ('If the caller ignores the signal, as a background job of a '
               'script ignores SIGINT, the service begins with its default '
               'action.')
NOT_FORWARDED = 'and those that were ignored when it was started.'
AS_THE_CALLER = ('signal mask and dispositions, and other open file '
                 "descriptors are the caller's.")
SILENT = ('That of the service is a pipe that stays open and silent until '
          'portexec ends.')
SENDTIME = ('When SO_SNDTIMEO runs out, connect(2) fails with EALREADY, and '
            'not with EINPROGRESS.')
REAL_PORT = 'getpeername(2) and getsockname(2) show the port of portexec.'
CLOSED = ('portexec closes it. Clients that wait there are reset, and a line '
          'says so; later ones are refused, as on a free port.')
UNREADABLE = ('+error: portexec: process N cannot be read: Operation not '
              'permitted; nothing listens until it binds the port, or ends',)


def beside(address):
    """The line for those that waited at the address of the other family."""
    return (f'+error: portexec: process N listens on {address}:{{port}} and not '
            "on 127.0.0.1:{port}, whose clients are refused: try -l '[::1]:0'",)


def instead(before, after):
    """How lines differ where one is another."""
    return '-' + before, '+' + after



def spawn(name, *steps):
    return f'spawn=name={name} ' + ' '.join(steps)


def run(name, *steps):
    return f'run=name={name} ' + ' '.join(steps)


# Each listens until the end; the second begins when the first does.
def first(*steps):
    return spawn('A', *steps, 'touch=up', SERVE)


def second(*steps):
    return spawn('B', 'wait=up', *steps, 'touch=both', SERVE)


def udp(name, service, client, **others):
    return Situation(name, service, client, options=DATAGRAMS,
                     handoffs=BINDERS, **others)


def unix(name, service, client=('until up', 'ask ./s'), **others):
    return Situation(name, service, client, handoffs=BINDERS,
                     **{'options': UNIX, **others})


TCP_ROWS = [
    Situation('one socket', [*TCP, HERE, 'listen', SERVE], [ASK, ASK]),
    Situation('one socket without SO_REUSEADDR',
              ['socket=tcp4', HERE, 'listen', 'touch=up', SERVE],
              ['until up', 'call 127.0.0.1'],
              documented={
                  RESERVE: (NEEDS_REUSEADDR, (
                      *instead('bind 0', 'bind EADDRINUSE'),
                      *instead('client: call 127.0.0.1: 0',
                      'client: call 127.0.0.1: refused')))}),
    Situation('the same socket twice',
              [*TCP, HERE, HERE, ALL, 'listen', SERVE], [ASK]),
    Situation('a second socket of the same process',
              [*TCP, HERE, 'listen', *TCP, HERE, 'use=0', 'touch=up', SERVE],
              ['until up', 'ask 127.0.0.1 4']),
    Situation('a second socket, none has SO_REUSEADDR',
              ['socket=tcp4', HERE, 'listen', 'socket=tcp4', HERE,
               'touch=up', SERVE],
              ['until up', ASK], handoffs=BINDERS),
    Situation('two sockets bound, then both listen',
              [*TCP, HERE, *TCP, HERE, 'listen', 'use=0', 'listen',
               'touch=up', SERVE], ['until up', 'ask 127.0.0.1 4'],
              documented={BINDERS: (BOUND_TWICE, (
                  '-bind 0', '-listen EADDRINUSE', '+bind EADDRINUSE',
                  *instead('client: ask 127.0.0.1: 1',
                                   'client: ask 127.0.0.1: 0') * 4))}),
    Situation('two processes',
              [first(*TCP, HERE, 'listen'), second(*TCP, HERE, 'listen'),
               'join', 'join'], ['until both', 'ask 127.0.0.1 8']),
    Situation('two programs',
              [run('A', *TCP, HERE, 'listen', 'touch=up', SERVE),
               run('B', 'wait=up', *TCP, HERE, 'touch=both', 'exit=1'),
               'join', 'join'], ['until both', 'ask 127.0.0.1 8']),
    Situation('two processes bound, then both listen',
              [spawn('A', *TCP, HERE, 'touch=up', 'wait=bound', 'listen',
                     'touch=listens', SERVE),
               spawn('B', *TCP, 'wait=up', HERE, 'touch=bound',
                     'wait=listens', 'listen', 'touch=both', SERVE),
               'join', 'join'], ['until both', 'ask 127.0.0.1 8'],
              documented={BINDERS: (BOUND_TWICE, (
                  '-B: bind 0', '-B: listen EADDRINUSE',
                  '+B: bind EADDRINUSE'))}),
    Situation('SO_REUSEPORT on both, in one process',
              [*SHARE, HERE, 'listen', *SHARE, HERE, 'listen', 'touch=up',
               SERVE], ['until up', 'crowd 127.0.0.1 60'],
              handoffs=BINDERS),
    Situation('SO_REUSEPORT on both, in one process: two queues',
              [*SHARE, HERE, 'listen', *SHARE, HERE, 'listen', 'touch=up',
               'wait=go', 'tally', 'use=0', 'tally'],
              ['until up', 'gather 127.0.0.1 60', 'make go'],
              handoffs=BINDERS,
              documented={
                  BINDERS: (ONE_QUEUE, instead('tally some', 'tally none'))}),
    Situation('SO_REUSEPORT on both, in two processes',
              [first(*SHARE, HERE, 'listen'), second(*SHARE, HERE, 'listen'),
               'join', 'join'], ['until both', 'crowd 127.0.0.1 60'],
              handoffs=BINDERS),
    Situation('SO_REUSEPORT on both, and one accepts nothing',
              [first(*SHARE, HERE, 'listen'),
               spawn('B', 'wait=up', *SHARE, HERE, 'listen', 'touch=both',
                     'wait=end'), 'join', 'join'],
              ['until both', 'crowd 127.0.0.1 60'], handoffs=BINDERS,
              documented={
                  BINDERS: (ONE_QUEUE,
                            instead('client: crowd: some answered',
                                    'client: crowd: all answered'))}),
    Situation('SO_REUSEPORT on both, the first does not block',
              [first(*SHARE, HERE, 'listen'),
               spawn('B', 'wait=go', *SHARE, HERE, 'listen', 'touch=both',
                     'wait=end'), 'join', 'join'],
              ['until up', ASK, 'make go', 'until both'], handoffs=BINDERS),
    Situation('SO_REUSEPORT on both, the first does not block: the second',
              [*SHARE, HERE, 'nonblock', 'listen', *SHARE, HERE,
               'show=nonblock', 'listen'], handoffs=BINDERS,
              documented={
                  BINDERS: (ONE_NONBLOCK,
                            instead('nonblock 0', 'nonblock 1'))}),
    Situation('SO_REUSEPORT, again after close, O_NONBLOCK of the first',
              [*SHARE, 'nonblock', HERE, 'listen', 'close', *SHARE, HERE,
               'show=nonblock', 'listen', 'touch=up', SERVE],
              ['until up', ASK], handoffs=BINDERS),
    Situation('SO_REUSEPORT: a worker binds it anew after fork',
              [*SHARE, HERE, 'listen',
               *[spawn('W', 'close', *SHARE, HERE, 'listen', 'use=1',
                       SERVE)] * 3, 'touch=up', SERVE, *['join'] * 3],
              ['until up', 'crowd 127.0.0.1 60'], handoffs=BINDERS),
    Situation('SO_REUSEPORT: a worker goes on, then one without it',
              [*SHARE, HERE, 'listen',
               spawn('W', 'close', *SHARE, HERE, 'listen', 'touch=serves',
                     'use=1', SERVE),
               'wait=serves', 'close', *TCP, HERE, 'touch=up', 'wait=end',
               'join'], ['until up', ASK], handoffs=BINDERS),
    Situation('SO_REUSEPORT: the worker has ended, then one without it',
              [*SHARE, HERE, 'listen', spawn('W', *SHARE, HERE, 'listen'),
               'join', 'close', *TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', ASK], handoffs=BINDERS),
    Situation('SO_REUSEPORT on the second only',
              [first('socket=tcp4', HERE, 'listen'),
               second(*SHARE, HERE), 'join', 'join'],
              ['until both', ASK], handoffs=BINDERS),
    Situation('SO_REUSEPORT on the first only',
              [first(*SHARE, HERE, 'listen'),
               second('socket=tcp4', HERE), 'join', 'join'],
              ['until both', ASK], handoffs=BINDERS),
    Situation('SO_REUSEPORT is cleared on the first after its bind',
              [first(*SHARE, HERE, 'set=reuseport:0', 'listen'),
               spawn('B', 'wait=up', *SHARE, HERE, 'close', 'touch=both'),
               'join', 'join'],
              ['until both', ASK], handoffs=BINDERS,
              documented={BINDERS: (NOT_CLEARED, instead(
                  'B: bind EADDRINUSE', 'B: bind 0'))}),
    Situation('SO_REUSEPORT is set on the first after its bind',
              [first('socket=tcp4', HERE, 'set=reuseport:1', 'listen'),
               second(*SHARE, HERE, 'listen'), 'join', 'join'],
              ['until both', 'crowd 127.0.0.1 60'], handoffs=BINDERS),
    Situation('again after close',
              [*TCP, HERE, 'listen', 'close', *TCP, HERE, 'listen', SERVE],
              [ASK]),
    Situation('again after close, a child keeps it',
              [*TCP, HERE, 'listen', spawn('child', 'wait=end'), 'close',
               *TCP, HERE, 'touch=up', 'wait=end', 'join'], ['until up']),
    Situation('again after shutdown, another socket',
              [*TCP, HERE, 'listen', 'shutdown', *TCP, HERE, 'listen',
               'touch=up', 'answer'], ['until up', ASK]),
    Situation('again after shutdown, nobody comes to the first socket',
              [*TCP, HERE, 'listen', 'shutdown', *TCP, HERE, 'listen',
               'touch=up', 'wait=go', 'use=0', 'glance', 'use=1', 'glance'],
              ['until up', 'gather 127.0.0.1 1', 'make go'],
              documented={BINDERS: (ACCEPTS_AGAIN,
                          instead('accept EINVAL', 'accept EAGAIN'))}),
    Situation('again after shutdown and close',
              [*TCP, HERE, 'listen', 'shutdown', 'close', *TCP, HERE,
               'listen', 'touch=up', SERVE], ['until up', ASK]),
    Situation('again after shutdown, the same socket',
              [*TCP, HERE, 'listen', 'shutdown', 'listen', 'touch=up', SERVE],
              ['until up', ASK]),
    Situation('after shutdown nobody listens',
              [*TCP, HERE, 'listen', 'shutdown', 'touch=up', 'wait=end'],
              ['until up', 'look 127.0.0.1'],
              documented={
                  BINDERS: (LISTENS_AGAIN,
                            instead('client: nobody listens at 127.0.0.1',
                                    'client: a listener at 127.0.0.1'))}),
    Situation('closed while a client waits',
              [*TCP, HERE, 'listen', 'touch=up', 'wait=go', 'close',
               'touch=closed', 'wait=end'],
              ['until up', 'knock 127.0.0.1', 'make go', 'until closed',
               'read'],
              documented={
                  BINDERS: (OUTLIVES, instead('client: held: reset',
                                              'client: held: no answer'))}),
    Situation('a watcher, the old version still listens',
              [run('old', *TCP, HERE, 'listen', 'touch=up', SERVE),
               'wait=up',
               run('new', *TCP, HERE, 'touch=tried', 'exit=1'), 'join',
               'touch=both', 'join'],
              ['until both', 'ask 127.0.0.1 8']),
    Situation('a watcher, the old version has closed its listener',
              [run('old', *TCP, HERE, 'listen', 'answer', 'close',
                   'touch=drains', 'wait=end'),
               run('new', 'wait=drains', *TCP, HERE, 'listen', 'touch=up',
                   SERVE), 'join', 'join'],
              [ASK, 'until up', 'ask 127.0.0.1 4']),
    Situation('a watcher that tries again until the old version is gone',
              [run('new', 'wait=up', *TCP, HERE, 'touch=tried', 'wait=gone',
                   *TCP, HERE, 'listen', 'touch=listens', SERVE),
               run('old', *TCP, HERE, 'listen', 'touch=up', 'serve=go'),
               run('mover', 'wait=tried', 'touch=go'), 'join', 'join',
               'touch=gone', 'join'], ['until listens', ASK]),
    Situation('a port finder: bind, close, bind',
              [*TCP, HERE, 'close', *TCP, HERE, 'listen', SERVE], [ASK]),
    Situation('a port finder: bind and listen without SO_REUSEADDR, close',
              ['socket=tcp4', HERE, 'listen', 'close', *TCP, HERE, 'listen',
               SERVE], [ASK], handoffs=BINDERS),
    Situation('a port to connect from',
              [*TCP, HERE, 'connect=127.0.0.1:{other}', 'where', 'touch=up',
               'wait=end'], ['until up'], handoffs=BINDERS,
              documented={
                  BINDERS: (NO_CLIENT,
                            instead('connect 0', 'connect EISCONN'))}),
    Situation('a port finder: connect, then bind',
              ['socket=tcp4', 'connect=127.0.0.1:{port}', *TCP, HERE,
               'listen', SERVE], [ASK],
              documented={
                  BINDERS: (FOUND_IN_USE,
                   instead('connect ECONNREFUSED', 'connect 0'))}),
    Situation('a client before the service binds',
              ['wait=go', *TCP, HERE, 'listen', SERVE],
              ['try 127.0.0.1', 'make go', ASK],
              documented={
                  BINDERS: (QUEUED,
                            instead('client: try 127.0.0.1: refused',
                                    'client: try 127.0.0.1: no answer'))}),
    Situation('a client of ::1 before the service binds',
              ['wait=go', *TCP, HERE, 'listen', SERVE],
              ['call ::1', 'make go', ASK]),
    Situation('bound, and nobody listens',
              [*TCP, HERE, 'touch=up', 'wait=end'],
              ['until up', 'try 127.0.0.1'],
              documented={
                  BINDERS: (LISTENS,
                            instead('client: try 127.0.0.1: refused',
                                    'client: try 127.0.0.1: no answer'))}),
]

ADDRESSES = [
    Situation('all addresses, then one',
              [*TCP, ALL, 'listen', *TCP, HERE, 'touch=up', SERVE],
              ['until up', ASK]),
    Situation('one address, then all',
              [*TCP, HERE, 'listen', *TCP, ALL, 'touch=up', SERVE],
              ['until up', ASK]),
    Situation('all addresses not listening, then one',
              [*TCP, ALL, *TCP, HERE, 'listen', 'touch=up', 'wait=go',
               'use=0', 'glance', 'use=1', 'glance'],
              ['until up', 'gather 127.0.0.1 1', 'make go'],
              documented={BINDERS: (BOUND_TWICE, (
                  '+bind EADDRINUSE', '-bind 0',
                  *instead('accept EINVAL', 'accept EAGAIN')))}),
    Situation('127.0.0.1 and ::1 in one process',
              [*TCP, HERE, 'listen', *TCP6, HERE6, 'listen', 'touch=up',
               SERVE], ['until up', ASK, ASK6]),
    Situation('::1 and 127.0.0.1 in one process',
              [*TCP6, HERE6, 'listen', *TCP, HERE, 'listen', 'touch=up',
               SERVE], ['until up', ASK, ASK6]),
    Situation('::1 and 127.0.0.1, who the clients are',
              [*TCP6, HERE6, 'listen', *TCP, HERE, 'listen', 'touch=up',
               'greet', 'use=0', 'greet'], ['until up', ASK, ASK6]),
    Situation('127.0.0.1 and ::1 without V6ONLY',
              [*TCP, HERE, 'listen', *DUAL, HERE6, 'listen', 'touch=up',
               SERVE], ['until up', ASK, ASK6]),
    Situation('127.0.0.1 and ::1 in two processes',
              [first(*TCP, HERE, 'listen'), second(*TCP6, HERE6, 'listen'),
               'join', 'join'], ['until both', ASK, ASK6, ASK, ASK6]),
    Situation('::1 and 127.0.0.1 in two processes',
              [first(*TCP6, HERE6, 'listen'), second(*TCP, HERE, 'listen'),
               'join', 'join'], ['until both', ASK, ASK6, ASK, ASK6]),
    Situation('0.0.0.0 and [::] with V6ONLY',
              [*TCP, ALL, 'listen', *TCP6, ALL6, 'listen', 'touch=up',
               SERVE], ['until up', ASK, ASK6]),
    Situation('[::] with V6ONLY and 0.0.0.0',
              [*TCP6, ALL6, 'listen', *TCP, ALL, 'listen', 'touch=up',
               SERVE], ['until up', ASK, ASK6]),
    Situation('0.0.0.0 and [::] without V6ONLY',
              [*TCP, ALL, 'listen', *DUAL, ALL6, 'use=0', 'touch=up', SERVE],
              ['until up', ASK]),
    Situation('[::] without V6ONLY, then 0.0.0.0',
              [*DUAL, ALL6, 'listen', *TCP, ALL, 'use=0', 'touch=up', SERVE],
              ['until up', ASK]),
    Situation('[::] with V6ONLY is asked over IPv4',
              [*TCP6, ALL6, 'listen', 'touch=up', SERVE],
              ['until up', 'avoid 127.0.0.1'],
              documented={BINDERS: (CLOSED, beside('[::]'))}),
    Situation('[::] is asked over IPv4: who the client is',
              [*DUAL, ALL6, 'listen', 'greet'], [ASK],
              documented={BINDERS: (TAKES_BOTH,
                          instead('peer AF_INET6 ::ffff:127.0.0.1',
                                  'peer AF_INET 127.0.0.1'))}),
    Situation('[::] is asked over IPv6',
              [*DUAL, ALL6, 'listen', 'touch=up', SERVE],
              ['until up', 'call ::1'],
              documented={BINDERS: (TAKES_BOTH,
                          instead('client: call ::1: 0',
                                  'client: call ::1: refused'))}),
    Situation('[::1] is asked: who the client is',
              [*TCP6, HERE6, 'listen', 'touch=up', 'greet'],
              ['until up', 'call ::1']),
    Situation('[::1] is not asked over IPv4',
              [*TCP6, HERE6, 'listen', 'touch=up', SERVE],
              ['until up', 'avoid 127.0.0.1'],
              documented={BINDERS: (CLOSED, beside('[::1]'))}),
    Situation('127.0.0.1 is not asked over IPv6',
              [*TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', 'call ::1']),
    Situation('127.0.0.1: who the client is',
              [*TCP, HERE, 'listen', 'greet'], [ASK]),
    Situation('V6ONLY of [::]',
              [*DUAL, ALL6, 'show=v6only', 'listen', 'touch=up', SERVE],
              ['until up', ASK], handoffs=BINDERS,
              documented={BINDERS: (TAKES_BOTH,
                          instead('v6only 0', 'v6only EOPNOTSUPP'))}),
    Situation('a mapped address',
              [*DUAL, 'bind=[::ffff:127.0.0.1]:{port}', 'where', 'listen',
               'greet'], [ASK],
              documented={BINDERS: (TAKES_BOTH, (
                  *instead('where AF_INET6 [::ffff:127.0.0.1]:{port}',
                           'where AF_INET 127.0.0.1:{port}'),
                  *instead('peer AF_INET6 ::ffff:127.0.0.1',
                           'peer AF_INET 127.0.0.1')))}),
    Situation('a mapped address with V6ONLY, then ::1 on the same socket',
              [*TCP6, 'bind=[::ffff:127.0.0.1]:{port}', HERE6, 'listen',
               'touch=up', SERVE], ['until up', ASK6], handoffs=BINDERS),
    Situation('all mapped addresses with V6ONLY',
              [*TCP6, 'bind=[::ffff:0.0.0.0]:{port}', *TCP, HERE, 'listen',
               'touch=up', SERVE], ['until up', ASK], handoffs=BINDERS),
    Situation('a mapped address, beside it ::1',
              [*DUAL, 'bind=[::ffff:127.0.0.1]:{port}', 'listen', *TCP6,
               HERE6, 'listen', 'touch=up', SERVE],
              ['until up', ASK, ASK6]),
    Situation('127.0.0.1 and 127.0.0.2',
              [*TCP, HERE, 'listen', *TCP, HERE_2, 'listen', 'touch=up',
               SERVE], ['until up', ASK, 'call 127.0.0.2']),
    Situation('127.0.0.2 and 127.0.0.1 in two processes',
              [first(*TCP, HERE_2, 'listen'),
               spawn('B', 'wait=up', *TCP, HERE, 'touch=both', 'wait=end'),
               'join', 'join'], ['until both'], handoffs=BINDERS,
              documented={
                  BINDERS: (STAYS, instead('B: bind 0',
                                           'B: bind EADDRINUSE'))}),
    Situation('127.0.0.2 alone',
              [*TCP, HERE_2, 'where', 'listen', 'touch=up', SERVE],
              ['until up', 'call 127.0.0.2'],
              documented={
                  BINDERS: (STAYS, (
                      *instead('where AF_INET 127.0.0.2:{port}',
                      'where AF_INET 127.0.0.1:{port}'),
                      *instead('client: call 127.0.0.2: 0',
                      'client: call 127.0.0.2: refused')))}),
    Situation('getsockname of 127.0.0.1',
              [*TCP, HERE, 'where', 'listen', 'where', SERVE], [ASK]),
    Situation('getsockname of 0.0.0.0',
              [*TCP, ALL, 'where', 'listen', 'where', SERVE], [ASK],
              documented={
                  BINDERS: (STAYS,
                            instead('where AF_INET 0.0.0.0:{port}',
                                    'where AF_INET 127.0.0.1:{port}') * 2)}),
    Situation('getsockname of [::]',
              [*DUAL, ALL6, 'where', 'listen', 'where', SERVE], [ASK],
              documented={BINDERS: (TAKES_BOTH,
                          ('-where AF_INET6 [::]:{port}',) * 2 +
                          ('+where AF_INET 127.0.0.1:{port}',) * 2)}),
    Situation('0.0.0.0 is asked at another address of the machine',
              [*TCP, ALL, 'listen', 'touch=up', SERVE],
              ['until up', 'call 127.0.0.2'],
              documented={
                  BINDERS: (STAYS, instead('client: call 127.0.0.2: 0',
                                           'client: call 127.0.0.2: refused')
                            )}),
]

# -l says what the service asks for natively: all addresses, or both.
LISTENED = [
    Situation('-l *: [::]', [*DUAL, ALL6, 'where', 'listen', 'touch=up',
                             'greet', 'greet'],
              ['until up', ASK, ASK6], options=EVERYWHERE),
    Situation('-l *: 0.0.0.0', [*TCP, ALL, 'where', 'listen', 'touch=up',
                                'greet'],
              ['until up', ASK], options=EVERYWHERE,
              documented={
                  BINDERS: (CUT_SHORT, (
                      *instead('where AF_INET 0.0.0.0:{port}',
                               'where AF_INET6 [::]:{port}'),
                      *instead('peer AF_INET 127.0.0.1',
                               'peer AF_INET6 ::ffff:127.0.0.1')))}),
    Situation('-l *: 127.0.0.1 and ::1',
              [*TCP, HERE, 'where', 'listen', *TCP6, HERE6, 'where',
               'listen', 'touch=up', SERVE],
              ['until up', ASK, ASK6], options=EVERYWHERE,
              documented={BINDERS: (NO_OTHER, (
                  '-where AF_INET 127.0.0.1:{port}', '-bind 0',
                  '-where AF_INET6 [::1]:{port}',
                  '+where AF_INET6 [::]:{port}', '+bind EADDRINUSE',
                  '+where AF_INET6 [::]:0',
                  *instead('client: ask ::1: 1', 'client: ask ::1: 0')))}),
    Situation('-l *: 0.0.0.0 and [::] with V6ONLY',
              [*TCP, ALL, 'where', 'listen', *TCP6, ALL6, 'where', 'listen',
               'touch=up', SERVE], ['until up', ASK, ASK6],
              options=EVERYWHERE,
              documented={BINDERS: (NO_OTHER, (
                  '-bind 0', '-where AF_INET 0.0.0.0:{port}',
                  '+bind EADDRINUSE', '+where AF_INET6 [::]:0',
                  *instead('client: ask ::1: 1', 'client: ask ::1: 0')))}),
    Situation('-l localhost: 127.0.0.1 and ::1',
              [*TCP, HERE, 'listen', *TCP6, HERE6, 'listen', 'touch=up',
               'greet', 'use=0', 'greet'], ['until up', 'call ::1', ASK],
              options=BOTH),
    Situation('-l localhost: ::1 and 127.0.0.1 in two processes',
              [first(*TCP6, HERE6, 'listen'), second(*TCP, HERE, 'listen'),
               'join', 'join'], ['until both', ASK, ASK6, ASK, ASK6],
              options=BOTH),
    Situation('-l localhost: 127.0.0.1 alone',
              [*TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', 'try ::1', ASK], options=BOTH),
    Situation('-l localhost: ::1 is closed, 127.0.0.1 goes on',
              [*TCP, HERE, 'listen', *TCP6, HERE6, 'listen', 'close',
               'use=0', 'touch=up', SERVE],
              ['until up', ASK, 'try ::1'], options=BOTH, handoffs=BINDERS,
              documented={
                  BINDERS: (OUTLIVES,
                            instead('client: try ::1: refused',
                                    'client: try ::1: no answer'))}),
    Situation('-l localhost: ::1 alone',
              [*TCP6, HERE6, 'where', 'listen', 'touch=up', SERVE],
              ['until up', 'avoid 127.0.0.1', ASK6], options=BOTH,
              documented={BINDERS: (CLOSED, beside('[::1]'))}),
    Situation('-l [::1]: ::1', [*TCP6, HERE6, 'where', 'listen', 'touch=up',
                                'greet'],
              ['until up', 'call ::1'], options=('-l', '[::1]:0')),
]

ERRORS = [
    Situation('a port that somebody else has',
              [*TCP, 'bind=127.0.0.1:{other}', *TCP,
               'bind=0.0.0.0:{other}', *TCP, HERE, 'listen', SERVE], [ASK]),
    Situation('a port that somebody else has, then the next one',
              [*TCP, 'bind=127.0.0.1:{other}', HERE, 'where', 'listen',
               SERVE], [ASK]),
    Situation('a port below 1024 without privilege',
              ['powerless', *TCP, 'bind=127.0.0.1:80', HERE, 'listen',
               SERVE], [ASK]),
    Situation('an address that is not there',
              [*TCP, 'bind=192.0.2.1:{port}', *TCP6,
               'bind=[2001:db8::1]:{port}', 'use=0', HERE, 'listen', SERVE],
              [ASK]),
    Situation('the wrong family',
              [*TCP, HERE6, HERE, 'listen', *TCP6, HERE, 'use=0', SERVE],
              [ASK]),
    Situation('wrong lengths',
              [*TCP, 'short=127.0.0.1:{port}', 'listen', SERVE], [ASK]),
    Situation('a length that is more than the address',
              [*TCP, 'long=127.0.0.1:{port}', 'listen', SERVE], [ASK]),
    Situation('AF_UNSPEC',
              [*TCP, 'unspecified=127.0.0.1:{port}',
               'unspecified=0.0.0.0:{port}', 'listen', SERVE], [ASK]),
    Situation('a wild pointer',
              [*TCP, 'wild=127.0.0.1:{port}', HERE, 'listen', SERVE], [ASK]),
    Situation('no socket',
              [*TCP, 'close', HERE, *TCP, HERE, 'listen', SERVE], [ASK]),
    Situation('accept without listen',
              [*TCP, HERE, 'glance', 'listen', 'glance', 'touch=up', SERVE],
              ['until up', ASK],
              documented={
                  BINDERS: (LISTENS,
                   instead('accept EINVAL', 'accept EAGAIN'))}),
    Situation('accept without bind', [*TCP, 'glance', HERE, 'listen', SERVE],
              [ASK]),
    Situation('listen twice',
              [*TCP, HERE, 'listen=1', 'listen=64', SERVE], [ASK]),
    Situation('bound to port 0, then to the port',
              [*TCP, 'bind=127.0.0.1:0', HERE, *TCP, HERE, 'listen',
               'touch=up', SERVE], ['until up', ASK], handoffs=BINDERS),
    Situation('connected, then bound',
              [*TCP, 'connect=127.0.0.1:{other}', HERE, *TCP, HERE, 'listen',
               'touch=up', 'wait=end'], ['until up'], handoffs=BINDERS),
    Situation('listen without bind, then bind',
              [*TCP, 'listen', HERE, *TCP, HERE, 'listen', 'touch=up',
               'wait=end'], ['until up'], handoffs=BINDERS),
    Situation('epoll before a bind that fails',
              [*TCP, HERE, 'listen', *TCP, 'nonblock', 'epoll=level', HERE,
               'modify=edge', 'event=0', 'use=0', 'touch=up', 'greet'],
              ['until up', ASK], handoffs=BINDERS),
    Situation('127.0.0.1 is closed while ::1 serves, and bound again',
              [*TCP, HERE, 'listen', *TCP6, HERE6, 'listen', 'use=0',
               'close', *TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', ASK, ASK6], handoffs=BINDERS),
    Situation('port 0 beside it',
              [*TCP, 'bind=127.0.0.1:0', 'listen', *TCP, HERE, 'listen',
               SERVE], [ASK]),
    Situation('UDP on the number of a TCP port',
              [*TCP, HERE, 'listen', *UDP, HERE, 'where', SERVE], [ASK]),
]

SEEN = [
    Situation('SO_ACCEPTCONN before and after listen',
              [*TCP, 'show=listens', HERE, 'show=listens', 'listen',
               'show=listens', SERVE], [ASK],
              documented={
                  BINDERS: (LISTENS, instead('listens 0', 'listens 1'))}),
    Situation('SO_DOMAIN, SO_TYPE, SO_PROTOCOL of IPv4',
              [*TCP, HERE, 'show=domain', 'show=type', 'show=protocol',
               'listen', SERVE], [ASK]),
    Situation('SO_DOMAIN, V6ONLY of [::1]',
              [*TCP6, HERE6, 'show=domain', 'show=v6only', 'listen',
               'touch=up', SERVE], ['until up']),
    Situation('SO_PROTOCOL of Multipath TCP',
              ['socket=mptcp4', 'set=reuseaddr:1', HERE, 'show=protocol',
               'listen', SERVE], [ASK],
              needs=(socket.AF_INET, socket.SOCK_STREAM, 262),
              documented={
                  BINDERS: (NO_MULTIPATH,
                   instead('protocol 262', 'protocol 6'))}),
    Situation('SO_ERROR', [*TCP, 'show=error', HERE, 'show=error', 'listen',
                           'show=error', SERVE], [ASK]),
    Situation('SO_REUSEADDR after bind',
              [*TCP, HERE, 'show=reuseaddr', 'listen', SERVE], [ASK]),
    Situation('SO_REUSEADDR, which was not set',
              ['socket=tcp4', HERE, 'show=reuseaddr', 'listen', SERVE],
              [ASK], handoffs=BINDERS,
              documented={
                  BINDERS: (NOT_KEPT, instead('reuseaddr 0', 'reuseaddr 1'))}),
    Situation('SO_REUSEPORT after bind',
              [*SHARE, 'show=reuseport', HERE, 'show=reuseport', 'listen',
               SERVE], [ASK], handoffs=BINDERS,
              documented={
                  BINDERS: (NOT_KEPT, instead('reuseport 1', 'reuseport 0'))}),
    Situation('options that were set before bind',
              [*TCP, 'set=keepalive:1', 'set=nodelay:1', 'set=rcvbuf:40000',
               'set=tos:16', 'set=linger:9', HERE, 'show=keepalive',
               'show=nodelay', 'show=rcvbuf', 'show=tos', 'show=linger',
               'listen', SERVE], [ASK]),
    Situation('options that nobody set',
              [*TCP, HERE, 'show=keepalive', 'show=nodelay', 'show=rcvbuf',
               'show=sndbuf', 'show=tos', 'show=ttl', 'show=maxseg',
               'listen', SERVE], [ASK]),
    Situation('options that are set between bind and listen',
              [*TCP, HERE, 'set=nodelay:1', 'set=defer:1', 'show=nodelay',
               'show=defer', 'listen', 'touch=up', 'wait=end'],
              ['until up']),
    Situation('options of a client\'s socket',
              [*TCP, 'set=keepalive:1', 'set=nodelay:1', 'set=linger:9',
               'set=tos:16', HERE, 'listen', 'touch=up', 'client=keepalive',
               'client=nodelay', 'client=linger', 'client=tos'],
              ['until up', 'ask 127.0.0.1 4'], handoffs=BINDERS),
    Situation('options of the socket of a client that waited',
              ['wait=go', *TCP, 'set=nodelay:1', HERE, 'listen', 'touch=up',
               'client=nodelay', 'wait=end'],
              ['knock 127.0.0.1', 'make go', 'until up',
               'gather 127.0.0.1 1'], handoffs=BINDERS,
              documented={
                  BINDERS: (CAME_BEFORE, (
                      *instead('client nodelay 1', 'client nodelay 0'),
                      *instead('client: knock 127.0.0.1: refused',
                               'client: knock 127.0.0.1: connected')))}),
    Situation('getpeername before and after listen',
              [*TCP, 'peer', HERE, 'peer', 'listen', 'peer', SERVE], [ASK]),
    Situation('IPv6 options',
              [*TCP6, 'set=tclass:16', 'set=hops:33', HERE6, 'show=tclass',
               'show=hops', 'listen', 'touch=up', 'wait=end'],
              ['until up']),
    Situation('close-on-exec and O_NONBLOCK, neither',
              [*TCP, HERE, 'show=cloexec', 'show=nonblock', 'listen',
               SERVE], [ASK]),
    Situation('close-on-exec and O_NONBLOCK, both',
              [*TCP, 'cloexec', 'nonblock', HERE, 'show=cloexec',
               'show=nonblock', 'listen', SERVE], [ASK]),
    Situation('the number of the first descriptor',
              [*TCP, 'show=fd', HERE, 'show=fd', 'listen', SERVE], [ASK],
              documented={
                  DEFAULT: (PASSED, instead('fd 3', 'fd 4') * 2),
                  RESERVE: (SOME_FD, instead('fd 3', 'fd 4') * 2)}),
    Situation('variables that begin with LISTEN_',
              ['environ=LISTEN_PO', 'environ=LISTEN_F', *TCP, HERE, 'listen',
               SERVE], [ASK],
              documented={
                  DEFAULT: (PASSED, (
                      '+LISTEN_PORT', '+LISTEN_PORTS', '+LISTEN_FDS',
                      '+LISTEN_FDNAMES')),
                  f'{ADOPT} {RESERVE}': (
                      ONLY_PORTS, ('+LISTEN_PORT', '+LISTEN_PORTS'))}),
]

PROCESSES = [
    Situation('fork before socket',
              ['fork', *TCP, HERE, 'listen', SERVE], [ASK]),
    Situation('fork between socket and bind, the child binds and serves',
              [*TCP, 'fork', HERE, 'listen', SERVE], [ASK]),
    Situation('a helper binds the socket, its parent listens',
              [*TCP, spawn('helper', HERE), 'join', 'where', 'listen',
               'touch=up', SERVE], ['until up', 'try 127.0.0.1'],
              documented={BINDERS: (CALLER_ONLY, (
                  *instead('where AF_INET 127.0.0.1:{port}',
                           'where AF_INET 0.0.0.0:0'),
                  *instead('client: try 127.0.0.1: 0',
                           'client: try 127.0.0.1: no answer')))}),
    Situation('fork between bind and listen',
              [*TCP, HERE, 'fork', 'listen', SERVE], [ASK]),
    Situation('prefork: four workers accept',
              [*TCP, HERE, 'listen', *[spawn('W', SERVE)] * 4, *['join'] * 4],
              ['ask 127.0.0.1 8']),
    Situation('prefork, and the parent closes it',
              [*TCP, HERE, 'listen', spawn('W', SERVE), 'close', 'join'],
              ['ask 127.0.0.1 4']),
    Situation('a child that goes on when the service has ended',
              [*TCP, HERE, 'listen', spawn('child', 'session', SERVE),
               'wait=go', 'leave'],
              [ASK, 'make go']),
    Situation('a daemon: its child serves when the service has ended',
              [*TCP, HERE, 'listen',
               spawn('daemon', 'session', 'wait=go', SERVE), 'leave'],
              ['gone', 'make go', ASK]),
    Situation('a daemon has it when the service has ended, another binds',
              [*TCP, HERE, 'listen',
               spawn('daemon', 'session', 'wait=end'),
               spawn('B', 'session', 'close', 'wait=go', *TCP, HERE,
                     'touch=both', 'wait=end'), 'leave'],
              ['gone', 'make go', 'until both'], handoffs=BINDERS),
    Situation('a daemon binds when the service has ended',
              [spawn('daemon', 'session', 'wait=go', *TCP, HERE, 'listen',
                     SERVE), 'leave'],
              ['gone', 'make go', ASK]),
    Situation('exec passes the socket',
              [*TCP, HERE, 'listen', 'move=10',
               f'exec=name=next take=10 where {SERVE}'], [ASK]),
    Situation('exec between socket and bind',
              [*TCP, 'move=10',
               f'exec=name=next take=10 {HERE} listen {SERVE}'], [ASK]),
    Situation('a thread binds',
              ['thread=waits', *TCP, HERE, 'listen', SERVE], [ASK]),
    Situation('a thread binds, the first one has ended',
              ['thread=ended', *TCP, HERE, 'listen', SERVE], [ASK]),
    Situation('another thread binds what the first one made',
              [*TCP, 'thread=waits', HERE, 'listen', SERVE], [ASK]),
    Situation('epoll before bind',
              [*TCP, 'nonblock', 'epoll=level', HERE, 'listen', 'event',
               'greet', 'event=0'], [ASK]),
    Situation('edge-triggered epoll before bind',
              [*TCP, 'nonblock', 'epoll=edge', HERE, 'listen', 'event',
               'greet', 'event=0'], [ASK]),
    Situation('epoll between bind and listen',
              [*TCP, 'nonblock', HERE, 'epoll=level', 'listen', 'event',
               'greet', 'event=0'], [ASK]),
    Situation('dup before bind',
              [*TCP, 'dup', HERE, 'listen', 'use=1', 'where', SERVE], [ASK]),
    Situation('dup before bind, the original is closed',
              [*TCP, 'dup', HERE, 'listen', 'close', 'use=1', 'greet'],
              [ASK]),
    Situation('dup after bind, the original is closed',
              [*TCP, HERE, 'dup', 'close', 'use=1', 'listen', 'greet'],
              [ASK]),
    Situation('dup2 of the listener onto another socket',
              [*TCP, HERE, 'listen', *TCP, 'use=0', 'over=1', 'use=0',
               'close', *TCP, HERE, 'use=1', 'where', 'touch=up', 'greet'],
              ['until up', ASK], handoffs=BINDERS),
    Situation('dup2 of another socket onto the listener',
              [*TCP, HERE, 'listen', *TCP, 'over=0', 'where', *TCP, HERE,
               'listen', 'touch=up', 'greet'],
              ['until up', ASK], handoffs=BINDERS),
    Situation('dup2 onto its own duplicate',
              [*TCP, 'dup', HERE, 'listen', 'over=1', 'use=0', 'close',
               *TCP, HERE, 'use=1', 'where', 'touch=up', 'greet'],
              ['until up', ASK], handoffs=BINDERS),
    Situation('in flight while another socket is bound',
              [*TCP, HERE, 'listen', 'flight', *TCP, HERE, 'close', 'land',
               'where', 'touch=up', 'greet'],
              ['until up', ASK], handoffs=BINDERS,
              documented={
                  BINDERS: (IN_FLIGHT,
                            instead('bind EADDRINUSE', 'bind 0'))}),
    Situation('in flight, and landed before another is bound',
              [*TCP, HERE, 'listen', 'flight', 'land', 'where', *TCP, HERE,
               'use=1', 'touch=up', 'greet'],
              ['until up', ASK], handoffs=BINDERS),
    Situation('a duplicate in flight is not bound',
              [*TCP, 'dup', 'flight', 'use=1', HERE, 'land', 'where',
               'use=1', 'listen', 'touch=up', 'greet'],
              ['until up', ASK], handoffs=BINDERS,
              documented={
                  BINDERS: (CALLER_ONLY,
                            instead('where AF_INET 127.0.0.1:{port}',
                                    'where AF_INET 0.0.0.0:0'))}),
    Situation('the child of vfork binds, then its parent',
              ['vfork=' + ' '.join([*TCP, HERE, 'listen', 'where']), 'join',
               *TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', ASK], handoffs=BINDERS),
    Situation('the parent has it, the child of vfork binds',
              [*TCP, HERE, 'listen', 'vfork=' + ' '.join([*TCP, HERE]),
               'join', 'touch=up', SERVE],
              ['until up', ASK], handoffs=BINDERS),
    Situation('a thread, the child of its vfork binds, then it',
              ['thread=waits',
               'vfork=' + ' '.join([*TCP, HERE, 'listen', 'where']), 'join',
               *TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', ASK], handoffs=BINDERS),
    Situation('another network between socket and bind',
              [*TCP, 'namespace', HERE, 'where', 'listen', 'touch=up', SERVE],
              ['until up', ASK]),
    Situation('another network before socket',
              ['namespace', *TCP, HERE, 'where', 'listen',
               'visit=127.0.0.1:{port}', 'touch=up', 'wait=end'],
              ['until up']),
    Situation('undumpable, and binds',
              ['dumpable=0', *TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', ASK]),
    Situation('undumpable, and binds, as an ordinary user',
              ['dumpable=0', *TCP, HERE, 'listen', 'touch=up', SERVE],
              ['until up', ASK], ordinary=True,
              documented={
                  BINDERS: (CANNOT_READ, UNREADABLE)}),
    Situation('an undumpable helper binds a unix path',
              [run('helper', 'dumpable=0', 'socket=unix', 'bind=./helper',
                   'listen', 'touch=up', 'wait=end'), 'wait=up',
               *TCP, HERE, 'listen', SERVE, 'join'], [ASK], ordinary=True),
    Situation('an undumpable helper binds a unix path before the service',
              [run('helper', 'dumpable=0', 'socket=unix', 'bind=./helper',
                   'listen', 'touch=up', 'wait=end'),
               'wait=go', *TCP, HERE, 'listen', SERVE, 'join'],
              ['until up', 'make go', ASK], ordinary=True),
    Situation('an undumpable helper binds a path as long as an IP address',
              [run('helper', 'dumpable=0', 'socket=unix',
                   'bind=./helper-path', 'listen', 'touch=up', 'wait=end'),
               'wait=up', *TCP, HERE, 'listen', 'touch=both', SERVE, 'join'],
              ['until both', ASK], ordinary=True,
              documented={BINDERS: (CANNOT_READ, UNREADABLE)}),
    Situation('an undumpable helper binds another port',
              [run('helper', 'dumpable=0', *TCP, 'bind=127.0.0.1:0',
                   'listen', 'touch=up', 'wait=end'), 'wait=up',
               *TCP, HERE, 'listen', 'touch=both', SERVE, 'join'],
              ['until both', ASK], ordinary=True,
              documented={BINDERS: (CANNOT_READ, UNREADABLE)}),
    Situation('an undumpable helper binds another port, a client waits',
              [run('helper', 'wait=go', 'dumpable=0', *TCP,
                   'bind=127.0.0.1:0', 'listen', 'touch=up', 'wait=end'),
               'wait=on', *TCP, HERE, 'listen', 'touch=both', SERVE, 'join'],
              ['knock 127.0.0.1', 'make go', 'until up', 'read', 'make on',
               'until both', ASK], ordinary=True,
              documented={
                  BINDERS: (CANNOT_READ, (
                      *UNREADABLE,
                      *instead('client: knock 127.0.0.1: refused',
                               'client: knock 127.0.0.1: connected'),
                      '+client: held: reset'))}),
]

LIVES = [
    Situation('restart after exit',
              [run('first', *TCP, HERE, 'listen', 'greet'), 'join',
               run('second', *TCP, HERE, 'listen', 'touch=up', SERVE),
               'join'], [ASK, 'until up', ASK]),
    Situation('restart after a crash',
              [run('first', *TCP, HERE, 'listen', 'greet', 'raise=11'),
               'join', run('second', *TCP, HERE, 'listen', 'touch=up',
                           SERVE), 'join'], [ASK, 'until up', ASK]),
    Situation('restart, the predecessor is killed',
              [run('first', *TCP, HERE, 'listen', 'touch=one', 'wait=go',
                   'raise=9'), 'join',
               run('second', *TCP, HERE, 'listen', 'touch=up', SERVE),
               'join'], ['until one', 'make go', 'until up', ASK]),
    Situation('restart, the options of the predecessor',
              [run('first', *TCP, 'set=keepalive:1', 'set=nodelay:1',
                   'set=rcvbuf:40000', 'set=tos:16', HERE, 'set=linger:9',
                   'listen'), 'join',
               run('second', *TCP, HERE, 'show=keepalive', 'show=nodelay',
                   'show=rcvbuf', 'show=tos', 'show=linger', 'listen',
                   'touch=up', SERVE), 'join'], ['until up', ASK]),
    Situation('restart without SO_REUSEADDR, connections in TIME_WAIT',
              [run('first', 'socket=tcp4', HERE, 'listen', 'answer'), 'join',
               run('second', 'socket=tcp4', HERE, 'touch=up'), 'join'],
              [ASK, 'until up'], handoffs=BINDERS,
              documented={
                  BINDERS: (OUTLIVES,
                   instead('second: bind EADDRINUSE', 'second: bind 0'))}),
    Situation('restart, O_NONBLOCK of the predecessor',
              [run('first', *TCP, 'nonblock', HERE, 'listen'), 'join',
               run('second', *TCP, HERE, 'show=nonblock', 'listen',
                   'touch=up', SERVE), 'join'], ['until up', ASK]),
    Situation('restart, SO_REUSEPORT of the predecessor',
              [run('first', *TCP, HERE, 'set=reuseport:1', 'listen'), 'join',
               run('second', *TCP, HERE, 'listen', 'touch=up', SERVE),
               run('third', 'wait=up', *SHARE, HERE, 'touch=both'), 'join',
               'join'], ['until both', ASK], handoffs=BINDERS),
    Situation('restart, the predecessor has cleared SO_REUSEADDR',
              [run('first', *TCP, HERE, 'listen', 'set=reuseaddr:0',
                   'shutdown'), 'join',
               run('second', *TCP, HERE, 'listen', 'touch=up', SERVE),
               'join'], ['until up', ASK], handoffs=BINDERS),
    Situation('restart, the predecessor has shut it down',
              [run('first', *TCP, HERE, 'listen', 'shutdown'), 'join',
               run('second', *TCP, HERE, 'listen', 'touch=up', SERVE),
               'join'], ['until up', ASK]),
    Situation('a client between two lives',
              [run('first', *TCP, HERE, 'listen', 'greet'), 'join',
               'touch=between', 'wait=go',
               run('second', *TCP, HERE, 'listen', 'touch=up', SERVE),
               'join'],
              [ASK, 'until between', 'try 127.0.0.1', 'make go', 'until up',
               ASK],
              documented={
                  BINDERS: (OUTLIVES,
                            instead('client: try 127.0.0.1: refused',
                                    'client: try 127.0.0.1: no answer'))}),
    Situation('it ends before it binds', ['say=no', 'exit=3']),
    Situation('it ends before it binds, and a client asks',
              ['wait=go', 'exit=3'],
              ['knock 127.0.0.1', 'make go', 'gone', 'read',
               'call 127.0.0.1'],
              documented={
                  BINDERS: (NOBODY_REFUSES, (
                      *instead('client: knock 127.0.0.1: refused',
                      'client: knock 127.0.0.1: connected'),
                      '+client: held: reset'))}),
    Situation('it ends before it listens', [*TCP, HERE, 'exit=0'],
              ['gone', 'call 127.0.0.1']),
    Situation('it ends before it listens, and a client asks',
              [*TCP, HERE, 'wait=go', 'exit=0'],
              ['knock 127.0.0.1', 'make go', 'gone', 'read',
               'call 127.0.0.1'],
              documented={
                  BINDERS: (NOBODY_REFUSES, (
                      *instead('client: knock 127.0.0.1: refused',
                               'client: knock 127.0.0.1: connected'),
                      '+client: held: reset'))}),
    Situation('a client asks when it has ended',
              [*TCP, HERE, 'listen', 'greet', 'exit=0'],
              [ASK, 'gone', 'try 127.0.0.1']),
    Situation('output and status', [OPEN, 'say=one', 'say=two', SERVE,
                                    'exit=7'], [ASK], handoffs=EVERY),
    Situation('it fails, and says why on standard error',
              [OPEN, SERVE, 'visit=127.0.0.1:{other}', 'visit=./nowhere'],
              [ASK], handoffs=EVERY),
    Situation('killed by SIGKILL', [OPEN, SERVE, 'raise=9'], [ASK],
              handoffs=EVERY),
    Situation('killed by SIGSEGV', [OPEN, SERVE, 'raise=11'], [ASK],
              handoffs=EVERY),
    Situation('killed by SIGTERM that the caller sends',
              [OPEN, SERVE.replace('end', 'never')], [ASK, 'end TERM'],
              handoffs=EVERY),
    Situation('killed by SIGINT that the caller sends',
              [OPEN, SERVE.replace('end', 'never')], [ASK, 'end INT'],
              handoffs=EVERY),
    Situation('it leaves a child when it is told to stop',
              [OPEN, spawn('child', 'session', 'touch=up', 'wait=never'),
               'serve=never'], [ASK, 'until up', 'end TERM'],
              handoffs=EVERY, leaves=True,
              documented={
                  BINDERS: (LEFT_GETS_TERM, ('-left: process binder',
                                             '-left: the port, at 127.0.0.1')
                            )}),
    Situation('it leaves a file', [OPEN, 'touch=./made', SERVE], [ASK],
              handoffs=EVERY),
    Situation('a child that ended is its own to wait for',
              [OPEN, spawn('child', 'exit=5'), 'join', SERVE], [ASK],
              handoffs=EVERY),
]

HEAR = 'hear=up'
ENDS_WITH_7 = instead('caller: killed by SIGTERM', 'caller: status 7')


def relay(*steps):
    return 'relay=name=leaf ' + ' '.join(steps)


SIGNALS = [
    *(Situation(f'{name} to {whom}', [OPEN, HEAR, 'exit=3'],
                ['until up', f'{to} {name}'], handoffs=EVERY)
      for to, whom in (('end', 'the caller'), ('group', 'its group'),
                       ('tree', 'every process'))
      for name in ('INT', 'TERM', 'HUP', 'QUIT')),
    *(Situation(f'{name} to {whom}, that kills', [OPEN, 'touch=up',
                                                  'wait=never'],
                ['until up', f'{to} {name}'], handoffs=EVERY)
      for to, whom in (('group', 'its group'), ('tree', 'every process'))
      for name in ('INT', 'TERM', 'KILL')),
    *(Situation(f'{name}, a key of the terminal', [OPEN, HEAR, 'exit=3'],
                ['until up', f'key {name}'], handoffs=EVERY,
                around=FOREGROUND, terminal=True)
      for name in ('INT', 'QUIT')),
    *(Situation(f'TERM to {whom} in a terminal', [OPEN, HEAR, 'exit=3'],
                ['until up', f'{to} TERM'], handoffs=EVERY,
                around=FOREGROUND, terminal=True)
      for to, whom in (('end', 'the caller'), ('group', 'its group'),
                       ('tree', 'every process'))),

    *(Situation(f'TERM to {whom}, a wrapper that relays',
                [OPEN, 'name=wrapper', relay(HEAR, 'exit=3'), 'exit=4'],
                ['until up', f'{to} TERM'], handoffs=EVERY, documented=marks)
      for to, whom, marks in (
          ('end', 'the caller', {}),
          ('group', 'its group', {BINDERS: (NO_MORE, instead(
              'leaf: told TERM 2', 'leaf: told TERM 1'))}),
          ('tree', 'every process', {}))),
    *(Situation(f'TERM to {whom}, a wrapper that does not relay',
                [OPEN, run('leaf', HEAR), 'join'],
                ['until up', f'{to} TERM'], handoffs=EVERY, leaves=True,
                documented=marks)
      for to, whom, marks in (
          ('end', 'the caller', {BINDERS: (LEFT_GETS_TERM, (
              '+leaf: told TERM 1', '-left: process exe',
              '-left: the port, at 127.0.0.1'))}),
          ('group', 'its group', {}), ('tree', 'every process', {}))),
    Situation('INT, a key, a wrapper that relays',
              [OPEN, 'name=wrapper', relay(HEAR, 'exit=3'), 'exit=4'],
              ['until up', 'key INT'], handoffs=EVERY, around=FOREGROUND,
              terminal=True),
    Situation('INT, a key, a shell that waits for what it runs',
              [OPEN, HEAR, 'exit=3'], ['until up', 'key INT'],
              handoffs=EVERY, around=FOREGROUND, terminal=True,
              wrapper='"$@"; echo "after: $?"; exit 5'),
    Situation('TERM, a shell with a trap that relays',
              [OPEN, HEAR, 'exit=3'], ['until up', 'end TERM'],
              handoffs=EVERY,
              wrapper='trap "kill \\$!" TERM; "$@" & wait; wait $!; exit $?'),

    *(Situation(f'TERM to {whom}, a service and a client',
                ['name=service', OPEN, 'listen', HEAR],
                ['until both', f'{to} TERM'], handoffs=EVERY, leaves=True,
                script=['name=client', 'wait=up', 'hear=both', 'exit=7'],
                documented={EVERY: (AS_THE_CLIENT, lines)})
      for to, whom, lines in (
          ('end', 'the caller', (
              '+client: told TERM 1', '+service: told TERM 1',
              '+caller: status 7', '-caller: killed by SIGTERM',
              '-left: process binder', '-left: process binder',
              '-left: the port, at 127.0.0.1')),
          ('group', 'its group', ENDS_WITH_7),
          ('tree', 'every process', ENDS_WITH_7))),
    *(Situation(f'INT, a key, a service and a client, {what}',
                ['name=service', OPEN, 'listen', HEAR],
                ['until both', 'key INT'], handoffs=EVERY, leaves=True,
                script=['name=client', 'wait=up', *steps],
                around=FOREGROUND, terminal=True, documented=marks)
      for what, steps, marks in (
          ('which cleans up', ('hear=both', 'exit=7'),
           {EVERY: (AS_THE_CLIENT, instead('caller: killed by SIGINT',
                                           'caller: status 7'))}),
          ('which dies', ('touch=both', 'wait=never'), {}))),
    Situation('a client that ends, and a service that cleans up',
              ['name=service', OPEN, 'listen', HEAR, 'touch=clean'],
              handoffs=EVERY,
              script=['name=client', 'wait=up', 'exit=7']),
    Situation('a client that ends, a service behind a wrapper that relays',
              ['name=wrapper', OPEN, 'listen', relay(HEAR, 'touch=clean')],
              handoffs=EVERY,
              script=['name=client', 'wait=up', 'exit=7']),
    Situation('a client that ends, a service behind one that does not relay',
              ['name=wrapper', OPEN, 'listen', run('leaf', HEAR), 'join'],
              handoffs=EVERY, leaves=True,
              script=['name=client', 'wait=up', 'exit=7'],
              documented={EVERY: (ALL_STOPPED, (
                  '+leaf: told TERM 1', '-left: process exe',
                  '-left: the port, at 127.0.0.1'))}),
    Situation('a client that is killed',
              ['name=service', OPEN, 'listen', HEAR], handoffs=EVERY,
              script=['name=client', 'wait=up', 'raise=9'],
              documented={EVERY: (KILLED_ALIKE, (
                  '-error: Killed', '-caller: status 137',
                  '+caller: killed by SIGKILL'))}),

    Situation('signals that the caller ignores',
              [OPEN, 'ignored', 'touch=up', SERVE],
              ['until up', 'end INT', 'end HUP'], handoffs=EVERY,
              ignored='INT HUP'),
    Situation('signals that the caller ignores, and the service does not',
              [OPEN, HEAR, 'exit=3'],
              ['until up', 'end INT', 'soon', 'end TERM'],
              handoffs=EVERY, ignored='INT QUIT',
              documented={BINDERS: (NOT_FORWARDED, (
                  *instead('told INT 1', 'told TERM 1'),
                  *instead('client: it has ended',
                           'client: it still runs')))}),
    Situation('INT to the group, that the caller ignores',
              [OPEN, 'ignored', 'touch=up', SERVE],
              ['until up', 'group INT'], handoffs=EVERY, ignored='INT QUIT'),
    Situation('signals that the caller ignores, and -s',
              [OPEN, 'ignored', 'touch=up', SERVE], ['until up'],
              handoffs=EVERY, ignored='INT QUIT', options=('-s', 'INT'),
              documented={EVERY: (NOT_IGNORED, ('-ignored INT',))}),
    Situation('what the service of a script ignores',
              ['name=service', OPEN, 'listen', 'ignored', HEAR],
              handoffs=EVERY, script=['name=client', 'ignored', 'wait=up'],
              documented={EVERY: (AS_THE_CALLER, (
                  '-service: ignored INT', '-service: ignored QUIT'))}),
]

INPUT = [
    Situation('a service that reads standard input',
              [OPEN, 'input', 'input', 'input'], handoffs=EVERY,
              input='one\ntwo\n'),
    Situation('a service and a client that read standard input',
              ['name=service', OPEN, 'listen', 'input=now', HEAR],
              handoffs=EVERY, input='one\ntwo\n',
              script=['name=client', 'wait=up', 'input', 'input', 'input'],
              documented={EVERY: (SILENT, instead('service: input end',
                                                  'service: input none'))}),
    Situation('a service whose steps come by standard input',
              [OPEN, 'listen', '-'], handoffs=EVERY,
              input='say=read touch=up input exit=3\n'),
    Situation('a service whose steps come by standard input, and a client',
              ['name=service', OPEN, 'listen', '-'], handoffs=EVERY,
              shell=JOB_WITH_INPUT, input=f'say=read {HEAR}\n',
              script=['name=client', 'wait=up', 'input']),
    Situation('a script that is read from standard input',
              [OPEN, 'input', 'exit=3'], handoffs=EVERY, around=('sh', '-s'),
              input='"$@"; echo "script: $?"\nsay=1\necho "script: next"\n'),
    Situation('a script that is read from standard input, and a client',
              ['name=service', OPEN, 'listen', 'input=now', HEAR],
              handoffs=EVERY, around=('sh', '-s'),
              input='"$@"; echo "script: $?"\nsay=1\necho "script: next"\n',
              script=['name=client', 'wait=up', 'input'],
              documented={EVERY: (SILENT, instead('service: input end',
                                                  'service: input none'))}),
    Situation('a service that reads the terminal',
              [OPEN, 'touch=up', 'input', 'exit=3'],
              ['until up', 'type word'], handoffs=EVERY, around=FOREGROUND,
              terminal=True),
    Situation('a service and a client that read the terminal',
              ['name=service', OPEN, 'listen', 'input=now', HEAR],
              ['until both', 'type word'], handoffs=EVERY, terminal=True,
              around=FOREGROUND,
              script=['name=client', 'wait=up', 'touch=both', 'input'],
              documented={EVERY: (SILENT, instead('service: input end',
                                                  'service: input none'))}),
    Situation('a background job that reads the terminal',
              [OPEN, 'touch=up', 'input', 'exit=3'],
              ['until up', 'stopped', 'make fg', 'type word'],
              handoffs=EVERY, around=BACKGROUND, terminal=True),
    Situation('a background job whose client reads the terminal',
              ['name=service', OPEN, 'listen', HEAR],
              ['until both', 'stopped', 'make fg', 'type word'],
              handoffs=EVERY, around=BACKGROUND, terminal=True,
              script=['name=client', 'wait=up', 'touch=both', 'input']),
    Situation('a background job that reads nothing, and a key',
              [OPEN, HEAR, 'exit=3'],
              ['until up', 'key INT', 'stopped', 'make fg', 'end TERM'],
              handoffs=EVERY, around=BACKGROUND, terminal=True),
]

DATAGRAM_ROWS = [
    udp('UDP', [*UDP, HERE, 'where', 'touch=up', SERVE],
        ['until up', 'send a 127.0.0.1', 'send b 127.0.0.1']),
    udp('UDP twice in one process',
        [*UDP, HERE, *UDP, HERE, 'touch=up', SERVE],
        ['until up', 'flock 127.0.0.1 20']),
    udp('UDP twice in two processes',
        [first(*UDP, HERE), second(*UDP, HERE), 'join', 'join'],
        ['until both', 'flock 127.0.0.1 20']),
    udp('UDP with SO_REUSEPORT in one process',
        [*UDP, 'set=reuseport:1', HERE, *UDP, 'set=reuseport:1', HERE,
         'touch=up', SERVE], ['until up', 'flock 127.0.0.1 40']),
    udp('UDP with SO_REUSEPORT in two processes',
        [first(*UDP, 'set=reuseport:1', HERE),
         second(*UDP, 'set=reuseport:1', HERE), 'join', 'join'],
        ['until both', 'flock 127.0.0.1 40']),
    udp('UDP with SO_REUSEPORT, the first one is closed',
        [*UDP, 'set=reuseport:1', HERE, *UDP, 'set=reuseport:1', HERE,
         'use=0', 'close', 'touch=up', SERVE],
        ['until up', 'settle 127.0.0.1']),
    Situation('UDP with SO_REUSEPORT, the first one is closed, none is passed',
              [*UDP, 'set=reuseport:1', HERE, *UDP, 'set=reuseport:1', HERE,
               'use=0', 'close', 'touch=up', SERVE],
              ['until up', 'flock 127.0.0.1 20'], options=DATAGRAMS,
              handoffs=ADOPT),
    udp('UDP with SO_REUSEPORT, the first one is closed, a third one joins',
        [spawn('C', 'wait=go', *UDP, 'set=reuseport:1', HERE, 'touch=both',
               SERVE), *UDP, 'set=reuseport:1', HERE, *UDP,
         'set=reuseport:1', HERE, 'use=0', 'close', 'touch=up', SERVE,
         'join'],
        ['until up', 'settle 127.0.0.1', 'make go', 'until both',
         'flock 127.0.0.1 40']),
    udp('UDP with SO_REUSEPORT, the second one is closed',
        [*UDP, 'set=reuseport:1', HERE, *UDP, 'set=reuseport:1', HERE,
         'close', 'use=0', 'touch=up', SERVE],
        ['until up', 'flock 127.0.0.1 20']),
    udp('UDP with SO_REUSEPORT, both are closed, and one is bound again',
        [*UDP, 'set=reuseport:1', HERE, *UDP, 'set=reuseport:1', HERE,
         'close', 'use=0', 'close', *UDP, HERE, 'where', 'touch=up', SERVE],
        ['until up', 'flock 127.0.0.1 20']),
    udp('UDP with SO_REUSEPORT, three sockets',
        [*(*UDP, 'set=reuseport:1', HERE) * 3, 'touch=up', SERVE],
        ['until up', 'flock 127.0.0.1 60']),
    udp('UDP with SO_REUSEPORT: a worker binds it anew after fork',
        [*UDP, 'set=reuseport:1', HERE,
         spawn('W', 'close', *UDP, 'set=reuseport:1', HERE, 'touch=up',
               SERVE), 'wait=up', SERVE, 'join'],
        ['until up', 'flock 127.0.0.1 40']),
    udp('UDP with SO_REUSEPORT at ::1',
        [*(*UDP6, 'set=reuseport:1', HERE6) * 2, 'touch=up', SERVE],
        ['until up', 'flock ::1 40']),
    udp('UDP with SO_REUSEADDR in two processes: the last one gets all',
        [first(*UDP, 'set=reuseaddr:1', HERE),
         second(*UDP, 'set=reuseaddr:1', HERE), 'join', 'join'],
        ['until both', 'flock 127.0.0.1 20']),
    udp('UDP with SO_REUSEADDR in one process: the last one gets all',
        [*UDP, 'set=reuseaddr:1', HERE, *UDP, 'set=reuseaddr:1', HERE,
         'touch=up', SERVE], ['until up', 'flock 127.0.0.1 20']),
    udp('UDP with SO_REUSEPORT, then with SO_REUSEADDR',
        [first(*UDP, 'set=reuseport:1', HERE),
         second(*UDP, 'set=reuseaddr:1', HERE), 'join', 'join'],
        ['until both', 'flock 127.0.0.1 20']),
    udp('UDP with SO_REUSEADDR, which the first sets after its bind',
        [*UDP, HERE, 'set=reuseaddr:1', *UDP, 'set=reuseaddr:1', HERE,
         'touch=up', SERVE], ['until up', 'flock 127.0.0.1 20']),
    udp('UDP with SO_REUSEPORT, which the first sets after its bind',
        [*UDP, HERE, 'set=reuseport:1', *UDP, 'set=reuseport:1', HERE,
         'touch=up', SERVE], ['until up', 'flock 127.0.0.1 40']),
    udp('UDP with SO_REUSEPORT, which the first clears after its bind',
        [*UDP, 'set=reuseport:1', HERE, 'set=reuseport:0',
         *UDP, 'set=reuseport:1', HERE, 'touch=up', 'wait=end'],
        ['until up'],
        documented={
            BINDERS: (NOT_CLEARED, instead('bind EADDRINUSE', 'bind 0'))}),
    udp('UDP with SO_REUSEADDR, which the first clears after its bind',
        [*UDP, 'set=reuseaddr:1', HERE, 'set=reuseaddr:0',
         *UDP, 'set=reuseaddr:1', HERE, 'touch=up', 'wait=end'],
        ['until up'],
        documented={
            BINDERS: (NOT_CLEARED, instead('bind EADDRINUSE', 'bind 0'))}),
    udp('UDP restart, SO_REUSEADDR of the predecessor',
        [run('first', *UDP, HERE, 'set=reuseaddr:1'), 'join',
         *UDP, HERE, 'show=reuseaddr', *UDP, 'set=reuseaddr:1', HERE,
         'use=0', 'touch=up', SERVE], ['until up', 'send a 127.0.0.1']),
    udp('UDP restart, SO_REUSEPORT of the predecessor',
        [run('first', *UDP, HERE, 'set=reuseport:1'), 'join',
         *UDP, HERE, 'show=reuseport', *UDP, 'set=reuseport:1', HERE,
         'use=0', 'touch=up', SERVE], ['until up', 'send a 127.0.0.1']),
    udp('UDP: one socket a client',
        [*UDP, 'set=reuseaddr:1', HERE, 'touch=up', 'latch', *UDP,
         'set=reuseaddr:1', HERE, 'touch=both', SERVE],
        ['until up', 'send a 127.0.0.1', 'until both', 'send b 127.0.0.1',
         'send a 127.0.0.1', 'send c 127.0.0.1', 'send b 127.0.0.1']),
    udp('UDP connect and disconnect: the port stays',
        [*UDP, HERE, 'connect=127.0.0.1:9', 'where', 'disconnect', 'where',
         'touch=up', SERVE], ['until up', 'send a 127.0.0.1']),
    udp('UDP connect before bind',
        [*UDP, 'connect=127.0.0.1:9', HERE, 'touch=up', 'wait=end'],
        ['until up']),
    udp('UDP again after close', [*UDP, HERE, 'close', *UDP, HERE, 'where',
                                  'touch=up', SERVE],
        ['until up', 'send a 127.0.0.1']),
    udp('UDP restart', [run('first', *UDP, HERE), 'join',
                        run('second', *UDP, HERE, 'touch=up', SERVE),
                        'join'], ['until up', 'send a 127.0.0.1']),
    udp('UDP restart, the predecessor was connected',
        [run('first', *UDP, HERE, 'connect=127.0.0.1:9'), 'join',
         run('second', *UDP, HERE, 'where', 'touch=up', SERVE), 'join'],
        ['until up', 'send a 127.0.0.1']),
    udp('UDP 127.0.0.1 and ::1 in one process',
        [*UDP, HERE, *UDP6, HERE6, 'touch=up', SERVE],
        ['until up', 'send a 127.0.0.1', 'send b ::1']),
    udp('UDP 127.0.0.1 and ::1 in two processes',
        [first(*UDP, HERE), second(*UDP6, HERE6), 'join', 'join'],
        ['until both', 'send a 127.0.0.1', 'send b ::1']),
    udp('UDP ::1 and 127.0.0.1 in two processes',
        [first(*UDP6, HERE6), second(*UDP, HERE), 'join', 'join'],
        ['until both', 'send a 127.0.0.1', 'send b ::1']),
    udp('UDP all addresses to drop, one to serve',
        ['socket=udp6', 'set=v6only:1', 'set=reuseaddr:1', ALL6, *UDP,
         'set=reuseaddr:1', ALL, *UDP, 'set=reuseaddr:1', HERE, 'touch=up',
         SERVE], ['until up', 'flock 127.0.0.1 20']),
    udp('UDP all addresses, then one without SO_REUSEADDR',
        [*UDP, ALL, *UDP, HERE, 'touch=up', SERVE],
        ['until up', 'send a 127.0.0.1']),
    udp('UDP [::] is asked over IPv4: who the client is',
        ['socket=udp6', 'set=v6only:0', ALL6, 'where', 'touch=up', 'greet'],
        ['until up', 'send a 127.0.0.1'],
        documented={
            BINDERS: (BECOMES_IPV6,
                      instead('where AF_INET6 [::]:{port}',
                              'where AF_INET6 [::ffff:127.0.0.1]:{port}'))}),
    udp('UDP ::1 alone: who the client is',
        [*UDP6, HERE6, 'where', 'touch=up', 'greet'],
        ['until up', 'send a ::1']),
    udp('TCP on the number of a UDP port',
        [*UDP, HERE, *TCP, HERE, 'where', 'listen', 'touch=up', SERVE],
        ['until up', 'send a 127.0.0.1']),
]

UNIX_ROWS = [
    unix('unix: the mode of the path', ['socket=unix', THERE, 'listen',
                                        'touch=up', SERVE],
         ['until up', 'ask ./s'], options=('-l', './s'),
         documented={
             BINDERS: (MODE,
              instead('left: srwxr-xr-x s', 'left: srw------- s'))}),
    unix('unix: bind', ['socket=unix', THERE, 'where',
                                      'listen', 'touch=up', SERVE],
         ['until up', 'ask ./s']),
    unix('unix: who the client is', ['socket=unix', THERE, 'listen',
                                     'touch=up', 'greet']),
    unix('unix: bind of a path that exists',
         ['socket=unix', THERE, 'listen', 'socket=unix', THERE, 'touch=up',
          SERVE], ['until up', 'ask ./s']),
    unix('unix: unlink, and bind again',
         ['socket=unix', THERE, 'listen', 'close', 'unlink={addr}',
          'socket=unix', THERE, 'listen', 'touch=up', SERVE],
         ['until up', 'ask ./s']),
    unix('unix: unlink while it listens, and bind again',
         ['socket=unix', THERE, 'listen', 'unlink={addr}', 'socket=unix',
          THERE, 'listen', 'touch=up', SERVE], ['until up', 'ask ./s']),
    unix('unix: shutdown, unlink, and bind again',
         ['socket=unix', THERE, 'listen', 'shutdown', 'close',
          'unlink={addr}', 'socket=unix', THERE, 'listen', 'touch=up',
          SERVE], ['until up', 'ask ./s']),
    unix('unix: shutdown, and bind again without unlink',
         ['socket=unix', THERE, 'listen', 'shutdown', 'close',
          'socket=unix', THERE, 'touch=up', 'wait=end'], ['until up']),
    unix('unix: restart without unlink',
         [run('first', 'socket=unix', THERE, 'listen'), 'join',
          run('second', 'socket=unix', THERE, 'touch=up', 'wait=end'),
          'join'], ['until up'],
         documented={
             BINDERS: (PATH_STAYS,
              instead('second: bind EADDRINUSE', 'second: bind 0'))}),
    unix('unix: restart with unlink',
         [run('first', 'socket=unix', THERE, 'listen', 'unlink={addr}'),
          'join', run('second', 'socket=unix', THERE, 'listen', 'touch=up',
                      SERVE), 'join'], ['until up', 'ask ./s']),
    unix('unix: it unlinks its path at its end',
         ['socket=unix', THERE, 'listen', 'touch=up', SERVE, 'unlink={addr}']),
    unix('unix: a datagram socket at the path of a stream socket',
         ['socket=unixgram', THERE, 'touch=up', 'wait=end'], ['until up'],
         documented={
             BINDERS: (PATH_EXISTS,
                       instead('bind 0', 'bind EADDRINUSE'))}),
    unix('unix: a SOCK_SEQPACKET socket at the path of a stream socket',
         ['socket=unixpacket', THERE, 'touch=up', 'wait=end'], ['until up'],
         documented={
             BINDERS: (PATH_EXISTS,
                       instead('bind 0', 'bind EADDRINUSE'))}),
    unix('unix: getpeername, and getsockname',
         ['socket=unix', THERE, 'peer', 'where', 'listen', 'peer',
          'touch=up', SERVE]),
    unix('unix: in flight while another socket is bound',
         ['socket=unix', THERE, 'listen', 'flight', 'socket=unix', THERE,
          'close', 'land', 'where', 'touch=up', 'greet'],
         ['until up', 'ask ./s'], documented={
             BINDERS: (IN_FLIGHT, instead('bind EADDRINUSE', 'bind 0'))}),
    unix('unix: a path that is a file',
         ['socket=unix', 'touch=./file', 'bind=./file', THERE, 'listen',
          'touch=up', SERVE]),
    unix('unix: a path in a folder that is not there',
         ['socket=unix', 'bind=./nowhere/s', THERE, 'listen', 'touch=up',
          SERVE]),
]


def mapped(name, service, script, **others):
    """Both ends have the port wired in; -m maps it."""
    return Situation(name, service, script=['wait=up', *script],
                     **{'options': ('-m', '{wired}'), 'handoffs': BINDERS,
                        **others})


# It is stopped when the client has ended.
STAY = 'serve=never'
# The service that most of these meet.
WIRED = [*TCP, 'bind=127.0.0.1:{wired}', 'listen', 'touch=up', STAY]
NOBODY = [*TCP, 'bind=127.0.0.1:{wired}', 'listen=0', 'touch=up', 'wait=never']
TO = 'connect=127.0.0.1:{wired}'
TO6 = 'connect=[::1]:{wired}'
GOES = [TO, 'ask']

MAPPED = [
    mapped('-m: connect', WIRED, ['socket=tcp4', *GOES]),
    mapped('-m: connect, twice on one socket', WIRED,
           ['socket=tcp4', TO, TO, 'ask']),
    mapped('-m: connect to 0.0.0.0', WIRED,
           ['socket=tcp4', 'connect=0.0.0.0:{wired}', 'ask']),
    mapped('-m: connect as IPv4-mapped', WIRED,
           ['socket=tcp6', 'connect=[::ffff:127.0.0.1]:{wired}', 'ask']),
    mapped('-m: connect as IPv4-mapped, IPV6_V6ONLY', WIRED,
           ['socket=tcp6', 'set=v6only:1',
            'connect=[::ffff:127.0.0.1]:{wired}']),
    mapped('-m: connect to ::1, the service is at 127.0.0.1', WIRED,
           ['socket=tcp6', TO6]),
    mapped('-m: connect to ::1', [
        *TCP6, 'bind=[::1]:{wired}', 'listen', 'touch=up', STAY],
           ['socket=tcp6', TO6, 'ask']),
    mapped('-m: connect to both', [
        *TCP, 'bind=127.0.0.1:{wired}', 'listen', *TCP6, 'bind=[::1]:{wired}',
        'listen', 'touch=up', STAY],
           ['socket=tcp6', TO6, 'ask', 'socket=tcp4', *GOES]),
    mapped('-m: connect to the other family of a socket', WIRED,
           ['socket=tcp6', TO, 'socket=tcp4', TO6]),
    mapped('-m: connect of a socket that listens', WIRED,
           ['socket=tcp4', 'bind=127.0.0.1:0', 'listen', TO]),
    mapped('-m: connect after bind', WIRED,
           ['socket=tcp4', 'bind=127.0.0.1:0', *GOES]),
    mapped('-m: connect in progress', WIRED,
           ['socket=tcp4', 'nonblock', TO, 'ready', TO, TO,
            'show=nonblock', 'ask']),
    mapped('-m: connect, and the flags are what they were', WIRED,
           ['socket=tcp4', 'cloexec', TO, 'show=nonblock', 'show=cloexec',
            'ask']),
    mapped('-m: connect in progress, refused',
           [*TCP, 'bind=127.0.0.1:{wired}', 'listen', 'close', 'touch=up',
            'wait=never'], ['socket=tcp4', 'nonblock', TO, 'ready'],
           documented={BINDERS: (OUTLIVES, instead('ready ECONNREFUSED',
                                                   'ready 0'))}),
    mapped('-m: connect to a full queue, SO_SNDTIMEO', NOBODY,
           ['crowd=127.0.0.1:{wired}', 'socket=tcp4', 'patience=200', TO],
           documented={BINDERS: (SENDTIME, instead('connect EINPROGRESS',
                                                   'connect EALREADY'))}),
    mapped('-m: connect to a full queue, a signal', NOBODY,
           ['crowd=127.0.0.1:{wired}', 'socket=tcp4', 'timer=once', TO]),
    mapped('-m: connect to a full queue, without waiting', NOBODY,
           ['crowd=127.0.0.1:{wired}', 'socket=tcp4', 'nonblock', TO, TO]),
    mapped('-m: connect of a thread beside another that waits', WIRED,
           ['thread=waits', 'socket=tcp4', *GOES]),
    mapped('-m: connect of a child', WIRED,
           [run('A', 'socket=tcp4', *GOES), 'join']),
    mapped('-m: connect with TCP_FASTOPEN_CONNECT', WIRED,
           ['socket=tcp4', 'set=fastconnect:1', *GOES]),
    mapped('-m: connect with Multipath TCP', WIRED,
           ['socket=mptcp4', *GOES],
           needs=(socket.AF_INET, socket.SOCK_STREAM, 262)),
    mapped('-m: getpeername, and getsockname', WIRED,
           ['socket=tcp4', TO, 'peer', 'ask'],
           documented={BINDERS: (REAL_PORT, instead(
               'peer AF_INET 127.0.0.1:{wired}',
               'peer AF_INET 127.0.0.1:{port}'))}),
    mapped('-m: another port is left alone', WIRED,
           ['socket=tcp4', 'connect=127.0.0.1:1']),
    mapped('-m: a bad address', WIRED,
           ['socket=tcp4', 'connect=255.255.255.255:{wired}']),
    mapped('-m: a unix socket', WIRED, ['socket=unix', 'connect=./nobody']),
    mapped('-m: the service probes its port before it binds it', [
        'socket=tcp4', TO, *TCP, 'bind=127.0.0.1:{wired}', 'listen',
        'touch=up', STAY], ['socket=tcp4', *GOES]),
    mapped('-m: the service probes its port again when it is started anew', [
        run('first', *TCP, 'bind=127.0.0.1:{wired}', 'listen'), 'join',
        'socket=tcp4', TO, *TCP, 'bind=127.0.0.1:{wired}', 'listen',
        'touch=up', STAY], ['socket=tcp4', *GOES]),
    mapped('-m: a service beside the one that binds the port', [
        *TCP, 'bind=127.0.0.1:{wired}', 'listen', 'touch=first',
        spawn('A', 'socket=tcp4', TO), 'join', 'touch=up', STAY],
           ['socket=tcp4', *GOES]),
    mapped('-m: the service meets itself', [
        *TCP, 'bind=127.0.0.1:{wired}', 'listen', 'socket=tcp4', TO, 'use=0',
        'touch=up', STAY], ['socket=tcp4', *GOES]),
    mapped('-m: the client binds the port', WIRED,
           ['socket=tcp4', 'bind=127.0.0.2:{wired}']),
    mapped('-m: datagrams', [
        *UDP, 'bind=127.0.0.1:{wired}', 'touch=up', STAY],
           ['socket=udp4', *GOES, 'connect=127.0.0.1:9', TO, 'ask'],
           options=('-l', 'udp:0', '-m', '{wired}')),
]

SITUATIONS = [*TCP_ROWS, *ADDRESSES, *LISTENED, *ERRORS, *SEEN, *PROCESSES,
              *LIVES, *SIGNALS, *INPUT, *DATAGRAM_ROWS, *UNIX_ROWS, *MAPPED]

# Not played yet.
TO_COME = [
    'bind() by way of io_uring',
]
