#include "base/npy.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include "base/errors.h"

namespace plumb::base {
namespace {

constexpr size_t kHeaderLimit = size_t{1} << 16;
constexpr size_t kRankLimit = 8;
constexpr const char* kMend = "write it again with numpy.save";

struct Type {
  std::string_view descr;
  std::string_view name;
  size_t size;
};

constexpr Type kTypes[] = {{"<f8", "F64", 8}, {"<f4", "F32", 4}, {"<f2", "F16", 2},
                           {"<i8", "I64", 8}, {"<i4", "I32", 4}, {"<i2", "I16", 2},
                           {"|i1", "I8", 1},  {"<u8", "U64", 8}, {"<u4", "U32", 4},
                           {"<u2", "U16", 2}, {"|u1", "U8", 1},  {"|b1", "BOOL", 1}};

// The dict of a header: three keys, in any order, each once.
class HeaderReader {
 public:
  HeaderReader(std::string where, std::string_view text) : where_(std::move(where)), text_(text) {}

  struct Header {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<int64_t>> shape;
  };

  Header read() {
    Header header;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !header.descr) {
        if (peek() == '[') fail("holds records, not plain numbers");
        header.descr = quoted();
      } else if (key == "fortran_order" && !header.fortran_order) {
        header.fortran_order = truth();
      } else if (key == "shape" && !header.shape) {
        header.shape = shape();
      } else {
        fail("has the unknown key '" + key + "' in its header");
      }
      if (take('}')) break;
      expect(',');
    }
    skip();
    if (at_ != text_.size()) fail("has more in its header than a dict");
    if (!header.descr || !header.fortran_order || !header.shape) {
      fail("lacks descr, fortran_order or shape in its header");
    }
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(where_, "", problem, kMend);
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("has no '") + c + "' where its header needs one");
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("has no text where its header needs one");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("has text without an end in its header");
    const std::string text(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return text;
  }
  bool truth() {
    skip();
    for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += std::string_view(word).size();
      return value;
    }
    fail("has neither True nor False as fortran_order");
  }
  std::vector<int64_t> shape() {
    std::vector<int64_t> extents;
    expect('(');
    while (!take(')')) {
      skip();
      int64_t extent = -1;
      const auto [next, error] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (error != std::errc() || extent < 0) fail("has no whole numbers as its shape");
      at_ = static_cast<size_t>(next - text_.data());
      extents.push_back(extent);
      if (extents.size() > kRankLimit) fail("has more than 8 dimensions");
      if (take(')')) break;
      expect(',');
    }
    return extents;
  }

  std::string where_;
  std::string_view text_;
  size_t at_ = 0;
};

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

NpyFile::NpyFile(const std::filesystem::path& file) : where_(file.string()), mapped_(file) {
  const auto fail = [&](const std::string& problem) {
    throw InputError(where_, "", problem, kMend);
  };
  const std::string_view text = mapped_.text();
  constexpr std::string_view kMagic = "\x93NUMPY";
  constexpr size_t kVersionEnd = 8;
  if (!text.starts_with(kMagic)) fail("is no .npy: it does not begin with NumPy's magic");
  if (text.size() < kVersionEnd + 4) fail("is truncated: it ends within its header");
  const auto version = static_cast<uint8_t>(text[6]);
  if (version < 1 || version > 3) fail("is .npy of version " + std::to_string(version));
  const size_t width = version == 1 ? 2 : 4;
  const size_t length = little_endian(text.substr(kVersionEnd, width));
  data_begin_ = kVersionEnd + width + length;
  if (length > kHeaderLimit) fail("claims a header of " + std::to_string(length) + " bytes");
  if (data_begin_ > text.size()) fail("is truncated: it ends within its header");
  const auto header = HeaderReader(where_, text.substr(kVersionEnd + width, length)).read();
  const auto* const type = std::ranges::find(kTypes, std::string_view(*header.descr), &Type::descr);
  if (type == std::end(kTypes)) {
    throw InputError(where_, "", "holds numbers of dtype '" + *header.descr + "'",
                     "write float32, float16, float64 or little-endian integers; bfloat16 and fp8 "
                     "go into a .safetensors");
  }
  size_t bytes = type->size;
  for (const int64_t extent : *header.shape) {
    const auto n = static_cast<size_t>(extent);
    if (n != 0 && bytes > std::numeric_limits<size_t>::max() / n) fail("claims too many numbers");
    bytes *= n;
  }
  if (bytes != text.size() - data_begin_) {
    fail("holds " + std::to_string(text.size() - data_begin_) +
         " bytes of data where its shape has " + std::to_string(bytes));
  }
  dtype_ = type->name;
  shape_ = *header.shape;
  fortran_order_ = *header.fortran_order;
}

}  // namespace plumb::base
