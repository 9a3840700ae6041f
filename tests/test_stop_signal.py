# SPDX-License-Identifier: ISC
"""-s: what writes its results at INT alone has written them.  And how long a
stop waits for whom."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import harness
from harness import DEADLINE, PORTEXEC, Session, wait_for

# As http.server does, which ends with KeyboardInterrupt.
COVERS = 'import atexit\natexit.register(mark, "written")\n' \
    'signal.signal(signal.SIGINT, signal.default_int_handler)\n' \
    'mark("service")\ntry:\n    serve()\nexcept KeyboardInterrupt:\n    pass'
SERVE = 'listen()\n' + COVERS
ASK = 'until [ -e marks/service ]; do sleep 0.01; done; '
TELLS = 'def tell(signo, frame):\n    mark(signal.Signals(signo).name)\n' \
    '    os._exit(3)\n' \
    'for each in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):\n' \
    '    signal.signal(each, tell)\n' \
    'listen()\nmark("service")\nserve()'

# Ends when it is told a second time.
COUNTS = 'told = []\ndef tell(signo, frame):\n    told.append(signo)\n' \
    '    mark(str(len(told)))\n    if len(told) == 2:\n        os._exit(3)\n' \
    'signal.signal(signal.SIGTERM, tell)\n' \
    'listen()\nmark("service")\nserve()'


class Sent(Session):
    def test_what_is_written_at_int_is_there(self):
        for handoff in harness.HANDOFFS:
            for name in 'INT', 'SIGINT', 'int', '2':
                with self.subTest(handoff, signal=name):
                    self.run_session(handoff, ASK + 'exit 7', SERVE, '-s',
                                     name, status=7)
                    self.assertTrue(self.is_marked('written'))

    def test_without_it_nothing_is_written(self):
        self.run_session('adopt', ASK, SERVE)
        self.assertFalse(self.is_marked('written'))

    def test_in_place_of_term(self):
        """TERM to portexec is passed on as that signal, others as they are."""
        for handoff in harness.HANDOFFS:
            for sent, got in (('TERM', 'USR1'), ('INT', 'INT')):
                with self.subTest(handoff, signal=sent):
                    self.session(handoff, '', '')       # empties marks/
                    process = self.launch(
                        '-q', '-s', 'USR1', '-H', handoff, '--',
                        sys.executable, '-SE', 'service.py', handoff,
                        '0' if handoff == 'inherit' else '{port}', TELLS,
                        env=self.env)
                    self.await_mark('service')
                    process.send_signal(getattr(signal, 'SIG' + sent))
                    self.assertEqual(process.wait(DEADLINE), 3)
                    self.await_mark('SIG' + got)
                    self.assertEqual(self.left(), [])

    def test_a_second_is_passed_on_too(self):
        """Where there is no client; and nothing is killed."""
        for handoff, *options in (('adopt',), ('inherit', '-s', 'TERM'),
                                  ('reserve', '-t', '60'), ('reserve',)):
            with self.subTest(handoff, options=options):
                self.session(handoff, '', '')       # empties marks/
                process = self.launch(
                    '-q', '-k', '0.1', '-H', handoff, *options, '--',
                    sys.executable, '-SE', 'service.py', handoff,
                    '0' if handoff == 'inherit' else '{port}', COUNTS,
                    env=self.env)
                self.await_mark('service')
                process.send_signal(signal.SIGTERM)
                self.await_mark('1')
                later = time.monotonic() + 0.5
                wait_for(lambda: time.monotonic() > later, 'half a second')
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(DEADLINE), 3)
                self.assertTrue(self.is_marked('2'))

    def test_a_background_job_hears_it(self):
        """A script has its background jobs ignore INT."""
        ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.run_session('adopt', ASK, 'assert signal.getsignal('
                             'signal.SIGINT) is not signal.SIG_IGN\n' + SERVE,
                             '-s', 'INT', restore_signals=False)
            self.assertTrue(self.is_marked('written'))
            self.run_session('adopt', ASK, 'assert signal.getsignal('
                             'signal.SIGINT) is signal.SIG_IGN\n' + SERVE,
                             restore_signals=False)
        finally:
            signal.signal(signal.SIGINT, ignored)

    def test_term_follows_after_half_of_the_time(self):
        """And then KILL."""
        service = 'signal.signal(signal.SIGINT, lambda *_: mark("int"))\n' \
            'signal.signal(signal.SIGTERM, lambda *_: mark("term"))\n' \
            'listen()\nmark("service")\nserve()'
        self.run_session('adopt', ASK, service, '-s', 'INT', '-k', '0.6')
        self.assertTrue(self.is_marked('int'))
        self.assertTrue(self.is_marked('term'))

    def test_a_job_that_ignores_it_gets_term(self):
        """At once: it would never end of INT."""
        self.run_session('adopt', ASK, 'signal.signal(signal.SIGINT, '
                         'signal.SIG_IGN)\nlisten()\nmark("service")\nserve()',
                         '-s', 'INT', '-k', '86400')

    def test_wrong_ones(self):
        for word in '', '0', '65', 'FOO', '-1', '2x', 'SIG', '999':
            with self.subTest(word):
                done = self.run_portexec('-s', word, '--', 'true', status=125)
                self.assertEqual(
                    done.stderr, f"portexec: -s '{word}': not a signal, such "
                    'as INT or 2\n')

    def test_coverage_of_node(self):
        """V8 writes at the end of a script that ends by itself, not at a
        signal that nobody catches."""
        node = shutil.which('node')
        if node is None:
            self.skipTest('no node')
        self.write('server.js', '''
            const server = require('http').createServer(
                (request, response) => response.end('here'));
            process.on('SIGINT', () => process.exit(0));
            server.listen(process.env.PORT, '127.0.0.1');''')
        self.run_portexec(
            '-q', '-s', 'INT', '-e', 'PORT', '-e', 'NODE_V8_COVERAGE=cover',
            '-c', 'curl -fsS -o answer {addr}', '--', node, 'server.js')
        self.assertEqual(self.read('answer'), 'here')
        self.assertNotEqual(os.listdir(self.path('cover')), [])


class Waits(Session):
    """A wrapper that catches the signal and neither relays it nor ends."""
    DEAF = 'trap "" TERM; "$@" & while :; do wait; done'

    def test_a_clean_up_behind_a_relaying_wrapper_is_not_cut(self):
        """It takes longer than half of -k; nobody is told a second time."""
        relay = 'import signal, subprocess, sys\n' \
            'child = subprocess.Popen(sys.argv[1:])\n' \
            'signal.signal(signal.SIGTERM, lambda *_: child.terminate())\n' \
            'sys.exit(child.wait())'
        service = 'def clean_up(*_):\n    print("told", flush=True)\n' \
            '    end = time.monotonic() + 1.3\n' \
            '    while time.monotonic() < end:\n        time.sleep(0.05)\n' \
            '    print("clean", flush=True)\n    os._exit(0)\n' \
            'signal.signal(signal.SIGTERM, clean_up)\n' \
            'listen()\nmark("service")\nserve()'
        arguments = list(self.session('adopt', ASK + 'exit 7', service, '-k',
                                      '2'))
        at = arguments.index('--') + 1
        arguments[at:at] = [sys.executable, '-SEc', relay]
        done = self.run_portexec(*arguments, status=7, env=self.env)
        self.assertEqual(done.stdout, 'told\nclean\n')

    def test_what_a_deaf_wrapper_runs_is_told_late(self):
        """After four fifths of -k; what is left is killed at -k."""
        service = 'def end(*_):\n    mark("told")\n    os._exit(0)\n' \
            'signal.signal(signal.SIGTERM, end)\n' \
            'listen()\nmark("service")\nserve()'
        arguments = list(self.session('adopt', ASK + 'exit 7', service, '-k',
                                      '1'))
        at = arguments.index('--') + 1
        arguments[at:at] = ['sh', '-c', self.DEAF, 'sh']
        self.run_portexec(*arguments, status=7, env=self.env)
        self.assertTrue(self.is_marked('told'))
        self.assert_clean()

    def test_a_failed_service_keeps_its_status(self):
        """portexec is told to stop while the client has its time to end."""
        process = self.launch_session(
            'adopt', 'trap "exit 7" TERM; touch marks/client; '
            'while :; do sleep 0.01; done',
            'listen()\nwait("client")\nos._exit(3)', '-k', '86400')
        self.await_mark('client')
        address = '127.0.0.1', int(self.read('run/port'))

        def is_refused():
            with socket.socket() as client:
                return client.connect_ex(address) == errno.ECONNREFUSED
        wait_for(is_refused, 'the end of the service to be noticed')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), 3)
        self.assert_clean()

    def test_kill_0_of_the_client_reaches_the_service_once(self):
        """A script ends what it has started so; and not its caller."""
        service = 'signal.signal(signal.SIGTERM, lambda *_: print("told", ' \
            'flush=True) or mark("told"))\nlisten()\nmark("service")\n' \
            'wait("told")\ntime.sleep(0.3)'
        done = self.run_session('adopt', ASK + 'kill 0', service,
                                status=-signal.SIGTERM)
        self.assertEqual(done.stdout, 'told\n')

    def test_kill_0_of_the_service_reaches_the_client_once(self):
        """A wrapper script ends what it has started so; the run ends."""
        client = 'trap "echo told; exit 7" TERM; touch marks/client; ' \
            'while :; do sleep 0.01; done'
        service = 'signal.signal(signal.SIGTERM, signal.SIG_DFL)\nlisten()\n' \
            'wait("client")\nos.kill(0, signal.SIGTERM)'
        done = self.run_session('adopt', client, service, status=7)
        self.assertEqual(done.stdout, 'told\n')


class Input(Session):
    SERVE = 'listen()\nmark("service")\nserve()'
    READS = 'import threading\nthreading.Thread(target=lambda: (' \
        'sys.stdin.read(), mark("eof")), daemon=True).start()\n' + SERVE

    def test_the_caller_keeps_its_input(self):
        """A loop over a list, as in a shell's `while read -r`."""
        for handoff in harness.HANDOFFS:
            with self.subTest(handoff):
                done = self.run_session(
                    handoff, ASK + 'read -r line; echo "$line"; [ ! -e '
                    'marks/eof ]', self.READS, stdin=None,
                    input='one\ntwo\n')
                self.assertEqual(done.stdout, 'one\n')

    def test_it_ends_with_portexec(self):
        code = 'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n' \
            'mark("service")\nsys.stdin.read()\nmark("eof")\n'
        process = self.launch_session(
            'adopt', 'touch marks/client; exec sleep 1000',
            code, '-k', '86400')
        self.await_mark('service')
        self.await_mark('client')
        keeper, = harness.children(process.pid)
        os.kill(keeper, signal.SIGSTOP)     # nor does a stop end it before
        self.assertFalse(self.is_marked('eof'))
        os.kill(keeper, signal.SIGKILL)
        self.await_mark('eof')
        self.assertEqual(process.wait(DEADLINE), 125)

    def test_a_script_that_comes_by_it(self):
        """An argument says that the service reads it; the client has none."""
        script = 'import http.server, sys\n' \
            'class Handler(http.server.BaseHTTPRequestHandler):\n' \
            '    def do_GET(self):\n        self.send_response(204)\n' \
            '        self.end_headers()\n' \
            'http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), ' \
            'Handler).serve_forever()\n'
        for word in '-', '/dev/stdin':
            with self.subTest(word):
                done = self.run_portexec(
                    '-q', '-c', 'curl -fsS {addr} && readlink /proc/self/fd/0',
                    '--', sys.executable, word, '{port}', stdin=None,
                    input=script)
                self.assertEqual(done.stdout, '/dev/null\n')

    def test_inetd_has_its_socket(self):
        done = self.run_portexec(
            '-q', '--inetd', '-c', 'cat', '--', 'sleep', '1000', stdin=None,
            input='text')
        self.assertEqual(done.stdout, 'text')

    def test_without_a_client_it_is_the_callers(self):
        done = self.run_portexec('-q', '-H', 'adopt', '--', 'cat', stdin=None,
                                 input='text')
        self.assertEqual(done.stdout, 'text')
