// Release signatures: the shared vector is accepted, and nothing that differs from it in one bit.

#include "core/trust/signature.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/trust/base64.h"
#include "core/trust/sha256.h"
#include "support/vectors.h"

using otter::keyIdOf;
using otter::verifySignature;

namespace {

struct Vector {
  std::string canonicalText;
  std::string canonicalSha256;
  std::string publicKeyPem;
  std::string keyId;
  std::string signatureBase64;
};

/** One text member of a JSON file that we wrote: no escapes but `\n`. */
std::string member(const std::string& json, const std::string& name) {
  const std::string start = "\"" + name + "\": \"";
  const size_t begin = json.find(start);
  REQUIRE_MESSAGE(begin != std::string::npos, name);
  std::string text;
  for (size_t i = begin + start.size(); json.at(i) != '"'; ++i) {
    if (json[i] != '\\') {
      text += json[i];
      continue;
    }
    ++i;
    REQUIRE(json.at(i) == 'n');
    text += '\n';
  }
  return text;
}

const Vector& vector() {
  static const Vector read = [] {
    const auto path = vectors::folder() / "signature.json";
    std::ifstream file(path);
    REQUIRE_MESSAGE(file.good(), path.string(), " is missing: run the tests in the Otter repository");
    const std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return Vector{member(json, "canonical_text"), member(json, "canonical_sha256"), member(json, "public_key_pem"),
                  member(json, "key_id"), member(json, "signature_base64")};
  }();
  return read;
}

using Bytes = std::vector<uint8_t>;

Bytes hashOf(const std::string& text) {
  Bytes sha256(32);
  otter::Sha256 hash;
  hash.begin();
  hash.update(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  REQUIRE(hash.finish(sha256.data()));
  return sha256;
}

Bytes decode(const std::string& base64) {
  Bytes bytes(base64.size());
  size_t count = 0;
  REQUIRE(otter::decodeBase64(base64.data(), base64.size(), bytes.data(), bytes.size(), count));
  bytes.resize(count);
  return bytes;
}

Bytes signature() { return decode(vector().signatureBase64); }

bool verify(const std::string& pem, const Bytes& sha256, const Bytes& der) {
  return verifySignature(pem.c_str(), sha256.data(), der.data(), der.size());
}

Bytes withBit(Bytes bytes, size_t bit) {
  bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
  return bytes;
}

// Signatures of the canonical text of the vector, made with `crypto.sign` of Node.
constexpr char kSecp256k1Key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE3HlUCzTUMLVZfEMlOeIu9NqhYaHLMXco\n"
    "8d7/pfBonyxm7a3ctdch4WN5Cub+U2W1av8CtNwBjjvkpIug+SXNhw==\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kSecp256k1Signature[] =
    "MEUCIQDL5frH9+hYMQJZqKNCsSqrCAWNKIPWk274tHYTenNgCAIgXqM1astepP7xk01+2OTMwbG0iz66RDG8YwZYw3Ff++E=";
constexpr char kP384Key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEaWwzUFStRtz2pqV3XmTNKrRLSGCFmKZ6\n"
    "0USkQ4u8vw0NRyyRP3nJKH5KnQqGMHJ/yCmGq7qZiy9NN0B8Yjvi3oeBNMub163l\n"
    "TZqJlayTTt3hMThCokYuT4ZaOYhb8bQX\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kP384Signature[] =
    "MGYCMQCd91gxRliwtA2d7zlh7w6mAfJHHQIPGH/YyDwsHfSyuhSh0xyzlPYh78kQJKBeBccCMQDXJQ0htdtR7kFprdEwmFslBKjE"
    "EturLlRSLUkuQEd0OuKb74qsowaqtaeCfxktYuI=";
constexpr char kRsaKey[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlDIPliECTaOGQA9h/qKX\n"
    "zTeDQO4dZPbC7WM1lKnnBSUPODpcmNKbEMtFxYcg8fV0oNapOPfRvwZuh31C/PAw\n"
    "euBa1q3aK9brEdWR9vI4Xql9qKLx1zh2u90+GqbPGN5CS+pGXWUGfEJBfFoG37eO\n"
    "cPbZXQ5UZVe3KyVB4mbRAXxOakaJpsl25m+xa+3riZbJ1+1WBlhYqMel0DZZEuCe\n"
    "vn0e4PN7UTKFeShDuoJlJ+znTLXTaGa8kiQg2MUczWPpVoxK8l3ErF+Ul3MYzA7a\n"
    "42K6yp57znCwyD+DtxtL8RAhdc3F6PA2Sk1T+XEhE0Z6YvP2WqJ8jAjBwDJsUpVN\n"
    "yQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kRsaSignature[] =
    "b8J+C4dUAJPlzBg/LE5v6r/m0WLqES8Uv9gtb6U/JwVLHTp2qnUs+oS2ApXST6lPwDnN48FFZVaGdoLqVo+tS8ke5MxmpP1QckZQ"
    "bGz/TAojC2/lhiWfh4R21maBsp8IoqGd2s1tqduivnyO1zwpKT78cIhzkgGJWghr7JeOfrlKn1gWZmnMy1qnhkbtry7X7BPLUs59"
    "lBQA/5YVIOBe4gX5/5SERMrFdEqEfo9G3z8d1kqoL0ldeM65vXJFUOh6QTNkMQIpAB5AO9bFyRuv/OLDwNCPxEUwCdAVY2ojLwSb"
    "aJ0juI+DbfVK0K5RKc9p5IwJpP4FAVg7zP1KJc4L7w==";

}  // namespace

TEST_CASE("the signature of the shared vector is good") {
  const Bytes sha256 = hashOf(vector().canonicalText);
  std::string hex;
  for (const uint8_t byte : sha256) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  CHECK(hex == vector().canonicalSha256);
  CHECK(verify(vector().publicKeyPem, sha256, signature()));
  char keyId[otter::kKeyIdBytes] = {};
  REQUIRE(keyIdOf(vector().publicKeyPem.c_str(), keyId));
  CHECK(keyId == vector().keyId);
}

TEST_CASE("a text that differs in one bit is not signed") {
  const Bytes der = signature();
  const std::string& text = vector().canonicalText;
  size_t accepted = 0;
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    if (verify(vector().publicKeyPem, hashOf(changed), der)) ++accepted;
  }
  CHECK(accepted == 0);
}

TEST_CASE("a signature that differs in one bit, is cut short or goes on is refused") {
  const Bytes sha256 = hashOf(vector().canonicalText);
  const Bytes der = signature();
  size_t accepted = 0;
  for (size_t bit = 0; bit < der.size() * 8; ++bit) {
    if (verify(vector().publicKeyPem, sha256, withBit(der, bit))) ++accepted;
  }
  CHECK(accepted == 0);
  for (size_t count = 0; count < der.size(); ++count) {
    const Bytes cut(der.begin(), der.begin() + static_cast<std::ptrdiff_t>(count));
    if (verify(vector().publicKeyPem, sha256, cut)) ++accepted;
  }
  CHECK(accepted == 0);
  for (size_t more = 1; more <= 200; ++more) {
    Bytes longer = der;
    longer.resize(der.size() + more);
    if (verify(vector().publicKeyPem, sha256, longer)) ++accepted;
  }
  CHECK(accepted == 0);
  CHECK_FALSE(verifySignature(vector().publicKeyPem.c_str(), sha256.data(), nullptr, 0));
}

TEST_CASE("numbers that no signature has are refused: 0, the order of the curve, negative ones") {
  const Bytes sha256 = hashOf(vector().canonicalText);
  CHECK_FALSE(verify(vector().publicKeyPem, sha256, {0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00}));
  CHECK_FALSE(verify(vector().publicKeyPem, sha256, {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x00}));
  CHECK_FALSE(verify(vector().publicKeyPem, sha256, {0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01}));
  CHECK_FALSE(verify(vector().publicKeyPem, sha256, {0x30, 0x06, 0x02, 0x01, 0xFF, 0x02, 0x01, 0xFF}));
  Bytes order = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
  Bytes der = {0x30, 0x46, 0x02, 0x21, 0x00};
  der.insert(der.end(), order.begin(), order.end());
  der.insert(der.end(), {0x02, 0x21, 0x00});
  der.insert(der.end(), order.begin(), order.end());
  CHECK_FALSE(verify(vector().publicKeyPem, sha256, der));
}

TEST_CASE("another P-256 key did not sign") {
  char keyId[otter::kKeyIdBytes] = {};
  CHECK(keyIdOf(vectors::kOtherKey, keyId));
  CHECK(keyId != vector().keyId);
  CHECK_FALSE(verify(vectors::kOtherKey, hashOf(vector().canonicalText), signature()));
}

TEST_CASE("a key of another kind or curve is refused, however good its signature") {
  struct Row {
    std::string name;
    const char* pem;
    const char* signatureBase64;
  };
  for (const Row& row : {Row{"secp256k1", kSecp256k1Key, kSecp256k1Signature}, Row{"P-384", kP384Key, kP384Signature},
                         Row{"RSA", kRsaKey, kRsaSignature}}) {
    CAPTURE(row.name);
    CHECK_FALSE(verify(row.pem, hashOf(vector().canonicalText), decode(row.signatureBase64)));
    char keyId[otter::kKeyIdBytes];
    CHECK_FALSE(keyIdOf(row.pem, keyId));
  }
}

TEST_CASE("bytes that are as long as a P-256 key are not one") {
  std::string pem = vector().publicKeyPem;
  pem[pem.find('\n') + 30] = pem[pem.find('\n') + 30] == 'A' ? 'B' : 'A';  // in the name of the curve
  char keyId[otter::kKeyIdBytes];
  CHECK_FALSE(keyIdOf(pem.c_str(), keyId));
}

TEST_CASE("white space around a key in PEM does not matter, everything else does") {
  const Bytes sha256 = hashOf(vector().canonicalText);
  const std::string pem = vector().publicKeyPem;
  std::string crlf;
  std::string oneLine;
  for (const char c : pem) {
    crlf += c == '\n' ? "\r\n" : std::string(1, c);
    if (c != '\n') oneLine += c;
  }
  for (const std::string& good : {pem, "\n  " + pem, pem + "\n\n", pem.substr(0, pem.size() - 1), crlf, oneLine}) {
    CAPTURE(good);
    CHECK(verify(good, sha256, signature()));
  }

  std::string otherKind = pem;
  otherKind.replace(pem.find("PUBLIC"), 6, "SECRET");
  std::string pointOffTheCurve = pem;
  char& inThePoint = pointOffTheCurve[pem.find('\n', 40) + 10];
  inThePoint = inThePoint == 'A' ? 'B' : 'A';
  std::string longer = pem;
  longer.insert(pem.find("\n-----END"), "AAAA");
  std::string foreign = pem;
  foreign[pem.find('\n') + 3] = '*';
  for (const std::string& bad : {std::string(), std::string("-----BEGIN PUBLIC KEY-----"), pem + pem, pem + "x",
                                 "x" + pem, otherKind, pointOffTheCurve, longer, foreign, pem.substr(0, pem.size() / 2),
                                 pem.substr(0, pem.size() - 3), pem.substr(pem.find('\n'))}) {
    CAPTURE(bad);
    CHECK_FALSE(verify(bad, sha256, signature()));
  }
  CHECK_FALSE(verifySignature(nullptr, sha256.data(), signature().data(), signature().size()));
  char keyId[otter::kKeyIdBytes];
  CHECK_FALSE(keyIdOf(nullptr, keyId));
}
