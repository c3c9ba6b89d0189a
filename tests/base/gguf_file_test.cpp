#include <gtest/gtest.h>

#include "base/gguf/file.h"
#include "tests/support/files.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/refusal.h"

namespace plumb::base {
namespace {

using tests::gguf_raw;
using tests::gguf_string;
using tests::GgufBuilder;
using tests::refusal;

constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ80 = 8;
constexpr uint32_t kArray = 9;

class GgufFileTest : public testing::Test {
 protected:
  GgufFile open(std::string_view bytes) {
    tests::write_text(file_, bytes);
    return GgufFile(file_);
  }
  std::string refusal_of(std::string_view bytes) {
    const std::string line = refusal([&] { open(bytes); });
    EXPECT_TRUE(line.empty() || line.starts_with(file_.string() + ": ")) << line;
    return line;
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "t.gguf";
};

GgufBuilder small() {
  GgufBuilder file;
  file.text("general.architecture", "llama")
      .u32("llama.block_count", 2)
      .f32("llama.eps", 1e-6F)
      .key("flag", 7, gguf_raw(uint8_t{1}))
      .key("big", 10, gguf_raw(~uint64_t{0}))
      .key("list", kArray,
           gguf_raw(uint32_t{5}) + gguf_raw(uint64_t{2}) + gguf_raw(int32_t{-3}) +
               gguf_raw(int32_t{4}))
      .key("words", kArray,
           gguf_raw(uint32_t{8}) + gguf_raw(uint64_t{2}) + gguf_string("a") + gguf_string("bc"))
      .tensor("a", {3}, kF32, std::string(12, 'x'))
      .tensor("b", {32, 2}, kQ80, std::string(68, 'y'));
  return file;
}

TEST_F(GgufFileTest, ReadsKeysAndTensors) {
  for (const uint32_t version : {2, 3}) {
    GgufBuilder builder = small();
    builder.version = version;
    const GgufFile file = open(builder.bytes());
    EXPECT_EQ(file.keys().at("general.architecture").text(), "llama");
    EXPECT_EQ(file.keys().at("llama.block_count").integer(), 2);
    EXPECT_EQ(file.keys().at("llama.eps").number(), static_cast<double>(1e-6F));
    EXPECT_EQ(file.keys().at("llama.eps").integer(), std::nullopt);
    EXPECT_EQ(file.keys().at("flag").flag(), true);
    EXPECT_EQ(file.keys().at("big").integer(), std::nullopt);
    EXPECT_EQ(file.keys().at("list").integers(), (std::vector<int64_t>{-3, 4}));
    EXPECT_EQ(file.keys().at("words").count(), 2U);
    EXPECT_EQ(file.keys().at("words").integers(), std::nullopt);
    ASSERT_EQ(file.tensors().size(), 2U);
    const GgufTensor& b = file.tensors()[1];
    EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 32}));
    EXPECT_EQ(b.type->name, "Q8_0");
    EXPECT_EQ(file.bytes(b).size(), 68U);
    EXPECT_EQ(file.bytes(b)[67], std::byte{'y'});
  }
}

TEST_F(GgufFileTest, HonoursItsAlignment) {
  GgufBuilder builder = small();
  builder.u32("general.alignment", 256);
  EXPECT_NE(refusal_of(builder.bytes()), "");  // written for 32
  GgufBuilder wide;
  wide.alignment = 256;
  wide.u32("general.alignment", 256)
      .tensor("a", {3}, kF32, std::string(12, 'x'))
      .tensor("b", {1}, kF32, std::string(4, 'z'));
  const GgufFile file = open(wide.bytes());
  EXPECT_EQ(file.tensors()[1].begin % 256, 0U);
  EXPECT_EQ(file.bytes(file.tensors()[1])[0], std::byte{'z'});
  for (const uint32_t bad : {0, 3, 1 << 21}) {
    EXPECT_NE(refusal_of(GgufBuilder().u32("general.alignment", bad).bytes()).find("alignment"),
              std::string::npos);
  }
}

TEST_F(GgufFileTest, RefusesWhatIsNoneOfItsVersions) {
  EXPECT_NE(refusal_of(""), "");
  EXPECT_NE(refusal_of("GGML"), "");
  EXPECT_NE(refusal_of("GGUF"), "");
  GgufBuilder builder = small();
  for (const uint32_t version : {0U, 1U, 4U}) {
    builder.version = version;
    EXPECT_NE(refusal_of(builder.bytes()).find("version"), std::string::npos) << version;
  }
  builder.version = 3U << 24;
  EXPECT_NE(refusal_of(builder.bytes()).find("big-endian"), std::string::npos);
}

TEST_F(GgufFileTest, RefusesEveryTruncation) {
  const std::string bytes = small().bytes();
  const size_t end = bytes.size() - 28;  // the padding after the last tensor may be missing
  ASSERT_EQ(refusal_of(bytes.substr(0, end)), "");
  for (size_t size = 0; size < end; ++size) {
    EXPECT_NE(refusal_of(bytes.substr(0, size)), "") << size;
  }
  EXPECT_NE(refusal_of(bytes + "x").find("goes on"), std::string::npos);
}

TEST_F(GgufFileTest, RefusesBombs) {
  const uint64_t huge[] = {uint64_t{1} << 40, uint64_t{1} << 63, ~uint64_t{0}};
  for (const uint64_t count : huge) {
    const std::string counts = "GGUF" + gguf_raw(uint32_t{3});
    EXPECT_NE(refusal_of(counts + gguf_raw(count) + gguf_raw(uint64_t{0})), "");
    EXPECT_NE(refusal_of(counts + gguf_raw(uint64_t{0}) + gguf_raw(count)), "");
    for (const uint32_t type : {0U, 4U, 8U, 10U}) {
      const std::string array = gguf_raw(type) + gguf_raw(count);
      EXPECT_NE(refusal_of(GgufBuilder().key("k", kArray, array).bytes()).find("k"),
                std::string::npos);
    }
    EXPECT_NE(refusal_of(GgufBuilder().key("k", 8, gguf_raw(count)).bytes()), "");
    EXPECT_NE(refusal_of(GgufBuilder().tensor("t", {count, count}, kF32, "").bytes()).find("t"),
              std::string::npos);
    EXPECT_NE(refusal_of(GgufBuilder().tensor("t", {1, count, 4}, kF32, "").bytes()), "");
  }
}

TEST_F(GgufFileTest, RefusesDamagedKeysAndTensors) {
  const std::string one(4, '\0');
  const auto says = [&](const GgufBuilder& builder, const char* words) {
    EXPECT_NE(refusal_of(builder.bytes()).find(words), std::string::npos)
        << words << ": " << refusal_of(builder.bytes());
  };
  says(GgufBuilder().u32("k", 1).u32("k", 1), "twice");
  says(GgufBuilder().u32("", 1), "empty");
  says(GgufBuilder().u32("a\nb", 1), "control");
  says(GgufBuilder().key("k", 13, one), "value type 13");
  says(GgufBuilder().key("k", 7, gguf_raw(uint8_t{2})), "bool");
  says(GgufBuilder().key("k", kArray, gguf_raw(kArray) + gguf_raw(uint64_t{0})), "array of arrays");
  says(GgufBuilder().tensor("t", {1}, kF32, one).tensor("t", {1}, kF32, one), "twice");
  says(GgufBuilder().tensor("", {1}, kF32, one), "empty");
  says(GgufBuilder().tensor(std::string(64, 'n'), {1}, kF32, one), "64 bytes");
  says(GgufBuilder().tensor("t", {}, kF32, one), "0 dimensions");
  says(GgufBuilder().tensor("t", {1, 1, 1, 1, 1}, kF32, one), "5 dimensions");
  says(GgufBuilder().tensor("t", {0}, kF32, ""), "extent of 0");
  says(GgufBuilder().tensor("t", {1}, 4, one), "type 4");
  says(GgufBuilder().tensor("t", {1}, 137, one), "type 137");
  says(GgufBuilder().tensor("t", {48}, kQ80, std::string(51, '\0')), "48");
  says(GgufBuilder().tensor("t", {64}, kF32, one), "outside the file");
  GgufBuilder shifted;
  shifted.alignment = 64;
  shifted.tensor("t", {1}, kF32, one).tensor("u", {1}, kF32, one);
  says(shifted, "begin at 64");
}

TEST_F(GgufFileTest, SurvivesDamageAnywhere) {
  const std::string bytes = small().bytes();
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    tests::write_text(file_, tests::mutate(bytes, seed, bytes.size()));
    try {
      const GgufFile file(file_);
      for (const GgufTensor& tensor : file.tensors()) file.bytes(tensor);
    } catch (const InputError&) {
    }
  }
}

}  // namespace
}  // namespace plumb::base
