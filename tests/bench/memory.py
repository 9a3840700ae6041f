# SPDX-License-Identifier: ISC
"""Memory: what stays as long as the service runs."""

import contextlib
import re

import bench
import harness
from bench import DYNAMIC, STATIC, tool

SLOW = tool('slow')
PORT = '4003'
STAYS = 'sleep 600'     # a client
COMMANDS = {
    'portexec, adopt, static': (STATIC, '-q', '--', SLOW, '0', '{port}'),
    'portexec -c, adopt, static': (STATIC, '-q', '-c', 'exec ' + STAYS, '--',
                                   SLOW, '0', '{port}'),
    'portexec, adopt, dynamic': (DYNAMIC, '-q', '--', SLOW, '0', '{port}'),
    'portexec -c, adopt, dynamic': (DYNAMIC, '-q', '-c', 'exec ' + STAYS,
                                    '--', SLOW, '0', '{port}'),
    'timeout(1)': ('timeout', '600', SLOW, '0', PORT),
    'start_server': ('start_server', '--port', '127.0.0.1:' + PORT, '--',
                     SLOW, '0', 'fd'),
    'start-server-and-test': (
        'start-server-and-test', f'{SLOW} 0 {PORT}',
        'http-get://127.0.0.1:' + PORT, STAYS),
}
MANY = {name: words for name, words in COMMANDS.items()
        if PORT not in ' '.join(words)}


def descendants(pid):
    found = [pid]
    for child in harness.children(pid):
        found += descendants(child)
    return found


def name_of(pid):
    with contextlib.suppress(OSError):      # it may just have ended
        with open(f'/proc/{pid}/comm') as file:
            return file.read().strip()


def is_running(process, words):
    names = list(map(name_of, descendants(process.pid)))
    return 'slow' in names and ('sleep' in names or
                                STAYS not in ' '.join(words))


def share(process):
    """Processes, and KiB of proportional set size, of all but the service
    and the client."""
    total = count = 0
    for pid in descendants(process.pid):
        if name_of(pid) in ('slow', 'sleep'):
            continue
        with open(f'/proc/{pid}/smaps_rollup') as file:
            total += int(re.search(r'^Pss: +(\d+) kB', file.read(), re.M)[1])
        count += 1
    return count, total


def side_by_side(words, count):
    """The processes and the KiB of each of so many at once."""
    processes = []
    try:
        for _ in range(count):
            processes.append(bench.spawn(words))
        for process in processes:
            harness.wait_for(lambda: is_running(process, words), words[0])
        shares = list(map(share, processes))
    finally:
        bench.end(processes)
    return (sum(number for number, _ in shares) / count,
            sum(total for _, total in shares) / count)


def measure():
    section = bench.Section('memory', 'Memory')
    many = bench.rounds(200, 10)
    rows = [('what stays', 'processes', 'one, KiB',
             f'each of {many} side by side, KiB')]
    data = []
    for name, words in COMMANDS.items():
        count, one = side_by_side(words, 1)
        each = side_by_side(words, many)[1] if name in MANY else None
        rows.append((name, f'{count:.0f}', f'{one:,.0f}',
                     '' if each is None else f'{each:,.0f}'))
        data.append((name, one, one, one))
        if 'static' in name:
            section.goal(f'{name}: under 1 MB', f'{one:,.0f} KiB alone, '
                         f'{each:,.0f} KiB of {many}', one < 1000)
    section.say('''
The proportional set size of what stays while the service runs, which is
itself not counted, nor is the client. Pages that several processes share are
divided among them; so it is less for each where there are many.
''')
    section.table(*rows)
    section.plot('memory', bench.bars(data, 'KiB'), {'data': data},
                 'Memory of what stays', 240)
    return section
