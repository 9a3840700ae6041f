# SPDX-License-Identifier: ISC
"""Launch: from exec to exec of a program that does nothing."""

import os
import re
import statistics

import bench
from bench import Command, DYNAMIC, PYTHON, STATIC, spread, tool

NOTHING = tool('nothing')
PORT = '4000'       # in the network namespace of the run nobody else has it
FIND = '''
import os, socket, sys
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
os.execv(sys.argv[1], sys.argv[1:] + [str(port)])
'''

COMMANDS = {
    'the service alone': Command((NOTHING,)),
    'floor': Command((tool('floor'), NOTHING)),
    'inherit, static': Command((STATIC, '--', NOTHING)),
    'reserve, static': Command((STATIC, '-H', 'reserve', '--', NOTHING)),
    'adopt, static': Command((STATIC, '--', NOTHING, '{port}')),
    'inherit, dynamic': Command((DYNAMIC, '--', NOTHING)),
    'reserve, dynamic': Command((DYNAMIC, '-H', 'reserve', '--', NOTHING)),
    'adopt, dynamic': Command((DYNAMIC, '--', NOTHING, '{port}')),
    'env(1)': Command(('env', 'A=1', NOTHING)),
    'timeout(1)': Command(('timeout', '60', NOTHING)),
    'systemd-socket-activate': Command(
        ('systemd-socket-activate', '-E', 'REPORT', '-l',
         '127.0.0.1:' + PORT, NOTHING), PORT, 2),
    'start_server': Command(
        ('start_server', '--port', '127.0.0.1:' + PORT, '--', NOTHING,
         'stay'), 'term', 10),
    'python finds a port': Command((PYTHON, '-c', FIND, NOTHING), every=5),
    'get-port-cli': Command(
        ('sh', '-c', 'exec "$0" $(get-port)', NOTHING), every=10),
}
ALONE, FLOOR = list(COMMANDS)[:2]


def count_calls(command):
    """System calls between our exec and the service's, in all processes."""
    with bench.folder() as path:
        log = os.path.join(path, 'log')
        bench.launch({'traced': command._replace(
            words=('strace', '-f', '-I2', '-qq', '-e', 'signal=none', '-o',
                   log, *command.words), every=1)}, 1)
        with open(log) as file:
            calls = re.findall(r'^\d+ +(\w+\(.*)', file.read(), re.M)
    last = max(number for number, call in enumerate(calls)
               if call.startswith(f'execve("{NOTHING}"'))
    return max(0, last - 1)


def row(section, name, samples, adds, floor):
    own = samples[name]
    section.append((
        name,
        f'{adds[name].median / floor:.2f}',
        adds[name].text(),
        spread(bench.more(own, samples[ALONE], 'over')).text(),
        f'{statistics.mean(sample.user for sample in own):,.0f}',
        f'{statistics.mean(sample.system for sample in own):,.0f}',
        f'{statistics.median(sample.memory for sample in own):,.0f}',
        f'{statistics.median(sample.faults for sample in own):,.0f}',
        f'{count_calls(COMMANDS[name]):,}'))


def measure():
    section = bench.Section('launch', 'Launch')
    samples = bench.launch(COMMANDS, bench.rounds(500, 10))
    adds = {name: spread(bench.more(own, samples[ALONE]))
            for name, own in samples.items()}
    floor = adds[FLOOR].median
    rows = [('what starts it', 'ratio to the floor', 'adds, µs',
             'adds until all has ended, µs', 'user, µs', 'system, µs',
             'peak memory, KiB', 'page faults', 'system calls')]
    for name in list(COMMANDS)[1:]:
        row(rows, name, samples, adds, floor)
    section.say(f'''
From the exec of what starts it to the first line of main() of a static
program that does nothing. It takes
{spread(sample.begun for sample in samples[ALONE]).text()} µs alone; the rest
is added to that, as the median and the quartiles of the differences in each
round. The floor is [20 lines of C](../tests/bench/floor.c), static: socket,
bind, listen, getsockname, execve, and nothing else.
''')
    section.table(*rows)
    data = [(name, *adds[name]) for name in list(COMMANDS)[1:]]
    section.plot('launch', bench.bars(data, 'µs added to a launch'),
                 {'data': data}, 'What each adds to a launch', 400)
    section.say('''
User and system time are means, of all processes that were waited for; peak
memory is the largest process's, as getrusage(2) has it, which a process
inherits from before its exec. System calls are counted by strace, between
the exec of the starter and that of the service, in all processes.
systemd-socket-activate waits for traffic: there the driver tries to connect
without a pause, and what is measured ends when the service begins, as it does
elsewhere. start_server does not end by itself, and is sent TERM when the
service has begun. `python finds a port` is a script of five lines that binds
port 0, closes the socket and becomes the service; `get-port-cli` is
`SERVICE $(get-port)` in sh.
''')
    static = {name: adds[name + ', static'].median
              for name in ('inherit', 'reserve', 'adopt')}
    ratio = static['inherit'] / floor
    section.goal('inherit, static, adds at most 1.15 times what the floor '
                 'adds', f'{ratio:.2f}', ratio <= 1.15)
    for name, other in (('inherit', 'env(1)'), ('adopt', 'timeout(1)')):
        section.goal(f'{name}, static, adds less than {other}',
                     f'{static[name] / adds[other].median:.2f} times as much',
                     static[name] < adds[other].median)
    return section
