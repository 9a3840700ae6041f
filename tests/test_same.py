# SPDX-License-Identifier: ISC
"""The table of tests/same, and what is said of a comparison."""

import os
import sys
import unittest

import harness

SAME = os.path.join(harness.TOP, 'tests', 'same')
sys.path.insert(0, SAME)
import compare
import situations
from situation import Situation


class Same(unittest.TestCase):
    def test_names(self):
        """A row is called by its name."""
        names = [row.name for row in situations.SITUATIONS]
        self.assertEqual(sorted(set(names)), sorted(names))
        self.assertGreaterEqual(len(names), 60)

    def test_situations(self):
        """Nothing differs but what the manual says."""
        try:
            counts, failures = compare.play_all([], verbose=False)
        except compare.NoNamespace as reason:
            self.skipTest(str(reason))
        print(compare.summary(counts), file=sys.stderr)
        if failures:
            self.fail('\n'.join(failures))
        self.assertEqual(counts[compare.WRONG], 0)


class Verdicts(unittest.TestCase):
    """A comparison that cannot fail would say nothing."""

    def judge(self, native, other, text='What is said. And more.', **marks):
        verdict = compare.Verdict(Situation('a row', [], **marks))
        verdict.judge('adopt', native, other, text)
        return verdict.kind, verdict.failures

    def test_the_same(self):
        self.assertEqual(self.judge(['a'], ['a']), (compare.SAME, []))

    def test_a_difference(self):
        for other in ['b'], [], ['a', 'b']:
            with self.subTest(other):
                self.assertEqual(len(self.judge(['a'], other)[1]), 1)

    def test_signals_that_met(self):
        """Less was heard, and never more, or nothing."""
        for found, merged in (
                (['-leaf: told TERM 2', '+leaf: told TERM 1'], True),
                (['-leaf: told TERM 1', '+leaf: told TERM 2'], False),
                (['-leaf: told TERM 1', '+leaf: told TERM 1'], False),
                (['-leaf: told TERM 2'], False),
                (['-leaf: told TERM 2', '+leaf: told INT 1'], False),
                (['-leaf: told TERM 2', '+leaf: told TERM 1', '+left: x'],
                 False)):
            self.assertEqual(compare.is_told_less(found), merged, found)

    def test_wrong_today(self):
        wrong = {'default adopt': 'a reason'}
        self.assertEqual(self.judge(['a'], ['b'], wrong=wrong),
                         (compare.WRONG, []))
        self.assertEqual(len(self.judge(['a'], ['a'], wrong=wrong)[1]), 1)
        elsewhere = {'reserve': 'a reason'}
        self.assertEqual(len(self.judge(['a'], ['b'], wrong=elsewhere)[1]), 1)

    def test_documented(self):
        def documented(sentence, *lines):
            return {'adopt': (sentence, lines)}
        for count, marks in (
                (0, documented('What is said.', '-a', '+b')),
                (1, documented('What is not said.', '-a', '+b')),
                (1, documented('What is said.', '-a', '+c')),
                (2, documented('What is not said.', '-a'))):
            with self.subTest(marks):
                kind, failures = self.judge(['a'], ['b'], documented=marks)
                self.assertEqual((kind, len(failures)),
                                 (compare.DOCUMENTED, count))

    def test_the_manuals_sentences(self):
        """In macros, across lines; none across a paragraph."""
        text = compare.manual()
        self.assertIn('a service that asks for all addresses listens on '
                      '127.0.0.1 unless -l says otherwise.', text)
        self.assertIn('After a shutdown(2) by the service, and when', text)
        self.assertNotIn('says otherwise. A second call', text)
