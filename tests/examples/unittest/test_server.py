# SPDX-License-Identifier: ISC
"""A service for a module, and one for a class."""

import sys
import unittest
from urllib.request import urlopen

import portexec

SERVER = [sys.executable, 'server.py', '--port', '{port}']


def setUpModule():
    global web
    web = portexec.Service(SERVER, start_timeout=3).start()
    unittest.addModuleCleanup(web.stop)


class Shared(unittest.TestCase):
    def test_hello(self):
        with urlopen(web.url + '/all') as answer:
            self.assertEqual(answer.read(), b'hello from /all\n')


class Own(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.web = cls.enterClassContext(    # from Python 3.11 on
            portexec.Service(SERVER, start_timeout=3))

    def test_hello(self):
        with urlopen(self.web.url + '/one') as answer:
            self.assertEqual(answer.read(), b'hello from /one\n')

    def test_another_service(self):
        self.assertNotEqual(self.web.port, web.port)
