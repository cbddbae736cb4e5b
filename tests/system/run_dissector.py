#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/ppspp.lua in tshark: every message of every capture of tests/captures as a second reader sees it (ppspp_reader.py, which shares
nothing with the dissector), datagrams written out from the RFC, everything cut short, and the ways to tell Wireshark what is PPSPP.

    run_dissector.py

Needs tshark and no more; nothing goes over a network.
"""

import collections
import contextlib
import sys
import tempfile
from pathlib import Path

import dissector_cases
import ppspp_reader
from tshark import TestFailure, Tshark, expect, ipv4_udp, write_capture

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = ROOT / "tests" / "captures"
VECTORS = CAPTURES / "handshake-options-vectors.txt"
LIVE = ["-o", "ppspp.hash:SHA-1"]  # of tests/captures/12: a live swarm does not tell its hash function
FIELDS = ["frame.number", "ppspp.channel.destination", "ppspp.message", "ppspp.range.first", "ppspp.range.last", "ppspp.channel.source",
          "ppspp.data.timestamp", "ppspp.ack.delay", "ppspp.signed_integrity.timestamp", "ppspp.data", "ppspp.data.length", "ppspp.hash",
          "ppspp.signature", "ppspp.keep_alive", "ppspp.close", "ppspp.swarm", "ppspp.undecoded", "_ws.expert.message"]
FIRST_PORT, CHANNEL = 40000, "01010101"
EVERY_PORT = ["-d", "udp.port==40000-40999,ppspp"]


def decode_as(path):
    return ["-d", f"udp.port=={min(p for d in ppspp_reader.datagrams(path) for p in (d.source, d.destination))},ppspp"]


def swarm_of(datagrams):
    """Swarm ID from the first HANDSHAKE's option list: code 2 comes behind versions, two bytes each."""
    options = next(m.body for d in datagrams for m in d.messages if m.name == "HANDSHAKE")
    expect(options[4] == 2, "the first HANDSHAKE names its swarm third")
    return options[7:7 + int.from_bytes(options[5:7], "big")].hex()


def wanted(datagram, swarm):
    """What tshark must print of a datagram, by the second reader."""
    messages = datagram.messages
    ranged = [m for m in messages if m.first is not None]
    numbers = lambda *names: [m.number for m in messages if m.name in names]
    bodies = lambda name: [m.body.hex() for m in messages if m.name == name]
    signed = lambda n: n - (1 << 64) if n >> 63 else n
    return {
        "frame.number": [str(datagram.frame)],
        "ppspp.channel.destination": [f"0x{datagram.channel:08x}"],
        "ppspp.message": [m.name if m.first is None else f"{m.name} {m.first}-{m.last}" for m in messages],
        "ppspp.range.first": [str(m.first) for m in ranged],
        "ppspp.range.last": [str(m.last) for m in ranged],
        "ppspp.channel.source": [f"0x{n:08x}" for n in numbers("HANDSHAKE")],
        "ppspp.data.timestamp": [str(n) for n in numbers("DATA")],
        "ppspp.ack.delay": [str(signed(n)) for n in numbers("ACK")],
        "ppspp.signed_integrity.timestamp": [f"0x{n:016x}" for n in numbers("SIGNED_INTEGRITY")],
        "ppspp.data": bodies("DATA"),
        "ppspp.data.length": [str(len(m.body)) for m in messages if m.name == "DATA"],
        "ppspp.hash": bodies("INTEGRITY"),
        "ppspp.signature": bodies("SIGNED_INTEGRITY"),
        "ppspp.keep_alive": [] if messages else ["1"],
        "ppspp.close": ["1"] if 0 in numbers("HANDSHAKE") else [],
        "ppspp.swarm": [swarm],
        "ppspp.undecoded": [],
        "_ws.expert.message": [],
    }


def compare(name, got, want):
    for field in want:
        expect(got[field] == want[field], f"{name}: {field} is {got[field]}, wanted {want[field]}")


def captures_agree(tshark, _folder):
    """Every field of every datagram, and the counts that README.md states."""
    stated = {"08": {"DATA": 109, "ACK": 93}, "09": {"DATA": 13}, "11": {"DATA": 0, "INTEGRITY": 585, "REQUEST": 5}, "12": {"DATA": 23}}
    total = collections.Counter()
    paths = ppspp_reader.captures(CAPTURES)
    expect(len(paths) == 10, f"{len(paths)} captures")
    for path in paths:
        datagrams = list(ppspp_reader.datagrams(path))
        rows = tshark.fields(path, FIELDS, *decode_as(path), *LIVE)
        expect(len(rows) == len(datagrams) != 0, f"{path.name}: {len(rows)} frames of {len(datagrams)}")
        swarm = swarm_of(datagrams)
        found = collections.Counter()
        for row, datagram in zip(rows, datagrams):
            compare(f"{path.name}, frame {datagram.frame}", row, wanted(datagram, swarm))
            found.update(text.split()[0] for text in row["ppspp.message"])
        for name, count in stated.get(path.name[:2], {}).items():
            expect(found[name] == count, f"{path.name}: {found[name]} {name}, README.md says {count}")
        total += found
    expect(swarm_of(list(ppspp_reader.datagrams(CAPTURES / "01-sha1-1chunk.pcap"))) in (CAPTURES / "README.md").read_text(), "README's root")
    print(f"captures: {sum(total.values())} messages agree:", ", ".join(f"{n} {c}" for n, c in sorted(total.items())))


def second_pass_agrees(tshark, folder):
    """What Wireshark does: frames are looked at again, in any order, after everything has been learned. A channel that was given to
    another swarm in between must not change what came before."""
    path = folder / "reused.pcap"
    hashes = [("0301 0400 0602 0900000400 ff", 20), ("0301 0402 0602 0900000400 ff", 32)]
    frames = []
    for options, size in hashes:
        frames += conversation(0, "0001 0101 0200021234" + options, bytes.fromhex(CHANNEL + "04 0000000000000000" + "a1" * size))
    write_capture(path, frames)
    reused = tshark.fields(path, ["ppspp.hash", "_ws.expert.message"], "-2", *EVERY_PORT)
    want = [row for _, size in hashes for row in ([], ["a1" * size])]
    expect([row["ppspp.hash"] for row in reused] == want, f"a channel's second swarm: {reused}")
    path = CAPTURES / "08-sha256-100chunks-10pct-loss.pcap.gz"
    once, twice = (tshark.fields(path, FIELDS, *decode_as(path), *more) for more in ([], ["-2"]))
    expect(once == twice and len(once) == 267, "two passes differ from one")
    print("second pass: 267 frames the same")


def later_captures(tshark, folder):
    """A capture that begins later: from the responder's HANDSHAKE on sizes are known; behind it they are the preferences', and every
    datagram that depends on them says so."""
    guessed = ["No HANDSHAKE seen: sizes are those of the preferences"]
    for source, skipped, options in (("02-sha1-7chunks.pcap", 1, []), ("02-sha1-7chunks.pcap", 2, LIVE), ("05-sha256-7chunks.pcap", 2, [])):
        path = folder / source
        datagrams = list(ppspp_reader.datagrams(CAPTURES / source))[skipped:]
        datagrams = [d for d in datagrams if skipped == 1 or all(m.name != "HANDSHAKE" for m in d.messages)]
        frames = list(ppspp_reader.frames(CAPTURES / source))
        write_capture(path, [frames[d.frame - 1] for d in datagrams])
        for number, (row, datagram) in enumerate(zip(tshark.fields(path, FIELDS, *decode_as(path), *options), datagrams, strict=True), 1):
            want = wanted(datagram._replace(frame=number), "")
            want["ppspp.swarm"] = []
            if skipped == 2 and any(m.first is not None for m in datagram.messages):
                want["_ws.expert.message"] = guessed
            compare(f"{source} without its first {skipped}, frame {number}", row, want)
    print("later captures: one from the responder's HANDSHAKE on, two from behind it")


# What looks like a first HANDSHAKE up to a point: another message, a close, version 0, unsorted, unassigned, no End, cut off.
NOT_FIRST = ["0000000003000000000000000000ffff", "00000000000000000000010101ffff", "000000000001010101000001010301ff",
             "0000000000010101010001030106020101ff", "000000000001010101000101010a00ff", "00000000000101010100010101030104020602",
             "0000000000010101010001010102ffff4711", "000000000001010101000101010200", "000000000001010101"]


def who_is_ppspp(tshark, folder):
    """Nothing is taken for PPSPP unasked; a port, Decode As and the heuristic find all of it, and the heuristic nothing else."""
    path = folder / "others.pcap"
    write_capture(path, [ipv4_udp(FIRST_PORT + n, 9, bytes.fromhex(payload)) for n, payload in enumerate(NOT_FIRST)])
    expect(tshark.fields(path, ["frame.number"], "-Y", "ppspp || _ws.lua.error", "-o", "ppspp.heuristic:TRUE") == [],
           "the heuristic took what is none")
    path = CAPTURES / "05-sha256-7chunks.pcap"
    port = "ppspp.ports:24011-24012"
    for how, options, found in (("unasked", [], 0), ("port preference", ["-o", port], 36), ("another port", ["-o", "ppspp.ports:9"], 0),
                                ("heuristic", ["-o", "ppspp.heuristic:TRUE"], 36), ("Decode As", decode_as(path), 36)):
        rows = tshark.fields(path, ["frame.number"], "-Y", "ppspp", *options)
        expect(len(rows) == found, f"{how}: {len(rows)} frames, wanted {found}")
    rows = tshark.fields(path, ["frame.number"], "-Y", "ppspp.message contains \"INTEGRITY\" && ppspp.range.first == 4", *decode_as(path))
    expect(len(rows) == 2, f"display filter: {len(rows)} frames")
    print("ways in: unasked none, port, Decode As and heuristic all")


def conversation(number, options, *datagrams):
    """Between ports of their own a HANDSHAKE that opens CHANNEL, and datagrams to it."""
    initiator, responder = FIRST_PORT + 2 * number, FIRST_PORT + 2 * number + 1
    first = ipv4_udp(initiator, responder, bytes.fromhex("00000000 00" + CHANNEL + options))
    return [first, *(ipv4_udp(responder, initiator, d) for d in datagrams)]


def cases_hold(tshark, folder):
    path, cases = folder / "cases.pcap", dissector_cases.MESSAGES + dissector_cases.MALFORMED
    frames = []
    for number, case in enumerate(cases):
        frames += conversation(number, case.options, bytes.fromhex(CHANNEL + case.datagram))
    write_capture(path, frames)
    names = {"ppspp.message", "_ws.expert.message", *(f"ppspp.{n}" for case in cases for n in case.fields)}
    rows = tshark.fields(path, sorted(names), *EVERY_PORT)
    expect(len(rows) == 2 * len(cases), f"{len(rows)} frames of {len(cases)} cases")
    for case, first, row in zip(cases, rows[::2], rows[1::2]):
        expect(first["_ws.expert.message"] == [], f"{case.name}: its HANDSHAKE is remarked on: {first}")
        compare(case.name, row, {"ppspp.message": case.messages, "_ws.expert.message": case.experts,
                                 **{f"ppspp.{n}": v for n, v in case.fields.items()}})
    print(f"cases: {len(dissector_cases.MESSAGES)} of the RFC, {len(dissector_cases.MALFORMED)} malformed or remarkable")


OPTION_FIELDS = ["version", "minimum_version", "swarm_id", "integrity", "merkle", "live_signature", "addressing", "discard_window", "supported",
                 "chunk_size"]


def encode(row):
    """An option list from the fields of one HANDSHAKE."""
    out = ""
    for code in (int(c) for c in row["ppspp.option"]):
        if code == 255:
            return out + "ff"
        value = row[f"ppspp.option.{OPTION_FIELDS[code]}"][0]
        wide = row["ppspp.option.addressing"] in (["1"], ["3"], ["4"])
        if code == 2:
            out += f"02{len(value) // 2:04x}{value}"
        elif code == 8:
            out += f"08{len(value) // 2:02x}{value}"
        else:
            digits = {7: 16 if wide else 8, 9: 8}.get(code, 2)
            out += f"{code:02x}{int(value, 0):0{digits}x}"
    return out


def option_vectors(tshark, folder):
    """Option lists of another codec, put together again from the fields."""
    lines = [line.split("\t") for line in VECTORS.read_text().splitlines() if line and not line.startswith("#")]
    expect(len(lines) == 12, f"{len(lines)} vectors")
    path = folder / "vectors.pcap"
    write_capture(path, [conversation(number, options)[0] for number, (_, options) in enumerate(lines)])
    names = ["ppspp.option", "_ws.expert.message", "ppspp.option.supports", *(f"ppspp.option.{n}" for n in OPTION_FIELDS)]
    for (name, options), row in zip(lines, tshark.fields(path, names, *EVERY_PORT), strict=True):
        if name == "pyppspp":
            expect(row["_ws.expert.message"] == ["Unassigned option: the rest cannot be delimited"], f"{name}: {row}")
            continue
        expect(encode(row) == options, f"{name}: {encode(row)}")
        expect(row["_ws.expert.message"] == [], f"{name}: {row['_ws.expert.message']}")
        if name.startswith("all but"):
            expect(row["ppspp.option.supports"] == "HANDSHAKE;DATA;HAVE;INTEGRITY;SIGNED_INTEGRITY;REQUEST;CANCEL;CHOKE;UNCHOKE".split(";"), str(row))
    print("option vectors: 11 put together again, 1 refused")


def cut_short(tshark, folder):
    """Datagrams of all kinds cut at every length: a beginning of their messages and, unless the cut falls between two, why it ends."""
    path, frames, origin = folder / "cut.pcap", [], []
    for number, case in enumerate(dissector_cases.MESSAGES):
        whole = bytes.fromhex(CHANNEL + case.datagram)
        cuts = [whole[:length] for length in range(4, len(whole))]
        frames += conversation(number, case.options, *cuts)
        origin += [None, *[case.messages] * len(cuts)]
    write_capture(path, frames)
    rows = tshark.fields(path, ["ppspp.message", "ppspp.undecoded", "_ws.expert.message", "_ws.lua.error"], *EVERY_PORT)
    for row, messages in zip(rows, origin, strict=True):
        expect(not row["_ws.lua.error"], f"the script failed: {row}")
        if messages is None:
            continue
        got = row["ppspp.message"]
        expect(len(got) <= len(messages) and all(m.startswith(g) for g, m in zip(got, messages)), f"{got} of {messages}")
        expect(bool(row["ppspp.undecoded"]) == bool([x for x in row["_ws.expert.message"] if "without End" not in x]), f"{row}")
    expect(sum(bool(row["ppspp.undecoded"]) for row in rows) > len(rows) / 2, "cuts that went unnoticed")
    print(f"cut short: {sum(o is not None for o in origin)} datagrams, no error of the script")


def main():
    checks = [captures_agree, second_pass_agrees, later_captures, who_is_ppspp, cases_hold, option_vectors, cut_short]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            tshark = Tshark(ROOT / "tools" / "ppspp.lua", folder)
            for check in checks:
                check(tshark, folder)
        except TestFailure as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
