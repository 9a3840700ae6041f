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
MODULES = os.path.join(TOP, 'build', 'npm', 'node_modules')    # tests/deps
# Debian's first: they are those that have what Debian installs.
PATH = ':'.join(['/usr/bin', os.environ.get('PATH', ''), '/usr/sbin', '/sbin',
                 *glob.glob('/usr/lib/postgresql/*/bin')])
HANDOFFS = ('inherit', 'adopt', 'reserve')
GROUPS = ('HTTP in C', 'Python', 'Ruby', 'PHP', 'Perl', 'Node.js',
          'Node.js: development servers', 'Go, Rust, Java and others',
          'Databases, caches and brokers', 'Proxies', 'Names',
          'Files and shells', 'Mail, chat and others')
CURL = "curl -fsS --noproxy '*' -m 60 http://{addr}/"
KEYS = {'title', 'group', 'needs', 'version', 'build', 'files', 'ask',
        'answer', 'user', 'note', 'row'}
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
            self.title, self.group = values['title'], values['group']
            self.order = GROUPS.index(self.group), self.title.lower()
            self.needs, self.version = values['needs'], values['version']
            self.build = values.get('build', '')
            self.files = values.get('files', {})
            self.note = values.get('note', '')
            self.rows = [Row(values, row) for row in values['row']]
        except (KeyError, ValueError) as error:
            raise ValueError(f'{path}: {error!r}') from error

    def installed_version(self):
        """None where it is not installed."""
        done = subprocess.run(
            ['sh', '-c', self.version], cwd='/', text=True, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'PATH': PATH, 'NODE_PATH': MODULES})
        found = re.search(r'\d+(\.\d+)+[a-z]?\d*', done.stdout)
        return found[0] if found and done.returncode == 0 else None


def load():
    """All services, in the order of the page."""
    services = [Service(path) for path in glob.glob(FOLDER + '/*.toml')]
    return sorted(services, key=lambda service: service.order)


def versions_of(page):
    """{name: version} as the text of a page has them."""
    return dict(re.findall(r'^\| \[.*?\]\(\.\./tests/servers/(.*?)\.toml\) '
                           r'\| (.*?) \|', page, re.MULTILINE))


def cell(text):
    return text.replace('|', '\\|')


HEAD = '''# Services

How portexec runs the server that you have. Each line was run as it stands
here, in a directory with the files that the service's name links to, and was
asked by a real client of its protocol (`make check-servers`): under `inherit`
and `adopt` the client had connected before the service was started, and had
its answer; under `reserve` nobody else could be given the number meanwhile.

- Handoff: how the service gets its socket (`man portexec`, HANDOFFS). Where
  two are named, the line does the first, and `-H reserve`, as an option more or
  for the `-H` that is there, does the second.
- IPv6: the same with `-l '[::1]:0'`.
- Version: the one that was tried; others will most often do.

Not in the list? A service that is told its port, or has it wired in, most
likely works as it is: `portexec -- ./server --port {port}`; `portexec -m 8080 --
./server`, whose clients may have 8080 wired in as well, in any language: node,
deno, bun, jest, Python, Java, static Go and Chromium are tried.

%s
'''

TAKES = 'It takes descriptor 3 also where it is told a port, under `adopt`.'
LEAVES = ('Without `-H adopt` it takes descriptor 3, also where it is told a '
          'port.')
TABLE = '''
## %s

| service | version | handoff | line | IPv6 | watch out |
|---|---|---|---|---|---|
'''


def page(services, versions):
    """The text of docs/services.md."""
    text, last = [], None
    for service in services:
        if service.group != last:
            text.append(TABLE % service.group)
            last = service.group
        # The name and its version stand in the first row alone.
        name = (f'[{cell(service.title)}](../tests/servers/'
                f'{service.name}.toml) | {versions.get(service.name, "")}')
        note = service.note
        for row in service.rows:
            notes = ' '.join(filter(None, (
                note, row.note, '' if row.binds else TAKES,
                LEAVES if '-H adopt' in row.line else '')))
            text.append(
                f'| {name} | {", ".join(row.handoffs)} | '
                f'`{cell(row.line)}` | {row.over()} | {cell(notes)} |\n')
            name, note = ' | ', ''
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
