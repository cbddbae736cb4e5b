// SPDX-License-Identifier: Apache-2.0
// Writes the inputs of all packet cases, or of those named: make_packet_cases FOLDER [CASE...]. Deterministic: a second run writes the
// same bytes (libsrtp's output depends on keys and packets alone). Outputs are then made by `packet_cases --regen`.
#include <cstdio>
#include <set>

#include "tests/packet/case_builder.h"

int main(int argc, char** argv) {
  using namespace mediaward::test;
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [CASE...]\n", argv[0]);
    return 2;
  }
  CaseMakers makers;
  add_media_cases(makers);
  add_srtp_cases(makers);
  add_conference_cases(makers);
  add_frame_cases(makers);
  add_host_cases(makers);
  const std::set<std::string> wanted(argv + 2, argv + argc);
  for (const auto& [name, make] : makers) {
    if (!wanted.empty() && !wanted.contains(name)) continue;
    make()->write(std::string(argv[1]) + "/" + name);
    std::printf("%s\n", name.c_str());
  }
  return 0;
}
