# SPDX-License-Identifier: Apache-2.0
"""Datagrams that no capture of ours has, written out from RFC 7574 §4, §7 and §8, with what the dissector must say of them.

A case is a HANDSHAKE's options, one datagram to the channel that it opened, the messages in it, other fields, and the expert
information that breaks it off or remarks on it.
"""

import collections

Case = collections.namedtuple("Case", "name options datagram messages fields experts")

SHA1 = "0001 0101 0200021234 0301 0400"  # in front of the addressing
LIVE = "0001 0101"
P384 = "02 0061 0e" + "55" * 96
RSA = "02 0085 08 03 010001" + "cc" * 128
RSA_LONG = "02 0187 05 00 0103" + "01" * 259 + "cc" * 128
CHUNK32 = SHA1 + "0602 0900000400 ff"
HASH = "a1" * 20
NODE = "00000004 00000007"

TRUNCATED = "Message or option reaches beyond the datagram"
BAD_RANGE = "Range that the message cannot have"
ORDER = "Option out of order or twice (RFC 7574 §7)"
UNKNOWN = "Unassigned message type: the rest cannot be delimited"
VALUE = "Option value that is not registered"


def good(name, options, datagram, messages, **fields):
    return Case(name, options, datagram, messages, {k.replace("__", "."): v for k, v in fields.items()}, [])


def bad(name, options, datagram, messages, *experts, **fields):
    return Case(name, options, datagram, messages, {k.replace("__", "."): v for k, v in fields.items()}, list(experts))


MESSAGES = [
    good("4.2: a bin", SHA1 + "0600 0900000400 ff", "03 0000000b 08 00000006 04 00000007" + HASH, ["HAVE 4-7", "REQUEST 3-3", "INTEGRITY 0-7"],
         bin=["0x0000000b", "0x00000006", "0x00000007"], range__count=["4", "1", "8"]),
    good("4.2: everything", SHA1 + "0600 0900000400 ff", "03 7fffffff", ["HAVE 0-2147483647"]),
    good("4.2: everything in 64 bits", SHA1 + "0603 0900000400 ff", "03 7fffffffffffffff 08 00000000ffffffff",
         ["HAVE 0-9223372036854775807", "REQUEST 0-4294967295"], bin64=["0x7fffffffffffffff", "0x00000000ffffffff"]),
    good("4.1: chunks of 64 bits", "0001 0101 0200021234 0301 0403 0604 0900000400 ff", "04 0000000100000000 00000001ffffffff" + "a1" * 48,
         ["INTEGRITY 4294967296-8589934591"], hash=["a1" * 48]),
    good("4.1: SHA-512", "0001 0101 0200021234 0301 0404 0602 0900000400 ff", "04" + NODE + "a1" * 64, ["INTEGRITY 4-7"], hash=["a1" * 64]),
    good("4.1: SHA-224", "0001 0101 0200021234 0301 0401 0602 0900000400 ff", "04" + NODE + "a1" * 28, ["INTEGRITY 4-7"], hash=["a1" * 28]),
    good("4.1.2: bytes", SHA1 + "0601 0900000004 ff", "01 0000000000000004 0000000000000007 0000000000000064 61626364", ["DATA 4-7"],
         data=["61626364"], data__timestamp=["100"]),
    good("8.6: several DATA of fixed size", SHA1 + "0602 0900000002 ff",
         "01 00000003 00000003 0000000000000064 6865 01 00000004 00000004 0000000000000065 6c6c 01 00000005 00000005 0000000000000066 6f",
         ["DATA 3-3", "DATA 4-4", "DATA 5-5"], data=["6865", "6c6c", "6f"], data__length=["2", "2", "1"]),
    good("8.6: chunks that differ", SHA1 + "0602 09ffffffff ff", "01 00000003 00000003 0000000000000064 68656c6c6f", ["DATA 3-3"],
         data=["68656c6c6f"]),
    good("8.7: delays are signed", CHUNK32, "02 00000000 00000003 fffffffffffffff0", ["ACK 0-3"], ack__delay=["-16"]),
    good("8.11, 8.12", CHUNK32, "09 00000001 00000002 0a 0b", ["CANCEL 1-2", "CHOKE", "UNCHOKE"], type=["9", "10", "11"]),
    good("8.13: peer exchange", CHUNK32, "06 05 c0000201 1a7a 0c 20010db8000000000000000000000001 ffff 0d 0003 308201 0d 0000",
         ["PEX_REQ", "PEX_RESv4", "PEX_RESv6", "PEX_REScert", "PEX_REScert"], pex__ipv4=["192.0.2.1"], pex__ipv6=["2001:db8::1"],
         pex__port=["6778", "65535"], pex__certificate=["308201"], pex__certificate__length=["3", "0"]),
    good("8.9: ECDSA P-384, NTP", LIVE + P384 + "0303 050e 0602 0700000010 0900000400 ff",
         "07 00000020 0000003f 83aa7e8080000000" + "b1" * 96 + "0a", ["SIGNED_INTEGRITY 32-63", "CHOKE"], signature=["b1" * 96],
         signed_integrity__time=["Jan  1, 1970 00:00:00.500000000 UTC"]),
    good("8.9: RSA, short exponent", LIVE + RSA + "0302 0508 0602 0700000010 0900000400 ff",
         "07 00000020 00000020 83aa7e8080000000" + "b1" * 128 + "0a", ["SIGNED_INTEGRITY 32-32", "CHOKE"]),
    good("8.9: RSA, long exponent", LIVE + RSA_LONG + "0302 0505 0602 0700000010 0900000400 ff",
         "07 00000020 00000020 83aa7e8080000000" + "b1" * 128 + "0a", ["SIGNED_INTEGRITY 32-32", "CHOKE"]),
    good("8.4: close", CHUNK32, "00 00000000 ff", ["HANDSHAKE"], close=["1"], channel__source=["0x00000000"]),
    good("8.14: keep-alive", CHUNK32, "", [], keep_alive=["1"]),
]

MALFORMED = [
    bad("8.2: unassigned", CHUNK32, "0b 0e 00", ["UNCHOKE", "Unknown (14)"], UNKNOWN, undecoded=["0e00"]),
    bad("8.2: unassigned, the last", CHUNK32, "fe", ["Unknown (254)"], UNKNOWN),
    bad("8.2: reserved", CHUNK32, "ff", ["Unknown (255)"], "Reserved message type"),
    bad("4.1: backwards", CHUNK32, "03 00000005 00000004", ["HAVE"], BAD_RANGE),
    bad("4.2: the empty bin", SHA1 + "0600 0900000400 ff", "03 ffffffff", ["HAVE"], BAD_RANGE, bin=["0xffffffff"]),
    bad("4.2: the empty bin of 64 bits", SHA1 + "0603 0900000400 ff", "03 ffffffffffffffff", ["HAVE"], BAD_RANGE),
    bad("5.2: no node", CHUNK32, "04 00000001 00000002" + HASH, ["INTEGRITY 1-2"], BAD_RANGE),
    bad("5.2: no node, three wide", CHUNK32, "04 00000000 00000002" + HASH, ["INTEGRITY 0-2"], BAD_RANGE),
    bad("8.6: DATA of two chunks", CHUNK32, "01 00000003 00000004 0000000000000064 68", ["DATA 3-4"], BAD_RANGE),
    bad("8.6: DATA of nothing", CHUNK32, "01 00000003 00000003 0000000000000064", ["DATA 3-3"], "DATA without content"),
    bad("4.1.2: other than its bytes", SHA1 + "0601 0900000004 ff", "01 0000000000000004 0000000000000008 0000000000000064 61626364",
        ["DATA 4-8"], "DATA of another length than its byte range"),
    bad("8.4: HANDSHAKE is not first", CHUNK32, "06 00 cafef00d 0001 ff", ["PEX_REQ", "HANDSHAKE"], "HANDSHAKE behind another message"),
    bad("5: no hashes", "0001 0101 0200021234 0300 0602 0900000400 ff", "04" + NODE + HASH, ["INTEGRITY 4-7"],
        "INTEGRITY in a swarm without hashes"),
    bad("6: no signatures", CHUNK32, "07" + NODE + "0102030405060708 b1", ["SIGNED_INTEGRITY 4-7"],
        "SIGNED_INTEGRITY, but no signature length is known"),
    bad("8.13: certificate cut off", CHUNK32, "0d 0004 308201", ["PEX_REScert"], TRUNCATED),
    bad("8.13: address cut off", CHUNK32, "05 c0000201 1a", ["PEX_RESv4"], TRUNCATED),
    bad("7: unsorted", CHUNK32, "00 cafef00d 0101 0001 0301 0400 0602 0900000400 ff 06", ["HANDSHAKE", "PEX_REQ"], ORDER),
    bad("7: twice", CHUNK32, "00 cafef00d 0001 0001 0301 0400 0602 0900000400 ff 06", ["HANDSHAKE", "PEX_REQ"], ORDER),
    bad("7: unassigned option", CHUNK32, "00 cafef00d 0001 0a00 ff", ["HANDSHAKE"], "Unassigned option: the rest cannot be delimited"),
    bad("7: no End", CHUNK32, "00 cafef00d 0001 0301", ["HANDSHAKE"], "Option list without End"),
    bad("7: cut off", CHUNK32, "00 cafef00d 0001 0900", ["HANDSHAKE"], TRUNCATED),
    bad("7.2: version 0", CHUNK32, "00 cafef00d 0000 ff", ["HANDSHAKE"], VALUE),
    bad("7.5, 7.6, 7.7, 7.8: not registered", CHUNK32, "00 cafef00d 0001 0304 0405 0506 0605 ff", ["HANDSHAKE"], VALUE, VALUE, VALUE, VALUE),
    bad("7.9: window before addressing", CHUNK32, "00 cafef00d 0001 0700000010 ff", ["HANDSHAKE"],
        "Discard window without chunk addressing in front of it", option__discard_window=["16"]),
]
