// SPDX-License-Identifier: Apache-2.0
// What the parts of the command line share (ctl.cc, ctl_peer.cc): the values of options, the command that was chosen, and the printer of
// answers. One thread.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tools/mediawardctl/commands.h"

namespace mediaward::tools {

struct CommandLine {
  std::string socket;
  bool json = false, all = false;
  double timeout_seconds = 15, wait_seconds = 0;
  std::string name, kind = "auto";
  ApplyOptions apply;
  std::uint64_t from = 0, count = 0;
  std::string participant, to, relation;
  std::vector<std::string> participants;
  std::uint32_t bucket = 0, worker = 0;
  // Swarms and peers.
  std::string swarm, peer, author, reason;
  std::uint32_t seconds = 0;
  std::uint64_t uploaded = 0, downloaded = 0, sequence = 0;
  bool complete = false;
  HashOptions hash;
  CipherOptions cipher;
};

using Command = std::function<int(Client&)>;

class Printer {
 public:
  Printer(const CommandLine& line, std::ostream& out, std::ostream& err) : line_(line), out_(out), err_(err) {}

  int print(const CommandResult& result) const;
  int print(const v1::ErrorDetail& error) const;
  int watch(Client& client) const;

 private:
  const CommandLine& line_;
  std::ostream& out_;
  std::ostream& err_;
};

// What commands are added to, and what happens when one is chosen.
struct CommandSet {
  CommandLine& line;
  const Printer& printer;
  Command& chosen;

  // `run` when the command is on the line.
  void on(CLI::App& command, std::function<CommandResult(Client&)> run) const {
    command.callback([*this, run = std::move(run)] { chosen = [*this, run](Client& client) { return printer.print(run(client)); }; });
  }
};

void add_transaction_options(CLI::App& command, CommandLine& line);
void add_show_peers(CLI::App& show, const CommandSet& set);  // of `show`
void add_swarm(CLI::App& app, const CommandSet& set);        // swarm, peer, evidence

}  // namespace mediaward::tools
