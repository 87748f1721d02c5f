// Whether release keys of the sketch signed a manifest: the shared vector, and everything that differs from it in one bit.

#include "core/trust/release_signature.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "core/trust/signature.h"
#include "support/vectors.h"

using namespace otter;

namespace {

struct Signed {
  vectors::File file{"signature.json"};
  std::string pem = vectors::text(file.member("public_key_pem"));
  std::string signature = vectors::text(file.member("signature_base64"));
  Manifest manifest = {};

  Signed() {
    const Json stated = file.member("manifest");
    REQUIRE(stated.member("product").copyString(manifest.product, sizeof manifest.product));
    REQUIRE(stated.member("version").copyString(manifest.version, sizeof manifest.version));
    REQUIRE(stated.member("chip").copyString(manifest.chip, sizeof manifest.chip));
    REQUIRE(stated.member("created_at").copyString(manifest.createdAt, sizeof manifest.createdAt));
    REQUIRE(stated.member("expires_at").copyString(manifest.expiresAt, sizeof manifest.expiresAt));
    REQUIRE(stated.member("size_bytes").toUint32(manifest.sizeBytes));
    REQUIRE(stated.member("security_version").toUint32(manifest.securityVersion));
    REQUIRE(parseSha256(vectors::text(stated, "sha256").c_str(), manifest.sha256));
  }

  Json signatures() { return file.member("manifest").member("signatures"); }

  bool isSignedBy(const std::vector<const char*>& pems, size_t needed = 1) {
    return isSigned(manifest, signatures(), {pems.data(), pems.size(), needed});
  }
  bool isSignedNow() { return isSignedBy({pem.c_str()}); }
};

/** Flips every bit of these bytes, one at a time, and counts for how many the manifest still counts as signed. */
size_t acceptedWithBitsOf(Signed& vector, void* field, size_t bytes) {
  auto* at = static_cast<uint8_t*>(field);
  size_t accepted = 0;
  for (size_t bit = 0; bit < bytes * 8; ++bit) {
    at[bit / 8] = static_cast<uint8_t>(at[bit / 8] ^ (1U << (bit % 8)));
    if (vector.isSignedNow()) ++accepted;
    at[bit / 8] = static_cast<uint8_t>(at[bit / 8] ^ (1U << (bit % 8)));
  }
  return accepted;
}

bool isSignedWith(Signed& vector, const std::string& signaturesText) {
  Json root;
  if (!Json::parse(signaturesText.data(), signaturesText.size(), root)) return false;
  const char* const pems[] = {vector.pem.c_str()};
  return isSigned(vector.manifest, root.member("signatures"), {pems, 1, 1});
}

std::string entry(const std::string& keyId, const std::string& signature) {
  return R"({"key_id":")" + keyId + R"(","signature":")" + signature + R"("})";
}

std::string list(const std::string& entries) { return R"({"signatures":[)" + entries + "]}"; }

}  // namespace

TEST_CASE("the manifest of the shared vector is signed, and with no field that differs in a bit") {
  Signed vector;
  REQUIRE(vector.isSignedNow());
  Manifest& manifest = vector.manifest;
  CHECK(acceptedWithBitsOf(vector, manifest.product, strlen(manifest.product)) == 0);
  CHECK(acceptedWithBitsOf(vector, manifest.version, strlen(manifest.version)) == 0);
  CHECK(acceptedWithBitsOf(vector, manifest.chip, strlen(manifest.chip)) == 0);
  CHECK(acceptedWithBitsOf(vector, manifest.createdAt, strlen(manifest.createdAt)) == 0);
  CHECK(acceptedWithBitsOf(vector, manifest.expiresAt, strlen(manifest.expiresAt)) == 0);
  CHECK(acceptedWithBitsOf(vector, manifest.sha256, sizeof manifest.sha256) == 0);
  CHECK(acceptedWithBitsOf(vector, &manifest.sizeBytes, sizeof manifest.sizeBytes) == 0);
  CHECK(acceptedWithBitsOf(vector, &manifest.securityVersion, sizeof manifest.securityVersion) == 0);
  CHECK(vector.isSignedNow());
}

TEST_CASE("a signature that is cut, of another key, under another name or missing is none") {
  Signed vector;
  char keyId[kKeyIdBytes] = {};
  REQUIRE(keyIdOf(vector.pem.c_str(), keyId));
  CHECK(isSignedWith(vector, list(entry(keyId, vector.signature))));
  for (size_t length = 0; length < vector.signature.size(); ++length)
    CHECK_FALSE(isSignedWith(vector, list(entry(keyId, vector.signature.substr(0, length)))));
  CHECK_FALSE(isSignedWith(vector, list(entry("0000000000000000", vector.signature))));
  CHECK_FALSE(isSignedWith(vector, list(entry(keyId, vector.signature + "AAAA"))));
  CHECK_FALSE(isSignedWith(vector, list("")));
  CHECK_FALSE(isSignedWith(vector, "{}"));
  CHECK_FALSE(isSignedWith(vector, R"({"signatures":"all of them"})"));
  CHECK_FALSE(isSignedWith(vector, list("1,null,[],\"text\"")));
  CHECK_FALSE(vector.isSignedBy({vectors::kOtherKey}));
  CHECK_FALSE(vector.isSignedBy({}));
}

TEST_CASE("entries of other keys are skipped, and only the first four are looked at") {
  Signed vector;
  char keyId[kKeyIdBytes] = {};
  REQUIRE(keyIdOf(vector.pem.c_str(), keyId));
  const std::string other = entry("1111111111111111", vector.signature) + ",";
  const std::string good = entry(keyId, vector.signature);
  CHECK(isSignedWith(vector, list(other + other + other + good)));
  CHECK_FALSE(isSignedWith(vector, list(other + other + other + other + good)));
  CHECK(isSignedWith(vector, list(entry(keyId, "AAAA") + "," + good)));
}

TEST_CASE("where two keys have to sign, one that signs twice is one") {
  Signed vector;
  CHECK(vector.isSignedBy({vector.pem.c_str(), vectors::kOtherKey}, 1));
  CHECK(vector.isSignedBy({vectors::kOtherKey, vector.pem.c_str()}, 1));
  CHECK_FALSE(vector.isSignedBy({vector.pem.c_str(), vectors::kOtherKey}, 2));
  char keyId[kKeyIdBytes] = {};
  REQUIRE(keyIdOf(vector.pem.c_str(), keyId));
  const std::string twice = list(entry(keyId, vector.signature) + "," + entry(keyId, vector.signature));
  Json root;
  REQUIRE(Json::parse(twice.data(), twice.size(), root));
  const char* const pems[] = {vector.pem.c_str(), vectors::kOtherKey};
  CHECK_FALSE(isSigned(vector.manifest, root.member("signatures"), {pems, 2, 2}));
  // Nothing counts as signed because nobody had to sign.
  CHECK_FALSE(isSigned(vector.manifest, root.member("signatures"), {pems, 2, 0}));
}
