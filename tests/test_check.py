# SPDX-License-Identifier: ISC
"""--check: what works here, and what is in the way."""

import os
import re
import shutil

import harness
from harness import PORTEXEC, in_namespace
from test_refusals import DENY, REASONS

NAMES = ['adopt', 'inherit', 'reserve', 'client', 'pidfd_getfd', 'IPv6',
         'Yama', 'kernel']
MOUNTED = 'sh -c "$1" && shift && exec "$@"'


class Check(harness.Tree):
    def check(self, *before, status=0, **options):
        """What it says, {name: rest of the line}; nothing else is said, and
        nothing left."""
        words = [*before, PORTEXEC, '--check']
        done = self.run_portexec(*words[1:], program=words[0], status=status,
                                 env=self.env, **options)
        self.assertEqual(done.stderr, '')
        found = re.findall('^(.+?): (.+)\n', done.stdout, re.MULTILINE)
        self.assertEqual(''.join(map('{0[0]}: {0[1]}\n'.format, found)),
                         done.stdout)
        self.assertEqual([name for name, _ in found], NAMES)
        self.assertEqual(self.left(), [])
        self.assertEqual(os.listdir(self.directory), [])
        return dict(found)

    def test_all_works(self):
        said = self.check()
        for name in NAMES[:5]:
            self.assertEqual(said[name], 'works')
        self.assertIn(said['IPv6'], ('works', 'none'))
        self.assertRegex(said['Yama'], r'^(none|\d)$')
        system = os.uname()
        self.assertEqual(said['kernel'], f'{system.sysname} {system.release} '
                         f'{system.machine}')

    def test_what_is_in_the_way_of_adopt(self):
        """As the line says it with which a run falls back."""
        for denied, reason in REASONS.items():
            with self.subTest(denied):
                reason = harness.said(reason)
                said = self.check(DENY, *denied, status=125)
                self.assertEqual(said['adopt'], reason)
                for name in 'inherit', 'reserve', 'client':
                    self.assertEqual(said[name], 'works')
                done = self.run_portexec(*denied, PORTEXEC, '--', 'true',
                                         '{port}', program=DENY)
                self.assertIn(f'portexec: adopt: {reason}; so reserve: ',
                              done.stderr)

    def test_a_listener_that_is_there(self):
        said = self.check(PORTEXEC, '-q', '-H', 'adopt', '--', status=125)
        self.assertEqual(said['adopt'], 'another seccomp listener is there '
                         'already')

    def test_without_pidfd_getfd(self):
        for error in 'EPERM', 'ENOSYS':
            with self.subTest(error):
                said = self.check(DENY, 'pidfd_getfd', error)
                self.assertEqual(said['adopt'], 'works')
                self.assertEqual(said['pidfd_getfd'], harness.said(
                    {'EPERM': 'Operation not permitted',
                     'ENOSYS': 'Function not implemented'}[error]))

    @in_namespace
    def test_without_ipv6(self):
        self.sysctl('net/ipv6/conf/all/disable_ipv6', 1)
        said = self.check()
        self.assertEqual((said['IPv6'], said['adopt'], said['inherit']),
                         ('none', 'works', 'works'))

    if not harness.SANITIZED:   # LeakSanitizer needs /proc
        def in_mount(self, mount, **options):
            if not harness.is_root():
                self.skipTest('not root, as mounts take')
            if shutil.which('unshare') is None:
                self.skipTest('no unshare')
            return self.check('unshare', '-m', 'sh', '-c', MOUNTED, 'sh',
                              mount, **options)

        def test_without_proc(self):
            said = self.in_mount('umount -l /proc', status=125)
            for name in 'adopt', 'client':
                self.assertEqual(said[name], '/proc: it does not show the '
                                 'service')
            for name in 'inherit', 'reserve':
                self.assertEqual(said[name], 'works')
            self.assertEqual(said['Yama'], 'none')

        def test_proc_of_processes_alone(self):
            said = self.in_mount('umount -l /proc && '
                                 'mount -t proc -o subset=pid proc /proc')
            self.assertEqual(said['adopt'], 'works')
            self.assertRegex(said['client'], '^-c with a reserved port takes '
                             '/proc/net/tcp: ')

    def test_without_a_number(self):
        """bind(2) fails."""
        said = self.check(DENY, 'bind', 'EACCES', status=125)
        for name in 'adopt', 'inherit', 'reserve', 'client':
            self.assertEqual(said[name], harness.said(
                'listen on 127.0.0.1:0: Permission denied'))

    def test_with_anything_else(self):
        for words in (['--check', 'true'], ['--check', '-q'],
                      ['-q', '--check'], ['--check', '--', 'true']):
            with self.subTest(words):
                done = self.assert_fails(*words, exact=True,
                                         message='--check: goes alone')
                self.assertEqual(done.stdout, '')

    def test_full_output(self):
        with open('/dev/full', 'w') as full:
            self.assert_fails('--check', exact=True, stdout=full,
                              message='write standard output: No space left '
                              'on device')
