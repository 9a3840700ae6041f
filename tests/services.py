#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What tests/servers/*.toml say: one file a service (docs/HACKING.md).

    tests/services.py >new      docs/services.md, made from them

The versions are of what is installed here; of what is not, those that the
page had.
"""

import glob
import os
import re
import shlex
import subprocess
import sys
import tomllib

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TOP, 'tests', 'servers')
PAGE = os.path.join(TOP, 'docs', 'services.md')
# tests/deps: of those that `make check-servers` runs, and of the others.
MODULES, MORE_MODULES = (os.path.join(TOP, 'build', name, 'node_modules')
                         for name in ('npm', 'npm-all'))
# Debian's first: they are those that have what Debian installs.
PATH = ':'.join(['/usr/bin', os.environ.get('PATH', ''), '/usr/sbin', '/sbin',
                 *glob.glob('/usr/lib/postgresql/*/bin')])
HANDOFFS = ('inherit', 'adopt', 'reserve')
CURL = "curl -fsS --noproxy '*' -m 60 http://{addr}/"
KEYS = {'title', 'needs', 'version', 'build', 'files', 'ask', 'answer', 'user',
        'note', 'row', 'tried'}
ROW_KEYS = {'line', 'handoffs', 'ipv6', 'ask', 'answer', 'note', 'user',
            'others', 'binds'}


class Row:
    """A line that a user may copy, and how what it starts is asked."""

    def __init__(self, service, values):
        if values.keys() - ROW_KEYS:
            raise ValueError(f'what is {values.keys() - ROW_KEYS}?')
        self.line = values['line']
        self.handoffs = values['handoffs'].split()
        self.ipv6 = values.get('ipv6', values['handoffs']).split()
        asks = values.get('ask', service.get('ask', CURL))
        self.asks = [asks] if isinstance(asks, str) else asks
        self.answer = values.get('answer', service.get('answer'))
        self.user = values.get('user', service.get('user'))
        self.others = values.get('others', False)
        self.binds = values.get('binds', True)
        self.note = values.get('note', '')
        if {*self.handoffs} - {*HANDOFFS} or {*self.ipv6} - {*self.handoffs}:
            raise ValueError(f'{self.handoffs}, of these {self.ipv6}')
        if not self.answer or self.user not in (None, 'root', 'ordinary'):
            raise ValueError(f'{self.answer}, {self.user}')

    def words(self, handoff, ipv6):
        """The words of the line after portexec: options and command."""
        name, *words = shlex.split(self.line)
        split = words.index('--')
        options, command = words[:split], words[split + 1:]
        if name != 'portexec' or not command:
            raise ValueError(self.line)
        if ipv6 and '-l' in options:
            spec = options.index('-l') + 1
            options[spec] = re.sub('0$', '[::1]:0', options[spec])
        elif ipv6:
            options += ['-l', '[::1]:0']
        if handoff == 'reserve':
            if '-H' not in options:
                options += ['-H', handoff]
            options[options.index('-H') + 1] = handoff
        return options, command

    def over(self):
        """How the table puts it whether it serves over IPv6."""
        if not self.ipv6:
            return 'no'
        return 'yes' if self.ipv6 == self.handoffs else ', '.join(self.ipv6)


class Service:
    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix('.toml')
        with open(path, 'rb') as file:
            values = tomllib.load(file)
        try:
            if values.keys() - KEYS:
                raise ValueError(f'what is {values.keys() - KEYS}?')
            self.title = values['title']
            self.needs, self.version = values['needs'], values['version']
            self.build = values.get('build', '')
            self.files = values.get('files', {})
            self.note = values.get('note', '')
            # The day of the last run, where that is not each change's.
            self.tried = values.get('tried', '')
            self.modules = MORE_MODULES if self.tried else MODULES
            self.rows = [Row(values, row) for row in values['row']]
        except (KeyError, ValueError) as error:
            raise ValueError(f'{path}: {error!r}') from error

    def installed_version(self):
        """None where it is not installed."""
        done = subprocess.run(
            ['sh', '-c', self.version], cwd='/', text=True, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'PATH': PATH, 'NODE_PATH': self.modules})
        found = re.search(r'\d+(\.\d+)+[a-z]?\d*', done.stdout)
        return found[0] if found and done.returncode == 0 else None


def load():
    """All services, in the order of the page."""
    services = [Service(path) for path in glob.glob(FOLDER + '/*.toml')]
    return sorted(services, key=lambda service: service.title.lower())


def versions_of(page):
    """{name: version} as the text of a page has them."""
    return dict(re.findall(r'^\| \[.*?\]\(\.\./tests/servers/(.*?)\.toml\) '
                           r'\| (.*?) \|', page, re.MULTILINE))


def cell(text):
    return text.replace('|', '\\|')


HEAD = '''# Services

How portexec runs the server that you have. Each line was run as it stands
here, in a directory with the files that the service's name links to, and was
asked by a real client of its protocol. Under `inherit` and `adopt` the client
had connected before the service was started, and had its answer. Under
`reserve` nobody else could be given the port meanwhile. `make check-servers`
runs them for each change of portexec. `make check-servers-all` runs all; where
a day stands, that was the last time.

- Handoff: how the service gets its socket (`man portexec`, HANDOFFS). Where
  two are named, the line does the first, and `-H reserve`, as an option more or
  for the `-H` that is there, does the second.
- IPv6: whether `-l '[::1]:0'`, as an option more, works as well.
- Version: the one that was tried; others will most often do.
- More: other lines for the same service, and what to watch out for.

Not in the list? A service that is told its port, or has it hard-coded, most
likely works as it is: `portexec -- ./server --port {port}`; `portexec -m 8080 --
./server`, whose clients may have 8080 hard-coded too, in any language: node,
deno, bun, jest, Python, Java, static Go and Chromium are tried.

%s

| service | version | handoff | line | IPv6 | more |
|---|---|---|---|---|---|
'''

TAKES = 'It takes descriptor 3 also where it is told a port, under `adopt`.'
LEAVES = ('Without `-H adopt` it takes descriptor 3, also where it is told a '
          'port.')

def notes_of(row):
    """What to watch out for, of one line."""
    return ' '.join(filter(None, (row.note, '' if row.binds else TAKES,
                                  LEAVES if '-H adopt' in row.line else '')))


def more_of(service):
    """What does not stand in the line of the table, folded."""
    first, *others = service.rows
    parts = [' '.join(filter(None, (service.note, notes_of(first))))]
    for row in others:
        parts.append(f'{", ".join(row.handoffs)}: `{row.line}` (IPv6: '
                     f'{row.over()}) {notes_of(row)}'.rstrip())
    if service.tried:
        parts.append(f'Last run on {service.tried}.')
    parts = list(filter(None, parts))
    if not parts:
        return ''
    lines = f'{len(service.rows)} lines' if others else 'notes'
    return (f'<details><summary>{lines}</summary>{"<br>".join(parts)}'
            '</details>')


def page(services, versions):
    """The text of docs/services.md."""
    text = []
    for service in services:
        row = service.rows[0]
        text.append(
            f'| [{cell(service.title)}](../tests/servers/{service.name}.toml) '
            f'| {versions.get(service.name, "")} | {", ".join(row.handoffs)} '
            f'| `{cell(row.line)}` | {row.over()} | {cell(more_of(service))} '
            '|\n')
    count = f'{len(services)} services and runtimes:'
    return HEAD % count + ''.join(text)


def main():
    services = load()
    with open(PAGE) as file:
        versions = versions_of(file.read())
    for service in services:
        version = service.installed_version()
        if version:
            versions[service.name] = version
        elif service.name not in versions:
            print(f'{service.name}: no version', file=sys.stderr)
    print(page(services, versions), end='')


if __name__ == '__main__':
    main()
