#include "board/flash/nvs.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace board {
namespace {

// `NVS_KEY_NAME_MAX_SIZE` with its NUL is 16.
constexpr size_t kNameCharacters = 15;
// 5 pages of 4 KiB, one of which is kept free; 126 entries of 32 bytes on each.
constexpr size_t kCapacityBytes = 4U * 126U * 32U;

bool isName(const std::string& name) {
  return !name.empty() && name.size() <= kNameCharacters && name.find_first_of("./") == std::string::npos;
}

}  // namespace

Nvs::Nvs(Power& power, const std::string& folder) : power_(power), folder_(folder) {
  if (folder.empty()) return;
  std::filesystem::create_directories(folder);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    values_[entry.path().filename().string()] = Bytes(std::istreambuf_iterator<char>(file), {});
  }
}

std::optional<Bytes> Nvs::load(const std::string& space, const std::string& key) const {
  const auto found = values_.find(space + "." + key);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

bool Nvs::save(const std::string& space, const std::string& key, const Bytes& value) {
  if (isFull || !isName(space) || !isName(key)) return false;
  const std::string name = space + "." + key;
  size_t usedBytes = 0;
  for (const auto& [other, bytes] : values_) usedBytes += other == name ? 0 : bytes.size() + 64;
  if (usedBytes + value.size() + 64 > kCapacityBytes) return false;
  const auto found = values_.find(name);
  if (found != values_.end() && found->second == value) return true;
  power_.operate([&] { put(name, value); }, [&] { drop(name); },
                 [&] {
                   Bytes noise(value.size());
                   std::generate(noise.begin(), noise.end(), [&] { return power_.noise(); });
                   put(name, noise);
                 });
  return true;
}

bool Nvs::remove(const std::string& space, const std::string& key) {
  const std::string name = space + "." + key;
  if (values_.count(name) == 0) return false;
  power_.operate([&] { drop(name); }, [] {}, [&] { drop(name); });
  return true;
}

bool Nvs::hasSpace(const std::string& space) const {
  const auto found = values_.lower_bound(space + ".");
  return found != values_.end() && found->first.compare(0, space.size() + 1, space + ".") == 0;
}

void Nvs::eraseAll() {
  while (!values_.empty()) drop(std::string(values_.begin()->first));
}

void Nvs::put(const std::string& name, const Bytes& value) {
  values_[name] = value;
  if (folder_.empty()) return;
  const std::string path = folder_ + "/" + name;
  // Outside of the folder, so that a leftover is never taken for a key.
  const std::string temporary = folder_ + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(value.data()), static_cast<std::streamsize>(value.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + temporary);
  std::filesystem::rename(temporary, path);
}

void Nvs::drop(const std::string& name) {
  values_.erase(name);
  if (!folder_.empty()) std::filesystem::remove(folder_ + "/" + name);
}

}  // namespace board
