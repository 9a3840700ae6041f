# SPDX-License-Identifier: ISC
"""A fixture for pytest: the service, at a port that the kernel picks."""

import os
import subprocess
import urllib.request

import pytest


@pytest.fixture(scope='session')
def url():
    reading, writing = os.pipe()
    with subprocess.Popen(
            ['portexec', '-p', f'/dev/fd/{writing}', '--',
             'python3', 'server.py', '--port', '{port}'],
            pass_fds=[writing]) as service:
        os.close(writing)
        with open(reading) as pipe:
            port = int(pipe.readline())
        yield f'http://127.0.0.1:{port}'
        service.terminate()


def test_says_hello(url):
    with urllib.request.urlopen(url + '/pytest', timeout=30) as answer:
        assert answer.read() == b'hello from /pytest\n'
