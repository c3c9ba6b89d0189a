#include "tests/support/files.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/random.h"

namespace plumb::tests {

std::string read_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_text(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::remove(file);  // some file systems flush a file that is cut and written anew
  std::ofstream(file, std::ios::binary) << text;
}

std::vector<std::string> list_files(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder)) {
    names.push_back(item.path().lexically_relative(folder).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string safetensors_bytes(std::string_view header, std::string_view data) {
  const uint64_t length = header.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes.append(header).append(data);
}

std::string mutate(std::string data, uint64_t seed, size_t reach) {
  const uint64_t key = base::stream_key(seed, "mutate");
  uint64_t drawn = 0;
  const auto below = [&](size_t bound) { return base::random_bits(key, drawn++) % bound; };
  reach = std::min(reach, data.size());
  const size_t at = below(reach);
  const size_t length = std::min<size_t>(1 + below(16), data.size() - at);
  switch (below(6)) {
    case 0:
      data.resize(below(data.size()));
      break;
    case 1:
      data.erase(at, length);
      break;
    case 2:
      data.insert(at, data.substr(at, length));
      break;
    case 3:
      for (size_t i = 0; i < length; ++i) data[at + i] = static_cast<char>(below(256));
      break;
    case 4:
      data[at] = "0123456789-.eE\"'{}[]:,\\ntfN"[below(27)];
      break;
    default:
      data[at] = static_cast<char>(data[at] ^ (1 << below(8)));
  }
  return data;
}

}  // namespace plumb::tests
