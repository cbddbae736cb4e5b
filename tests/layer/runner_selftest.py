#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What tools/run_tests.py counts as passed, failed and skipped, on results made by hand: a runner that counts a crash as a pass
would make every other test worthless. Runs no meson."""

import sys
import unittest
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import run_tests  # noqa: E402  (needs the path above)

CASES = """<testsuites><testsuite name="S">
<testcase classname="S" name="good" status="run" result="completed"/>
<testcase classname="S" name="disabled" status="notrun" result="suppressed"/>{more}</testsuite></testsuites>"""
BAD = '<testcase classname="S" name="bad" status="run" result="completed"><failure message="f:1&#x0A;no"/></testcase>'
SKIP_REASON = '<testcase classname="S" name="s" status="run" result="skipped"><skipped message="f:1&#x0A;no device"/></testcase>'
SKIP_SILENT = '<testcase classname="S" name="s" status="run" result="skipped"><skipped message="f:1&#x0A;"/></testcase>'


def count(result, report=None, stdout="", program="prog"):
    entry = {"name": "t", "result": result, "command": [f"/x/{program}"], "stdout": stdout, "duration": 0.1}
    reports = {"prog": ElementTree.fromstring(CASES.format(more=report))} if report is not None else {}
    tally = run_tests.evaluate(Path("/x"), [entry], reports)
    return tally.passed, tally.failed, tally.skipped


class Counting(unittest.TestCase):
    def test_googletest_counts_cases(self):
        self.assertEqual(count("OK", ""), (1, 0, 0))
        self.assertEqual(count("FAIL", BAD), (1, 1, 0))

    def test_crash_after_good_cases_is_a_failure(self):
        self.assertEqual(count("FAIL", ""), (1, 1, 0))
        self.assertEqual(count("TIMEOUT", ""), (1, 1, 0))

    def test_crash_without_report_is_a_failure(self):
        self.assertEqual(count("FAIL"), (0, 1, 0))
        self.assertEqual(count("INTERRUPT"), (0, 1, 0))

    def test_plain_programs_count_once(self):
        self.assertEqual(count("OK"), (1, 0, 0))

    def test_skip_needs_a_reason(self):
        self.assertEqual(count("OK", SKIP_REASON), (1, 0, 1))
        self.assertEqual(count("OK", SKIP_SILENT), (1, 1, 0))
        self.assertEqual(count("SKIP"), (0, 1, 0))
        self.assertEqual(count("SKIP", stdout="SKIP: no device\n"), (0, 0, 1))

    def test_report_of_another_program_is_not_taken(self):
        self.assertEqual(count("OK", BAD, program="prog_other"), (1, 0, 0))


if __name__ == "__main__":
    unittest.main()
