// SPDX-License-Identifier: Apache-2.0
// Text forms of the conference file's values. Any thread; control path.
#include "tools/conference_text.h"

#include <arpa/inet.h>
#include <openssl/evp.h>

#include <charconv>

namespace mediaward::tools {

namespace {

bool parse_number(std::string_view text, unsigned least, unsigned most, unsigned& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= least && out <= most;
}

bool parse_address(const std::string& text, std::uint8_t (&bytes)[16]) {
  return inet_pton(is_v6(text) ? AF_INET6 : AF_INET, text.c_str(), bytes) == 1;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

bool is_v6(std::string_view address) {
  return address.find(':') != std::string_view::npos;
}

bool parse_endpoint(std::string_view text, ConferenceFile::Endpoint& out) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view address = text.substr(0, colon);
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  if (bracketed != is_v6(address)) return false;
  std::uint8_t bytes[16];
  unsigned port = 0;
  if (!parse_address(std::string(address), bytes) || !parse_number(text.substr(colon + 1), 1, 65535, port)) return false;
  out = {std::string(address), static_cast<std::uint16_t>(port)};
  return true;
}

bool parse_prefix(std::string_view text, ConferenceFile::Prefix& out) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string address(text.substr(0, slash));
  std::uint8_t bytes[16] = {};
  unsigned bits = 0;
  if (!parse_address(address, bytes) || !parse_number(text.substr(slash + 1), 1, is_v6(address) ? 128 : 32, bits)) return false;
  const unsigned width = is_v6(address) ? 128 : 32;
  for (unsigned bit = bits; bit < width; ++bit)  // nothing may be set behind the prefix: it would be a mistyped length
    if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  out = {address, static_cast<std::uint8_t>(bits)};
  return true;
}

bool decode_base64(std::string_view text, std::vector<std::uint8_t>& out) {
  if (text.empty() || text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int value = base64_value(c);
    if (value < 0) return false;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::uint8_t>(bits >> count));
    }
  }
  return (bits & ((1u << count) - 1)) == 0;
}

bool decode_hex(std::string_view text, std::vector<std::uint8_t>& out) {
  if (text.empty() || text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return true;
}

std::string to_text(const ConferenceFile::Endpoint& endpoint) {
  return (is_v6(endpoint.address) ? "[" + endpoint.address + "]" : endpoint.address) + ":" + std::to_string(endpoint.udp_port);
}

std::string to_text(const ConferenceFile::Prefix& prefix) {
  return prefix.address + "/" + std::to_string(prefix.bits);
}

std::string encode_base64(const std::vector<std::uint8_t>& bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string encode_hex(const std::vector<std::uint8_t>& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace mediaward::tools
