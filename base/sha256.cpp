#include "base/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "base/errors.h"

namespace plumb::base {

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{EVP_MD_CTX_new(),
                                                                 &EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  ensure(context_->digest && EVP_DigestInit_ex(context_->digest.get(), EVP_sha256(), nullptr) == 1,
         "libcrypto provides SHA-256");
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  ensure(EVP_DigestUpdate(context_->digest.get(), bytes.data(), bytes.size()) == 1,
         "SHA-256 takes any bytes");
}

void Sha256::update(std::string_view text) {
  update(std::as_bytes(std::span(text)));
}

std::string Sha256::hex_digest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned length = 0;
  ensure(EVP_DigestFinal_ex(context_->digest.get(), raw.data(), &length) == 1,
         "SHA-256 can be finished once");
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += kDigits[raw[i] >> 4];
    hex += kDigits[raw[i] & 15];
  }
  return hex;
}

}  // namespace plumb::base
