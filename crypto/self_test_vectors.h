// SPDX-License-Identifier: Apache-2.0
// The known answers of the start-up self-test, at least one per suite. Sources: RFC 3711 B.2 and RFC 6188 §7.1 (AES-CM keystreams),
// RFC 2202 §3 (HMAC-SHA1), RFC 7714 §16 and §17 (AES-GCM, SRTP and SRTCP), and the SRTP reference packets that libsrtp validates
// itself with, under the session keys of RFC 3711 B.3 and RFC 6188 §7.2. Constants only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "crypto/suite.h"

namespace mediaward::crypto {

// All byte strings in hex. The tag is compared in as many bytes as are given.
struct KnownAnswer {
  std::string_view name;
  Suite suite;
  std::string_view key, auth, salt;
  std::uint32_t ssrc;
  std::uint64_t index;
  std::uint32_t roc;
  std::string_view header, plain, cipher, tag;
};

namespace known {

inline constexpr std::string_view kZeros48 =
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000";
inline constexpr std::string_view kDd46 = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
inline constexpr std::string_view kKey0b = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
inline constexpr std::string_view kKeyAa = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
inline constexpr std::string_view kCmKey = "2b7e151628aed2a6abf7158809cf4f3c";
inline constexpr std::string_view kCmKey256 = "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98";
inline constexpr std::string_view kCmSalt = "f0f1f2f3f4f5f6f7f8f9fafbfcfd";

// Session keys of RFC 3711 B.3 and RFC 6188 §7.2, and the packet of libsrtp.
inline constexpr std::string_view kB3Key = "c61e7a93744f39ee10734afe3ff7a087";
inline constexpr std::string_view kB3Auth = "cebe321f6ff7716b6fd4ab49af256a156d38baa4";
inline constexpr std::string_view kB3Salt = "30cbbc08863d8c85d49db34a9ae1";
inline constexpr std::string_view k72Key = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
inline constexpr std::string_view k72Auth = "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05";
inline constexpr std::string_view k72Salt = "fa31791685ca444a9e07c6c64e93";
inline constexpr std::string_view kReferenceHeader = "800f1234decafbadcafebabe";
inline constexpr std::string_view kReferencePlain = "abababababababababababababababab";
inline constexpr std::string_view kReferenceCipher = "4e55dc4ce79978d88ca4d215949d2402";
inline constexpr std::string_view kReferenceCipher256 = "f1d9de17ff251ff1aa007774b0b4b40d";

inline constexpr std::string_view kGcmKey = "000102030405060708090a0b0c0d0e0f";
inline constexpr std::string_view kGcmKey256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
inline constexpr std::string_view kGcmSalt = "517569642070726f2071756f";
inline constexpr std::string_view kGallia = "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
inline constexpr std::string_view kGalliaHeader = "8040f17b8041f8d35501a0b2";
inline constexpr std::string_view kGalliaPacket =
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
inline constexpr std::string_view kMars = "4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
inline constexpr std::string_view kMarsHeader = "81c8000d4d617273800005d4";  // with the E flag and the index
inline constexpr std::string_view kMarsPacket =
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef000005d4";

}  // namespace known

inline constexpr std::array kKnownAnswers{
    // The data of HMAC ends in the ROC: the keystream vectors have no published tag, so only their cipher is compared.
    KnownAnswer{"RFC 3711 B.2 keystream", Suite::kAesCm128HmacSha1_80, known::kCmKey, known::kKey0b, known::kCmSalt, 0, 0, 0, "80000000",
                known::kZeros48, "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0", ""},
    KnownAnswer{"RFC 6188 7.1 keystream", Suite::kAesCm256HmacSha1_80, known::kCmKey256, known::kKey0b, known::kCmSalt, 0, 0, 0, "80000000",
                known::kZeros48, "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac63c4868b7096d88421b563b8c94c9a31", ""},
    // "Hi There" and fifty times 0xdd, split into header, payload and ROC.
    KnownAnswer{"RFC 2202 case 1", Suite::kAesCm128HmacSha1_80, known::kCmKey, known::kKey0b, "", 0, 0, 0x68657265, "48692054", "", "",
                "b617318655057264e28bc0b6fb378c8e"},
    KnownAnswer{"RFC 2202 case 3", Suite::kAesCm128HmacSha1_80, known::kCmKey, known::kKeyAa, "", 0, 0, 0xdddddddd, known::kDd46, "", "",
                "125d7342b9ac11cd91a39af48aa17b4f"},
    KnownAnswer{"RFC 2202 case 3", Suite::kNullHmacSha1_80, "", known::kKeyAa, "", 0, 0, 0xdddddddd, known::kDd46.substr(0, 24),
                known::kDd46.substr(24), known::kDd46.substr(24), "125d7342b9ac11cd91a3"},
    KnownAnswer{"RFC 2202 case 3", Suite::kNullHmacSha1_32, "", known::kKeyAa, "", 0, 0, 0xdddddddd, known::kDd46.substr(0, 24),
                known::kDd46.substr(24), known::kDd46.substr(24), "125d7342"},
    KnownAnswer{"SRTP reference packet", Suite::kAesCm128HmacSha1_80, known::kB3Key, known::kB3Auth, known::kB3Salt, 0xcafebabe, 0x1234, 0,
                known::kReferenceHeader, known::kReferencePlain, known::kReferenceCipher, "b78d6acc99ea179b8dbb"},
    KnownAnswer{"SRTP reference packet", Suite::kAesCm128HmacSha1_32, known::kB3Key, known::kB3Auth, known::kB3Salt, 0xcafebabe, 0x1234, 0,
                known::kReferenceHeader, known::kReferencePlain, known::kReferenceCipher, "b78d6acc"},
    KnownAnswer{"SRTP reference packet", Suite::kAesCm256HmacSha1_80, known::k72Key, known::k72Auth, known::k72Salt, 0xcafebabe, 0x1234, 0,
                known::kReferenceHeader, known::kReferencePlain, known::kReferenceCipher256, "a08d9d9a5b3a55d8873b"},
    KnownAnswer{"SRTP reference packet", Suite::kAesCm256HmacSha1_32, known::k72Key, known::k72Auth, known::k72Salt, 0xcafebabe, 0x1234, 0,
                known::kReferenceHeader, known::kReferencePlain, known::kReferenceCipher256, "a08d9d9a"},
    KnownAnswer{"RFC 7714 16.1.1", Suite::kAeadAes128Gcm, known::kGcmKey, "", known::kGcmSalt, 0x5501a0b2, 0xf17b, 0, known::kGalliaHeader,
                known::kGallia, "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833",
                "899d7f27beb16a9152cf765ee4390cce"},
    KnownAnswer{"RFC 7714 16.1.3", Suite::kAeadAes128Gcm, known::kGcmKey, "", known::kGcmSalt, 0x5501a0b2, 0xf17b, 0, known::kGalliaPacket,
                "", "", "22493f82d2bce397e9d79e3b19aa4216"},
    KnownAnswer{"RFC 7714 16.2.1", Suite::kAeadAes256Gcm, known::kGcmKey256, "", known::kGcmSalt, 0x5501a0b2, 0xf17b, 0,
                known::kGalliaHeader, known::kGallia, "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b",
                "7aa3db36dfffd6b0f9bb7878d7a76c13"},
    KnownAnswer{"RFC 7714 16.2.3", Suite::kAeadAes256Gcm, known::kGcmKey256, "", known::kGcmSalt, 0x5501a0b2, 0xf17b, 0,
                known::kGalliaPacket, "", "", "a866d5910f887463067ceefec45215d4"},
    KnownAnswer{"RFC 7714 17.1", Suite::kAeadAes128Gcm, known::kGcmKey, "", known::kGcmSalt, 0x4d617273, 0x5d4, 0, known::kMarsHeader,
                known::kMars, "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b",
                "c84aa45896cf4d2fc5abf87245d9eade"},
    KnownAnswer{"RFC 7714 17.2", Suite::kAeadAes256Gcm, known::kGcmKey256, "", known::kGcmSalt, 0x4d617273, 0x5d4, 0, known::kMarsHeader,
                known::kMars, "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad",
                "1d1eb30c4446839f57ff6f6cb26ac3be"},
    KnownAnswer{"RFC 7714 17.3", Suite::kAeadAes128Gcm, known::kGcmKey, "", known::kGcmSalt, 0x4d617273, 0x5d4, 0, known::kMarsPacket, "",
                "", "841dd9683dd78ec92ae58790125f62b3"},
    KnownAnswer{"RFC 7714 17.4", Suite::kAeadAes256Gcm, known::kGcmKey256, "", known::kGcmSalt, 0x4d617273, 0x5d4, 0, known::kMarsPacket,
                "", "", "91db4afbfeee5a978fab4393ed2615fe"},
};

static_assert(std::all_of(kSuites.begin(), kSuites.end(),
                          [](const SuiteInfo& suite) {
                            return std::any_of(kKnownAnswers.begin(), kKnownAnswers.end(),
                                               [&](const KnownAnswer& answer) { return answer.suite == suite.id && !answer.tag.empty(); });
                          }),
              "a suite without a known answer");

}  // namespace mediaward::crypto
