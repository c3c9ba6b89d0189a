#include "compare/kernel/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>

#include "base/errors.h"
#include "base/npy.h"
#include "base/safetensors.h"
#include "base/small_floats.h"

namespace plumb::kernel {
namespace {

using base::InputError;

constexpr std::string_view kNpy = ".npy";
constexpr std::string_view kSafetensors = ".safetensors";

template <class Number>
void widen_integers(std::span<const std::byte> bytes, std::span<double> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    Number value;
    std::memcpy(&value, bytes.data() + i * sizeof(Number), sizeof(Number));
    out[i] = static_cast<double>(value);
  }
}

using Widen = void (*)(std::span<const std::byte>, std::span<double>);
const std::map<std::string, Widen>& integers() {
  static const std::map<std::string, Widen> kWays = {
      {"I64", widen_integers<int64_t>}, {"U64", widen_integers<uint64_t>},
      {"I32", widen_integers<int32_t>}, {"U32", widen_integers<uint32_t>},
      {"I16", widen_integers<int16_t>}, {"U16", widen_integers<uint16_t>},
      {"I8", widen_integers<int8_t>},   {"U8", widen_integers<uint8_t>},
      {"BOOL", widen_integers<uint8_t>}};
  return kWays;
}

// Row-major from an array whose first axis runs fastest.
std::vector<std::byte> reordered(const base::NpyFile& file) {
  const std::vector<int64_t>& shape = file.shape();
  const std::span<const std::byte> from = file.bytes();
  std::vector<std::byte> to(from.size());
  size_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
  if (count == 0) return to;
  const size_t unit = from.size() / count;
  std::vector<size_t> index(shape.size(), 0);
  for (size_t i = 0; i < count; ++i) {
    size_t at = 0;
    for (size_t axis = shape.size(); axis-- > 0;) {
      at = at * static_cast<size_t>(shape[axis]) + index[axis];
    }
    std::copy_n(from.data() + at * unit, unit, to.data() + i * unit);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < static_cast<size_t>(shape[axis])) break;
      index[axis] = 0;
    }
  }
  return to;
}

Tensor read_npy(const std::string& path) {
  const auto file = std::make_shared<const base::NpyFile>(path);
  Tensor tensor;
  tensor.where = path;
  tensor.dtype = file->dtype();
  tensor.shape = file->shape();
  tensor.bytes = file->bytes();
  tensor.storage = file;
  if (file->fortran_order() && file->shape().size() > 1) {
    const auto copy = std::make_shared<const std::vector<std::byte>>(reordered(*file));
    tensor.bytes = *copy;
    tensor.storage = copy;
  }
  return tensor;
}

Tensor read_safetensors(const std::string& path, const std::string& wanted) {
  const auto file = std::make_shared<const base::SafetensorsFile>(path);
  const auto& entries = file->entries();
  auto found = std::ranges::find(entries, wanted, &base::SafetensorsEntry::name);
  if (wanted.empty() && entries.size() == 1) found = entries.begin();
  if (found == entries.end()) {
    constexpr size_t kShown = 8;
    std::vector<std::string> names;
    for (const auto& entry : entries) names.push_back(entry.name);
    std::ranges::sort(names);
    const bool more = names.size() > kShown;
    names.resize(std::min(names.size(), kShown));
    throw InputError(path, wanted,
                     wanted.empty() ? "no tensor is named" : "there is no such tensor",
                     fmt::format("write {}#TENSOR; it holds {}{}", path, fmt::join(names, ", "),
                                 more ? ", ..." : ""));
  }
  return {.name = wanted.empty() ? found->name : wanted,
          .where = path,
          .item = found->name,
          .dtype = found->dtype,
          .shape = found->shape,
          .bytes = file->bytes(*found),
          .storage = file};
}

// "x" of "x=a.npy"; empty where no name stands in front.
std::string name_before(const std::string& argument) {
  const size_t mark = argument.find('=');
  if (mark == std::string::npos || mark == 0) return {};
  const std::string name = argument.substr(0, mark);
  const bool is_name = std::ranges::all_of(
      name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
  return is_name ? name : std::string();
}

}  // namespace

int64_t Tensor::elements() const {
  int64_t product = 1;
  for (const int64_t extent : shape) product *= extent;
  return product;
}

bool Tensor::is_integer() const {
  return integers().contains(dtype);
}

std::vector<double> Tensor::values() const {
  std::vector<double> all(static_cast<size_t>(elements()));
  if (const auto type = plain()) {
    base::widen(*type, bytes.data(), all);
  } else if (const auto way = integers().find(dtype); way != integers().end()) {
    way->second(bytes, all);
  } else if (dtype == "F8_E4M3" || dtype == "F8_E5M2") {
    const auto& codes = dtype == "F8_E4M3" ? base::e4m3_values() : base::e5m2_values();
    for (size_t i = 0; i < all.size(); ++i) all[i] = codes[static_cast<uint8_t>(bytes[i])];
  } else {
    throw InputError(where, item, "has dtype " + dtype,
                     "write F32, F64, F16, BF16, F8_E4M3, F8_E5M2 or integers");
  }
  return all;
}

std::string Tensor::shape_text() const {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Tensor with_values(const Tensor& tensor, std::vector<int64_t> shape,
                   const std::vector<double>& values) {
  const auto copy = std::make_shared<const std::vector<double>>(values);
  Tensor other = tensor;
  other.dtype = "F64";
  other.shape = std::move(shape);
  other.bytes = std::as_bytes(std::span(*copy));
  other.storage = copy;
  return other;
}

Tensor read_tensor(const std::string& argument) {
  const std::string name = name_before(argument);
  const std::string rest = name.empty() ? argument : argument.substr(name.size() + 1);
  const size_t mark = rest.find('#');
  const std::string path = rest.substr(0, mark);
  const std::string item = mark == std::string::npos ? std::string() : rest.substr(mark + 1);
  if (!path.ends_with(kNpy) && !path.ends_with(kSafetensors)) {
    throw InputError("tensor", argument, "names no file of tensors",
                     "write NAME=FILE.npy or FILE.safetensors#TENSOR");
  }
  if (path.ends_with(kNpy) && !item.empty()) {
    throw InputError(path, item, "an .npy holds one array, without a name",
                     "leave #" + item + " out");
  }
  Tensor tensor = path.ends_with(kNpy) ? read_npy(path) : read_safetensors(path, item);
  if (!name.empty()) tensor.name = name;
  tensor.is_named = !name.empty();
  return tensor;
}

}  // namespace plumb::kernel
