#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the meson tests of one or more build directories and adds them up.

Works from meson's own testlog.json and from the XML reports of GoogleTest, never from text meant for people. A GoogleTest
program counts with its cases, any other test as one. The output of what failed is printed; the last line is `N passed, N failed`
and nothing else. Deliberately neither builds nor installs: tools/check does that and calls this one at its end.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

MESON = "/usr/bin/meson"
SKIP_REASON_PREFIX = "SKIP:"  # a test program that skips (exit code 77) says why on a line of its own


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.problems += other.problems


def case_results(report):
    """Yields (verdict, text) for every case of a GoogleTest XML report."""
    for case in report.iter("testcase"):
        if case.get("status") == "notrun":
            continue  # DISABLED_ or filtered out
        skipped = case.find("skipped")
        if case.find("failure") is not None:
            yield "failed", ""
        elif skipped is not None:
            reason = skipped.get("message", "").partition("\n")[2].strip()  # the first line is file:line
            yield "skipped", f"{case.get('classname')}.{case.get('name')}: {reason}" if reason else ""
        else:
            yield "passed", ""


def tally_gtest(title, entry, reports):
    tally = Tally()
    for report in reports:
        for verdict, text in case_results(report):
            if verdict == "passed":
                tally.passed += 1
            elif verdict == "skipped" and text:
                tally.skipped += 1
                tally.problems.append(f"skipped: {title}: {text}")
            else:
                tally.failed += 1
    if entry["result"] not in ("OK", "EXPECTEDFAIL") and tally.failed == 0:
        tally.failed += 1  # crashed, timed out, or a sanitizer spoke up after the last case
    return tally


def tally_plain(title, entry):
    tally = Tally()
    if entry["result"] in ("OK", "EXPECTEDFAIL"):
        tally.passed = 1
    elif entry["result"] == "SKIP":
        reasons = [line for line in (entry.get("stdout") or "").splitlines() if line.startswith(SKIP_REASON_PREFIX)]
        if reasons:
            tally.skipped = 1
            tally.problems.append(f"skipped: {title}: {reasons[0][len(SKIP_REASON_PREFIX):].strip()}")
        else:
            tally.failed = 1
    else:
        tally.failed = 1
    return tally


def describe_failure(title, entry):
    lines = [f"---- {title}: {entry['result']} after {entry.get('duration', 0):.1f} s",
             "     " + " ".join(entry.get("command", []))]
    for stream in ("stdout", "stderr"):
        text = (entry.get(stream) or "").rstrip()
        if text:
            lines.append(f"  -- {stream}")
            lines += text.splitlines()[-200:]
    return "\n".join(lines)


def load_reports(folder):
    """GoogleTest reports by program name; GoogleTest numbers further runs of one program: name.xml, name_1.xml."""
    reports = {}
    for path in sorted(folder.glob("*.xml")):
        try:
            reports[path.stem] = ElementTree.parse(path).getroot()
        except ElementTree.ParseError:
            pass  # a program that was killed while writing: its meson result says so
    return reports


def reports_of(program, reports):
    found = [stem for stem in reports if stem == program or (stem.startswith(program + "_") and stem[len(program) + 1:].isdigit())]
    return [reports.pop(stem) for stem in found]


def evaluate(build, entries, reports):
    tally = Tally()
    for entry in entries:
        title = f"{build.name}: {entry['name']}"
        own = reports_of(Path(entry["command"][0]).name, reports) if entry.get("command") else []
        one = tally_gtest(title, entry, own) if own else tally_plain(title, entry)
        if one.failed:
            one.problems.append(describe_failure(title, entry))
        tally.add(one)
    return tally


def run_build(build, suites, excluded, jobs):
    folder = build / "gtest-reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    command = [MESON, "test", "-C", str(build), "--no-rebuild", "--num-processes", str(jobs)]
    for suite in suites:
        command += ["--suite", suite]
    for suite in excluded:
        command += ["--no-suite", suite]
    environment = dict(os.environ, GTEST_OUTPUT=f"xml:{folder.resolve()}/", GTEST_COLOR="no")
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
    if not log.exists():
        if done.returncode == 0:
            return Tally()  # nothing matches the suites in this build
        return Tally(failed=1, problems=[f"{build.name}: meson test wrote no log (exit status {done.returncode})"])
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.strip()]
    return evaluate(build, entries, load_reports(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs="+", type=Path, help="build directories")
    parser.add_argument("--suite", action="append", default=[], help="only these suites")
    parser.add_argument("--no-suite", action="append", default=[], help="all but these suites")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--extra-passed", type=int, default=0, help="checks that the caller ran itself and that passed")
    parser.add_argument("--extra-failed", type=int, default=0, help="checks that the caller ran itself and that failed")
    options = parser.parse_args()

    total = Tally(passed=options.extra_passed, failed=options.extra_failed)
    for build in options.builds:
        total.add(run_build(build, options.suite, options.no_suite, options.jobs))
    for problem in total.problems:
        print(problem)
    if total.passed + total.failed == 0:
        print("no test ran: see `meson test --list` for the suites there are")
    line = f"{total.passed} passed, {total.failed} failed"
    print(line + (f", {total.skipped} skipped" if total.skipped else ""), flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
