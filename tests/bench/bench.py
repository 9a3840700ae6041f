# SPDX-License-Identifier: ISC
"""What the measurements share: contenders on the same work in one run, each
round in an order of its own; medians and quartiles; a section of the page.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import typing

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import harness

QUICK = os.environ.get('QUICK') == '1'
TOOLS = os.path.join(harness.BUILD, 'bench')
STATIC = os.path.join(TOOLS, 'static', 'portexec')
DYNAMIC = os.path.join(TOOLS, 'dynamic', 'portexec')
BEFORE = os.path.join(TOOLS, '0.1.0', 'portexec')     # where git has it
# The release's, where musl-gcc is for the others that are linked with musl.
MUSL = os.path.join(harness.BUILD, 'release', os.uname().machine, 'portexec')
MODULES = os.path.join(harness.TOP, 'build', 'npm-bench', 'node_modules')
PYTHON = '/usr/bin/python3'


def tool(name, libc=''):
    """A program of ours: tests/bench/NAME.c; 'musl': linked with that."""
    return os.path.join(TOOLS, libc, 'bench' if libc else '', name)


def environment(**changes):
    """The caller's, with what npm installed in its PATH."""
    path = os.path.join(MODULES, '.bin') + ':' + os.environ['PATH']
    return harness.environment(PATH=path, **changes)


def rounds(full, quick=2):
    return quick if QUICK else full


def has(program):
    """One that is not everywhere, BEFORE or MUSL."""
    return os.path.exists(program)


LEFT_OUT = {
    BEFORE: 'portexec 0.1.0 is left out: the history of this copy lacks it.',
    MUSL: 'What is linked with musl is left out: there was no musl-gcc.',
}


def left_out(*programs):
    """What the page says of those that are not there."""
    return ' '.join(LEFT_OUT[program] for program in programs
                    if not has(program))


def turns(groups, count):
    """What is in the groups, count times, in another order each time; those
    of a group, which are compared, are one after another."""
    for number in range(count):
        order = random.Random(number)
        for group in order.sample(list(groups), len(groups)):
            yield from order.sample(list(group), len(group))


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix='portexec-bench-') as path:
        yield path


def spawn(words, **options):
    """In a session of its own, so that end() finds what it starts."""
    return subprocess.Popen(words, start_new_session=True, **{
        'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL,
        'stderr': subprocess.DEVNULL, 'env': environment(), **options})


def end(processes):
    """All of them at once, and then what is left of their groups."""
    for number in signal.SIGTERM, signal.SIGKILL:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        until = time.monotonic() + 10
        with contextlib.suppress(subprocess.TimeoutExpired):
            for process in processes:
                process.wait(max(0.1, until - time.monotonic()))


class Command(typing.NamedTuple):
    """What is launched, and how: see launch.c."""
    words: tuple
    how: str = 'wait'
    every: int = 1
    variables: dict = {}


class Sample(typing.NamedTuple):
    """Times in us; memory in KiB."""
    round: int
    begun: float
    over: float
    user: int
    system: int
    memory: int
    faults: int


def launch(commands, count):
    """Launches each command of {name: Command} count times, or as often as
    its every says.  Returns {name: [Sample]}."""
    with folder() as path:
        report = os.path.join(path, 'report')
        os.mkfifo(report)
        plan = []
        for command in commands.values():
            program = shutil.which(command.words[0],
                                   path=environment()['PATH'])
            if program is None:
                raise SystemExit(f'{command.words[0]}: not found; '
                                 'make deps-bench')
            variables = environment(REPORT=report, **command.variables)
            plan += [str(command.every), command.how,
                     program, *command.words[1:], '',
                     *(f'{name}={value}'
                       for name, value in variables.items()), '']
        process = spawn([tool('launch'), report, str(count)], cwd=path,
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=None)
        try:
            output = process.communicate(
                ''.join(word + '\0' for word in plan).encode())[0]
        finally:
            end([process])
    if process.returncode != 0:
        raise SystemExit('launch has failed')
    samples = {name: [] for name in commands}
    names = list(commands)
    for line in output.decode().splitlines():
        which, number, begun, over, *rest = map(int, line.split())
        samples[names[which]].append(
            Sample(number, begun / 1000, over / 1000, *rest))
    for name, command in commands.items():
        if len(samples[name]) != -(-count // command.every):
            raise SystemExit(f'{name}: {len(samples[name])} launches')
    return samples


def more(samples, base, what='begun'):
    """By how much each sample is above the base's of the same round."""
    times = {sample.round: getattr(sample, what) for sample in base}
    return [getattr(sample, what) - times[sample.round]
            for sample in samples]


class Spread(typing.NamedTuple):
    """The median of some values, and the quartiles around it."""
    low: float
    median: float
    high: float

    def text(self, digits=0):
        return (f'{self.median:,.{digits}f} '
                f'({self.low:,.{digits}f} to {self.high:,.{digits}f})')


def spread(values):
    values = list(values)
    if len(values) < 2:
        return Spread(*values * 3)
    return Spread(*statistics.quantiles(values, n=4, method='inclusive'))


class Line(typing.NamedTuple):
    """value = start + slope * x, and the largest distance from it."""
    start: float
    slope: float
    residual: float


def fit(points):
    slope, start = statistics.linear_regression(
        [x for x, _ in points], [y for _, y in points])
    return Line(start, slope,
                max(abs(y - start - slope * x) for x, y in points))


class Goal(typing.NamedTuple):
    what: str
    value: str
    met: bool


class Section:
    """One measurement's part of the page, in Markdown, and its plots."""

    def __init__(self, name, title):
        self.name, self.title = name, title
        self.goals, self.parts, self.plots = [], [], {}

    def say(self, text):
        self.parts.append(text.strip())

    def goal(self, what, value, met):
        self.goals.append(Goal(what, value, met))

    def table(self, *rows):
        """The first row is the heading.  A cell that is missing is an error:
        each measurement is to yield all its numbers."""
        for row in rows:
            if len(row) != len(rows[0]) or any(
                    cell is None or re.search(r'\bnan\b', str(cell))
                    for cell in row):
                raise SystemExit(f'{self.name}: incomplete: {row}')
        lines = ['| ' + ' | '.join(map(str, row)) + ' |' for row in rows]
        lines.insert(1, '|' + '---|' * len(rows[0]))
        self.parts.append('\n'.join(lines))

    def plot(self, name, script, blocks, alternative, height=320):
        """script is gnuplot's; blocks are {name: rows}, for it $name."""
        text = (f"set terminal svg size 720,{height} dynamic noenhanced "
                "font 'sans-serif,12' background '#ffffff'\n"
                'set rmargin 6\nset grid lc rgb "#d0d0d0"\nset border 3\nset tics nomirror\n')
        for block, rows in blocks.items():
            text += f'${block} << END\n' + '\n'.join(
                ' '.join(f'"{cell}"' if isinstance(cell, str) else
                         f'{cell:.6g}' for cell in row)
                for row in rows) + '\nEND\n'
        done = subprocess.run(['gnuplot'], input=text + script, text=True,
                              capture_output=True)
        if done.returncode != 0 or '</svg>' not in done.stdout:
            raise SystemExit(f'gnuplot: {name}: {done.stderr}')
        self.plots[name] = re.sub(r'[ \t]+$', '', done.stdout, flags=re.M)
        self.parts.append(f'![{alternative}](bench/{name}.svg)')

    def markdown(self):
        return f'## {self.title}\n\n' + '\n\n'.join(self.parts) + '\n'


def bars(rows, label):
    """A gnuplot script for the block data, NAME LOW MEDIAN HIGH: bars that
    lie, the first on top, on a logarithmic scale."""
    return f'''
set logscale x
set yrange [{len(rows)}.0:-1] noreverse
set xlabel '{label}'
set style fill solid 0.6 noborder
set boxwidth 0.6
unset key
set format x '%.0f'
least = {max(1, min(row[2] for row in rows) / 3):.6g}
set xrange [least:*]
plot $data using (least):0:(least):3:($0-0.35):($0+0.35):ytic(1) \\
    with boxxyerror lc rgb '#4477aa', \\
    '' using 3:0:2:4 with xerrorbars lc rgb '#222222' pt 0
'''
