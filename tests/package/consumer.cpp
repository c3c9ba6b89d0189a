#include <gmock/gmock.h>
#include <plumbline/parity.h>
#include <plumbline/trace.h>

namespace {

using plumbline::HasParityWith;
using testing::HasSubstr;
using testing::Not;

// Written by package_test.sh.
const std::string kCheckpoint = "checkpoint";
constexpr size_t kVocabulary = 512;

std::string trace_of_zeros() {
  plumbline::TraceWriter trace("a \"consumer\" 1.0");
  trace.prompt("p0", {3, 4, 5});
  trace.record("float32", "p0", "logits", std::vector<float>(3 * kVocabulary), {3, kVocabulary});
  trace.record("float32", "p0", "greedy", std::vector<int64_t>{0, 0}, {2});
  trace.write("zeros.safetensors");
  return "trace:zeros.safetensors";
}

TEST(Parity, OfAnEngineThatIsRight) {
  EXPECT_THAT("cpu-f32", HasParityWith(kCheckpoint));
}

TEST(Parity, SaysWhatIsWrong) {
  const std::string candidate = trace_of_zeros();
  EXPECT_THAT(candidate, Not(HasParityWith(kCheckpoint)));
  const plumbline::Judgement judged = plumbline::check(kCheckpoint, candidate);
  EXPECT_FALSE(judged.passed);
  EXPECT_THAT(judged.story, HasSubstr("FAILED"));
  EXPECT_THAT(judged.story, HasSubstr("logits"));
}

TEST(Parity, OfACallThatIsWrongIsAnException) {
  EXPECT_THROW(plumbline::check("nowhere", "cpu-f32"), std::runtime_error);
}

TEST(Trace, RefusesAShapeThatIsNotTheValues) {
  plumbline::TraceWriter trace("a consumer");
  EXPECT_THROW(trace.record("float32", "p0", "logits", std::vector<float>(5), {2, 3}),
               std::invalid_argument);
  EXPECT_THROW(trace.write("no/such/folder.safetensors"), std::runtime_error);
}

}  // namespace
