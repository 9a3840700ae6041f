# SPDX-License-Identifier: ISC
"""Runs a network service for a test, on a port that the kernel picks.

    with portexec.Service(['node', 'server.js'],
                          env={'PORT': '{port}'}) as service:
        urllib.request.urlopen(service.url)

The service can be connected to when the block begins, and has ended, with all
that it started, when the block is left.  It also ends when this process does,
however that happens.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import threading
from concurrent.futures import Future, TimeoutError as FutureTimeout
from pathlib import Path
from types import TracebackType
from typing import (IO, TYPE_CHECKING, Any, Callable, Dict, List, Mapping,
                    Optional, Sequence, Set, Type, TypeVar, Union)

if TYPE_CHECKING:
    Word = Union[str, os.PathLike[str]]

__all__ = ['Service', 'ServiceError', 'program']

T = TypeVar('T')

# Called with each service that is started: for the pytest plugin.
_watchers: List[Callable[[Service], None]] = []
# Those whose standard input this process holds open.
_running: Set[Service] = set()
# Taken where a fork in another thread would copy descriptors unseen.
_forking = threading.RLock()

# NAME=ADDRESS, but not of a unix socket, which has no port.
_NAMED = re.compile(r'([^:=/,\\.@][^:=/,\\]*)=(?!unix|[/.@])')

# Of a service that has never taken a connection.
_HUNG = rb'portexec: (?:ended|gave up after .*,) still waiting for .*\n'


def program() -> str:
    """The path of the program: in the bin/ of what this is installed in.

    Raises FileNotFoundError where it is not there.
    """
    for folder in [*Path(__file__).absolute().parents][1:5]:
        if (folder / 'bin' / 'portexec').is_file():
            return str(folder / 'bin' / 'portexec')
    raise FileNotFoundError('the program portexec is not installed; it is in '
                            'the wheels for Linux on x86_64 and aarch64')


class ServiceError(Exception):
    """The service could not be started, or has ended by itself.

    line is what portexec says: 'portexec: execute node: No such file or
    directory'.  status is the service's, as a shell has it, or 125 to 127
    where portexec could not start it.  output is all that both have said.
    """

    def __init__(self, line: str, status: int, output: str) -> None:
        super().__init__(line, status, output)
        self.line, self.status, self.output = line, status, output

    def __str__(self) -> str:
        """The line, and the last ones of the output."""
        return '\n'.join([self.line, *(
            said for said in self.output.splitlines()[-20:]
            if said != self.line)])


class Service:
    """A service on a port of its own: a context manager, also for asyncio.

    command is a list of words.  In them, and in the values of env and write,
    {port}, {host} and {addr} are those of the first socket, {fd} is its
    descriptor, and {port:NAME} the port of another.  The options are those of
    portexec(1): env={variable: value}, write={file: text}, listen=[SPEC],
    map=[PORT], handoff, kill_after, stop_signal, start_timeout; further ones
    go into args=[WORD], but for -q.

    The service runs in the folder cwd, with this process's environment and
    env.  It is in a session of its own: Ctrl-C reaches the test alone, which
    then stops it in good order.

    A service that was started has these:
        address     of the first socket: '127.0.0.1:43211', or a path
        port, url   of the first socket; none if that has a path
        ports       {name: port} of the sockets that listen names
        pid         of portexec, which passes signals on to the service

    The methods may be called from any thread.  In a child of os.fork() the
    service is left to the parent: stop() does nothing.
    """

    address: str
    port: int
    url: str
    ports: Dict[str, int]
    pid: int

    def __init__(self, command: Union[Word, Sequence[Word]], *,
                 env: Optional[Mapping[str, str]] = None,
                 listen: Union[str, Sequence[str]] = (),
                 map: Union[int, str, Sequence[Union[int, str]]] = (),
                 handoff: Optional[str] = None,
                 kill_after: Optional[float] = None,
                 stop_signal: Union[int, str, None] = None,
                 start_timeout: Optional[float] = None,
                 write: Union[Mapping[str, str], Mapping[Path, str],
                              None] = None,
                 cwd: Optional[Word] = None,
                 args: Sequence[str] = ()) -> None:
        self.command = [os.fspath(word) for word in _several(command)]
        if {'-', '/dev/stdin'} & {*self.command[1:]}:
            raise ValueError("'-': a service has no standard input to read")
        if isinstance(stop_signal, int):
            stop_signal = int(stop_signal)      # 2, not Signals.SIGINT
        self._names = [named[1] for spec in _several(listen)
                       if (named := _NAMED.match(spec))]
        self._token = os.urandom(8).hex()   # in no output by chance
        self._words = [word for option, values in (
            ('-l', listen), ('-m', map), ('-e', env), ('-w', write),
            ('-H', handoff), ('-k', kill_after), ('-s', stop_signal),
            ('-t', start_timeout)) for value in _several(values)
            for word in (option, str(value))]
        # The client: it ends with its standard input, and that with us.
        # Only of a client that fails does portexec say at last that a
        # connection waits still.
        self._words += [*args, '-c', ' '.join([
            'echo', self._token, '{addr}', *(
                f'{{port:{name}}}' for name in self._names),
            '>&2; read -r line; exit 1']), '--', *self.command]
        self._cwd = cwd
        self._death = re.compile(
            rb'portexec: ' + re.escape(os.fsencode(self.command[0])) +
            rb' (?:ended with status|was killed by).*, before the client\n|' +
            _HUNG)
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._lock = threading.RLock()
        self._output = bytearray()
        self._line_at = 0               # where its last line begins
        self._line = ''                 # portexec's, of the service's end
        self._at_end = self._stopping = False
        self._error: Optional[ServiceError] = None      # not told yet
        self._started: Future[Optional[ServiceError]] = Future()
        self._ended: Future[int] = Future()

    def start(self) -> Service:
        """Returns when clients can connect.  A second call does nothing.

        Raises ServiceError where the service cannot be started, or ends
        before.
        """
        __tracebackhide__ = True        # in the reports of pytest
        try:
            self._launch()
            error = self._started.result()
        except BaseException:           # Ctrl-C, say
            self._let_go()
            raise
        if error is not None:
            raise error
        return self

    def stop(self) -> int:
        """Returns when the service, and all that it started, has ended.

        Raises ServiceError if the service had ended by itself, with a status
        other than 0, and neither stop() nor wait() has told so before; also,
        with status 125, if it has left a connection waiting for three seconds,
        or for start_timeout, and has never taken one.  Else returns the
        status, as wait() does.
        """
        __tracebackhide__ = True
        self._let_go()
        return self._tell(self._ended.result() if self._process else 0)

    def wait(self, timeout: Optional[float] = None) -> int:
        """Returns when the service has ended, by itself or by stop().

        Returns its status, as a shell has it: 137 after SIGKILL; 0 after
        stop().  Raises TimeoutError after so many seconds.
        """
        try:
            status = self._end().result(timeout)
        except FutureTimeout:
            raise TimeoutError(f'{self.command[0]} has not ended') from None
        self._error = None
        return status

    @property
    def output(self) -> str:
        """What the service has written so far to its standard output and
        error, and portexec's own lines."""
        return self._said(0)

    async def start_async(self) -> Service:
        """start() for asyncio."""
        __tracebackhide__ = True
        try:
            self._launch()
            error = await _result(self._started)
        except BaseException:
            self._let_go()
            raise
        if error is not None:
            raise error
        return self

    async def stop_async(self) -> int:
        """stop() for asyncio.  Where it is cancelled, the service is stopped
        all the same."""
        self._let_go()
        return self._tell(await _result(self._ended) if self._process else 0)

    async def wait_async(self) -> int:
        """wait() for asyncio."""
        status = await _result(self._end())
        self._error = None
        return status

    def __enter__(self) -> Service:
        __tracebackhide__ = True
        return self.start()

    def __exit__(self, kind: Optional[Type[BaseException]],
                 error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        """stop().  An error of the block stays the one that is raised, and
        gets the service's as a note, before Python 3.11 as its context."""
        __tracebackhide__ = True
        try:
            self.stop()
        except ServiceError as end:
            _join(error, end)

    async def __aenter__(self) -> Service:
        return await self.start_async()

    async def __aexit__(self, kind: Optional[Type[BaseException]],
                        error: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        """As __exit__()."""
        try:
            await self.stop_async()
        except ServiceError as end:
            _join(error, end)

    def _launch(self) -> None:
        if self._process is not None:
            return
        words = [program(), *self._words]
        with _forking:
            process = subprocess.Popen(
                words, bufsize=0, cwd=self._cwd, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
            assert process.stdin and process.stdout
            self._held, self._told = process.stdin, process.stdout
            self._process, self.pid = process, process.pid
            _running.add(self)
        os.set_blocking(self._told.fileno(), False)
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        threading.Thread(target=self._reap, args=(process, reader),
                         daemon=True).start()
        for watch in _watchers:
            watch(self)

    def _end(self) -> Future[int]:
        if self._process is None:
            raise RuntimeError('the service was not started')
        return self._ended

    def _let_go(self) -> None:
        if self._process is None or self._stopping:
            return
        self._stopping = True
        self._end_client()
        self._end_reserve(self._output)

    def _end_reserve(self, said: bytes) -> None:
        """Under reserve there is no client before somebody listens."""
        if (self._process is not None and b' reserved for ' in said and
                not self._started.done()):
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def _end_client(self) -> None:
        """Whoever else may hold its standard input, it ends."""
        with self._lock:
            _running.discard(self)
            with contextlib.suppress(OSError, ValueError):
                self._held.write(b'\n')
            self._held.close()

    def _leave(self) -> None:
        """In a child that was forked, which has none of the threads."""
        self._held.close()
        self._told.close()
        self._lock, self._ended = threading.RLock(), Future()
        self._at_end, self._error = True, None
        self._ended.set_result(0)

    def _read(self) -> None:
        """A thread's work."""
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        while not self._at_end:
            poll.poll()
            self._take()
        self._told.close()

    def _reap(self, process: subprocess.Popen[bytes],
              reader: threading.Thread) -> None:
        """A thread's work: it does not wait for somebody outside who has the
        service's output open."""
        status = process.wait()
        if status < 0:
            self._line = self._line or f'portexec: killed by signal {-status}'
            status = 128 - status
        self._end_client()
        self._take()
        if self._at_end:
            reader.join()
        if re.match(_HUNG, os.fsencode(self._line) + b'\n'):
            status = 125
        elif status == 1 and (' ended with status 0 ' in self._line or
                              self._stopping and not self._line):
            status = 0                  # 1 is the client's
        output = self.output
        said = re.findall('^portexec: .*', output, re.MULTILINE)
        error = ServiceError(self._line or (said or ['portexec'])[-1], status,
                             output)
        if not self._started.done():
            self._started.set_result(error)
        elif status != 0 and (self._line or not self._stopping):
            self._error = error
        self._ended.set_result(status)

    def _take(self) -> None:
        """Reads what is there, without waiting."""
        with self._lock:
            while not self._at_end:
                some = self._told.read(1 << 16)
                if some is None:
                    return
                self._at_end = not some
                self._add(some)

    def _add(self, some: bytes) -> None:
        self._output += some
        if self._stopping:
            self._end_reserve(some)
        if not self._started.done():
            first = re.compile(self._token.encode() + rb' (.*)\n').search(
                self._output, self._line_at)
            if first:
                words = first[1].decode().split()
                del self._output[first.start():first.end()]
                self._begin(*words)
        end = self._death.search(self._output, self._line_at)
        if end and not self._line:
            self._line = end[0].decode(errors='replace').rstrip()
            self._end_client()
        self._line_at = self._output.rfind(b'\n', self._line_at) + 1 or \
            self._line_at

    def _begin(self, address: str, *ports: str) -> None:
        self.address = address
        self.ports = dict(zip(self._names, map(int, ports)))
        port = re.fullmatch(r'(?:[\d.]+|\[.*\]):(\d+)', address)
        if port:
            self.port, self.url = int(port[1]), f'http://{address}'
        self._started.set_result(None)

    def _length(self) -> int:
        """Of the output.  The thread may not have read the last of it."""
        with self._lock:
            self._take()
            return len(self._output)

    def _said(self, start: int) -> str:
        with self._lock:
            self._take()
            return self._output[start:].decode(errors='replace')

    def _tell(self, status: int) -> int:
        __tracebackhide__ = True
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error
        return status


def _several(value: Any) -> List[Any]:
    """What an option is given: nothing, one value, several or a mapping."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f'{os.fspath(name)}={text}' for name, text in value.items()]
    if isinstance(value, (str, int, float, os.PathLike)):
        return [value]
    return list(value)


async def _result(future: Future[T]) -> T:
    import asyncio      # takes long, and few need it
    return await asyncio.shield(asyncio.wrap_future(future))


def _join(error: Optional[BaseException], end: ServiceError) -> None:
    __tracebackhide__ = True
    if error is None:
        raise end
    if sys.version_info >= (3, 11):
        error.add_note(str(end))
    elif error.__context__ is None:
        # It was raised while the other was handled: no circle.
        error.__context__, end.__context__ = end, None


def _leave_all() -> None:
    """A child that was forked lets go of the services: they are to end with
    the parent, not with it."""
    for service in _running:
        service._leave()
    _running.clear()
    _forking.release()


os.register_at_fork(before=_forking.acquire,
                    after_in_parent=_forking.release,
                    after_in_child=_leave_all)
