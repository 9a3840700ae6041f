# SPDX-License-Identifier: ISC
"""A database, and beside it the app, which is told the database's port."""

import sys
from urllib.request import urlopen

import pytest


@pytest.fixture(scope='module')
def redis(portexec_service):
    return portexec_service(
        ['redis-server', '--port', '{port}', '--save', ''], start_timeout=3)


@pytest.fixture(scope='module')
def app(redis, portexec_service):
    return portexec_service(
        [sys.executable, 'app.py', '--port', '{port}'],
        env={'REDIS_PORT': str(redis.port)}, start_timeout=3)


def test_visits_are_counted(app):
    assert urlopen(app.url).read() == b'visit 1\n'
    assert urlopen(app.url).read() == b'visit 2\n'
