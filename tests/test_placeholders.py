# SPDX-License-Identifier: ISC
"""<port>, <host>, <addr> and <fd> in arguments, -e and -w."""

import os

import harness
from harness import PORTEXEC

# The sockets of most tests; the one named "1" is at number 5.
SOCKETS = ['-l', 'web=0', '-l', 'six=[::1]:0', '-l', 'udp=udp:127.0.0.2:0',
           '-l', 'file=./s', '-l', 'name=@', '-l', '1=0']
ABSTRACT = 4        # the number of the one that the kernel named

# A template, and what it becomes: {P0} is the port of socket 0, {NAME} the
# abstract name.
TEMPLATES = [
    ('<port>', '{P0}'), ('<host>', '127.0.0.1'), ('<fd>', '3'),
    ('<addr>', '127.0.0.1:{P0}'),
    ('<port:six>', '{P1}'), ('<host:six>', '::1'), ('<fd:six>', '4'),
    ('<addr:six>', '[::1]:{P1}'),
    ('<port:udp>', '{P2}'), ('<host:udp>', '127.0.0.2'), ('<fd:udp>', '5'),
    ('<addr:udp>', '127.0.0.2:{P2}'),
    ('<addr:file>', './s'), ('<fd:file>', '6'),
    ('<addr:name>', '{NAME}'), ('<fd:name>', '7'),
    # By number, where no socket has it as its name.
    ('<port:0>', '{P0}'), ('<port:2>', '{P2}'), ('<fd:3>', '6'),
    ('<fd:5>', '8'), ('<port:web>', '{P0}'), ('<port:00>', '{P0}'),
    ('<port:1>', '{P5}'), ('<fd:1>', '8'),
    # More than one, and something around them.
    ('http://<addr:six>/', 'http://[::1]:{P1}/'),
    ('<host>:<port>', '127.0.0.1:{P0}'), ('<port><port:udp>', '{P0}{P2}'),
    ('a=<fd>;<fd:six>;', 'a=3;4;'), ('<<<fd>>', '<<fd>'),
    ('a<b <port> c>d', 'a<b {P0} c>d'), ('\u00e9<fd>\u00e9', '\u00e93\u00e9'),
    # The dialects of the design.
    ('NGINX=<fd>;', 'NGINX=3;'), ('fd://<fd>', 'fd://3'),
    ('SERVER_STARTER_PORT=<addr>=<fd>',
     'SERVER_STARTER_PORT=127.0.0.1:{P0}=3'),
    # Literals.
    ('<<port>>', '<port>'), ('<<port:six>>', '<port:six>'),
    ('<<fd:nosuch>>', '<fd:nosuch>'), ('x<<addr>><fd>', 'x<addr>3'),
    # What is none.
    ('<html>', '<html>'), ('<>', '<>'), ('<PORT>', '<PORT>'),
    ('<ports>', '<ports>'), ('<por>', '<por>'), ('< port>', '< port>'),
    ('<port >', '<port >'), ('<port', '<port'), ('port>', 'port>'),
    ('<port:>', '<port:>'), ('<port:a:b>', '<port:a:b>'),
    ('<id><fd>', '<id>3'), ('<<html>>', '<<html>>'), ('<', '<'), ('', ''),
    ('<fd:six', '<fd:six'),
]

# As the above, of the brace form alone: it has meanings elsewhere.
BRACES = [(text, text) for text in (
    '${port}', '%{host}', '#{addr}', '\\{fd}', '${port:six}',
    '${{port}}', '{{port}', '{{{port}}}', '{port>', '{{port>>', '${fd:-3}')]
BRACES += [('@{port}', '@{P0}'), ('{{port}}', '{port}'),
           ('{{fd:six}}', '{fd:six}'),
           ('x{port}', 'x{P0}'), ('}{port}', '}{P0}'), ('{port}}', '{P0}}'),
           ('$ {fd}', '$ 3'), ('$x{fd}', '$x3'), ('{}{fd}', '{}3'),
           ('{fd}{fd:six}', '34'), ('{"a": {fd}}', '{"a": 3}'),
           ('<port}', '<port}'), ('<{fd}>', '<3>'),
           # Only the brace form is somebody else's there.
           ('$<fd>', '$3'), ('%<fd>', '%3'), ('{<fd>}', '{3}'),
           ('\\<fd>', '\\3'), ('@<fd>', '@3'), ('#<fd>', '#3')]


def in_braces(text):
    return text.translate({ord('<'): '{', ord('>'): '}'})


def cases():
    yield from TEMPLATES
    yield from BRACES
    for template, expected in TEMPLATES:
        # There the bracket before it makes the difference.
        if template not in ('<<<fd>>', 'a<b <port> c>d'):
            literal = expected.replace('{', '\0').replace('}', '\1')
            yield in_braces(template), in_braces(literal).replace(
                '\0', '{').replace('\1', '}')


CASES = list(cases())


class Placeholders(harness.Case):
    def assert_expanded(self, report, got):
        """got is the expansion of CASES in order, in that report's run."""
        ports = [what['address'].rsplit(':', 1)[-1]
                 for fd, what in sorted(report['fds'].items(),
                                        key=lambda item: int(item[0]))
                 if 'type' in what]
        name = report['fds'][str(3 + ABSTRACT)]['address']
        self.assertEqual(len(got), len(CASES))
        for (template, expected), value in zip(CASES, got):
            with self.subTest(template=template):
                for number, port in enumerate(ports):
                    expected = expected.replace(f'{{P{number}}}', port)
                self.assertEqual(value, expected.replace('{NAME}', name))


class Places(Placeholders):
    def test_arguments(self):
        report = self.probe(*SOCKETS, probe=[
            '--', *(template for template, expected in CASES)])
        self.assert_expanded(report, [
            word.encode('latin-1').decode() for word in report['argv'][2:]])

    def test_variables(self):
        options = [word for number, (template, _) in enumerate(CASES)
                   for word in ('-e', f'V{number}={template}')]
        report = self.probe(*SOCKETS, *options)
        got = [entry.split('=', 1)[1].encode('latin-1').decode()
               for entry in report['environ'][-len(CASES):]]
        self.assert_expanded(report, got)

    def test_written_templates(self):
        """-w FILE=TEMPLATE; one that began with @ would name a file."""
        options = [word for number, (template, _) in enumerate(CASES)
                   for word in ('-w', f'out{number}=-{template}')]
        report = self.probe(*SOCKETS, *options)
        got = [self.read(f'out{number}') for number in range(len(CASES))]
        self.assertEqual({text[0] + text[-1] for text in got}, {'-\n'})
        self.assert_expanded(report, [text[1:-1] for text in got])

    def test_template_files(self):
        self.write('in', '\n'.join(template for template, _ in CASES))
        report = self.probe(*SOCKETS, '-w', 'out=@in')
        text = self.read('out')
        self.assertTrue(text.endswith('\n'))
        self.assert_expanded(report, text[:-1].split('\n'))

    def test_not_in_the_name_of_the_command(self):
        self.write('{port}', '#!/bin/sh\necho "$0 $1"\n', 0o755)
        done = self.run_portexec('./{port}', '{fd}')
        self.assertEqual(done.stdout, './{port} 3\n')
        self.assert_fails('<fd:nosuch>', status=127,
                          message='execute <fd:nosuch>')

    def test_not_in_names(self):
        report = self.probe('-e', '{fd}=<fd>', '-w', '{port}=x')
        self.assertIn('{fd}=3', report['environ'])
        self.assertEqual(self.read('{port}'), 'x\n')

    def test_not_in_the_socket_itself(self):
        """A value is not looked at a second time."""
        report = self.probe('-l', './{port}', '-l', '0', '-e', 'A=<addr>',
                            probe=['<addr><addr:0>'])
        self.assertEqual(report['argv'][1], './{port}./{port}')
        self.assertIn('A=./{port}', report['environ'])


class Files(harness.Case):
    def test_xml(self):
        """An element is no placeholder, and says nothing of the handoff; a
        brace form is one."""
        self.write('in', '<a><host>x</host>\n<port>8000</port>\n<fd/></a>')
        report = self.probe('-w', 'out=@in', '-e', 'A=<addr></addr>')
        self.assertIn('A=<addr></addr>', report['environ'])
        self.assertEqual(self.read('out'), '<a><host>x</host>\n'
                         '<port>8000</port>\n<fd/></a>\n')
        self.assertRegex(report['stderr'], r'listening on .*, fd 3\n')
        self.write('in', '<port>{port}</port> <addr> {host}@{port}\n')
        report = self.probe('-w', 'out=@in')
        address = report['fds']['3']['address']
        host, port = address.split(':')
        self.assertEqual(self.read('out'), f'<port>{port}</port> {address} '
                         f'{host}@{port}\n')
        self.assertIn(', until ', report['stderr'])

    def expand(self, content):
        with open(self.path('in'), 'wb') as file:
            file.write(content)
        report = self.probe('-w', 'out=@in')
        port = report['fds']['3']['address'].rsplit(':', 1)[1].encode()
        with open(self.path('out'), 'rb') as file:
            return file.read().replace(port, b'PORT')

    def test_contents(self):
        for content, expected in {
                b'{port}\n': b'PORT\n',
                b'{port}': b'PORT\n',               # a final newline
                b'a\n\n': b'a\n\n',
                b'': b'\n',
                b'\0': b'\0\n',
                b'a\0{port}\0<port>\0\n': b'a\0PORT\0PORT\0\n',
                b'{po\0rt}{port\0}<port:\0>': b'{po\0rt}{port\0}<port:\0>\n',
                b'\0{port}': b'\0PORT\n',
                b'\xff\xfe{port}\x80': b'\xff\xfePORT\x80\n',
                b'listen {addr};\r\n': b'listen 127.0.0.1:PORT;\r\n',
                b'x' * 100000 + b'<port>': b'x' * 100000 + b'PORT\n',
                b'{{port}}\n${port}\n': b'{port}\n${port}\n'}.items():
            with self.subTest(content=content[:40]):
                self.assertTrue(self.expand(content) == expected)


class Chain(harness.Case):
    def test_the_literal_is_for_the_inner_one(self):
        report = self.probe('-l', 'web=0', '--', PORTEXEC, '-l', 'admin=0',
                            '-e', 'A={{fd:admin}} {{fd}} {fd}')
        self.assertIn('A=4 3 3', report['environ'])


class Dialects(harness.Case):
    def test_every_one_of_the_design(self):
        report = self.probe(
            '-e', 'NGINX=<fd>;', '-e', 'SERVER_STARTER_PORT=<addr>=<fd>',
            probe=['--', '--fd', '{fd}', 'fd://{fd}', '--port', '{port}'])
        addr = report['fds']['3']['address']
        port = addr.split(':')[1]
        self.assertEqual(report['argv'][2:],
                         ['--fd', '3', 'fd://3', '--port', port])
        self.assertEqual(report['environ'][-2:], [
            'NGINX=3;', f'SERVER_STARTER_PORT={addr}=3'])

    def test_reserve(self):
        done = self.run_portexec(
            '-q', '-H', 'reserve', '-l', 'a=0', '-l', 'b=127.0.0.2:0', '-e',
            'A=<host:b>:<port:b>', '-w', 'out=<addr:b>', '--', 'sh', '-c',
            'echo "$LISTEN_PORTS $A $1 $2"', 'sh', '<host>:<port>', '{addr}')
        ports, a, first, second = done.stdout.split()
        one, two = ports.split(':')
        self.assertEqual((a, first, second),
                         (f'127.0.0.2:{two}', f'127.0.0.1:{one}',
                          f'127.0.0.1:{one}'))
        self.assertEqual(self.read('out'), f'127.0.0.2:{two}\n')


class Errors(harness.Case):
    """Each names the placeholder, and nothing runs or is left behind."""

    def assert_refused(self, template, reason, *options):
        """In all four places."""
        message = f'{template}: {reason}'
        self.write('in', f'first\n{template}\n')
        ran = ['--', 'sh', '-c', '>ran; exit 3', 'sh']
        for place in ([*ran, 'x', f'x{template}'],
                      ['-e', f'A=x{template}', *ran],
                      ['-w', f'out=x{template}', *ran],
                      ['-w', 'out=@in', *ran]):
            with self.subTest(place=place):
                self.assert_fails(*options, '-p', 'port', *place,
                                  message=message, exact=True)

    def test_no_such_socket(self):
        for template in ('<port:nosuch>', '{port:nosuch}', '<addr:4>',
                         '{fd:4}', '<host:a b>', '<port:-1>', '<port:0x0>',
                         '<fd:18446744073709551616>', '<port:we>',
                         '<port:webb>', '<port:WEB>', '<fd: 0>'):
            with self.subTest(template=template):
                self.assert_refused(
                    template, 'there is no such socket', '-l', 'web=0',
                    '-l', 'udp:0', '-l', './s', '-l', '0')

    def test_unix_sockets_have_no_port_or_host(self):
        for template in ('<port:2>', '{port:s}', '<host:s>', '{host:2}'):
            with self.subTest(template=template):
                self.assert_refused(template, './s is a unix socket', '-l',
                                    '0', '-l', '0', '-l', 's=./s')

    def test_default_template_of_a_unix_socket(self):
        """-e NAME and -p FILE stand for <port>."""
        for option in (['-e', 'PORT'], ['-p', 'port']):
            with self.subTest(option=option):
                self.assert_fails('-l', './s', *option, 'true', exact=True,
                                  message='<port>: ./s is a unix socket')

    def test_no_descriptor_under_reserve(self):
        for template in ('<fd>', '{fd}', '<fd:web>', '{fd:0}'):
            with self.subTest(template=template):
                self.assert_refused(
                    template, 'the service gets no descriptor',
                    '-H', 'reserve', '-l', 'web=0')

    def test_an_earlier_file_of_another_template_is_not_kept(self):
        """No reader takes an earlier run's number for this one's."""
        self.run_portexec('-p', 'port', 'true')
        self.assertTrue(os.path.exists(self.path('port')))
        done = self.run_portexec('-p', 'port', 'true', '<fd:x>', status=125)
        self.assertIn('<fd:x>: there is no such socket', done.stderr)
        self.assertEqual(os.listdir(self.directory), [])
