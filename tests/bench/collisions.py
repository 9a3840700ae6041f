# SPDX-License-Identifier: ISC
"""Collisions: many services at once, where numbers are few."""

import collections
import os
import select
import struct
import time

import bench
from bench import PYTHON, STATIC, tool
from launch import FIND

FIRST = 40000
SLOW = tool('slow')
DELAY = '300'       # ms that a service takes until it binds
LIMIT = 120         # seconds in which all are to have begun, or failed
RETRY = f'''
for try in 1 2 3; do
    {SLOW} {DELAY} "$(shuf -n 1 -i "$0-$1")" && exit
done
exit 1'''

# {first} and {last} are the range that the kernel gives numbers from.
COMMANDS = {
    'bind, close, bind again': (PYTHON, '-c', FIND, SLOW, DELAY),
    'get-port-cli': ('sh', '-c', f'exec {SLOW} {DELAY} $(get-port)'),
    'a random port, three tries': ('sh', '-c', RETRY, '{first}', '{last}'),
    'portexec, inherit': (STATIC, '-q', '--', SLOW, DELAY, 'fd'),
    'portexec, adopt': (STATIC, '-q', '--', SLOW, DELAY, '{port}'),
    'portexec, reserve': (STATIC, '-q', '-H', 'reserve', '--', SLOW, DELAY,
                          '{port}'),
}
ERROR = 'portexec: listen on 127.0.0.1:0: Address already in use\n'
FILLS = 50, 90, 100, 120    # percent of the range


class Outcome(collections.namedtuple('Outcome', 'started failed errors')):
    """Of so many starts; and what was said on standard error."""


def set_range(first, last):
    with open('/proc/sys/net/ipv4/ip_local_port_range', 'w') as file:
        file.write(f'{first} {last}')


def begun(report, processes):
    """The ports that services said they have, once all have or failed."""
    ports, until = [], time.monotonic() + LIMIT
    while (len(ports) + sum(process.poll() is not None
                            for process in processes) < len(processes)):
        if time.monotonic() > until:
            raise SystemExit('collisions: some have neither begun nor failed')
        if select.select([report], [], [], 0.05)[0]:
            words = os.read(report, 512 * 8)
            ports += [port for port, in struct.iter_unpack('q', words)
                      if port > 0]
    return ports


def start(words, count, first, last):
    """Starts count services, and ends them when all have begun."""
    words = [word.replace('{first}', str(first)).replace('{last}', str(last))
             for word in words]
    with bench.folder() as path:
        name, errors = os.path.join(path, 'report'), os.path.join(path, 'err')
        os.mkfifo(name)
        report = os.open(name, os.O_RDWR | os.O_CLOEXEC)
        processes = []
        try:
            with open(errors, 'w') as file:
                for _ in range(count):
                    processes.append(bench.spawn(
                        words, stderr=file,
                        env=bench.environment(SERVICE_REPORT=name)))
            ports = begun(report, processes)
        finally:
            bench.end(processes)
            os.close(report)
        if len(set(ports)) != len(ports):
            raise SystemExit(f'collisions: one port twice: {sorted(ports)}')
        with open(errors) as file:
            return Outcome(count, count - len(ports), file.readlines())


def merge(outcomes):
    return Outcome(sum(one.started for one in outcomes),
                   sum(one.failed for one in outcomes),
                   [line for one in outcomes for line in one.errors])


def per_thousand(outcome):
    return 1000 * outcome.failed / outcome.started


def run_all(size, count):
    """{name: {fill: Outcome}}, the names and fills in turn."""
    first, last = FIRST, FIRST + size - 1
    outcomes = {name: {fill: [] for fill in FILLS} for name in COMMANDS}
    set_range(first, last)
    for _ in range(count):
        for fill in FILLS:
            for name, words in COMMANDS.items():
                outcomes[name][fill].append(
                    start(words, size * fill // 100, first, last))
    set_range(32768, 60999)
    return {name: {fill: merge(ones) for fill, ones in own.items()}
            for name, own in outcomes.items()}


def measure():
    section = bench.Section('collisions', 'Collisions')
    size = 20 if bench.QUICK else 100
    outcomes = run_all(size, bench.rounds(2, 1))
    section.say(f'''
Services that are started at once, each of which takes {DELAY} ms until it
binds its port, in a network namespace where the kernel gives out {size}
numbers, so that chance shows. Failures per thousand starts; where 120 are
started for 100 numbers, 167 is the least.
''')
    section.table(
        ('how they get a port',
         *(f'{fill} for 100 numbers' for fill in FILLS)),
        *((name, *(f'{per_thousand(own[fill]):.0f}' for fill in FILLS))
          for name, own in outcomes.items()))
    section.plot('collisions', f'''
set xlabel 'services for 100 numbers'
set ylabel 'failures per thousand starts'
set yrange [0:*]
set key outside right
plot {", ".join(
    f"$data using 1:{2 + number} with linespoints lw 2 title '{name}'"
    for number, name in enumerate(COMMANDS))}
''', {'data': [(fill, *(per_thousand(own[fill]) for own in outcomes.values()))
               for fill in FILLS]},
        'Failures per thousand starts by how many services are started')
    ours = [own for name, own in outcomes.items() if 'portexec' in name]
    failed = sum(own[fill].failed for own in ours
                 for fill in FILLS if fill <= 100)
    section.goal('no failure until all numbers are in use',
                 f'{failed} of ' + str(sum(
                     own[fill].started for own in ours
                     for fill in FILLS if fill <= 100)), failed == 0)
    over = merge([own[120] for own in ours])
    clear = over.errors.count(ERROR)
    section.goal('and then a clear error: `' + ERROR.strip() + '`',
                 f'{clear} of {over.failed}, and {len(over.errors) - clear} '
                 'other lines', over.errors == [ERROR] * over.failed and
                 over.failed == over.started // 6)
    return section
