#include "base/gguf/file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "base/errors.h"

namespace plumb::base {

namespace {

constexpr const char* kMend = "fetch or convert the file again";
constexpr const char* kAlignment = "general.alignment";
// Far above any published file; what claims more is damaged, and each would cost memory.
constexpr uint64_t kCountLimit = 65536;
constexpr size_t kKeyLimit = 65535;  // bytes of a key, by the format
constexpr size_t kNameLimit = 63;    // bytes of a tensor's name, by ggml
constexpr size_t kDimensionLimit = 4;

size_t padded(size_t size, size_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

}  // namespace

// Walks the mapped bytes; every length is checked against what is left of the file.
class GgufReader {
 public:
  GgufReader(std::string where, std::span<const std::byte> bytes)
      : where_(std::move(where)), bytes_(bytes) {}

  // Checks magic and version.
  void start() {
    if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0) {
      throw InputError(where_, "", "is no GGUF file: it does not begin with GGUF", kMend);
    }
    at_ = 4;
    const auto version = take<uint32_t>("version");
    if ((version & 0xffff) == 0) {
      throw InputError(where_, "version", "the file is big-endian", "convert it for this machine");
    }
    if (version != 2 && version != 3) {
      throw InputError(where_, "version", "is " + std::to_string(version) + "; 2 and 3 are read",
                       "convert the model with a current llama.cpp");
    }
    tensor_count_ = count("tensor_count");
    key_count_ = count("kv_count");
  }

  std::map<std::string, GgufValue, std::less<>> keys() {
    std::map<std::string, GgufValue, std::less<>> keys;
    for (uint64_t i = 0; i < key_count_; ++i) {
      const std::string key(text("key " + std::to_string(i), kKeyLimit));
      check_name(key, "key");
      const auto [at, fresh] = keys.try_emplace(key, value(key));
      if (!fresh) fail(key, "the key stands twice");
    }
    return keys;
  }

  std::vector<GgufTensor> tensors(size_t alignment) {
    std::vector<GgufTensor> tensors;
    std::set<std::string> names;
    for (uint64_t i = 0; i < tensor_count_; ++i) {
      tensors.push_back(tensor("tensor " + std::to_string(i)));
      if (!names.insert(tensors.back().name).second) {
        fail(tensors.back().name, "the tensor stands twice");
      }
    }
    place(tensors, alignment);
    return tensors;
  }

  [[noreturn]] void fail(const std::string& item, const std::string& problem) const {
    throw InputError(where_, item, problem, kMend);
  }

 private:
  template <class T>
  T take(const std::string& item) {
    const std::span<const std::byte> raw = skip(item, sizeof(T));
    T value;
    std::memcpy(&value, raw.data(), sizeof(value));
    return value;
  }

  std::span<const std::byte> skip(const std::string& item, uint64_t size) {
    if (size > bytes_.size() - at_) {
      fail(item, "its stated length exceeds the file: truncated or corrupt");
    }
    const auto span = bytes_.subspan(at_, size);
    at_ += size;
    return span;
  }

  uint64_t count(const std::string& item) {
    const auto value = take<uint64_t>(item);
    if (value > kCountLimit) fail(item, "is " + std::to_string(value) + ", beyond any model");
    return value;
  }

  std::string_view text(const std::string& item, uint64_t limit) {
    const auto length = take<uint64_t>(item);
    if (length > limit) fail(item, "is " + std::to_string(length) + " bytes long");
    const auto raw = skip(item, length);
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }

  void check_name(const std::string& name, const char* kind) const {
    if (name.empty() || one_line(name, name.size()) != name) {
      fail(name, std::string("the name of a ") + kind + " is empty or holds control characters");
    }
  }

  static size_t width(GgufValue::Type type) {
    constexpr size_t kWidths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return kWidths[static_cast<size_t>(type)];
  }

  GgufValue::Type type(const std::string& key) {
    const auto id = take<uint32_t>(key);
    if (id > static_cast<uint32_t>(GgufValue::Type::kF64)) {
      fail(key, "has the unknown value type " + std::to_string(id));
    }
    return static_cast<GgufValue::Type>(id);
  }

  GgufValue value(const std::string& key) {
    GgufValue value;
    value.type_ = type(key);
    if (value.type_ == GgufValue::Type::kString) {
      const std::string_view content = text(key, bytes_.size());
      value.raw_ = std::as_bytes(std::span(content));
    } else if (value.type_ == GgufValue::Type::kArray) {
      read_array(key, value);
    } else {
      value.raw_ = skip(key, width(value.type_));
      check_flags(key, value.type_, value.raw_);
    }
    return value;
  }

  void read_array(const std::string& key, GgufValue& value) {
    value.element_ = type(key);
    value.count_ = take<uint64_t>(key);
    const size_t begin = at_;
    if (value.element_ == GgufValue::Type::kArray) fail(key, "is an array of arrays");
    if (value.element_ == GgufValue::Type::kString) {
      for (uint64_t i = 0; i < value.count_; ++i) text(key, bytes_.size());
    } else {
      if (value.count_ > bytes_.size()) {
        fail(key, "its stated length exceeds the file: truncated or corrupt");
      }
      skip(key, value.count_ * width(value.element_));
    }
    value.raw_ = bytes_.subspan(begin, at_ - begin);
    check_flags(key, value.element_, value.raw_);
  }

  void check_flags(const std::string& key, GgufValue::Type type,
                   std::span<const std::byte> raw) const {
    if (type != GgufValue::Type::kBool) return;
    const bool fine = std::all_of(raw.begin(), raw.end(),
                                  [](std::byte b) { return std::to_integer<int>(b) <= 1; });
    if (!fine) fail(key, "holds a bool that is neither 0 nor 1");
  }

  GgufTensor tensor(const std::string& item) {
    GgufTensor tensor{.name = std::string(text(item, kNameLimit))};
    check_name(tensor.name, "tensor");
    const auto dimensions = take<uint32_t>(tensor.name);
    if (dimensions == 0 || dimensions > kDimensionLimit) {
      fail(tensor.name, "has " + std::to_string(dimensions) + " dimensions");
    }
    uint64_t elements = 1;
    for (uint32_t i = 0; i < dimensions; ++i) {
      const auto extent = take<uint64_t>(tensor.name);
      // No block has fewer bits than one an element: more elements than bits cannot be there.
      if (extent == 0 || extent > 8 * bytes_.size() / elements) {
        fail(tensor.name,
             "has an extent of " + std::to_string(extent) + ", which the file is too short for");
      }
      elements *= extent;
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(extent));
    }
    const auto id = take<uint32_t>(tensor.name);
    tensor.type = find_ggml_type(id);
    if (tensor.type == nullptr) {
      throw InputError(where_, tensor.name, "has the unknown tensor type " + std::to_string(id),
                       "types of forks, and those that ggml removed, are not read: quantise again");
    }
    if (tensor.shape.back() % tensor.type->elements != 0) {
      fail(tensor.name, "has rows of " + std::to_string(tensor.shape.back()) +
                            ", which blocks of " + std::string(tensor.type->name) +
                            " do not divide");
    }
    tensor.bytes = elements / tensor.type->elements * tensor.type->bytes;
    tensor.begin = take<uint64_t>(tensor.name);
    return tensor;
  }

  // Turns offsets into places in the file.
  void place(std::vector<GgufTensor>& tensors, size_t alignment) const {
    const size_t data = padded(at_, alignment);
    size_t next = 0;
    for (GgufTensor& tensor : tensors) {
      if (tensor.begin != next) {
        fail(tensor.name, "its data begin at " + std::to_string(tensor.begin) + " instead of " +
                              std::to_string(next));
      }
      if (data > bytes_.size() || next > bytes_.size() - data ||
          tensor.bytes > bytes_.size() - data - next) {
        fail(tensor.name, "its data lie outside the file: truncated or corrupt");
      }
      tensor.begin += data;
      next = padded(next + tensor.bytes, alignment);
    }
    if (!tensors.empty() && bytes_.size() > data + next) {
      fail("", "the file goes on after its last tensor");
    }
  }

  std::string where_;
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
};

size_t GgufTensor::elements() const {
  size_t product = 1;
  for (const int64_t extent : shape) product *= static_cast<size_t>(extent);
  return product;
}

GgufFile::GgufFile(const std::filesystem::path& file) : path_(file), mapped_(file) {
  GgufReader reader(file.string(), mapped_.bytes());
  reader.start();
  keys_ = reader.keys();
  constexpr int64_t kUsual = 32;
  constexpr int64_t kMost = int64_t{1} << 20;
  int64_t alignment = kUsual;
  if (const auto found = keys_.find(kAlignment); found != keys_.end()) {
    alignment = found->second.integer().value_or(0);
    if (alignment < 1 || alignment > kMost ||
        !std::has_single_bit(static_cast<uint64_t>(alignment))) {
      reader.fail(kAlignment, "is no power of two up to 2^20");
    }
  }
  tensors_ = reader.tensors(static_cast<size_t>(alignment));
}

std::span<const std::byte> GgufFile::bytes(const GgufTensor& tensor) const {
  return mapped_.bytes().subspan(tensor.begin, tensor.bytes);
}

}  // namespace plumb::base
