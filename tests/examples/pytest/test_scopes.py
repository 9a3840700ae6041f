# SPDX-License-Identifier: ISC
"""One service for all tests, one for a module, one for a single test."""

from urllib.request import urlopen


def test_session(web):
    assert urlopen(web.url + '/all').read() == b'hello from /all\n'


def test_module(module_web):
    assert urlopen(module_web.url + '/some').read() == b'hello from /some\n'


def test_function(own_web):
    assert urlopen(own_web.url + '/one').read() == b'hello from /one\n'


def test_three_services(web, module_web, own_web):
    assert len({web.port, module_web.port, own_web.port}) == 3
