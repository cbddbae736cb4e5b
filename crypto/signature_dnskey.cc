// SPDX-License-Identifier: Apache-2.0
// See signature_dnskey.h. Lengths and bounds are checked here before libcrypto sees a number: what it refuses it refuses without saying
// why, and what it takes (exponent 1, say) is not always fit for use. Main thread.
#include "crypto/signature_dnskey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>

namespace mediaward::crypto::signature {
namespace {

constexpr AlgorithmInfo kAlgorithms[] = {
    {SignatureAlgorithm::kRsaSha1, "RSASHA1", EVP_sha1, nullptr, 0},
    {SignatureAlgorithm::kRsaSha256, "RSASHA256", EVP_sha256, nullptr, 0},
    {SignatureAlgorithm::kEcdsaP256Sha256, "ECDSAP256SHA256", EVP_sha256, "prime256v1", 32},
    {SignatureAlgorithm::kEcdsaP384Sha384, "ECDSAP384SHA384", EVP_sha384, "secp384r1", 48},
};

constexpr std::size_t kMinRsaBits = 2048;        // NIST SP 800-131A §3
constexpr std::size_t kMinLegacyRsaBits = 1024;  // RFC 8301 §3.2
constexpr std::size_t kMaxRsaBits = 4096;        // RFC 3110 §2, RFC 5702 §2
constexpr std::size_t kMaxExponentBytes = 8;     // a larger one only makes verification dear
constexpr std::byte kUncompressed{0x04};         // SEC 1 §2.3.3
static_assert(kMaxSignatureBytes == kMaxRsaBits / 8);

using Bignum = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;

const unsigned char* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const unsigned char*>(p);
}
unsigned char* raw(std::byte* p) noexcept {
  return reinterpret_cast<unsigned char*>(p);
}

tl::unexpected<Error> invalid(const AlgorithmInfo& info, const std::string& what) {
  return fail(ErrorCode::kInvalid, std::string(info.name) + " key: " + what);
}

EvpKey make_public(const char* kind, OSSL_PARAM* params) {
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    return nullptr;
  return EvpKey(key);
}

// EC: the point is on its curve and of its order. RSA: the modulus is neither a prime nor a power of one, and has no small factor.
bool passes_public_check(EVP_PKEY* key) {
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
}

struct RsaNumbers {
  ConstBytes exponent;
  ConstBytes modulus;
};

// RFC 3110 §2: the exponent's length in one octet, or, when that is 0, in the two behind it; the exponent; the modulus.
Result<RsaNumbers> split_rsa(const AlgorithmInfo& info, ConstBytes public_key) {
  if (public_key.size() < 3) return invalid(info, std::to_string(public_key.size()) + " bytes are no RSA key (RFC 3110 §2)");
  std::size_t length = std::to_integer<std::size_t>(public_key[0]);
  const bool in_three = length == 0;
  if (in_three) length = load_be16(public_key.data() + 1);
  const ConstBytes numbers = public_key.subspan(in_three ? 3 : 1);
  if (length > kMaxExponentBytes)
    return invalid(info, "an exponent of " + std::to_string(length) + " bytes, at most 8 are taken: use a key with exponent 65537");
  if (in_three) return invalid(info, "the exponent's length is in three octets although one suffices (RFC 3110 §2)");
  if (length >= numbers.size()) return invalid(info, "it ends before its modulus begins (RFC 3110 §2)");
  return RsaNumbers{numbers.first(length), numbers.subspan(length)};
}

std::size_t bits_of(ConstBytes number) noexcept {
  return 8 * (number.size() - 1) + std::bit_width(std::to_integer<unsigned>(number[0]));
}
bool is_odd(ConstBytes number) noexcept {
  return (number.back() & std::byte{1}) != std::byte{0};
}

Result<void> check_rsa(const AlgorithmInfo& info, const RsaNumbers& rsa, ShortRsaKeys short_rsa) {
  if (rsa.exponent[0] == std::byte{0} || rsa.modulus[0] == std::byte{0})
    return invalid(info, "exponent or modulus begins with a zero octet, which RFC 3110 §2 prohibits");
  if (!is_odd(rsa.exponent) || bits_of(rsa.exponent) < 2)
    return invalid(info, "the exponent is even or 1: anybody could sign; use a key with exponent 65537");
  const std::size_t bits = bits_of(rsa.modulus);
  if (bits > kMaxRsaBits || bits < kMinLegacyRsaBits)
    return invalid(info, "a modulus of " + std::to_string(bits) + " bits, 1024 to 4096 are defined: use a key of 2048 bits");
  if (bits < kMinRsaBits && short_rsa == ShortRsaKeys::kRefused)
    return invalid(info, "a modulus of " + std::to_string(bits) +
                             " bits, at least 2048 are wanted: use a longer key, or allow short keys for this swarm");
  if (!is_odd(rsa.modulus)) return invalid(info, "the modulus is even: it is no product of two large primes");
  return {};
}

EvpKey make_rsa(const RsaNumbers& rsa) {
  const Bignum n(BN_bin2bn(raw(rsa.modulus.data()), static_cast<int>(rsa.modulus.size()), nullptr));
  const Bignum e(BN_bin2bn(raw(rsa.exponent.data()), static_cast<int>(rsa.exponent.size()), nullptr));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (n == nullptr || e == nullptr || builder == nullptr || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  return params == nullptr ? nullptr : make_public("RSA", params.get());
}

Result<PublicKey> rsa_from_dnskey(const AlgorithmInfo& info, ConstBytes public_key, ShortRsaKeys short_rsa) {
  const auto rsa = split_rsa(info, public_key);
  if (!rsa) return tl::unexpected(rsa.error());
  if (const auto good = check_rsa(info, *rsa, short_rsa); !good) return tl::unexpected(good.error());
  EvpKey key = make_rsa(*rsa);
  if (key == nullptr)
    return fail(ErrorCode::kInternal, std::string(info.name) + " key: libcrypto does not take it: check its configuration");
  if (!passes_public_check(key.get()))
    return invalid(info, "the modulus is a prime, a power of one or has small factors: anybody could sign");
  return PublicKey{std::move(key), rsa->modulus.size()};
}

// RFC 6605 §4: X ‖ Y, uncompressed, without the octet that would say so.
Result<PublicKey> ec_from_dnskey(const AlgorithmInfo& info, ConstBytes public_key) {
  const std::size_t bytes = 2 * info.coordinate_bytes;
  if (public_key.size() != bytes)
    return invalid(info, std::to_string(public_key.size()) + " bytes, wanted " + std::to_string(bytes) + " of X and Y (RFC 6605 §4)");
  std::vector<unsigned char> point{static_cast<unsigned char>(kUncompressed)};
  point.insert(point.end(), raw(public_key.data()), raw(public_key.data()) + bytes);
  std::string curve = info.curve;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
                         OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
                         OSSL_PARAM_construct_end()};
  EvpKey key = make_public("EC", params);
  if (key == nullptr || !passes_public_check(key.get())) return invalid(info, "X and Y are no point of the curve");
  return PublicKey{std::move(key), bytes};
}

Bignum number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* out = nullptr;
  return EVP_PKEY_get_bn_param(key, name, &out) == 1 ? Bignum(out) : nullptr;
}

// Appends the number in `bytes` octets; false when it has more.
bool append(std::vector<std::byte>& to, const BIGNUM* number, std::size_t bytes) {
  const std::size_t at = to.size();
  to.resize(at + bytes);
  return BN_bn2binpad(number, raw(to.data() + at), static_cast<int>(bytes)) == static_cast<int>(bytes);
}

Result<std::vector<std::byte>> rsa_to_dnskey(const AlgorithmInfo& info, const EVP_PKEY* key) {
  const Bignum n = number_of(key, OSSL_PKEY_PARAM_RSA_N);
  const Bignum e = number_of(key, OSSL_PKEY_PARAM_RSA_E);
  if (EVP_PKEY_is_a(key, "RSA") != 1 || n == nullptr || e == nullptr) return invalid(info, "this is no RSA key");
  const auto exponent_bytes = static_cast<std::size_t>(BN_num_bytes(e.get()));
  if (exponent_bytes > kMaxExponentBytes) return invalid(info, "its exponent has more than 8 bytes: use a key with exponent 65537");
  std::vector<std::byte> out{static_cast<std::byte>(exponent_bytes)};
  if (!append(out, e.get(), exponent_bytes) || !append(out, n.get(), static_cast<std::size_t>(BN_num_bytes(n.get()))))
    return fail(ErrorCode::kInternal, "libcrypto does not give the numbers of an RSA key: it is out of memory");
  return out;
}

Result<std::vector<std::byte>> ec_to_dnskey(const AlgorithmInfo& info, const EVP_PKEY* key) {
  std::array<char, 64> curve{};
  std::size_t length = 0;
  if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, curve.data(), curve.size(), &length) != 1 ||
      std::string_view(curve.data(), length) != info.curve)
    return invalid(info, "this is no key on the curve " + std::string(info.curve));
  const Bignum x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X);
  const Bignum y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y);
  std::vector<std::byte> out;
  if (x == nullptr || y == nullptr || !append(out, x.get(), info.coordinate_bytes) || !append(out, y.get(), info.coordinate_bytes))
    return invalid(info, "it has no public part");
  return out;
}

}  // namespace

const AlgorithmInfo* find_algorithm(std::uint8_t number) noexcept {
  const auto* const found =
      std::ranges::find(kAlgorithms, number, [](const AlgorithmInfo& info) { return static_cast<std::uint8_t>(info.algorithm); });
  return found == std::end(kAlgorithms) ? nullptr : found;
}

Result<PublicKey> from_dnskey(const AlgorithmInfo& info, ConstBytes public_key, ShortRsaKeys short_rsa) {
  return info.curve == nullptr ? rsa_from_dnskey(info, public_key, short_rsa) : ec_from_dnskey(info, public_key);
}

Result<std::vector<std::byte>> to_dnskey(const AlgorithmInfo& info, const EVP_PKEY* key) {
  return info.curve == nullptr ? rsa_to_dnskey(info, key) : ec_to_dnskey(info, key);
}

}  // namespace mediaward::crypto::signature
