# SPDX-License-Identifier: Apache-2.0
"""What machine and which versions a report was made on. Reads /proc and asks dpkg; changes nothing. Main thread of bench/run."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

INTERESTING = ("sse4_2", "aes", "pclmulqdq", "sha_ni", "avx2", "vaes", "vpclmulqdq", "avx512f", "avx512bw", "avx512vl", "gfni", "hypervisor")
PACKAGES = ("dpdk", "libipsec-mb1", "libssl3", "libsrtp2-1", "g++")


def cpu_field(name):
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.split("\t")[0].strip() == name:
            return line.split(":", 1)[1].strip()
    return ""


def versions():
    texts = []
    for package in PACKAGES:
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout:
            texts.append(f"{package} {done.stdout}")
    return ", ".join(texts)


def facts():
    flags = set(cpu_field("flags").split())
    family = f"family {cpu_field('cpu family')} model {cpu_field('model')}"
    one, five, _ = os.getloadavg()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{len(os.sched_getaffinity(0))} CPUs of {cpu_field('model name')} ({family}), Linux {platform.release()}",
        "CPU flags": " ".join(flag for flag in INTERESTING if flag in flags),
        "load before the run": f"{one:.1f} (1 min), {five:.1f} (5 min)",
        "versions": versions(),
    }
