"""--client: what the client is given, when it starts, and what is refused."""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import harness
from harness import DEADLINE, PORTEXEC, PROBE, Session

class Refusals(Session):
    """Each is one line."""

    def refuse(self, *options, message, status=125, **others):
        self.assert_fails('-q', '-p', 'run/port', *options, message=message,
                          status=status, env=self.env, **others)
        self.assert_clean()

    def test_scripts(self):
        for options, message in (
                (('-c', ''), "-c '': no script"),
                (('-c', 'a', '-c', 'b'), '-c: given twice'),
                (('-c', 'x', '--client', 'x'), '-c: given twice'),
                (('-c', 'echo <fd>'), '<fd>'),
                (('-c', 'echo {fd}'), '{fd}'),
                (('-c', 'echo {port:1}'), '{port:1}'),
                (('-c', 'echo {port:web}'), '{port:web}'),
                (('-l', './run/s', '-c', 'echo {port}'), 'unix socket'),
                (('-l', './run/s', '-c', 'echo {host}'), 'unix socket'),
                (('-l', './run/a b', '-c', 'echo {addr}'), 'run/a b'),
                (('-l', './run/$x', '-c', 'echo <addr>'), 'run/$x'),
                (("-l", "./run/'", '-c', 'echo <addr>'), "run/'")):
            with self.subTest(options):
                self.refuse(*options, '--', 'touch', 'marks/ran',
                            message=message)
                self.assertFalse(self.is_marked('ran'))

    def test_what_a_shell_would_read_goes_with_e(self):
        done = self.run_portexec(
            '-q', '-l', "./run/a 'b", '-e', 'AT=<addr>', '-c', 'echo "$AT"',
            '--', 'sleep', '1000', env=self.env)
        self.assertEqual(done.stdout, "./run/a 'b\n")
        self.assert_clean()

    def test_service_that_cannot_be_executed(self):
        self.write('plain', 'text')
        for handoff in harness.HANDOFFS:
            for command, status in (('./absent', 127), ('./plain', 126),
                                    ('./marks', 126)):
                with self.subTest(command, handoff=handoff):
                    self.refuse('-H', handoff, '-c', 'touch marks/ran', '--',
                                command, status=status,
                                message=f'execute {command}: ')
                    self.assertFalse(self.is_marked('ran'))

    def test_file_that_cannot_be_written(self):
        self.refuse('-p', 'absent/port', '-c', 'touch marks/ran', '--',
                    'touch', 'marks/service', message='absent/port')
        self.assertEqual(os.listdir(self.path('marks')), [])

    def hide_shell(self):
        """Nothing is in /bin any more, for the process that calls this."""
        libc = ctypes.CDLL(None, use_errno=True)
        new_user, new_mounts, bind, private = (0x10000000, 0x20000,
                                               0x1000, 0x44000)
        if libc.unshare(new_mounts) and libc.unshare(new_user | new_mounts):
            raise OSError(ctypes.get_errno(), 'unshare')
        if libc.mount(None, b'/', None, private, None) or libc.mount(
                self.path('empty').encode(),
                os.path.realpath('/bin').encode(), None, bind, None):
            raise OSError(ctypes.get_errno(), 'mount')

    def test_no_shell(self):
        os.mkdir(self.path('empty'))
        for handoff in 'inherit', 'adopt':
            with self.subTest(handoff):
                try:
                    self.refuse('-H', handoff, '-k', '86400', '-c', 'exit 7',
                                '--', PROBE, '-o', 'report', '-w', 'never',
                                message='execute /bin/sh: No such file or '
                                'directory', preexec_fn=self.hide_shell)
                except subprocess.SubprocessError as error:
                    self.skipTest(f'no mount namespace: {error}')


class Silence(Session):
    """Clients that wait for 3 seconds are spoken of, once."""

    def test_line(self):
        client = f'{self.ASK} {{addr}} x & until [ -e marks/said ]; do ' \
            'sleep 0.01; done; exit 7'
        for handoff, what in (('inherit', 'accept on'), ('adopt', 'bind')):
            with self.subTest(handoff):
                process = self.launch(
                    '-H', handoff, '-p', 'run/port', '-c', client, '--',
                    'sleep', '1000', env=self.env)
                self.announced(process)
                self.assertRegex(
                    process.stderr.readline(),
                    rf'^portexec: still waiting for sleep to {what} \d+ \('
                    r'\d+ s, 1 client queued\)')
                self.write('marks/said', '')
                self.assertEqual(process.wait(DEADLINE), 7)
                self.assert_clean()
                os.remove(self.path('marks/said'))
