# SPDX-License-Identifier: ISC
"""The app in Flask's own test client, and in a server of its own."""

import sys
from urllib.request import urlopen

import pytest
from app import app


@pytest.fixture(scope='session')
def web(portexec_service):
    return portexec_service(
        [sys.executable, '-m', 'flask', 'run', '--port', '{port}'],
        start_timeout=3)


def test_in_process():
    assert app.test_client().get('/flask').text == 'hello from /flask\n'


def test_real_server(web):
    assert urlopen(web.url + '/flask').read() == b'hello from /flask\n'
