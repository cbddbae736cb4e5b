// SPDX-License-Identifier: Apache-2.0
// Commands that change swarms, each one transaction, and the text that a content provider signs. One thread.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "control/proto/swarm_text.h"
#include "tools/mediawardctl/swarm_message.h"
#include "tools/mediawardctl/transaction.h"

namespace mediaward::tools {

namespace {

constexpr std::size_t kMostInlineBytes = std::size_t{1} << 20;

tl::expected<SwarmFile, v1::ErrorDetail> read_file(const std::string& path) {
  auto file = read_swarm(path);
  if (!file) return tl::unexpected(local_error(to_string(file.error().code), file.error().message));
  return std::move(*file);
}

// Beside the swarm file, unless its path is absolute.
tl::expected<std::string, v1::ErrorDetail> read_inline(const std::string& swarm_path, const std::string& name) {
  const auto path = std::filesystem::path(swarm_path).parent_path() / name;
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kMostInlineBytes + 1, '\0');
  if (!file) return tl::unexpected(local_error("not-found", "content.inline_file: " + path.string() + " cannot be read"));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() <= kMostInlineBytes) return bytes;
  return tl::unexpected(local_error("invalid", "content.inline_file: " + path.string() +
                                                   " has more than 1 MiB; copy it below peer.content_directory of the appliance and name "
                                                   "it as content.file"));
}

}  // namespace

CommandResult apply_swarm(Client& client, const std::string& path, const ApplyOptions& options) {
  const auto file = read_file(path);
  if (!file) return tl::unexpected(file.error());
  v1::ApplyTransactionRequest request = new_request(options);
  auto& whole = *request.add_operations()->mutable_replace_swarm();
  fill(whole, *file);
  if (file->content && !file->content->inline_file.empty()) {
    auto bytes = read_inline(path, file->content->inline_file);
    if (!bytes) return tl::unexpected(bytes.error());
    whole.mutable_content()->set_inline_bytes(std::move(*bytes));
  }
  return apply(client, request, "swarm " + file->id);
}

CommandResult remove_swarm(Client& client, const std::string& id, const std::string& author, const std::string& reason,
                           const ApplyOptions& options) {
  v1::ApplyTransactionRequest request = new_request(options);
  auto& gone = *request.add_operations()->mutable_remove_swarm();
  gone.set_id(id);
  gone.set_author(author);
  gone.set_reason(reason);
  return apply(client, request, "take-down of swarm " + id);
}

CommandResult swarm_text(const std::string& path) {
  const auto file = read_file(path);
  if (!file) return tl::unexpected(file.error());
  v1::Swarm swarm;
  fill(swarm, *file);
  const std::string text = control::metadata_text(swarm);
  return Answer{text, {{"id", file->id}, {"text", text}}};
}

}  // namespace mediaward::tools
