#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs portexec, and draws what it said: docs/run.py >docs/run.svg

The lines appear when they appeared in the run.  Without animation, as under
prefers-reduced-motion, all of them are there.  It takes ./portexec, or what
PORTEXEC names.
"""

import html
import os
import pty
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORTEXEC = os.environ.get('PORTEXEC', os.path.join(TOP, 'portexec'))
# It binds the port that it is told, and says which that was.
SERVER = '''#!/usr/bin/env python3
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f'hello from port {sys.argv[1]}\\n'.encode())

    def log_message(self, *_):
        pass

http.server.HTTPServer(('localhost', int(sys.argv[1])), Handler).serve_forever()
'''
# A comment, and the command that is typed.
SCENES = [
    ('The server is told a free port. The test can connect at once.',
     "portexec -c 'curl -fsS {addr}' -- ./server {port}"),
    ('Ten at the same time:',
     "seq 10 | xargs -P 10 -I@ portexec -q -c 'curl -fsS {addr}' "
     '-- ./server {port}'),
    ('Server and test have port 8080 hard-coded. Nobody takes 8080.',
     "portexec -m 8080 -c 'curl -fsS localhost:8080' "
     '-- ./server 8080'),
]
WIDTH, LINE, LEFT, TOP_EDGE = 880, 20, 20, 30   # pixels
LETTER = 8.2            # pixels of a letter, at most
TYPING, READING, HOLD = 1.2, 1.5, 6    # seconds

STYLE = '''
.page { fill: #0d1117; stroke: #3d444d }
text { font: 13.5px ui-monospace, Menlo, "DejaVu Sans Mono", monospace;
  fill: #f0f6fc; white-space: pre }
.comment { fill: #9198a1 }
.typed { fill: #7ee787 }
@media (prefers-reduced-motion: no-preference) {
  text { animation: TOTALs step-end infinite }
}
'''


def run(command, folder):
    """Runs it with a terminal for its output.  Returns [(seconds, line)]."""
    ours, theirs = pty.openpty()
    start = time.monotonic()
    process = subprocess.Popen(
        ['sh', '-c', command], cwd=folder, stdin=subprocess.DEVNULL,
        stdout=theirs, stderr=theirs,
        env={'PATH': folder + ':' + os.environ['PATH'], 'LC_ALL': 'C'})
    os.close(theirs)
    said, rest = [], b''
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:     # EIO: nobody has it open any more
            break
        *lines, rest = (rest + part).split(b'\r\n')
        said += [(time.monotonic() - start, line.decode()) for line in lines]
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f'{command}: {process.returncode}: {said}')
    return said


def record():
    """Returns [(seconds, class, line)], and the seconds of all."""
    now, lines = 0.5, []
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + '/server', 'w') as file:
            file.write(SERVER)
        os.chmod(folder + '/server', 0o755)
        os.symlink(os.path.abspath(PORTEXEC), folder + '/portexec')
        for comment, command in SCENES:
            lines.append((now, 'comment', '# ' + comment))
            now += TYPING
            lines.append((now, 'typed', '$ ' + command))
            said = run(command, folder)
            lines += [(now + when, 'said', line) for when, line in said]
            now += said[-1][0]
            lines.append((now, 'said', ''))
            now += READING
    return lines[:-1], now + HOLD


def picture(lines, total):
    height = TOP_EDGE + LINE * len(lines)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
           'aria-labelledby="title">\n'
           '<title id="title">portexec runs a server and a test, ten of them '
           'at once, and two that have port 8080 hard-coded</title>\n<style>'
           + STYLE.replace('TOTAL', f'{total:.1f}'))
    for at, (when, _, _) in enumerate(lines):
        share = 100 * when / total
        yield (f'@keyframes k{at} {{ 0% {{ opacity: 0 }} '
               f'{share:.2f}% {{ opacity: 1 }} }}')
    yield ('</style>\n'
           f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" '
           'rx="8" class="page"/>')
    for at, (_, kind, line) in enumerate(lines):
        if LEFT + LETTER * len(line) > WIDTH:
            raise SystemExit('too long: ' + line)
        if line:
            yield (f'<text x="{LEFT}" y="{TOP_EDGE + LINE * at}" '
                   f'class="{kind}" style="animation-name: k{at}">'
                   f'{html.escape(line, quote=False)}</text>')
    yield '</svg>'


if __name__ == '__main__':
    print('\n'.join(picture(*record())))
