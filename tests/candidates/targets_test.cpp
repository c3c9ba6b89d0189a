// Every instruction set that is compiled in and that this machine has: forced, shown to be the one
// that runs, and held to the same bounds.
#include "candidates/cpu/simd/targets.h"

#include <gtest/gtest.h>

#include <cmath>

#include "candidates/candidate.h"
#include "reference/engine.h"
#include "tests/candidates/forced_target.h"
#include "tests/candidates/synthetic.h"

namespace plumb::candidates::testing {
namespace {

TEST(Targets, SeveralAreUsable) {
  // The portable one, and on any x86-64 machine of the last decade AVX2.
  EXPECT_GE(cpu::usable_targets().size(), 2U);
}

TEST(Targets, TheForcedOneRunsAndMeetsTheBounds) {
  const base::Threads threads(1);
  for (const Variation& variation : {variations()[2], variations()[5], variations()[7]}) {
    const SyntheticModel model(variation.family, variation.changes);
    const reference::Reference reference(model.graph(), model.weights(), threads);
    reference::ReferenceEngine reference_engine(reference);
    const trace::Prompt prompt{"p", model.prompt(30)};
    trace::MemoryRecording truth;
    reference.record(prompt.tokens, trace::TapFilter("logits"), truth);
    const trace::Tap tap{trace::TapId::kLogits, -1};
    const std::vector<double>& expected = truth.at(tap).values;
    for (const cpu::Target& target : cpu::usable_targets()) {
      const Forced forced(target);
      EXPECT_EQ(cpu::current_target(), target.name);
      for (const std::string_view engine_name : engine_names()) {
        const bool rounds = target.has_bf16 && engine_name == "cpu-bf16";
        const auto engine = make_engine(engine_name, model.graph(), model.weights(), threads);
        const auto recording = engine->record(prompt, trace::TapFilter("logits"), 12);
        const std::vector<double> actual = recording->read(tap).values;
        double squares = 0.0;
        double errors = 0.0;
        for (size_t i = 0; i < actual.size(); ++i) {
          squares += expected[i] * expected[i];
          errors += (actual[i] - expected[i]) * (actual[i] - expected[i]);
        }
        // Where products round to bfloat16, floors are the bounds: parity_test.cpp.
        if (!rounds) {
          EXPECT_LE(std::sqrt(errors / squares), 50.0 * 0x1p-24)
              << variation.family << " " << target.name;
        }
        // Every op that Highway runs says so itself, and none of another target has run.
        const std::string explained = engine->explain();
        for (const char* op : {"rms_norm: rows (", "rope: rows (", "linear: dots "}) {
          EXPECT_NE(explained.find(op), std::string::npos) << explained;
        }
        for (const cpu::Target& other : cpu::usable_targets()) {
          const bool runs = other.has_bf16 ? rounds : other.simd == target.simd;
          const std::string mark = "(" + std::string(other.name) + ")";
          EXPECT_EQ(explained.find(mark) != std::string::npos, runs) << explained;
        }
        if (!rounds) {
          EXPECT_EQ(
              recording->greedy()->tokens,
              reference_engine.record(prompt, trace::TapFilter("logits"), 12)->greedy()->tokens);
        }
      }
    }
  }
}

}  // namespace
}  // namespace plumb::candidates::testing
