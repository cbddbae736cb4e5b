#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one violation of every rule in a tree of its own and wants tools/layer_check.py to find exactly that one.

A check that never fires is worse than none. Touches only a temporary directory.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).resolve().parents[2] / "tools" / "layer_check.py"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = SPDX + "#pragma once\n"

# title, file, content, part of the message (None: must be accepted)
CASES = [
    ("crypto includes dataplane", "crypto/a.cc", SPDX + '#include "dataplane/packet.h"\n', "must not include"),
    ("crypto includes a socket header", "crypto/a.cc", SPDX + "#include <sys/socket.h>\n", "must not know <sys/socket.h>"),
    ("crypto includes DPDK", "crypto/a.h", HEADER + "#include <rte_mbuf.h>\n", "must not know <rte_mbuf.h>"),
    ("dataplane includes drivers", "dataplane/a.cc", SPDX + '#include "drivers/port.h"\n', "must not include"),
    ("dataplane includes DPDK", "dataplane/a.h", HEADER + "# include <rte_ethdev.h>\n", "must not know <rte_ethdev.h>"),
    ("dataplane includes gRPC", "dataplane/a.cc", SPDX + "#include <grpcpp/grpcpp.h>\n", "must not know"),
    ("dataplane names a PMD", "dataplane/a.cc", SPDX + 'auto d = "net_tap0";\n', "poll-mode"),
    ("the abi includes the pipeline", "dataplane/abi/a.h", HEADER + '#include "dataplane/pipeline.h"\n', "must not include"),
    ("control includes the pipeline", "control/a.cc", SPDX + '#include "dataplane/pipeline.h"\n', "must not include"),
    ("control includes an engine", "control/a.cc", SPDX + '#include "crypto/engine.h"\n', "must not include"),
    ("the CLI includes the data plane", "tools/ctl/a.cc", SPDX + '#include "dataplane/packet.h"\n', "must not include"),
    ("config includes drivers", "config/a.cc", SPDX + '#include "drivers/port.h"\n', "must not include"),
    ("drivers include protobuf", "drivers/a.cc", SPDX + '#include "mediaward.pb.h"\n', "generated protobuf"),
    ("version ifdef outside the compat header", "drivers/a.cc", SPDX + "#if RTE_VERSION > 1\n#endif\n", "RTE_VERSION"),
    ("a second main in drivers", "drivers/other.cc", SPDX + "int main() { return 0; }\n", "main() belongs"),
    ("a main in a library", "crypto/x.cc", SPDX + "int main(int argc, char** argv) {}\n", "has no main()"),
    ("no licence line", "crypto/a.cc", "int x;\n", "SPDX"),
    ("no licence line in a script", "tools/run", "#!/bin/sh\n", "SPDX"),
    ("header without guard", "crypto/a.h", SPDX, "#pragma once"),
    ("601 lines", "crypto/a.cc", SPDX + "int x;\n" * 600, "601 lines"),
    ("path of a machine", "docs/a.md", "see /ho" + "me/alice/tree\n", "path of a machine"),
    ("unfinished work", "docs/a.md", "TO" + "DO: write\n", "not done"),
    ("crypto within crypto", "crypto/a.cc", SPDX + '#include "crypto/job.h"\n#include <openssl/evp.h>\n', None),
    ("drivers over dataplane", "drivers/a.cc", SPDX + '#include "dataplane/packet.h"\n#include <rte_mbuf.h>\n', None),
    ("the compat header", "drivers/dpdk_compat.h", HEADER + "#if RTE_VERSION > 1\n#endif\n", None),
    ("control over the abi", "control/a.cc", SPDX + '#include "dataplane/abi/protocol.h"\n#include "crypto/suite.h"\n', None),
    ("traffic over drivers", "tools/traffic/a.cc", SPDX + '#include "drivers/port.h"\n', None),
    ("tests see anything", "tests/unit/a.cc", SPDX + '#include "drivers/port.h"\n#include "control/store.h"\n', None),
    ("composition root", "drivers/main.cc", SPDX + "int main() { return 0; }\n", None),
]


def run_case(file, content):
    with tempfile.TemporaryDirectory(prefix="layer-") as folder:
        path = Path(folder) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        done = subprocess.run([sys.executable, str(CHECK), folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


def main():
    failed = 0
    for title, file, content, expected in CASES:
        status, out = run_case(file, content)
        wanted_status = 0 if expected is None else 1
        good = status == wanted_status and (expected is None or (expected in out and ", 1 violations" in out))
        if not good:
            failed += 1
            print(f"FAILED {title}: status {status}, wanted {expected!r}\n{out}")
    print(f"{len(CASES) - failed} cases good, {failed} bad")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
