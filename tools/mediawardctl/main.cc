// SPDX-License-Identifier: Apache-2.0
// mediawardctl's entry. One thread.
#include <iostream>

#include "tools/mediawardctl/ctl.h"

int main(int argc, char** argv) {
  return mediaward::tools::run_ctl(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
