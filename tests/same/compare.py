# SPDX-License-Identifier: ISC
"""Plays situations natively and under portexec, and compares."""

import collections
import contextlib
import difflib
import multiprocessing
import os
import queue
import re
import tempfile
import time

import harness
from situation import NATIVE, Play, Programs, TooSlow
from situations import SITUATIONS, TO_COME

SAME, DOCUMENTED, WRONG = 'the same', 'differ as documented', 'wrong today'
WORKERS = 4         # each has a network of its own

# Macros of mdoc(7) that a sentence goes on in, and that leave no trace.
MACROS = 'Ar Cm Dq Dv Em Ev Ic Li Ns Pa Pq Ql Sx Va'.split()


class NoNamespace(Exception):
    pass


def spoken(words):
    """What a line of macros is read as; None where it ends a sentence."""
    text = []
    if words[0] not in [*MACROS, 'Fl', 'Nm', 'Xr']:
        return None
    while words:
        word, *words = words
        if word == 'Nm':
            text.append('portexec')
        elif word == 'Xr':
            text.append(f'{words[0]}({words[1]})')
            words = words[2:]
        elif word == 'Fl':
            text.append('-' + words[0])
            words = words[1:]
        elif word not in MACROS:
            text.append(word)
    return text


def manual():
    """The manual's text as one line."""
    words = []
    with open(os.path.join(harness.TOP, 'man', 'portexec.1')) as file:
        for line in file:
            if line.startswith('.'):
                words += spoken(line[1:].split()) or ['\n']
            else:
                words += line.split()
    text = ' '.join(words).replace('\\&', '')
    return re.sub(r' ([.,;:])(?= |\n)', r'\1', text)


def side_by_side(native, other):
    """All lines, with "-" and "+" before those that only one of them has."""
    return [line[0] + line[2:] for line in difflib.ndiff(native, other)
            if line[0] in ' -+']


def difference(native, other):
    return [line for line in side_by_side(native, other) if line[0] != ' ']


def indent(lines):
    return ''.join(f'\n        {line}' for line in lines)


def is_told_less(found):
    """Whether nothing differs but that somebody heard a signal, and natively
    more often."""
    told = [re.fullmatch(r'([-+])(.*told [A-Z]+) (\d+)', line)
            for line in found]
    if not all(told):
        return False
    counts = [{line[2]: int(line[3]) for line in told if line[1] == sign}
              for sign in '-+']
    return counts[0].keys() == counts[1].keys() and all(
        counts[0][who] > counts[1][who] > 0 for who in counts[0])


class Verdict:
    """What a situation came to."""

    def __init__(self, situation):
        self.situation = situation
        self.kind = SAME
        self.failures, self.shown = [], []
        self.merged = 0     # of the failures: signals that may have met

    def worsen(self, kind):
        if self.kind != WRONG:
            self.kind = kind

    def judge(self, handoff, native, other, text):
        found = difference(native, other)
        whole = indent(side_by_side(native, other))
        where = f'{self.situation.name}, {handoff}'
        wrong = self.situation.mark(self.situation.wrong, handoff)
        documented = self.situation.mark(self.situation.documented, handoff)
        if wrong is not None:
            self.worsen(WRONG)
            self.shown.append(f'{where}: wrong today: {wrong}{whole}')
            if not found:
                self.failures.append(f'{where}: it is the same now; the mark '
                                     f'"{wrong}" has to go')
        elif documented is not None:
            sentence, lines = documented
            self.worsen(DOCUMENTED)
            self.shown.append(f'{where}: documented: {sentence}{whole}')
            if sentence not in text:
                self.failures.append(f'{where}: the manual does not say '
                                     f'"{sentence}"')
            if found != list(lines):
                self.failures.append(f'{where}: differs, but not as it is '
                                     f'documented:' + indent(found))
        elif found:
            self.failures.append(f'{where}: differs:' + indent(found))
            self.merged += is_told_less(found)


def observe(*of):
    for _ in range(20):
        with contextlib.suppress(TooSlow):
            return Play(*of).observe()
    raise AssertionError('this machine is too slow to tell')


def play(situation, programs, other, text):
    """Two signals that meet are one to the kernel: where nothing differs but
    that less was heard than natively, it is played again, twice at most."""
    for _ in range(3):
        verdict = Verdict(situation)
        native = observe(situation, NATIVE, programs, other)
        for handoff in situation.handoffs.split():
            under = observe(situation, handoff, programs, other)
            verdict.judge(handoff, native, under, text)
        if len(verdict.failures) > verdict.merged or not verdict.merged:
            break
    return verdict


def next_result(results, workers):
    """Fails at once where a worker has died."""
    deadline = time.monotonic() + 300
    while True:
        try:
            return results.get(timeout=1)
        except queue.Empty:
            if (any(worker.exitcode for worker in workers) or
                    time.monotonic() > deadline):
                raise RuntimeError('a worker has died, or hangs') from None


def work(programs, tasks, results):
    """A worker, which ends at None; the first result is why it cannot."""
    try:
        harness.enter_namespace()
    except OSError as error:
        results.put(str(error))
        return
    results.put(None)
    text = manual()
    with harness.listening() as stray:
        other = stray.getsockname()[1]
        while (number := tasks.get()) is not None:
            situation = SITUATIONS[number]
            try:
                results.put(play(situation, programs, other, text))
            except Exception as error:
                verdict = Verdict(situation)
                verdict.failures.append(f'{situation.name}: {error!r}')
                results.put(verdict)


def play_all(words, verbose):
    """Returns how many situations came to what, and what failed."""
    chosen = [number for number, situation in enumerate(SITUATIONS)
              if situation.is_possible() and (
                  not words or any(word in situation.name for word in words))]
    context = multiprocessing.get_context('fork')
    tasks, results = context.Queue(), context.Queue()
    for number in [*chosen, *[None] * WORKERS]:
        tasks.put(number)
    counts = collections.Counter({'to come': len(TO_COME)})
    failures = []
    with tempfile.TemporaryDirectory(prefix='portexec-same-') as directory:
        programs = Programs(directory)
        workers = [context.Process(target=work,
                                   args=(programs, tasks, results))
                   for _ in range(WORKERS)]
        verdicts = []
        try:
            for worker in workers:
                worker.start()
            for _ in range(WORKERS + len(chosen)):
                result = next_result(results, workers)
                if isinstance(result, str):
                    raise NoNamespace(result)
                if result is not None:
                    verdicts.append(result)
                    if verbose:
                        for line in result.shown:
                            print(line, flush=True)
        except BaseException:
            for worker in workers:
                if worker.is_alive():
                    worker.terminate()
            raise
        for worker in workers:
            worker.join()
    for verdict in verdicts:
        counts['failed' if verdict.failures else verdict.kind] += 1
        failures += verdict.failures
    return counts, failures


def summary(counts):
    kinds = [SAME, DOCUMENTED, WRONG, *['failed'] * ('failed' in counts)]
    return f'{sum(map(counts.get, kinds, [0] * 4))} situations, ' + ', '.join(
        f'{counts[kind]} {kind}' for kind in (*kinds, 'to come'))
