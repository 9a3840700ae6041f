# SPDX-License-Identifier: ISC
"""Growth: a launch over the number of sockets, the size of what is passed,
and the number of services that run already."""

import contextlib
import subprocess

import bench
from bench import Command, STATIC, spread, tool

NOTHING, SLOW = tool('nothing'), tool('slow')
SOCKETS = (1, 50, 200, 1000) if bench.QUICK else (1, 100, 250, 500, 750, 1000)
KIB = (0, 64, 512, 1024) if bench.QUICK else (0, 128, 256, 512, 768, 1024)
RUNNING = (0, 20, 40) if bench.QUICK else (0, 500, 1000, 1500, 2000)
BATCH = 50      # are started at a time
INHERIT = STATIC, '-q', '-H', 'inherit'


def sockets(count):
    return Command((*INHERIT, *('-l', '0') * count, '--', NOTHING))


def words(kib, text):
    """So many KiB of words of 1 KiB, each with the text, repeated."""
    return (text * (1000 // len(text)),) * kib


def arguments(kib, text='x'):
    return Command((*INHERIT, '--', NOTHING, *words(kib, text)))


def placeholders(kib):
    """Ten in each word, which become half as long."""
    return arguments(kib, '{port}' + 'x' * 94)


def variables(kib):
    return Command((*INHERIT, '--', NOTHING), variables={
        f'BENCH{number}': word for number, word in enumerate(words(kib, 'x'))})


def floor(kib):
    return Command((tool('floor'), NOTHING, *words(kib, 'x')))


def times(make, steps, count):
    """{step: spread of the us until the service has begun}, in one run."""
    samples = bench.launch({str(step): make(step) for step in steps}, count)
    return {step: spread(sample.begun for sample in samples[str(step)])
            for step in steps}


@contextlib.contextmanager
def running():
    """A list; what is put there is ended."""
    processes = []
    try:
        yield processes
    finally:
        bench.end(processes)


def start(processes, count, words):
    """Starts more services, and waits until they run."""
    started = []
    for _ in range(count):
        started.append(bench.spawn(
            [STATIC, '-q', '-p', '-', '--', *words], stdout=subprocess.PIPE))
        processes.append(started[-1])
        if len(started) == BATCH or len(processes) % count == 0:
            for process in started:
                if not process.stdout.readline():
                    raise SystemExit('growth: a service has not started')
                process.stdout.close()
            started = []


def times_beside(service, launched, count):
    """The same over the number of services that run: steps that cannot take
    turns, so it is what is added to the service alone, which does."""
    results = {}
    with running() as processes:
        for step in RUNNING:
            start(processes, step - len(processes), service)
            samples = bench.launch(
                {'alone': Command((NOTHING,)), 'one': launched}, count)
            results[step] = spread(bench.more(samples['one'],
                                              samples['alone']))
    return results


SERIES = (
    ('sockets', 'socket', lambda count: times(sockets, SOCKETS, count)),
    ('arguments', 'KiB', lambda count: times(arguments, KIB, count)),
    ('arguments, ten {port} in each KiB', 'KiB',
     lambda count: times(placeholders, KIB, count)),
    ('environment', 'KiB', lambda count: times(variables, KIB, count)),
    ('arguments, of the floor', 'KiB',
     lambda count: times(floor, KIB, count)),
    ('running, inherit', 'service', lambda count: times_beside(
        (SLOW, '0', 'fd'), Command((*INHERIT, '--', NOTHING)), count)),
    ('running, adopt', 'service', lambda count: times_beside(
        (SLOW, '0', '{port}'), Command((STATIC, '-q', '--', NOTHING,
                                        '{port}')), count)),
)
PLOTS = {'sockets': SERIES[:1], 'size': SERIES[1:5], 'running': SERIES[5:]}


def measure():
    section = bench.Section('growth', 'Growth')
    rows = [('over', 'steps', 'at the first, µs', 'at the last, µs',
             'slope', 'largest residual, µs', 'of the last')]
    data, lines = {}, {}
    for name, unit, run in SERIES:
        results = data[name] = run(bench.rounds(40, 3))
        line = lines[name] = bench.fit(
            [(step, own.median) for step, own in results.items()])
        first, last = min(results), max(results)
        share = line.residual / results[last].median
        rows.append((name, f'{first:,} to {last:,}', results[first].text(),
                     results[last].text(), f'{line.slope:.2f} µs a {unit}',
                     f'{line.residual:,.0f}', f'{share:.1%}'))
        section.goal(f'{name}: the largest residual of a straight line is '
                     'below a tenth of the whole', f'{share:.1%}',
                     share < 0.1)
    section.say('''
From the exec of portexec, static, to main() of a program that does nothing,
over the number of `-l 0`; over the size of the arguments or the environment,
in strings of 1 KiB, under inherit, and under the [floor](#launch), which
only passes them on; and over the number of services that run already, each
under a portexec of its own (inherit: one process; adopt: three), there less
the time of the service alone. Medians with quartiles, a straight line through the medians, and the largest distance from
it.
''')
    section.table(*rows)
    for plot, series in PLOTS.items():
        unit = {'socket': 'sockets', 'service': 'services that run'}.get(
            series[0][1], series[0][1])
        blocks, parts = {}, []
        for number, (name, _, _) in enumerate(series):
            blocks[f'data{number}'] = [
                (step, *own) for step, own in data[name].items()]
            parts.append(
                f"$data{number} using 1:3:2:4 with yerrorbars pt 7 "
                f"lc {number + 1} title '{name}', "
                f'{lines[name].start:.6g} + {lines[name].slope:.6g} * x '
                f'lc {number + 1} notitle')
        section.plot('growth-' + plot, f'''
set xlabel '{unit}'
set ylabel 'µs'
set yrange [0:*]
set key top left
plot {", ".join(parts)}
''', blocks, f'Time of a launch over {unit}', 280)
    return section
