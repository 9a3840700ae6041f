# SPDX-License-Identifier: ISC
"""docs/troubleshooting.md: each row shows its symptom, and the line to type
instead is answered."""

import os
import re
import subprocess

import harness
import test_docs
from harness import DEADLINE, PORTEXEC, in_namespace

ROW = re.compile(r'^\| `(portexec .*)` \| `(.*)` \| .*\. \| '
                 r'`((?:timeout 30 )?portexec .*)` \|$')

SIX = '''#!/usr/bin/env python3
import http.server, socket, sys

class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'hello')

Server(('::1', int(sys.argv[1])), Handler).serve_forever()
'''


def rows():
    """[(whether it ends with 0, what is typed, what is seen, what to type
    instead)]."""
    failing, green = test_docs.text_of('docs/troubleshooting.md').split(
        '## It is green by mistake')
    return [(text is green, *ROW.match(line).groups())
            for text in (failing, green) for line in text.splitlines()
            if line.startswith('| `')]


class Troubleshooting(harness.Tree):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path('bin'))
        os.symlink(PORTEXEC, self.path('bin/portexec'))
        for name in ('server', 'myserver', 'legacy'):
            self.write(name, test_docs.SERVICE, 0o755)
        self.write('six', SIX, 0o755)
        self.env.update(PATH=self.path('bin') + ':' + self.env['PATH'])

    def type(self, line):
        done = subprocess.run(
            ['sh', '-c', line], cwd=self.directory, env=self.env,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=2 * DEADLINE)
        self.assert_nothing_left()
        return done

    @in_namespace
    def test_rows(self):
        """In a network where nobody has the ports that the lines name, but
        that of the row about it."""
        with harness.listening(port=9000):
            for green, typed, seen, instead in rows():
                with self.subTest(typed):
                    done = self.type(typed)
                    self.assertEqual(done.returncode == 0, green)
                    self.assertIn(seen, done.stderr)
                    done = self.type(instead)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn('hello', done.stdout)

    def test_there_are_rows(self):
        self.assertGreaterEqual(len(rows()), 23)
