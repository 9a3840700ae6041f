# SPDX-License-Identifier: ISC
"""The pytest plugin: services that live as long as the fixture or test that
starts them, and what they said in the report of a test that failed.

A test uses the services that it has started itself, and those of its
fixtures.  What is said here goes for every portexec.Service, whether
portexec_service has made it or not.
"""

from __future__ import annotations

import shlex
import textwrap
from typing import Any, Callable, Dict, Generator, List, Optional

import pytest

import portexec
from portexec import Service, ServiceError

# The innermost fixture that is being set up, or the test that runs, is last.
_requesters: List[Any] = []
# The name of the fixture that has started it; None for a test.
_owners: Dict[Service, Optional[str]] = {}
# Where the output begins that is of the current test.
_starts: Dict[Service, int] = {}
# What to say of those that have ended by themselves.
_dead: Dict[Service, str] = {}
# The errors of those that no test was left for.
_late: List[str] = []


@pytest.fixture(scope='session')
def portexec_service(request: pytest.FixtureRequest
                     ) -> Callable[..., Service]:
    """portexec_service(COMMAND, ...) starts a portexec.Service of these
    arguments and returns it.

    The service is stopped with the fixture that has called this, whatever its
    scope, or else with the test.
    """
    def start(*arguments: Any, **options: Any) -> Service:
        __tracebackhide__ = True
        service = Service(*arguments, **options)
        [request, *_requesters][-1].addfinalizer(service.stop)
        return service.start()
    return start


def _own(service: Service) -> None:
    last = _requesters[-1] if _requesters else None
    _owners[service] = getattr(last, 'fixturename', None)


portexec._watchers.append(_own)


def _used(item: pytest.Item) -> List[Service]:
    """Those that the test uses."""
    # The test's request knows of fixtures that were asked for by name, too.
    names = getattr(getattr(item, '_request', item), 'fixturenames', ())
    return [service for service, owner in _owners.items()
            if owner is None or owner in names]


def _note(service: Service) -> None:
    """Whether it has ended by itself: stop() then does not tell again."""
    if service._error is not None:
        _dead[service], service._error = service._error.line, None


def _look(item: pytest.Item) -> None:
    """A service that has ended by itself fails every test that uses it."""
    __tracebackhide__ = True
    for service in _used(item):
        _note(service)
        if service in _dead:
            pytest.fail(_dead[service], pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup(request: pytest.FixtureRequest
                         ) -> Generator[None, None, None]:
    _requesters.append(request)
    yield
    _requesters.pop()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, None, None]:
    for service in [*_owners]:
        if service._stopping:
            del _owners[service]
    _starts.clear()
    _starts.update((service, service._length()) for service in _owners)
    yield


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    __tracebackhide__ = True
    _look(item)
    _requesters.append(item)


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    __tracebackhide__ = True
    _look(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    if item in _requesters:
        _requesters.remove(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item
                              ) -> Generator[None, Any, None]:
    report = (yield).get_result()
    if not report.failed:
        return
    for service in _used(item):
        said = service._said(_starts.get(service, 0))
        # The error of one that could not be started has what it said.
        if said and hasattr(service, 'address'):
            command = textwrap.shorten(shlex.join(service.command), 60)
            report.sections.append(
                (f'portexec: {command} on {service.address}', said))
        _note(service)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After -x fixtures of the session end here, by pytest itself, which has
    only a traceback for their errors."""
    for service in reversed([*_owners]):
        try:
            service.stop()
        except ServiceError as error:
            _late.append(str(error))
            session.exitstatus = session.exitstatus or \
                pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _late:
        terminalreporter.section('portexec', red=True)
    for text in _late:
        terminalreporter.write_line(text)
