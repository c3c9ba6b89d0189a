#include <gtest/gtest.h>

#include "base/files.h"
#include "base/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"
#include "tests/trace/trace_fixture.h"

namespace plumb::trace {
namespace {

using base::DType;
using tests::refusal;

// The same layout in safetensors, as an engine without HDF5 writes it.
class SafetensorsTraceTest : public testing::Test {
 protected:
  std::string refusal_of(const std::string& header, const std::string& data) {
    tests::write_text(file_, tests::safetensors_bytes(header, data));
    return refusal([&] {
      const TraceFile trace(file_);
      const auto recording = trace.recording(DType::kF32, "p0");
      for (const Tap& tap : recording->taps()) recording->read(tap);
      recording->greedy();
    });
  }

  base::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "trace.safetensors";
};

TEST_F(SafetensorsTraceTest, IsRead) {
  const std::vector<base::SafetensorsEntry> entries = {
      {.name = "prompts/p0", .dtype = "I64", .shape = {2}, .begin = 0, .end = 16},
      {.name = "prompts/p1", .dtype = "I32", .shape = {1}, .begin = 16, .end = 20},
      {.name = "float32/p0/logits", .dtype = "F32", .shape = {2, 1}, .begin = 20, .end = 28},
      {.name = "bfloat16/p0/layer.0.out", .dtype = "BF16", .shape = {2}, .begin = 28, .end = 32},
      {.name = "float32/p0/greedy", .dtype = "I64", .shape = {1}, .begin = 32, .end = 40},
      {.name = "something", .dtype = "U8", .shape = {1}, .begin = 40, .end = 41}};
  std::string bytes =
      safetensors_header(entries, {{"schema", "plumbline.trace/1"}, {"producer", "an engine"}});
  const auto append = [&](auto value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  append(int64_t{5});
  append(int64_t{6});
  append(int32_t{7});
  append(1.5F);
  append(-2.0F);
  append(uint16_t{0x3f80});
  append(uint16_t{0xc000});
  append(int64_t{9});
  append('x');
  tests::write_text(file_, bytes);
  const TraceFile trace(file_);
  EXPECT_EQ(trace.attribute("producer"), "an engine");
  ASSERT_EQ(trace.prompts().size(), 2U);
  EXPECT_EQ(trace.prompts()[0].tokens, (std::vector<int64_t>{5, 6}));
  EXPECT_EQ(trace.prompts()[1].tokens, std::vector<int64_t>{7});
  const auto recording = trace.recording(DType::kF32, "p0");
  EXPECT_EQ(recording->read(kLogits).values, (std::vector<double>{1.5, -2.0}));
  EXPECT_EQ(recording->shape(kLogits), (std::vector<size_t>{2, 1}));
  EXPECT_EQ(recording->greedy()->tokens, std::vector<int64_t>{9});
  EXPECT_EQ(trace.recording(DType::kBF16, "p0")->read({TapId::kOut, 0}).values,
            (std::vector<double>{1.0, -2.0}));
  EXPECT_EQ(trace.ignored(), std::vector<std::string>{"something"});
}

TEST_F(SafetensorsTraceTest, IsRefusedWhenItIsNone) {
  const std::string schema = R"("__metadata__": {"schema": "plumbline.trace/1"})";
  const auto one = [&](const std::string& name, const char* dtype, const char* shape) {
    return refusal_of("{" + schema + R"(, ")" + name + R"(": {"dtype": ")" + dtype +
                          R"(", "shape": )" + shape + R"(, "data_offsets": [0, 8]}})",
                      "12345678");
  };
  EXPECT_NE(refusal_of("{}", "").find("schema"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"__metadata__": {"schema": "other"}})", "").find("schema"),
            std::string::npos);
  EXPECT_NE(one("prompts/p0", "F64", "[1]").find("prompts/p0"), std::string::npos);
  EXPECT_NE(one("prompts/p0", "U64", "[1]").find("prompts/p0"), std::string::npos);
  EXPECT_NE(one("prompts/p0", "I64", "[1, 1]").find("prompts/p0"), std::string::npos);
  EXPECT_NE(one("float32/p0/logits", "U8", "[8]").find("float32/p0/logits"), std::string::npos);
  EXPECT_NE(one("float32/p0/greedy", "F64", "[1]").find("float32/p0/greedy"), std::string::npos);
  EXPECT_EQ(one("float32/p0/logits", "F64", "[1, 1]"), "");
}

}  // namespace
}  // namespace plumb::trace
