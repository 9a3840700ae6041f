# SPDX-License-Identifier: ISC
"""A service in an asyncio test, with pytest-asyncio."""

import asyncio
import sys

import portexec
import pytest
import pytest_asyncio

SERVER = [sys.executable, 'server.py', '--port', '{port}']


@pytest_asyncio.fixture
async def async_web():
    async with portexec.Service(SERVER, start_timeout=3) as service:
        yield service


@pytest.mark.asyncio
async def test_async(async_web):
    reader, writer = await asyncio.open_connection(
        '127.0.0.1', async_web.port)
    writer.write(b'GET /async HTTP/1.0\r\n\r\n')
    answer = await reader.read()
    writer.close()
    assert answer.endswith(b'hello from /async\n')
