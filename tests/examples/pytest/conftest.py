# SPDX-License-Identifier: ISC
"""Services for all tests.  Each lives as long as its fixture."""

import sys

import pytest

SERVER = [sys.executable, 'server.py', '--port', '{port}']


@pytest.fixture(scope='session')    # with pytest-xdist: one for each worker
def web(portexec_service):
    return portexec_service(SERVER, start_timeout=3)


@pytest.fixture(scope='module')
def module_web(portexec_service):
    return portexec_service(SERVER, start_timeout=3)


@pytest.fixture
def own_web(portexec_service):
    return portexec_service(SERVER, start_timeout=3)
