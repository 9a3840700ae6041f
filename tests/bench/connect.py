# SPDX-License-Identifier: ISC
"""What a connect(2) costs under --map."""

import shlex
import subprocess
import typing

import bench
import harness
from bench import STATIC, spread, tool

CONNECTS = tool('connects')
# In the network namespace of the run nobody else has them.
WIRED, OTHER = '4021', '4022'
NATIVE, MAPPED, DIRECT = 'native', 'portexec -m', 'portexec'
BARE, NEW, KEPT = 'connect', 'a connection each', 'one connection'


class Cost(typing.NamedTuple):
    """In ns."""
    connect: int
    whole: int


def client(kind, count, port):
    return CONNECTS, kind, str(count), port


def under(script, *service):
    return (STATIC, '-q', *service[:2], '-c', 'exec ' + shlex.join(script),
            '--', *service[2:])


def commands(count):
    """{(what, who): words}.  OTHER is served by somebody else."""
    bare = client('bare', count, OTHER)
    found = {(BARE, NATIVE): bare,
             (BARE, MAPPED): under(bare, '-m', WIRED, 'sleep', '600')}
    for what, kind, most in (NEW, 'new', count), (KEPT, 'kept', 2 * count):
        found[what, DIRECT] = (
            STATIC, '-q', '-c', f'exec {CONNECTS} {kind} {most} {{port}}',
            '--', CONNECTS, 'serve', '{port}')
        found[what, MAPPED] = under(client(kind, most, WIRED), '-m', WIRED,
                                    CONNECTS, 'serve', WIRED)
    return found


def measure_all():
    """{(what, who): [Cost of each round]}."""
    all_of_them = commands(bench.rounds(20000, 1000))
    costs = {one: [] for one in all_of_them}
    groups = [[one for one in all_of_them if one[0] == what]
              for what in (BARE, NEW, KEPT)]
    server = bench.spawn([CONNECTS, 'serve', OTHER])
    try:
        harness.wait_for(lambda: subprocess.run(
            client('bare', 1, OTHER), capture_output=True).returncode == 0,
            'the server')
        for one in bench.turns(groups, bench.rounds(15)):
            done = subprocess.run(
                all_of_them[one], stdout=subprocess.PIPE, check=True,
                text=True, stdin=subprocess.DEVNULL, env=bench.environment())
            costs[one].append(Cost(*map(int, done.stdout.split())))
    finally:
        bench.end([server])
    return costs


def ratio(costs, one, other, what='whole'):
    """In each round."""
    return spread(getattr(a, what) / getattr(b, what)
                  for a, b in zip(costs[one], costs[other]))


def microseconds(values):
    return spread(value / 1000 for value in values).text(1)


def measure():
    section = bench.Section('connect', 'connect(2) under --map')
    costs = measure_all()
    foreign = ratio(costs, (BARE, MAPPED), (BARE, NATIVE), 'connect')
    section.say(f'''
Only where -m is given, a connect(2) of the service's or the client's waits
until the keeper has looked at it. What is measured is [a
program](../tests/bench/connects.c), {bench.rounds(20000, 1000):,} times in a
round: connect(2) to another port, of which the keeper reads the address alone
and has the kernel go on; and a byte that is sent and echoed, on a connection of
its own or on one that is kept, by way of the mapped port and directly, without
-m.
''')
    section.table(
        ('what', 'how', 'connect(2), µs', 'whole round, µs'),
        *((*one, microseconds(cost.connect for cost in costs[one]),
           microseconds(cost.whole for cost in costs[one])) for one in costs))
    section.goal('connect(2) to a port that is not mapped, to native: at most '
                 '3.0', foreign.text(2), foreign.median <= 3)
    for what, least in (NEW, 0.8), (KEPT, 1.0):
        rate = ratio(costs, (what, DIRECT), (what, MAPPED))
        section.goal(
            f'a byte echoed, {what}: requests/s by way of -m to direct: '
            f'{"at least 0.8" if least < 1 else "1.00 within the spread"}',
            rate.text(3), (rate.median if least < 1 else rate.high) >= least)
    return section
