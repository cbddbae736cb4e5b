# SPDX-License-Identifier: Apache-2.0
"""Network namespaces and the processes in them, made by a test and gone with it.

One bridge namespace holds the appliance's end; each client has a namespace and a veth into the bridge. Names carry the test's
process id, so that two runs never meet. Everything is ended by its own pid. Nothing outside these namespaces is touched.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


class TestFailure(Exception):
    pass


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if check and done.returncode != 0:
        raise TestFailure(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_until(what, condition, seconds, alive=()):
    """Polls until condition() is true. Fails early when one of the processes that are needed for it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        for process in alive:
            if not process.running():
                raise TestFailure(f"{process.name} ended with status {process.status()} before {what}\n{process.output()}")
        if time.monotonic() > deadline:
            raise TestFailure(f"{what}: not within {seconds} s\n" + "\n".join(p.output() for p in alive))
        time.sleep(0.02)


class Process:
    """A child with its output in a file. close() ends it: SIGTERM, then SIGKILL after five seconds."""

    def __init__(self, name, command, log, namespace=None, environment=None):
        self.name = name
        self._log = Path(log)
        full = (["ip", "netns", "exec", namespace.name] if namespace else []) + [str(c) for c in command]
        with self._log.open("wb") as out:
            self._child = subprocess.Popen(full, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                           env={**os.environ, **(environment or {})}, process_group=0)

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def status(self):
        return self._child.poll()

    def signal(self, number):
        if self.running():
            self._child.send_signal(number)

    def wait(self, seconds):
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TestFailure(f"{self.name} still runs after {seconds} s\n{self.output()}") from None

    def close(self):
        self.signal(signal.SIGTERM)
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def output(self):
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return f"-- {self.name}:\n{text[-4000:]}"

    def listens_udp(self, port):
        """Whether a UDP socket of this process's network namespace is bound to the port."""
        for table in ("udp", "udp6"):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                    if int(line.split()[1].rsplit(":", 1)[1], 16) == port:
                        return True
        return False


class Namespace:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def execute(self, *command, check=True):
        return run("ip", "netns", "exec", self.name, *command, check=check)

    def has_link(self, link):
        return run("ip", "-n", self.name, "link", "show", link, check=False).returncode == 0

    def close(self):
        run("ip", "netns", "del", self.name, check=False)


class Network:
    """A bridge in a namespace of its own, to which clients and the appliance's port are plugged."""

    BRIDGE = "br0"

    def __init__(self, stack):
        self._stack = stack
        self._prefix = f"mw{os.getpid()}"
        self.core = self._namespace("core")
        # No IPv6 of the kernel's own on the links of the core: the appliance alone speaks there.
        self.core.execute("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.core.ip("link", "add", self.BRIDGE, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self.core.ip("link", "set", self.BRIDGE, "up")

    def _namespace(self, role):
        namespace = Namespace(f"{self._prefix}-{role}")
        self._stack.callback(namespace.close)
        return namespace

    def add_client(self, role, addresses):
        client = self._namespace(role)
        self.core.ip("link", "add", f"to-{role}", "type", "veth", "peer", "name", "eth0", "netns", client.name)
        # A veth leaves checksums to the hardware that it has not; the appliance must see what a wire would carry.
        client.execute("ethtool", "-K", "eth0", "tx", "off")
        client.execute("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")
        for address in addresses:
            client.ip("address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        client.ip("link", "set", "eth0", "up")
        self.plug(f"to-{role}")
        return client

    def plug(self, link):
        self.core.ip("link", "set", link, "master", self.BRIDGE)
        self.core.ip("link", "set", link, "up")

    def add_wire(self, link, queues=1):
        """A veth in the core: `link` is the end for the appliance, the other one is plugged in."""
        of_link = ["numtxqueues", str(queues), "numrxqueues", str(queues)]
        self.core.ip("link", "add", link, *of_link, "type", "veth", "peer", "name", f"{link}-br", *of_link)
        self.core.execute("ethtool", "-K", link, "tx", "off")
        self.core.ip("link", "set", link, "up")
        self.plug(f"{link}-br")
