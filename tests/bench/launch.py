# SPDX-License-Identifier: ISC
"""Launch: from exec to exec of a program that does nothing."""

import os
import re
import statistics

import bench
from bench import (BEFORE, Command, DYNAMIC, MUSL, PYTHON, STATIC, spread,
                   tool)

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
    'inherit, static, 0.1.0': Command((BEFORE, '--', NOTHING)),
    'adopt, static, 0.1.0': Command((BEFORE, '--', NOTHING, '{port}')),
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

# The service is linked with musl too: what starts faster hides less.
MUSL_NOTHING = tool('nothing', 'musl')
OF_MUSL = {
    'the service alone, musl': Command((MUSL_NOTHING,)),
    'floor, musl': Command((tool('floor', 'musl'), MUSL_NOTHING)),
    'inherit, musl': Command((MUSL, '--', MUSL_NOTHING)),
    'adopt, musl': Command((MUSL, '--', MUSL_NOTHING, '{port}')),
    'inherit, glibc': Command((STATIC, '--', MUSL_NOTHING)),
    'adopt, glibc': Command((STATIC, '--', MUSL_NOTHING, '{port}')),
    'timeout(1), glibc': Command(('timeout', '60', MUSL_NOTHING)),
}
MUSL_ALONE, MUSL_FLOOR = list(OF_MUSL)[:2]
TIMEOUT = list(OF_MUSL)[-1]

CLIENTS = {
    'sh': Command(('sh', '-c', 'sleep 60 & true; kill $!; wait'), 'mute'),
    'portexec 0.1.0, static': Command(
        (BEFORE, '-c', 'true', '--', 'sleep', '60'), 'mute'),
    'portexec, static': Command(
        (STATIC, '-c', 'true', '--', 'sleep', '60'), 'mute'),
    'portexec, musl': Command(
        (MUSL, '-c', 'true', '--', 'sleep', '60'), 'mute'),
}
SH, _, CLIENT, _ = CLIENTS


def present(commands):
    """Those whose programs are there."""
    absent = tuple(os.path.dirname(program) for program in (BEFORE, MUSL)
                   if not bench.has(program))
    return {name: command for name, command in commands.items()
            if not any(word.startswith(absent) for word in command.words)}


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
               if call.startswith(f'execve("{NOTHING}"') or
               call.startswith(f'execve("{MUSL_NOTHING}"'))
    return max(0, last - 1)


def faults(samples):
    return statistics.median(sample.faults for sample in samples)


def rows_of(commands, samples, calls):
    """The heading and a row for each but the first, the service alone, which
    the rest is added to; the second is the floor."""
    alone, floor, *_ = commands
    adds = adds_of(commands, samples)
    yield ('what starts it', 'ratio to the floor', 'adds, µs',
           'adds until all has ended, µs', 'user, µs', 'system, µs',
           'peak memory, KiB', 'page faults', 'system calls')
    for name in list(commands)[1:]:
        own = samples[name]
        yield (
            name, f'{adds[name].median / adds[floor].median:.2f}',
            adds[name].text(),
            spread(bench.more(own, samples[alone], 'over')).text(),
            f'{statistics.mean(sample.user for sample in own):,.0f}',
            f'{statistics.mean(sample.system for sample in own):,.0f}',
            f'{statistics.median(sample.memory for sample in own):,.0f}',
            f'{faults(own):,.0f}', f'{calls[name]:,}')


def adds_of(commands, samples):
    """{name: the us that it adds to the first, the service alone}."""
    alone = next(iter(commands))
    return {name: spread(bench.more(samples[name], samples[alone]))
            for name in commands}


def alone_text(samples, alone):
    return spread(sample.begun for sample in samples[alone]).text()


def say_musl(section, samples, calls):
    commands = present(OF_MUSL)
    if not commands:
        section.say(bench.left_out(MUSL))
        return
    section.say(f'''
The same with the program of the release, which is linked with musl; so are the
floor and the service that does nothing. The service takes
{alone_text(samples, MUSL_ALONE)} µs alone then: glibc's start asks a processor
for its features 68 times, which a virtual machine answers slowly, and musl's
never does. The rows of glibc are the static program and the timeout(1) of
above, with that service.
''')
    section.table(*rows_of(commands, samples, calls))


def say_clients(section):
    commands = present(CLIENTS)
    samples = bench.launch(commands, bench.rounds(200, 10))
    to_sh = {name: spread(
        one.over / other.over for one, other in zip(own, samples[SH]))
        for name, own in samples.items()}
    section.say('''
With a client, from the exec to the end of all: `portexec -c true -- sleep 60`,
and the shell's `sh -c 'sleep 60 & true; kill $!; wait'`, which binds no port,
does not find what the service has started, and says nothing of how it ended.
The client that -c names is run by a shell, too.
''')
    section.table(
        ('a run with a client', 'to sh', 'until all has ended, µs'),
        *((name, '' if name == SH else to_sh[name].text(2),
           spread(sample.over for sample in own).text())
          for name, own in samples.items()))
    section.goal("a run with -c takes at most 2.0 times what sh's does",
                 to_sh[CLIENT].text(2), to_sh[CLIENT].median <= 2)


def set_goals(section, adds, samples, calls):
    def at_most(what, limit, one, other):
        ratio = adds[one].median / adds[other].median
        section.goal(what, f'{ratio:.2f}', ratio <= limit)
    at_most('inherit, static, adds at most 1.15 times what the floor adds',
            1.15, 'inherit, static', FLOOR)
    ratio = adds['inherit, static'].median / adds['env(1)'].median
    section.goal('inherit, static, adds less than env(1)',
                 f'{ratio:.2f} times as much', ratio < 1)
    at_most('adopt, static, adds at most 0.9 of what timeout(1) adds', 0.9,
            'adopt, static', 'timeout(1)')
    adopt = calls['adopt, static'], faults(samples['adopt, static'])
    section.goal('adopt, static, makes fewer than 104 system calls',
                 f'{adopt[0]:,}', adopt[0] < 104)
    section.goal('adopt, static, has fewer than 120 page faults',
                 f'{adopt[1]:,.0f}', adopt[1] < 120)
    if bench.has(MUSL):
        at_most('inherit, musl, adds at most 1.6 times what the floor adds '
                'with musl', 1.6, 'inherit, musl', MUSL_FLOOR)
        at_most('adopt, musl, adds at most 0.45 of what timeout(1) adds',
                0.45, 'adopt, musl', TIMEOUT)
        for handoff, limit in ('inherit', 0.5), ('adopt', 0.7):
            one, other = (statistics.median(
                sample.begun for sample in samples[f'{handoff}, {libc}'])
                for libc in ('musl', 'glibc'))
            section.goal(f'{handoff}, musl: the launch takes at most {limit} '
                         "of glibc's", f'{one / other:.2f}',
                         one / other <= limit)


def measure():
    section = bench.Section('launch', 'Launch')
    commands, of_musl = present(COMMANDS), present(OF_MUSL)
    both = {**commands, **of_musl}
    samples = bench.launch(both, bench.rounds(500, 10))
    calls = {name: count_calls(command) for name, command in both.items()}
    adds = {**adds_of(commands, samples),
            **(adds_of(of_musl, samples) if of_musl else {})}
    section.say(f'''
From the exec of what starts it to the first line of main() of a static
program that does nothing. It takes
{alone_text(samples, ALONE)} µs alone; the rest
is added to that, as the median and the quartiles of the differences in each
round. The floor is [20 lines of C](../tests/bench/floor.c), static: socket,
bind, listen, getsockname, execve, and nothing else. {bench.left_out(BEFORE)}
''')
    section.table(*rows_of(commands, samples, calls))
    data = [(name, *adds[name]) for name in adds
            if name not in (ALONE, MUSL_ALONE)]
    section.plot('launch', bench.bars(data, 'µs added to a launch'),
                 {'data': data}, 'What each adds to a launch', 480)
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
    say_musl(section, samples, calls)
    set_goals(section, adds, samples, calls)
    say_clients(section)
    return section
