// SPDX-License-Identifier: Apache-2.0
// Public keys and signatures over the metadata of gen(7162), chunks of 1024 bytes, SHA-256, made once with the openssl command line
// (3.0.19): `openssl dgst -sha256 -sign`, `openssl pkeyutl -sign -rawin`, `openssl dgst -sha256 -sign -sigopt rsa_padding_mode:pss`.
// The private keys are gone. No thread.
#pragma once

namespace mediaward::control::test {

inline constexpr const char* kSignedText =
    "mediaward-swarm-v1\n"
    "kind=static\n"
    "key=03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec\n"
    "hash=sha256\n"
    "addressing=2\n"
    "chunk_bytes=1024\n"
    "content_bytes=7162\n"
    "munro_level=0\n"
    "signature_form=none\n"
    "content_key_id=\n"
    "content_key_version=0\n";

inline constexpr const char* kEcP256Key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErA7ZJZpvUGos6K872ol8JHYmYXKX\n"
    "gSkKS5C1eMZJwX6nKtr0xkqvVtX0kSpxP9AC8ZbqmFZVF6nGojR7VWsymg==\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr const char* kEcP256Signature =
    "3046022100ccf4102adb1183d4d1fc178ff679caabf53d3695ce18fb19025eff3c86634d63022100e74caadb73c9d749a4aad23962ccaa228d9ec3c1ce24d78a"
    "af26d385aec6e740";

inline constexpr const char* kEd25519Key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEARg5888xTBHppZ3p4o1O5iEhxORg4Nm8L6m0xQmfWwu4=\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr const char* kEd25519Signature =
    "da77d7564838171e560d44517dcaf24101c4eb64c1fbb5a513ea4b02e7cf2c1296ddaa6b93607cbf37b527e954f8f0f73225c0dc79797cf5f8dfee7e9fa06204";

inline constexpr const char* kRsa2048Key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzADKirsfdAd6BrOSbjh+\n"
    "OV47aVZEsI0ofHXmpsYLXolooZYBHtRu+Oes/SLzPmAlJ0dFk6CVrJe+VvNZeryr\n"
    "1GIIXq1UE8gzufhjfE7hil97gxTvQ8+AO/GSU4LyBhbqWiGd+Ovf/cU5J8/EWgOU\n"
    "dEBUNIE/ybz6CigVlcktBS4hFewZ8RTAz9JYPdanmFsU0S5ldrAPiScWEtGVNAcB\n"
    "+QxGnTpqHw8SUWWKiIO8RMTQjjUIARhDlsSZMOktOfItCykB5rWHBf765+CJ3yu8\n"
    "JI9mD/Fbi84bN/ps53rhPbm2HgSCgVxl0Uky1ul1NvGbjWBp9OEVdRg6FZAGx0zZ\n"
    "HwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr const char* kRsa2048Signature =
    "59c22d6e3722829fd859bc3b9f5e8e5fce2cd1ed8640045b3b97455e9d38c855682ea2e80b9f5ebe1bdc9168302a364c3af0d17121bf237df6544a85c2de2c6c"
    "85ca87c8be33a168eff3c33c537af38b1c8cd504a7d75a5f8d79bb13c1037356e983d6e523312e13b91e83a6c3673f13274aba6a87f0ccab42db2118b429fb9e"
    "029af8993c2ddeb8a9d5c93274a84a5ee31c62cac584e28dc58db4d1d3fb1c9758cd9d5d13ea8dde77362c6f0b7f8260874e7dd02051ede511819e416e92331c"
    "e2b7051f83cf8f53e42fa33d108f486ed1dba86b377b7f255e39c88cb71d5c55d426ada461266cf47cd5ded13a165585a4a651a4fa97e070c7df710e7715ef06";

inline constexpr const char* kRsa1024Key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCZJITM+LDNkd6iiuABpBDQfv8A\n"
    "3AFxmIopdSmopUEDOdnDhe4sgvo0l/EWSMnaTmqU7bX0Re3UBcTuvPTr8MvCDbf4\n"
    "S1balE1MeTMFcHwx380LBdM4Qiisq80Bfq5twE/zj4qBocTyOAYu3jRETSuJsbf1\n"
    "0jS2m3vYb4t0jPcedQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr const char* kEcP384Key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAExWOHHgu1+PDS9yL5BSHRWGOp4BrUEHkc\n"
    "FXyW9uJRp+KiS3phaSeUJd0WAlzb45hxEPk/xtolDbjSaCSjWsXqalsEPJeysBvx\n"
    "5yKBb8AKq3/p0N/4BCaSROb/uY70BVy6\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace mediaward::control::test
