// SPDX-License-Identifier: Apache-2.0
// `config check FILE`: finds out whose file it is and has it checked by whoever reads it in earnest. One thread.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "config/toml_reader.h"
#include "control/config.h"
#include "control/unique_fd.h"
#include "tools/conference_file.h"
#include "tools/mediawardctl/commands.h"
#include "tools/swarm_file.h"

extern char** environ;

namespace mediaward::tools {

namespace {

tl::unexpected<v1::ErrorDetail> bad(const Error& error, const std::string& path) {
  return tl::unexpected(local_error(to_string(error.code), error.message, path));
}

CommandResult good(const std::string& path, const std::string& kind) {
  return Answer{path + ": good (" + kind + ")\n", {{"path", path}, {"kind", kind}, {"good", true}}};
}

std::string guess_kind(const config::TomlDocument& document, const std::string& path) {
  const auto root = document.root();
  if (root.has("participant")) return "conference";
  if (root.has("swarm")) return "swarm";
  if (root.has("api") || root.has("dataplane")) return "controld";
  if (root.has("port")) return "dataplane";
  return std::filesystem::path(path).filename().string().find("dataplane") != std::string::npos ? "dataplane" : "controld";
}

// Beside this program, otherwise whatever PATH has.
std::string dataplane_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = self.parent_path() / "mediaward-dataplane";
  return !error && ::access(beside.c_str(), X_OK) == 0 ? beside.string() : "mediaward-dataplane";
}

Result<control::UniqueFd> spawn_with_output(const std::vector<std::string>& arguments, pid_t& child) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorCode::kInternal, std::string("pipe: ") + std::strerror(errno));
  control::UniqueFd read_end(ends[0]);
  const control::UniqueFd write_end(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return fail(ErrorCode::kNotFound,
                arguments[0] + " cannot be run (" + std::strerror(failed) + "): it checks data-plane files; install it or put it in PATH");
  return read_end;
}

CommandResult check_dataplane(const std::string& path) {
  pid_t child = -1;
  const auto output = spawn_with_output({dataplane_program(), "--check-config", path}, child);
  if (!output) return bad(output.error(), path);
  std::string text;
  char chunk[4096];
  for (ssize_t got = 0; (got = ::read(output->get(), chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR);)
    if (got > 0) text.append(chunk, static_cast<std::size_t>(got));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  while (text.ends_with('\n')) text.pop_back();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return good(path, "dataplane");
  if (text.empty()) text = "mediaward-dataplane --check-config ended without a word";
  return bad({ErrorCode::kInvalid, text}, path);
}

}  // namespace

CommandResult check_config(const std::string& path, const std::string& kind) {
  const auto document = config::TomlDocument::read_file(path);
  if (!document) return bad(document.error(), path);
  const std::string found = kind == "auto" ? guess_kind(*document, path) : kind;
  if (found == "dataplane") return check_dataplane(path);
  if (found == "conference") {
    if (const auto file = read_conference(path); !file) return bad(file.error(), path);
  } else if (found == "swarm") {
    if (const auto file = read_swarm(path); !file) return bad(file.error(), path);
  } else if (const auto settings = control::read_settings(path); !settings) {
    return bad(settings.error(), path);
  }
  return good(path, found);
}

}  // namespace mediaward::tools
