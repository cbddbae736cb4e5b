# SPDX-License-Identifier: Apache-2.0
"""Processes of the benchmarks: started with their output in a file, ended by pid, never waited for without a limit.

Knows nothing of what runs in them. Main thread of bench/run.
"""

import contextlib
import glob
import os
import signal
import subprocess
import time


class BenchError(Exception):
    """A measurement could not be made; the text says why."""


class Process:
    """A child that ends with the `with` block, whatever happens in it."""

    def __init__(self, name, command, log, stdin=None):
        self.name, self._log_path = name, log
        with open(log, "w", encoding="utf-8") as output:
            self._child = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT,
                                           stdin=stdin if stdin is not None else subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def running(self):
        return self._child.poll() is None

    def waited_seconds(self):
        """How long its busiest thread was ready to run while something else held the CPU; 0 where the kernel does not tell."""
        best = (0, 0)
        for path in glob.glob(f"/proc/{self._child.pid}/task/*/schedstat"):
            with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
                ran, waited, _ = (int(field) for field in file.read().split())
                best = max(best, (ran, waited))
        return best[1] / 1e9

    def wait(self, seconds):
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{self.name} did not finish within {seconds} s\n{self.tail()}") from None

    def end(self, grace_seconds=10):
        if self.running():
            os.kill(self._child.pid, signal.SIGTERM)
            try:
                self._child.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                os.kill(self._child.pid, signal.SIGKILL)
                self._child.wait(grace_seconds)
        if self._child.stdin is not None:
            self._child.stdin.close()

    def tail(self, lines=12):
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            return "".join(f"    {line}" for line in log.readlines()[-lines:])


def wait_until(what, condition, seconds, *processes):
    """Polls a condition on a file or a program; ends early when one of the processes has."""
    deadline = time.monotonic() + seconds
    while not condition():
        for process in processes:
            if not process.running():
                raise BenchError(f"{process.name} ended while we waited for {what}\n{process.tail()}")
        if time.monotonic() > deadline:
            raise BenchError(f"gave up waiting for {what} after {seconds} s")
        time.sleep(0.02)


def run(command, seconds, what):
    """Runs a command to its end and returns what it printed."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{what} did not finish within {seconds} s") from None
    except OSError as error:
        raise BenchError(f"{what}: {error}") from None
    if done.returncode != 0:
        raise BenchError(f"{what} failed with status {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}")
    return done.stdout
