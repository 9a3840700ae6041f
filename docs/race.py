#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Draws docs/race.svg: docs/race.py >docs/race.svg

Two panels over the same time: a port that is found, closed and bound again,
and one that portexec opens.  Each has a lane for the port, the service and a
client.
"""

WIDTH, HEIGHT = 880, 392
LANE, BAR = 40, 28          # height of a lane, and of a bar in it
# What happens when: the lanes begin, the script has ended, a client connects,
# a stranger binds the port, the service does, and has answered; the end.
BEGIN, FOUND, CONNECTS, TAKEN, BINDS, ANSWERS, END = (
    124, 262, 352, 470, 612, 654, 856)

STYLE = '''
.page { fill: #ffffff; stroke: #d1d9e0 }
text { font: 14px system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif;
  fill: #1f2328 }
.head { font-weight: 600 }
.code { font-family: ui-monospace, Menlo, "DejaVu Sans Mono", monospace;
  font-weight: 400 }
.name { fill: #59636e; text-anchor: end }
.in { text-anchor: middle }
.busy { fill: #eff2f5; stroke: #818b98 }
.held { fill: #dafbe1; stroke: #1a7f37 }
.free { fill: #fff1f0; stroke: #cf222e; stroke-dasharray: 5 4 }
.lost { fill: #ffcecb; stroke: #cf222e }
.wait { fill: #ddf4ff; stroke: #0969da }
text.good { fill: #1a7f37 }
text.bad { fill: #cf222e }
.sign { fill: none; stroke-width: 2.5; stroke-linecap: round }
.sign.good { stroke: #1a7f37 }
.sign.bad { stroke: #cf222e }
.line { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; stroke: #3d444d }
  text { fill: #f0f6fc }
  .name { fill: #9198a1 }
  .busy { fill: #212830; stroke: #656c76 }
  .held { fill: #12361f; stroke: #3fb950 }
  .free { fill: #2d1214; stroke: #f85149 }
  .lost { fill: #67191c; stroke: #f85149 }
  .wait { fill: #10294b; stroke: #4493f8 }
  text.good { fill: #3fb950 }
  text.bad { fill: #ff7b72 }
  .sign.good { stroke: #3fb950 }
  .sign.bad { stroke: #ff7b72 }
  .line { stroke: #3d444d }
}
'''

SIGNS = {'good': 'm7 15 5 5 9 -11', 'bad': 'm8 9 11 11 m0 -11 -11 11'}


def text(x, y, words, kind):
    return f'<text x="{x}" y="{y + 19}" class="{kind}">{words}</text>'


def bar(y, start, end, kind, words):
    return (f'<rect x="{start}" y="{y}" width="{end - start}" height="{BAR}" '
            f'rx="4" class="{kind}"/>\n' +
            text((start + end) // 2, y, words, 'in'))


def sign(y, x, kind, words):
    return (f'<path transform="translate({x} {y})" d="{SIGNS[kind]}" '
            f'class="sign {kind}"/>\n' + text(x + 29, y, words, kind))


def panel(y, head, command, **lanes):
    yield text(24, y, f'{head} <tspan class="code">{command}</tspan>', 'head')
    for name, parts in lanes.items():
        y += LANE
        yield text(BEGIN - 12, y, name, 'name')
        for draw, *arguments in parts:
            yield draw(y, *arguments)


def picture():
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           'aria-labelledby="title">\n'
           '<title id="title">A port that is closed and bound again can be '
           'taken in between; one that portexec opens listens from the start'
           f'</title>\n<style>{STYLE}</style>\n'
           f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" '
           'rx="8" class="page"/>')
    yield from panel(
        16, 'Find a free port, and bind it again:',
        './myserver --port $(find-free-port)',
        port=[(bar, BEGIN, FOUND, 'held', 'bind, close'),
              (bar, FOUND, TAKEN, 'free', 'anybody may take it'),
              (bar, TAKEN, END, 'lost', 'another process has it')],
        service=[(bar, FOUND, BINDS, 'busy', 'starts'),
                 (sign, BINDS, 'bad', 'address already in use')],
        client=[(sign, CONNECTS, 'bad', 'connection refused')])
    yield (f'<path d="M24 {HEIGHT // 2}.5H{END}" class="line"/>')
    yield from panel(
        HEIGHT // 2 + 16, 'Open it once, and hand it over:',
        'portexec -- ./myserver --port {port}',
        port=[(bar, BEGIN, END, 'held',
               'listens from the start; nobody else can have it')],
        service=[(bar, FOUND, BINDS, 'busy', 'starts'),
                 (sign, BINDS, 'good', 'is handed the socket')],
        client=[(bar, CONNECTS, ANSWERS, 'wait', 'connected: waits its turn'),
                (sign, ANSWERS, 'good', 'answered')])
    yield '</svg>'


if __name__ == '__main__':
    print('\n'.join(picture()))
