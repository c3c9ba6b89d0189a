// What --candidate may say.
#include "candidates/candidate.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/candidates/synthetic.h"
#include "trace/trace_writer.h"

namespace plumb::candidates::testing {
namespace {

using base::DType;

class Candidate : public ::testing::Test {
 protected:
  std::unique_ptr<trace::Source> make(const std::string& text) {
    return make_candidate(text, model_.graph(), model_.weights(), threads_);
  }

  // The message of the InputError that `text` ends in.
  std::string complaint(const std::string& text) {
    try {
      make(text);
    } catch (const base::InputError& error) {
      return error.what();
    }
    return "";
  }

  std::string trace_with(const std::string& name, const std::vector<DType>& dtypes) {
    const std::filesystem::path file = folder_.path() / name;
    trace::TraceWriter writer(file, {{"producer", "somebody"}});
    writer.add_prompt({"p0", {1, 2}});
    for (const DType dtype : dtypes) {
      writer.run(dtype, "p0")->put({trace::TapId::kLogits, -1}, {{2, 2}, {1.0, 2.0, 3.0, 4.0}});
    }
    writer.commit();
    return "trace:" + file.string();
  }

  base::TemporaryFolder folder_;
  base::Threads threads_{1};
  SyntheticModel model_{"llama"};
};

TEST_F(Candidate, IsAnEngineByName) {
  EXPECT_EQ(make("cpu-f32")->producer().name, "plumbline cpu-f32");
  EXPECT_EQ(make("cpu-f32")->producer().dtype, DType::kF32);
  EXPECT_EQ(make("cpu-bf16")->producer().dtype, DType::kBF16);
  EXPECT_TRUE(make("cpu-bf16")->prompts().empty());
}

TEST_F(Candidate, IsATraceWithOrWithoutItsDtype) {
  const std::string one = trace_with("one.h5", {DType::kF32});
  EXPECT_EQ(make(one)->producer().dtype, DType::kF32);
  const std::string two = trace_with("two.h5", {DType::kF32, DType::kBF16});
  EXPECT_EQ(make(two + "#bfloat16")->producer().dtype, DType::kBF16);
  EXPECT_EQ(make(two + "#bfloat16")->prompts().size(), 1U);
  EXPECT_NE(complaint(two).find("float32, bfloat16"), std::string::npos);
  EXPECT_NE(complaint(two + "#float16").find("float16"), std::string::npos);
  EXPECT_NE(complaint(two + "#int8").find("known: float64"), std::string::npos);
}

TEST_F(Candidate, MayHaveAHashInItsFileName) {
  EXPECT_EQ(make(trace_with("run#3.h5", {DType::kF32}))->producer().dtype, DType::kF32);
}

TEST_F(Candidate, OfAnotherFormIsRefusedByName) {
  EXPECT_NE(complaint("cpu-f16").find("known: cpu-f32, cpu-bf16, trace:FILE"), std::string::npos);
  EXPECT_NE(complaint("trace:").find("names no file"), std::string::npos);
  EXPECT_NE(complaint("trace:/absent.h5").find("/absent.h5"), std::string::npos);
}

}  // namespace
}  // namespace plumb::candidates::testing
