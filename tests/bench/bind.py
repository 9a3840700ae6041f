# SPDX-License-Identifier: ISC
"""What a bind(2) costs under adopt."""

import os
import statistics
import subprocess
import typing

import bench
import harness
from bench import BEFORE, STATIC, spread, tool

BINDS, DNS = tool('binds'), tool('dns')
# In the network namespace of the run nobody else has them.
OWN, OTHER, RESOLVER, UPSTREAM = '4011', '4012', '4013', '4014'
LISTENERS = 400
NATIVE, OLD, NEW = 'native', 'portexec 0.1.0', 'portexec'


def adopted(program, *listen):
    return (program, '-q', '-H', 'adopt',
            *(word for spec in listen for word in ('-l', spec)), '--')


def contenders(*listen):
    """{name: the words before the service's}."""
    found = {NATIVE: (), OLD: adopted(BEFORE, *listen),
             NEW: adopted(STATIC, *listen)}
    if not bench.has(BEFORE):
        del found[OLD]
    return found


class Work(typing.NamedTuple):
    """What binds.c is told, and the listeners beside the service's own."""
    kind: str
    port: str
    threads: int = 1
    more: int = 0
    own: str = OWN
    listeners: int = 1

    def command(self, before, count):
        return [*before, BINDS, self.kind, str(count), str(self.threads),
                self.port, str(self.more), self.own]


UDP, TCP = 'UDP, port 0', 'TCP, another port'
THREADS = 'TCP, another port, 8 threads'
MANY = f'TCP, another port, {LISTENERS} × `-l`'
EARLY = 'TCP, another port, before its own'
FOREIGN = {
    UDP: Work('udp', '0'),
    TCP: Work('tcp', OTHER),
    THREADS: Work('tcp', OTHER, threads=8),
    MANY: Work('tcp', OTHER, listeners=LISTENERS),
    EARLY: Work('tcp', OTHER, own='0'),
}
PLOTTED = {UDP: 'UDP', TCP: 'TCP', THREADS: 'TCP, 8 threads'}
# By the descriptors that are open then: five are there anyway.
OWNS = {count: Work('own', OWN, more=count - 5, own='0')
        for count in (7, 105, 1005)}
WORKS = {**FOREIGN, **OWNS}


class Cost(typing.NamedTuple):
    """In ns."""
    bind: int
    whole: int


def bind_once(work, before):
    count = bench.rounds(20000, 1000) // work.threads
    done = subprocess.run(work.command(before, count), stdout=subprocess.PIPE,
                          check=True, text=True, stdin=subprocess.DEVNULL,
                          env=bench.environment())
    return Cost(*map(int, done.stdout.split()))


def everyone():
    """{(work's name, contender): the words before}."""
    return {(name, who): words for name, work in WORKS.items()
            for who, words in contenders(
                OWN, *('0',) * (work.listeners - 1)).items()}


def in_groups(keys, together=()):
    """By their names; those of the names in together are one group."""
    found = {}
    for key in keys:
        found.setdefault(key[0] not in together and key[0], []).append(key)
    return found.values()


def measure_binds():
    """{(name, contender): [Cost of each round]}."""
    all_of_them = everyone()
    costs = {one: [] for one in all_of_them}
    groups = in_groups(all_of_them, (TCP, MANY))
    for one in bench.turns(groups, bench.rounds(15)):
        # One launch is one bind(2) there: the median of some.
        some = [bind_once(WORKS[one[0]], all_of_them[one])
                for _ in range(5 if one[0] in OWNS else 1)]
        costs[one].append(Cost(*map(statistics.median, zip(*some))))
    return costs


def count_calls(work, before):
    """The keeper's system calls for each bind(2)."""
    if not before:
        return 0
    with bench.folder() as path:
        log = os.path.join(path, 'log')
        subprocess.run(['strace', '-f', '-qq', '-o', log,
                        *work.command(before, 100 // work.threads)],
                       check=True, stdout=subprocess.DEVNULL,
                       stdin=subprocess.DEVNULL, env=bench.environment())
        counts = [len(names) for names in harness.traced_binds(log)]
    if work.kind == 'own':
        return counts[0]
    # The last is beside the service's end; the first may be its own.
    return statistics.mean(counts[1 if work.own == '0' else 2:-1])


def ratio(costs, one, other, what='whole'):
    """In each round."""
    return spread(getattr(a, what) / getattr(b, what)
                  for a, b in zip(costs[one], costs[other]))


def microseconds(values, digits=1):
    return spread(value / 1000 for value in values).text(digits)


def row(costs, calls, one, base):
    """What it is compared with comes first, itself is not compared."""
    what = 'whole' if base == NATIVE else 'bind'
    other = (one[0], base)
    return ('' if one == other or other not in costs or one[1] == NATIVE else
            ratio(costs, one, other, what).text(2),
            microseconds(cost.bind for cost in costs[one]),
            microseconds(cost.whole for cost in costs[one]),
            f'{calls[one]:,.0f}' if calls[one] else '')


def set_goals(section, costs, calls):
    def at_most(what, limit, value, digits=2):
        section.goal(f'{what}: at most {limit}',
                     value.text(digits) if isinstance(value, bench.Spread)
                     else f'{value:.{digits}f}',
                     getattr(value, 'median', value) <= limit)
    for name, limit in (UDP, 2.5), (TCP, 2.8), (THREADS, 4):
        at_most(f'bind(2), {name}: the whole round, to native', limit,
                ratio(costs, (name, NEW), (name, NATIVE)))
    at_most(f'bind(2), another port, of {LISTENERS} listeners to one', 1.2,
            ratio(costs, (MANY, NEW), (TCP, NEW), 'bind'))
    at_most("bind(2) to another port: the keeper's system calls", 5,
            max(calls[name, NEW] for name in (UDP, TCP, THREADS, MANY)), 1)
    at_most("bind(2) of the service's own port, 7 descriptors: the keeper's "
            'system calls', 50, calls[7, NEW], 0)
    at_most("bind(2) of the service's own port: the keeper's system calls for "
            'each descriptor more',
            2, (calls[1005, NEW] - calls[105, NEW]) / 900, 1)
    if not bench.has(BEFORE):
        return
    faster = ratio(costs, (UDP, OLD), (UDP, NEW), 'bind')
    section.goal(f'bind(2), {UDP}: at least 6 times as fast as 0.1.0',
                 faster.text(1), faster.median >= 6)
    for count, limit in (7, 0.5), (105, 0.35), (1005, 0.25):
        at_most(f"bind(2) of the service's own port, {count:,} descriptors: "
                'to 0.1.0', limit,
                ratio(costs, (count, NEW), (count, OLD), 'bind'))


def say_binds(section, costs, calls):
    section.say(f'''
A bind(2) of a service's under adopt waits until the keeper has looked at it.
Most are for another port than the service's own: a resolver's, with a port of
its own for each query, or a test runner's. For those the keeper reads the
address, sees that the port is none of its own, and has the kernel go on. What
is measured is [a loop](../tests/bench/binds.c) of socket(2), bind(2) and
close(2), {bench.rounds(20000, 1000):,} times; the ratio is that of the whole
round, which is what a user pays. {bench.left_out(BEFORE)}
''')
    section.table(
        ('what is bound', 'under', 'whole round, to native', 'bind(2), µs',
         'whole round, µs', "the keeper's system calls"),
        *((*one, *row(costs, calls, one, NATIVE))
          for one in costs if one[0] in FOREIGN))
    section.say(f'''
Of 8 threads each binds an eighth of them, all at once, and one keeper answers
them all: a bind(2) then takes the time that a thread waits for the others, too,
as it does natively. Where portexec has {LISTENERS} listeners and the service
has bound one, the keeper watches the others for clients. Until a service has
bound its own port, the keeper looks at its other TCP ports more closely, so
that it can say later which of them it took instead: the last rows.
''')
    points = [(f'{short}, {who.removeprefix("portexec ")}',
               *spread(cost.bind for cost in costs[name, who]))
              for name, short in PLOTTED.items() for who in contenders()]
    section.plot('bind', bench.bars(points, 'ns that a bind(2) takes'),
                 {'data': points}, 'What a bind(2) takes', 300)
    section.say('''
The bind(2) of the service's own port, which puts the socket of portexec's in
the place of the service's. It happens once in a service's life. The keeper
looks for duplicates of the descriptor and for epoll instances that it is
registered with, and so it takes longer where more descriptors are open. The
socket itself is one of them, as is the one that portexec passes.
''')
    section.table(
        ('descriptors', 'under', 'bind(2), to 0.1.0', 'bind(2), µs',
         "the keeper's system calls"),
        *((f'{one[0]:,}', one[1], part[0], part[1], part[3])
          for one in costs if one[0] in OWNS
          for part in [row(costs, calls, one, OLD)]))


UNBOUND = f'''
server:
    interface: 127.0.0.1@{RESOLVER}
    username: ""
    chroot: ""
    directory: ""
    pidfile: ""
    use-syslog: no
    num-threads: 1
    do-ip6: no
    do-tcp: no
    module-config: "iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{UPSTREAM}
'''
WINDOW = 20
DELAY = 10          # ms; then WINDOW queries are in flight, and nobody is busy
UNBOUND_WORDS = 'unbound', '-d', '-p', '-c', 'unbound.conf'
DNSMASQ = ('dnsmasq', '-k', '-C', '/dev/null', '--no-resolv', '--no-hosts',
           '--bind-interfaces', '--cache-size=0', '--listen-address',
           '127.0.0.1', '-p', RESOLVER, '-S', '127.0.0.1#' + UPSTREAM)
RESOLVERS = {
    'unbound': UNBOUND_WORDS,
    'dnsmasq `--min-port`': (*DNSMASQ, '--min-port=10000'),
    'dnsmasq': DNSMASQ,
}


class Answers(typing.NamedTuple):
    rate: float     # a second
    late: float     # p99, us


class Upstream(typing.NamedTuple):
    delay: int      # ms until it answers
    queries: int    # in a round
    resolvers: tuple

    def __str__(self):
        return f'after {self.delay} ms' if self.delay else 'at once'


UPSTREAMS = (Upstream(DELAY, 4000, ('unbound', 'dnsmasq `--min-port`')),
             Upstream(0, 20000, tuple(RESOLVERS)))


def ask(count):
    """None where it is not answered."""
    done = subprocess.run([DNS, 'ask', RESOLVER, str(count),
                           str(min(WINDOW, count))], text=True,
                          capture_output=True)
    return Answers(*map(float, done.stdout.split())) \
        if done.returncode == 0 else None


def resolve_once(words, path, queries):
    process = bench.spawn(words, cwd=path)
    try:
        harness.wait_for(lambda: ask(1), words[0])
        found = ask(bench.rounds(queries, queries // 10))
    finally:
        bench.end([process])
    if found is None:
        raise SystemExit(f'{words[0]}: a query was not answered')
    return found


def measure_resolvers():
    """{(upstream, resolver, contender): [Answers of each round]}."""
    answers = {}
    with bench.folder() as path:
        with open(os.path.join(path, 'unbound.conf'), 'w') as file:
            file.write(UNBOUND)
        for upstream in UPSTREAMS:
            words = {(str(upstream), name, who): (*before, *RESOLVERS[name])
                     for name in upstream.resolvers
                     for who, before in contenders('udp:' + RESOLVER).items()}
            answers.update((one, []) for one in words)
            process = bench.spawn(
                [DNS, 'answer', UPSTREAM, str(upstream.delay)])
            groups = [[one for one in words if one[1] == name]
                      for name in upstream.resolvers]
            try:
                for one in bench.turns(groups, bench.rounds(15)):
                    answers[one].append(
                        resolve_once(words[one], path, upstream.queries))
            finally:
                bench.end([process])
    return answers


def say_resolvers(section, answers):
    def to_native(one, what):
        return ratio(answers, one, (*one[:-1], NATIVE), what)
    slow, fast = map(str, UPSTREAMS)
    section.say(f'''
A resolver that forwards each query to a server of ours; {WINDOW} queries are on
their way at any time, each for another name. unbound binds a socket to a random
port for each of them, and so does dnsmasq where it is told `--min-port`;
otherwise it has the kernel choose the port when it sends, and calls no bind(2).
The names are asked by [a program](../tests/bench/dns.c) on the same machine.
Where the server answers after {DELAY} ms, as one that is in a network, the
resolver has time between two queries. Where it answers at once, the names are
asked as fast as they are answered: nothing else is waited for, and what a
bind(2) takes more is seen as nowhere else.
''')
    section.table(
        ('the server answers', 'resolver', 'under', 'queries/s, to native',
         'p99, to native', 'queries/s', 'p99, µs'),
        *((*one, *('' if one[-1] == NATIVE else to_native(one, what).text(3)
                   for what in Answers._fields),
           spread(own.rate for own in answers[one]).text(),
           spread(own.late for own in answers[one]).text())
          for one in answers))
    for when in slow, fast:
        rate, late = (to_native((when, 'unbound', NEW), what)
                      for what in Answers._fields)
        section.goal(f'unbound, a port for each query, answered {when}: '
                     'queries/s to native: at least 0.97', rate.text(3),
                     rate.median >= 0.97)
        section.goal('the same, p99 to native: at most 1.05', late.text(3),
                     late.median <= 1.05)


def measure():
    section = bench.Section('bind', 'bind(2) under adopt')
    costs = measure_binds()
    calls = {(name, who): count_calls(WORKS[name], words)
             for (name, who), words in everyone().items()}
    say_binds(section, costs, calls)
    set_goals(section, costs, calls)
    say_resolvers(section, measure_resolvers())
    return section
