#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The clients without an appliance between them: proves that the comparison of run_netns.py says yes and no at the right time.

ffmpeg sends straight to GStreamer, over IPv4 and IPv6. With the right key the sound is bit-exact; with a wrong key nothing at all
may come out. Needs root.
"""

import contextlib
import sys
import tempfile

import clients
from network import Network, TestFailure

SUITE = "AES_CM_128_HMAC_SHA1_80"
SSRC = 0x10000001


def exchange(stack, folder, sender_ns, receiver_ns, address, seed):
    """One exchange with a good receiver and one that has a wrong key on a port nobody sends to with its key."""
    key, wrong = clients.key_bytes(SUITE, seed), clients.key_bytes(SUITE, seed + 1)
    good = clients.Receiver(stack, folder, receiver_ns, f"good{seed}", address, 5004, SSRC, SUITE, key)
    bad = clients.Receiver(stack, folder, receiver_ns, f"wrong-key{seed}", address, 5006, SSRC, SUITE, wrong)
    senders = [clients.start_sender(stack, folder, sender_ns, address, port, local, SSRC, key)
               for port, local in ((5004, 16000), (5006, 16010))]
    good.wait_for_all(20)
    for sender in senders:
        sender.wait(20)
    return good, bad


def main():
    checked = 0
    try:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mediaward-netns-"))
            network = Network(stack)
            sender_ns = network.add_client("a", ["192.0.2.11/24", "2001:db8::11/64"])
            receiver_ns = network.add_client("b", ["192.0.2.12/24", "2001:db8::12/64"])
            reference = clients.reference_pcm(folder)
            for seed, address in ((1, "192.0.2.12"), (5, "2001:db8::12")):
                good, bad = exchange(stack, folder, sender_ns, receiver_ns, address, seed)
                problem = good.verdict(reference)
                if problem:
                    raise TestFailure(problem)
                if bad.size() != 0:
                    raise TestFailure(f"a receiver with a wrong key decoded {bad.size()} bytes over {address}")
                bad.process.close()
                checked += 1
                print(f"{address}: {clients.PACKETS} packets, {len(reference) // 2} samples bit-exact; wrong key: nothing decoded")
    except TestFailure as failure:
        print(failure)
        return 1
    return 0 if checked == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
