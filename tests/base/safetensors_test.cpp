#include "base/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/errors.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"

namespace plumb::base {
namespace {

using tests::refusal;
using tests::safetensors_bytes;

class SafetensorsTest : public testing::Test {
 protected:
  // Reads `bytes` as a file.
  SafetensorsFile open(std::string_view bytes) {
    tests::write_text(file_, bytes);
    return SafetensorsFile(file_);
  }

  std::string refusal_of(std::string_view bytes) {
    const std::string line = refusal([&] { open(bytes); });
    EXPECT_TRUE(line.empty() || line.starts_with(file_.string() + ": ")) << line;
    return line;
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "t.safetensors";
};

TEST_F(SafetensorsTest, ReadsEntriesInTheOrderOfTheData) {
  const SafetensorsFile file = open(safetensors_bytes(
      R"({"b": {"dtype": "U8", "shape": [2], "data_offsets": [4, 6]},
          "__metadata__": {"format": "pt"},
          "a": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, 4]},
          "scalar": {"dtype": "U8", "shape": [], "data_offsets": [6, 7]},
          "none": {"dtype": "F64", "shape": [3, 0], "data_offsets": [4, 4]}})",
      "abcdefg"));
  ASSERT_EQ(file.entries().size(), 4U);
  EXPECT_EQ(file.entries()[0].name, "a");
  EXPECT_EQ(file.entries()[0].shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(file.entries()[1].name, "none");
  EXPECT_EQ(file.entries()[1].elements(), 0U);
  EXPECT_EQ(file.entries()[2].name, "b");
  EXPECT_EQ(std::memcmp(file.bytes(file.entries()[2]).data(), "ef", 2), 0);
  EXPECT_EQ(file.entries()[3].elements(), 1U);
  EXPECT_EQ(file.metadata().at("format"), "pt");
}

TEST_F(SafetensorsTest, ReadsTheHeaderItWrites) {
  const std::vector<SafetensorsEntry> entries = {
      {.name = "x", .dtype = "F32", .shape = {2, 3}, .begin = 0, .end = 24},
      {.name = "y", .dtype = "I64", .shape = {1}, .begin = 24, .end = 32}};
  const std::string header = safetensors_header(entries, {{"k", "v"}});
  EXPECT_EQ(header.size() % 8, 0U);
  const SafetensorsFile file = open(header + std::string(32, '\0'));
  ASSERT_EQ(file.entries().size(), 2U);
  EXPECT_EQ(file.entries()[0].name, "x");
  EXPECT_EQ(file.entries()[1].shape, std::vector<int64_t>{1});
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"k", "v"}}));
}

TEST_F(SafetensorsTest, RefusesFilesThatAreTooShort) {
  for (const char* bytes : {"", "1234567"}) EXPECT_NE(refusal_of(bytes), "");
  EXPECT_NE(refusal_of(std::string(8, '\0')), "");  // no header at all
}

// A stated length beyond the file, or beyond all reason, must not be believed.
TEST_F(SafetensorsTest, RefusesHeaderLengthBombs) {
  for (const uint64_t length :
       {uint64_t{3}, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    std::string bytes = safetensors_bytes("{}", "");
    std::memcpy(bytes.data(), &length, sizeof(length));
    EXPECT_NE(refusal_of(bytes).find("header"), std::string::npos) << length;
  }
  tests::write_text(file_, safetensors_bytes("{}", ""));
  const uint64_t length = uint64_t{1} << 30;
  std::filesystem::resize_file(file_, length + 100);  // sparse: the length is true, and absurd
  std::fstream stream(file_, std::ios::binary | std::ios::in | std::ios::out);
  stream.write(reinterpret_cast<const char*>(&length), sizeof(length));
  stream.close();
  EXPECT_NE(refusal([&] { SafetensorsFile unused(file_); }), "");
}

TEST_F(SafetensorsTest, RefusesDamagedHeaders) {
  struct Row {
    const char* header;
    const char* names;  // what the message must name
  };
  const Row rows[] = {
      {"", ""},
      {"[]", "header"},
      {"null", "header"},
      {"{", ""},
      {"{} {}", ""},
      {R"({"t": 7})", "t"},
      {R"({"t": {}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [8]}})", "data_offsets"},
      {R"({"t": {"dtype": "U8", "data_offsets": [0, 8]}})", "shape"},
      {R"({"t": {"shape": [8], "data_offsets": [0, 8]}})", "dtype"},
      {R"({"t": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8], "x": 1}})", "'x'"},
      {R"({"t": {"dtype": "Q4", "shape": [8], "data_offsets": [0, 8]}})", "Q4"},
      {R"({"t": {"dtype": 7, "shape": [8], "data_offsets": [0, 8]}})", "dtype"},
      {R"({"t": {"dtype": "U8", "shape": 8, "data_offsets": [0, 8]}})", "shape"},
      {R"({"t": {"dtype": "U8", "shape": [-8], "data_offsets": [0, 8]}})", "shape"},
      {R"({"t": {"dtype": "U8", "shape": [8.0], "data_offsets": [0, 8]}})", "shape"},
      {R"({"t": {"dtype": "U8", "shape": ["8"], "data_offsets": [0, 8]}})", "shape"},
      {R"({"t": {"dtype": "U8", "shape": [[8]], "data_offsets": [0, 8]}})", "shape"},
      {R"({"t": {"dtype": "U8", "shape": [1e30], "data_offsets": [0, 8]}})", "shape"},
      {R"({"t": {"dtype": "U8", "shape": [18446744073709551615], "data_offsets": [0, 8]}})",
       "shape"},
      {R"({"t": {"dtype": "U8", "shape": [9], "data_offsets": [0, 8]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [7], "data_offsets": [0, 8]}})", "t"},
      {R"({"t": {"dtype": "F32", "shape": [8], "data_offsets": [0, 8]}})", "t"},
      // 2^32 * 2^32 elements would wrap to none.
      {R"({"t": {"dtype": "U8", "shape": [4294967296, 4294967296, 8], "data_offsets": [0, 8]}})",
       "t"},
      {R"({"t": {"dtype": "F64", "shape": [2305843009213693953], "data_offsets": [0, 8]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [1,1,1,1,1,1,1,1,8], "data_offsets": [0, 8]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [8], "data_offsets": [8, 0]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [8], "data_offsets": [0, 9]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [8], "data_offsets": [8, 16]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [8], "data_offsets": [0]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [8], "data_offsets": [0, 4, 8]}})", "t"},
      {R"({"t": {"dtype": "U8", "shape": [8], "data_offsets": "0, 8"}})", "data_offsets"},
      {R"({"t": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})", "longer"},
      {R"({"t": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]}})", "gap"},
      {R"({"a": {"dtype": "U8", "shape": [5], "data_offsets": [0, 5]},
           "t": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]}})",
       "overlap"},
      {R"({"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
           "t": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}})",
       "overlap"},
      {R"({"t": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
           "t": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]}})",
       "t"},
      {R"({"": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}})", "name"},
      {"{\"a\\u0000b\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [0, 8]}}", "name"},
      {"{\"a\\nb\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [0, 8]}}", "name"},
      {R"({"__metadata__": [], "t": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}})",
       "__metadata__"},
      {R"({"__metadata__": {"k": 7}, "t": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}})",
       "__metadata__.k"},
  };
  for (const Row& row : rows) {
    const std::string line = refusal_of(safetensors_bytes(row.header, "12345678"));
    EXPECT_NE(line, "") << row.header;
    EXPECT_NE(line.find(row.names), std::string::npos) << row.header << "\n" << line;
  }
}

// Random damage ends in a file that is read, whole, or in an InputError.
TEST_F(SafetensorsTest, SurvivesRandomDamage) {
  std::vector<SafetensorsEntry> entries;
  for (size_t i = 0; i < 6; ++i) {
    entries.push_back({.name = "model.layers." + std::to_string(i) + ".weight",
                       .dtype = i % 2 == 0 ? "BF16" : "F32",
                       .shape = {3, static_cast<int64_t>(i)},
                       .begin = entries.empty() ? 0 : entries.back().end});
    entries.back().end = entries.back().begin + entries.back().elements() * (i % 2 == 0 ? 2 : 4);
  }
  const std::string header = safetensors_header(entries, {{"format", "pt"}});
  const std::string whole = header + std::string(entries.back().end, '\x3f');
  ASSERT_EQ(refusal_of(whole), "");
  int refused = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const std::string damaged = tests::mutate(whole, seed, header.size());
    refused += refusal([&] {
                 const SafetensorsFile file = open(damaged);
                 unsigned sum = 0;
                 for (const auto& entry : file.entries()) {
                   for (const std::byte b : file.bytes(entry)) sum += static_cast<unsigned>(b);
                 }
                 ASSERT_GE(sum, 0U);
               }).empty()
                   ? 0
                   : 1;
  }
  EXPECT_GT(refused, 1500);
}

}  // namespace
}  // namespace plumb::base
