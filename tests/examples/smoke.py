#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A test of the service at SERVICE_URL, which is not patient."""

import os
import unittest
import urllib.request


class Smoke(unittest.TestCase):
    def test_says_hello(self):
        url = os.environ['SERVICE_URL'] + '/smoke'
        with urllib.request.urlopen(url, timeout=5) as answer:
            self.assertEqual(answer.read(), b'hello from /smoke\n')


if __name__ == '__main__':
    unittest.main()
