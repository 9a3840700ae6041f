# SPDX-License-Identifier: ISC
"""Time to the first answer of a service that takes a while to start."""

import bench
from bench import Command, STATIC, spread, tool

DELAYS = 50, 200, 1000      # ms
SLOW, ASK = tool('slow'), tool('ask')


def behind(wait):
    """The service in the background, what waits for it, and the end."""
    return Command(('sh', '-c', f'{SLOW} DELAY PORT & {wait}; '
                    'kill $!; wait'))


COMMANDS = {
    'connect(2) without a pause': behind(f'{ASK} -p PORT'),
    'portexec -c, adopt': Command(
        (STATIC, '-c', f'{ASK} {{addr}}', '--', SLOW, 'DELAY', '{port}')),
    'portexec -c, inherit': Command(
        (STATIC, '-c', f'{ASK} {{addr}}', '--', SLOW, 'DELAY', 'fd')),
    'a loop with sleep 0.1': behind(f'until {ASK} PORT; do sleep 0.1; done'),
    'wait-on': behind(f'wait-on tcp:127.0.0.1:PORT && {ASK} PORT'),
    'start-server-and-test': Command(
        ('start-server-and-test', f'{SLOW} DELAY PORT',
         'http-get://127.0.0.1:PORT', f'{ASK} PORT')),
    'wait-for-it': behind(f'wait-for-it -q 127.0.0.1:PORT -- {ASK} PORT'),
    'curl --retry-connrefused': behind(
        'curl -s --retry 9 --retry-connrefused http://127.0.0.1:PORT && ' +
        tool('nothing')),
}
POLLING = next(iter(COMMANDS))


def filled(command, delay, port):
    return command._replace(words=tuple(
        word.replace('DELAY', str(delay)).replace('PORT', str(port))
        for word in command.words))


def measure_delay(delay):
    """{name: the ms from the start to the answer, above the polling's}, and
    the polling's own."""
    count = bench.rounds({50: 15, 200: 10, 1000: 7}[delay], 1)
    # A port each: who has just been stopped may still be there.
    samples = bench.launch({
        name: filled(command, delay, 4000 + number)
        for number, (name, command) in enumerate(COMMANDS.items())}, count)
    own = samples[POLLING]
    late = {name: spread(value / 1000 for value in bench.more(other, own))
            for name, other in samples.items() if name != POLLING}
    return late, spread(sample.begun / 1000 for sample in own)


def measure():
    section = bench.Section('answer', 'Time to the first answer')
    results = {delay: measure_delay(delay) for delay in DELAYS}
    section.say(f'''
A service that sleeps for a while and then binds, listens and answers HTTP,
and a client that is told when it can be asked; the time from the start of all
to the client's answer. The service's own time is that of a client which calls
connect(2) without a pause, on a core of its own:
{"; ".join(f"{own.text(1)} ms where it sleeps {delay} ms"
           for delay, (_, own) in results.items())}. The rest comes later than
that by so many ms:
''')
    names = list(COMMANDS)[1:]
    section.table(
        ('what waits', *(f'{delay} ms to start' for delay in DELAYS)),
        *((name, *(results[delay][0][name].text(1) for delay in DELAYS))
          for name in names))
    section.plot('answer', f'''
set style data histograms
set style histogram errorbars gap 1 lw 1
set style fill solid 0.6 noborder
set ylabel 'ms after the service could answer'
set yrange [0:*]
set xtics rotate by 20 right
set key top left
set bmargin 7
plot {", ".join(
    f"$data using {3 * n + 2}:{3 * n + 3}:{3 * n + 4}"
    f"{':xtic(1)' if n == 0 else ''} title '{delay} ms to start'"
    for n, delay in enumerate(DELAYS))}
''', {'data': [(name, *(
        number for delay in DELAYS for one in [results[delay][0][name]]
        for number in (one.median, one.low, one.high))) for name in names]},
        'How long after the service could answer the client was answered',
        400)
    section.say('''
All as their users write them, with the defaults:
`SERVICE & wait-on tcp:127.0.0.1:PORT && CLIENT` and so on;
`start-server-and-test SERVICE http-get://127.0.0.1:PORT CLIENT`; and
`portexec -c 'CLIENT {addr}' -- SERVICE {port}`, where the client connects at
once and waits in the queue. Those that are started by node pay for its start
once or twice; the other differences are between two looks.
''')
    for handoff in 'adopt', 'inherit':
        worst = max(results[delay][0]['portexec -c, ' + handoff].median
                    for delay in DELAYS)
        section.goal(f'with -c and {handoff} the client is answered within '
                     "5 ms of the service's own time", f'{worst:.1f} ms',
                     worst <= 5)
    return section
