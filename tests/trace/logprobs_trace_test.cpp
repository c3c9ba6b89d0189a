// Log-probabilities in both forms of a trace, and what a trace written in either holds.
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/trace/trace_fixture.h"
#include "trace/logprobs.h"
#include "trace/trace_file.h"
#include "trace/trace_writer.h"

namespace plumb::trace {
namespace {

using base::DType;
using tests::refusal;

constexpr const char* kForms[] = {"t.h5", "t.safetensors"};

Logprobs two_rows() {
  return {.values = Tensor{{2, 2}, {-0.5, -1.5, -2.25, 0.0}},
          .ids = Tensor{{2, 2}, {7.0, 3.0, 1.0, -1.0}},
          .step = std::nullopt};
}

TEST_F(TraceFileTest, HoldsLogprobsInBothForms) {
  for (const char* form : kForms) {
    const std::filesystem::path file = folder_.path() / form;
    {
      TraceWriter writer(file, {{"producer", "a server"}, {"logprob_step", "0.25"}});
      writer.add_prompt({"p0", {7, 0}});
      writer.add_prompt({"p1", {1}});
      writer.run(DType::kF32, "p0")->put({TapId::kOut, 0}, {{2, 1}, {1.0, 2.0}});
      writer.add_logprobs(DType::kF32, "p0", two_rows());
      writer.add_greedy(DType::kF32, "p0", {.tokens = {4}, .margins = {0.5}});
      writer.commit();
    }
    EXPECT_EQ(tests::list_files(folder_.path()).size(), 1U) << "nothing else remains";
    const TraceFile trace(file);
    EXPECT_TRUE(trace.ignored().empty());
    const auto recording = trace.recording(DType::kF32, "p0");
    EXPECT_EQ(recording->taps(), (std::vector<Tap>{{TapId::kOut, 0}}));
    const auto logprobs = logprobs_of(*recording);
    ASSERT_TRUE(logprobs && logprobs->values && logprobs->ids) << form;
    EXPECT_EQ(logprobs->values->values, two_rows().values->values);
    EXPECT_EQ(logprobs->ids->values, two_rows().ids->values);
    EXPECT_EQ(logprobs->step, 0.25);
    EXPECT_EQ(logprobs_of(*trace.recording(DType::kF32, "p1")), std::nullopt);
    std::filesystem::remove(file);
  }
}

TEST_F(TraceFileTest, IsKnownByItsContentWhateverItsName) {
  for (const char* form : kForms) {
    TraceWriter writer(folder_.path() / form, {});
    writer.add_prompt({"p0", {7, 0, 4}});
    writer.commit();
  }
  std::filesystem::rename(folder_.path() / "t.h5", folder_.path() / "u.safetensors");
  std::filesystem::rename(folder_.path() / "t.safetensors", folder_.path() / "u.h5");
  for (const char* name : {"u.h5", "u.safetensors"}) {
    EXPECT_EQ(TraceFile(folder_.path() / name).prompts()[0].tokens.size(), 3U) << name;
  }
}

TEST_F(TraceFileTest, RefusesAStepThatIsNone) {
  for (const char* step : {"0", "-0.1", "2", "often", "nan"}) {
    TraceWriter writer(file_, {{"logprob_step", step}});
    writer.add_prompt({"p0", {7, 0}});
    writer.add_logprobs(DType::kF32, "p0", two_rows());
    writer.commit();
    const TraceFile trace(file_);
    EXPECT_NE(
        refusal([&] { logprobs_of(*trace.recording(DType::kF32, "p0")); }).find("logprob_step"),
        std::string::npos)
        << step;
  }
}

TEST_F(TraceFileTest, WritesNothingWhereItMayNot) {
  EXPECT_NE(refusal([&] { TraceWriter(folder_.path() / "missing" / "t.safetensors", {}); }), "");
  EXPECT_NE(refusal([&] { TraceWriter(folder_.path(), {}); }), "");
  {
    TraceWriter writer(folder_.path() / "t.safetensors", {});
    writer.add_prompt({"p0", {7, 0}});
  }
  EXPECT_TRUE(tests::list_files(folder_.path()).empty());
}

}  // namespace
}  // namespace plumb::trace
