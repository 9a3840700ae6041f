# SPDX-License-Identifier: ISC
"""The project in Django's live server, and in a server of its own."""

import sys
from urllib.request import urlopen

import portexec
from django.test import LiveServerTestCase, SimpleTestCase


class Live(LiveServerTestCase):
    def test_hello(self):
        with urlopen(self.live_server_url + '/django') as answer:
            self.assertEqual(answer.read(), b'hello from /django\n')


class RealServer(SimpleTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.web = portexec.Service(
            [sys.executable, 'manage.py', 'runserver', '--noreload', '{port}'],
            start_timeout=3).start()
        cls.addClassCleanup(cls.web.stop)

    def test_hello(self):
        with urlopen(self.web.url + '/django') as answer:
            self.assertEqual(answer.read(), b'hello from /django\n')
