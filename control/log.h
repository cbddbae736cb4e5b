// SPDX-License-Identifier: Apache-2.0
// Audit and operation lines: `time level event key=value ...` on stderr (or wherever the sink leads), one line per event.
// Values that contain spaces or control characters are quoted and escaped. Keys never come here: callers have only fingerprints.
// Any thread; a line is written whole.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>

namespace mediaward::control {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, std::uint64_t v) : key(k), value(std::to_string(v)) {}
};

class Log {
 public:
  using Sink = std::function<void(std::string_view line)>;  // the line ends with '\n'
  Log();                                                    // stderr
  explicit Log(Sink sink, LogLevel least = LogLevel::kInfo) : sink_(std::move(sink)), least_(least) {}
  void set_level(LogLevel least) noexcept { least_ = least; }
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const;

 private:
  Sink sink_;
  LogLevel least_ = LogLevel::kInfo;
  mutable std::mutex mutex_;
};

}  // namespace mediaward::control
