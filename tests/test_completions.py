# SPDX-License-Identifier: ISC
"""completions/: by TAB in the shells, and held against --help."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import termios

from harness import DEADLINE, PORTEXEC, TOP, Case
from test_terminal import PROMPT, InTerminal

FOLDER = os.path.join(TOP, 'completions')
BASH_COMPLETION = '/usr/share/bash-completion/bash_completion'
ALONE = {'-h', '--help', '-V', '--version', '--check'}

# What is typed, and the line that TAB makes of it.
LINES = {
    '--quie': '--quiet ',
    '-q --on-de': '-q --on-demand ',
    '-H ad': '-H adopt ',
    '-qHad': '-qHadopt ',
    '-qb -H in': '-qb -H inherit ',
    '--handoff res': '--handoff reserve ',
    '--handoff=res': '--handoff=reserve ',
    '-s WIN': '-s WINCH ',
    '-s SIGWIN': '-s SIGWINCH ',
    '--stop-signal=WIN': '--stop-signal=WINCH ',
    '-m a': '-m any ',
    '-p some-f': '-p some-file ',
    '-psome-f': '-psome-file ',
    '--port-file=some-f': '--port-file=some-file ',
    '-p fol': '-p folder/',
    '-p folder/in': '-p folder/inside ',
    '-p folder/': '-p folder/inside ',
    '-l unix:folder/': '-l unix:folder/inside ',
    '-p ~/some-f': '-p ~/some-file ',
    '-l web=~/fol': '-l web=~/fol',
    '--port-file=~/fol': '--port-file=~/fol',
    '-p two': '-p two\\ words ',
    '-p two\\ w': '-p two\\ words ',
    '-p "two w': '-p "two words" ',
    '-w some-f': '-w some-file=',
    '-w fol': '-w folder/',
    '-w folder/in': '-w folder/inside=',
    '-w a=@some-f': '-w a=@some-file ',
    '-wa=@some-f': '-wa=@some-file ',
    '--write=a=@fol': '--write=a=@folder/',
    '-w a=@folder/in': '-w a=@folder/inside ',
    '-w a={p': '-w a={port} ',
    '-e PORTEXEC_TES': '-e PORTEXEC_TEST=',
    '-e POR': '-e PORT',
    '-e A=http://{a': '-e A=http://{addr} ',
    '-e A={port}.{h': '-e A={port}.{host} ',
    "-c 'inner {a": "-c 'inner {addr}' ",
    '-c inne': '-c inner ',
    '-l loc': '-l localhost:',
    '-l web=loc': '-l web=localhost:',
    '-lweb=loc': '-lweb=localhost:',
    '-l unixg': '-l unixgram:',
    '-l udp:loc': '-l udp:localhost:',
    '--listen=web=udp:loc': '--listen=web=udp:localhost:',
    '-l ./fol': '-l ./folder/',
    '-l ./folder/in': '-l ./folder/inside ',
    '-l ~/folder/in': '-l ~/folder/inside ',
    '-l web=./folder/in': '-l web=./folder/inside ',
    '-l unix:folder/in': '-l unix:folder/inside ',
    '-l a=unix:folder/in': '-l a=unix:folder/inside ',
    '-l ./s,mo': '-l ./s,mode=',
    '-l a=./s,mode=0600,ba': '-l a=./s,mode=0600,backlog=',
    '-l tcp:localhost:0,reu': '-l tcp:localhost:0,reuseport ',
    'inne': 'inner ',
    '-- inne': '-- inner ',
    '-q -- inner {h': '-q -- inner {host} ',
    'inner --port={p': 'inner --port={port} ',
    'inner http://{a': 'inner http://{addr} ',
    # These are no options of portexec's any more.
    'inner -H ad': 'inner -H ad',
    'inner --quie': 'inner --quie',
    '-- --quie': '-- --quie',
}

# What is typed, and what is offered behind the last of = : , in it.
LISTS = {
    '-H ': 'inherit adopt reserve',
    '-e A=': '{port} {addr} {host} {fd}',
    '-w a=': '{port} {addr} {host} {fd}',
    '-- inner {': '{port} {addr} {host} {fd}',
    '-l ': '0 localhost: 127.0.0.1: *: [::1]: tcp: udp: tcp+udp: unix: '
           'unixgram: unixpacket: fd:',
    '-l tcp:': '0 localhost: 127.0.0.1: *: [::1]:',
    '-l a=udp:': '0 localhost: 127.0.0.1: *: [::1]:',
    '-l ./s,': 'backlog= nonblock mode= rcvbuf= sndbuf=',
    '-l 0,': 'backlog= reuseport v6only nonblock rcvbuf= sndbuf=',
}

# What comes between portexec and a command.
BEFORE = ('', '-- ', '-q -- ', "-c 'two words' ", "-c 'two words' -- ",
          '-e A=b:c ', '-e URL=http://{addr}/ -l 127.0.0.1:0 -- ',
          '-l web=tcp:localhost:0,backlog=5 ', '-l @ -w a=@b ',
          '--listen=web=localhost:0 -- ', '-qb ', '-qbH adopt ',
          '-qbHadopt -- ', '--handoff=adopt -vk 2 ', '-e "A=b c" -- ',
          "-c 'curl \"$URL\"' -e A='b:c=d' -- ", '-w a=b\\ c -- ')


def help_text():
    return subprocess.run([PORTEXEC, '--help'], capture_output=True,
                          text=True, timeout=DEADLINE).stdout


def options():
    """{option: (what its value is, or '', and its meaning)}, by --help."""
    return {option: (value, meaning) for short, name, value, meaning in
            re.findall(r'^  (?:(-\w), |    )(--[\w-]+)(?: (\S+))?\n +(.*)$',
                       help_text(), re.MULTILINE)
            for option in (short, name) if option}


def names(text):
    """Without the quotes, and without what one shell lists and another
    does not."""
    return {name.replace('\\', '').lstrip('{').rstrip(':=') for name in text}


class InShell(InTerminal):
    """Completes lines; inner is a command with rules of its own."""
    OTHERWISE = {}              # lines that this shell completes otherwise
    INNER = 'app', 'apple '     # an argument of inner's, and what it becomes

    def setUp(self):
        super().setUp()
        for name in ('some-file', 'two words'):
            self.write(name, '')
        for name in ('folder', 'bin'):
            os.mkdir(self.path(name))
        self.write('folder/inside', '')
        os.symlink(PORTEXEC, self.path('bin/portexec'))
        for name in ('inner', 'sudo'):
            self.write('bin/' + name, '#!/bin/sh\n', 0o755)
        self.env.update(HOME=self.directory, TERM='dumb', LC_ALL='C.UTF-8',
                        PATH=self.path('bin') + ':' + self.env['PATH'])

    def need(self, what, package=None):
        if shutil.which(what) is None and not os.path.exists(what):
            self.skipTest(f'not installed: {package or what}')

    def begin(self, *command):
        """A shell with long lines, in which nothing is cut off."""
        self.shell = self.terminal(*command)
        fcntl.ioctl(self.shell.fd, termios.TIOCSWINSZ,
                    struct.pack('4H', 1000, 500, 0, 0))
        self.shell.expect(PROMPT)

    def complete(self, typed):
        """Types it and TAB.  Returns what is listed, [[NAME ...]] for each
        line, and the line then."""
        self.shell.send(typed + '\t\x18s')
        listed = self.shell.expect(r'\n<<(?=.*>>\n)')
        return self.lines(listed), self.shell.expect('>>\n')

    def assert_lines(self, lines):
        for typed, line in lines.items():
            with self.subTest(typed):
                self.assertEqual(self.complete(typed)[1], line)

    def offered(self, typed):
        return {name for line in self.complete(typed)[0] for name in line
                if not name.startswith('-- ')}

    def assert_inner(self, *before):
        typed, line = self.INNER
        self.assert_lines({f'portexec {words}inner {typed}':
                           f'portexec {words}inner {line}'
                           for words in before})


class Lists(Case):
    def test_they_have_all_of_help(self):
        text = help_text()
        types = re.search('TYPE: (.*)', text)[1].split(', ')
        self.assertLessEqual({name + ':' for name in types},
                             set(LISTS['-l '].split()))
        found = re.findall(r'^  (\w+=?)\w* {3,}\S', text, re.MULTILINE)
        self.assertEqual(set(LISTS['-l ./s,'].split() +
                             LISTS['-l 0,'].split()), set(found))
        modes = options()['-H'][1].split(': ')[1]
        self.assertEqual(re.split(', | or ', modes), LISTS['-H '].split())


class Rules:
    """What holds in each of the shells."""

    def test_words(self):
        self.assert_lines({'portexec ' + typed:
                           'portexec ' + self.OTHERWISE.get(typed, line)
                           for typed, line in LINES.items()})

    def test_lists(self):
        for typed, expected in LISTS.items():
            if typed in self.OTHERWISE:
                continue
            with self.subTest(typed):
                known = re.match('.*[=:,]|', typed.split(' ')[-1])[0]
                self.assertEqual(
                    names(name.removeprefix(known)
                          for name in self.offered('portexec ' + typed)),
                    names(expected.split()))

    def test_command(self):
        self.assert_inner(*BEFORE)

    def test_options_end_at_the_command(self):
        for typed in ('portexec inner -', 'portexec inner --',
                      'portexec -q inner x -', 'portexec -- inner -'):
            with self.subTest(typed):
                self.assertFalse(self.offered(typed) & set(options()))

    def test_nested(self):
        self.assert_inner('portexec -H adopt -- ',
                          '-l web=0 -- portexec -l ./s -e A=b -- ')

    def test_which_options_take_a_value(self):
        self.assert_inner(*[option + (' x ' if value else ' ') for option,
                            (value, _) in options().items()
                            if option not in ALONE])

    def test_signals(self):
        """Those that the shell knows, and portexec."""
        offered = self.offered('portexec -s ')
        self.assertGreater(len(offered), 25)
        for name in offered:
            with self.subTest(name):
                self.run_portexec('-q', '-s', name, 'true')

    def test_sudo(self):
        self.assert_lines({'sudo portexec -H ad': 'sudo portexec -H adopt ',
                           'sudo portexec -l 0 -- inner app':
                           'sudo portexec -l 0 -- inner apple '})

    def test_within_a_longer_line(self):
        self.assert_lines({before + 'portexec -qH ad':
                           before + 'portexec -qH adopt '
                           for before in ('A=b ', 'true && ', 'echo x | ')})

    def test_git(self):
        self.need('git')
        self.assert_lines({f'portexec {before}git cherry-pi':
                           f'portexec {before}git cherry-pick '
                           for before in BEFORE[1:8]})

    def test_path_of_the_program(self):
        self.complete('bin/portexec -')     # bash-completion may only load it
        self.assert_lines({'bin/portexec -H ad': 'bin/portexec -H adopt '})

    def test_cursor_within_the_line(self):
        _, line = self.complete('portexec -H ad -- inner' + '\x02' * 9)
        self.assertEqual(line.split(), 'portexec -H adopt -- inner'.split())


class Bash(InShell):
    PACKAGE = True      # with bash-completion
    OTHERWISE = {'-w some-f': '-w some-file',
                 '-w folder/in': '-w folder/inside'}

    def setUp(self):
        super().setUp()
        self.need('bash')
        if self.PACKAGE:
            self.need(BASH_COMPLETION, 'bash-completion')
            os.symlink(FOLDER, self.path('completions'))
            self.env.update(BASH_COMPLETION_USER_DIR=self.directory)
            begin = f'. {BASH_COMPLETION}'
        else:
            begin = f'. {FOLDER}/portexec.bash'
        self.write('rc', f'''
PS1='{PROMPT}'
bind 'set show-all-if-ambiguous on'
bind 'set completion-query-items 0'
bind 'set page-completions off'
bind 'set completion-display-width 0'
bind 'set enable-bracketed-paste off'
bind 'set bell-style none'
bind -x '"\\C-xs": echo; echo "<<$READLINE_LINE>>"; READLINE_LINE='
{begin}
complete -W 'apple pear' inner
''')
        self.begin('bash', '--noprofile', '--rcfile', self.path('rc'), '-i')

    def lines(self, said):
        return [[line.rstrip()] for line in said.split('\n')[1:] if line]

    def test_options(self):
        self.assertEqual(self.offered('portexec -'),
                         {option + ('=' if value and option[1] == '-' else '')
                          for option, (value, _) in options().items()})


class BashCompletion(Rules, Bash):
    def test_redirections(self):
        self.assert_lines({
            'portexec -q >some-f': 'portexec -q >some-file ',
            'portexec -q 2> some-f': 'portexec -q 2> some-file ',
            'portexec -q >x -H ad': 'portexec -q >x -H adopt ',
            'portexec 2> x -- inner app': 'portexec 2> x -- inner apple '})

    def test_timeout(self):
        self.assert_lines({'timeout 5 portexec -H ad':
                           'timeout 5 portexec -H adopt ',
                           'timeout 5 portexec -e A=b -- inner app':
                           'timeout 5 portexec -e A=b -- inner apple '})

    def test_alias(self):
        """It takes a line of the user's."""
        self.shell.send("alias p='portexec -q'; _completion_loader portexec; "
                        'complete -F _portexec p\n')
        self.shell.expect(PROMPT)
        self.assert_lines({
            'p -H ad': 'p -H adopt ',
            'p -e A=b -- inner app': 'p -e A=b -- inner apple '})

    def test_abbreviation(self):
        self.assert_inner('--hand adopt ', '--port-f x -- ')


class BashAlone(Rules, Bash):
    """The command is completed as bash does by default."""
    PACKAGE = False
    INNER = 'some-f', 'some-file '
    # Here @ cuts words, and is quoted.
    OTHERWISE = {**Bash.OTHERWISE, **{
        typed: line.replace('@', '\\@') for typed, line in LINES.items()
        if '@' in typed}}
    test_git = test_sudo = None


class Zsh(Rules, InShell):
    OTHERWISE = {"-c 'inner {a": "-c 'inner {addr} ", '-c inne': '-c inner'}

    def setUp(self):
        super().setUp()
        self.need('zsh')
        self.env.update(TERM='xterm', ZDOTDIR=self.directory)
        self.write('.zshrc', f'''
PS1='{PROMPT}'
LISTMAX=10000
fpath=({FOLDER} $fpath)
autoload -Uz compinit
compinit -u -D
_inner() {{ _values -w fruit apple pear }}
compdef _inner inner
unsetopt prompt_sp auto_menu list_ambiguous list_packed
zstyle ':completion:*' verbose yes
alias p='portexec -q'
say() {{ zle -I; print; print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }}
zle -N say
bindkey '^Xs' say
''')
        self.begin('zsh', '-d', '-i')

    def complete(self, typed):
        result = super().complete(typed)
        self.shell.expect(PROMPT)
        return result

    def lines(self, said):
        # Where there is a list, the cursor goes up from its end.
        found = re.search(r'\n(.*)\x1b\[\d*A', said.rpartition(PROMPT)[2],
                          re.DOTALL)
        text = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', found[1] if found else '')
        return [re.split('  +', line.strip()) for line in text.split('\n')]

    def test_options(self):
        listed = {}
        for *names, meaning in self.complete('portexec -')[0]:
            listed.update(dict.fromkeys(names, meaning))
        self.assertEqual(listed, {option: '-- ' + meaning for option,
                                  (_, meaning) in options().items()})

    def test_alias(self):
        self.assert_lines({
            'p -H ad': 'p -H adopt ',
            'p -e A=b -- inner app': 'p -e A=b -- inner apple '})

    test_redirections = BashCompletion.test_redirections
    test_timeout = BashCompletion.test_timeout


class Fish(Rules, InShell):
    """What is listed is what complete -C says, and not the screen."""
    # fish escapes the closing brace alone, which is no word.
    OTHERWISE = {typed: typed for typed in [*LINES, *LISTS]
                 if re.search(r'^[^\'"]*\{\w*$', typed)}

    def setUp(self):
        super().setUp()
        self.need('fish')
        os.mkdir(self.path('fish'))
        self.write('fish/config.fish', f"""
set -p fish_complete_path {FOLDER}
set -g fish_greeting
set -g fish_autosuggestion_enabled 0
complete -c inner -xa 'apple pear'
alias p='portexec -q'
function fish_prompt
    echo '{PROMPT}'
end
function list
    echo
    echo '[['
    complete -C (commandline)
    echo ']]'
end
function say
    echo
    echo '<<'(commandline)'>>'
    commandline ''
    commandline -f repaint
end
bind \\cxl list
bind \\cxs say
""")
        # Not --no-config: inner commands would not be completed then.
        self.env.update(XDG_CONFIG_HOME=self.directory, TERM='xterm')
        self.begin('fish', '-i')

    def complete(self, typed):
        self.shell.send(typed + '\x18l')
        self.shell.expect(r'\n\[\[\n')
        listed = self.shell.expect(r'\]\]\n')
        _, line = super().complete('')
        return [row.split('\t') for row in listed.split('\n') if row], line

    def lines(self, said):
        return said

    def test_options(self):
        listed = self.complete('portexec -')[0] + \
            self.complete('portexec --')[0]
        self.assertEqual(dict(map(tuple, listed)), {
            option: meaning for option, (_, meaning) in options().items()})

    def test_braces(self):
        self.assert_lines({
            'portexec inner "{h': 'portexec inner "{host}" ',
            'portexec inner --x=\\{h': 'portexec inner --x=\\{host\\} ',
            "portexec -e 'A=http://{a": "portexec -e 'A=http://{addr}' ",
            "portexec -c 'inner {a": "portexec -c 'inner {addr}' "})
        self.assertIn(['A=http://{addr}'],
                      [row[:1] for row in self.complete(
                          'portexec -e A=http://')[0]])

    def offered(self, typed):
        return {name for name, *_ in self.complete(typed)[0]}

    test_alias = Zsh.test_alias
    test_abbreviation = BashCompletion.test_abbreviation
