// What an engine promises whatever the model: looking changes nothing, nor do threads; a prompt in
// pieces is the prompt at once; state is a value.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/errors.h"
#include "candidates/candidate.h"
#include "candidates/cpu/engine/cpu_engine.h"
#include "tests/candidates/forced_target.h"
#include "tests/candidates/synthetic.h"

namespace plumb::candidates::testing {
namespace {

using base::DType;
using cpu::Forward;
using cpu::Plan;
using cpu::Rows;
using cpu::Session;

constexpr DType kPrecisions[] = {DType::kF32, DType::kBF16};

std::vector<float> copy(const Rows& rows) {
  return {rows.data, rows.data + rows.rows * rows.width};
}

std::vector<float> whole(const Plan& plan, const base::Threads& threads,
                         std::span<const int64_t> tokens) {
  Forward forward(plan, threads);
  Session session(plan.initial_states());
  return copy(forward.prefill(session, tokens, 0));
}

// Within float32 noise of each other, as a share of the RMS of the logits, in u = 2^-24. Of all the
// comparisons here the largest was 19 u.
void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  double squares = 0.0;
  double errors = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    squares += static_cast<double>(a[i]) * a[i];
    errors += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  }
  EXPECT_LE(std::sqrt(errors / squares), 60.0 * 0x1p-24);
}

TEST(Engine, LookingAtTapsChangesNoBit) {
  const base::Threads threads(2);
  for_each_model([&](const Model& model) {
    for (const std::string_view name : engine_names()) {
      const auto engine = make_engine(name, model.graph(), model.weights(), threads);
      const trace::Prompt prompt{"p", model.prompt(29)};
      const auto all = engine->record(prompt, trace::TapFilter::all(), 6);
      const auto logits = engine->record(prompt, trace::TapFilter("logits"), 6);
      EXPECT_EQ(logits->taps().size(), 1U);
      const trace::Tap tap{trace::TapId::kLogits, -1};
      EXPECT_EQ(all->read(tap).values, logits->read(tap).values);
      EXPECT_EQ(all->greedy()->tokens, logits->greedy()->tokens);
      EXPECT_EQ(all->greedy()->margins, logits->greedy()->margins);
    }
  });
}

TEST(Engine, ThreadsChangeNoBit) {
  for_each_model([&](const Model& model) {
    const std::vector<int64_t> tokens = model.prompt(150);
    for (const DType precision : kPrecisions) {
      std::vector<float> first;
      for (const int count : {1, 2, 3}) {
        const base::Threads threads(count);
        const Plan plan(model.graph(), model.weights(), precision, threads);
        Forward forward(plan, threads);
        Session session(plan.initial_states());
        std::vector<float> logits = copy(forward.prefill(session, tokens, 0));
        const std::vector<float> decoded = copy(forward.decode(session, 5, 150));
        logits.insert(logits.end(), decoded.begin(), decoded.end());
        if (first.empty()) first = logits;
        EXPECT_EQ(logits, first) << count << " threads";
      }
    }
  });
}

TEST(Plan, RunsProductsOfTheSameValueTogether) {
  const base::Threads threads(1);
  const SyntheticModel model("llama", variations()[0].changes);
  const Plan plan(model.graph(), model.weights(), DType::kF32, threads);
  std::map<size_t, int> groups;  // how many groups have so many products
  for (const cpu::Step& step : plan.steps()) ++groups[step.together];
  const auto layers = static_cast<int>(groups[3]);
  EXPECT_GT(layers, 0);
  EXPECT_EQ(groups[2], layers);               // gate and up
  EXPECT_EQ(groups[0], 2 * layers + layers);  // those that are not the first of theirs
}

// Where products of many rows round to bfloat16 and those of few do not, only the judge can tell.
TEST(Engine, APromptInPiecesIsThePromptAtOnce) {
  const Forced forced(best_in_float32());
  const base::Threads threads(1);
  for_each_model([&](const Model& model) {
    if (graph::depends_on_length(model.graph())) return;  // then it is not: rope_tables.h
    const std::vector<int64_t> tokens = model.prompt(61);
    for (const DType precision : kPrecisions) {
      const Plan plan(model.graph(), model.weights(), precision, threads);
      const std::vector<float> expected = whole(plan, threads, tokens);
      for (const size_t piece : {1, 2, 7, 10, 40}) {
        Forward forward(plan, threads);
        Session session(plan.initial_states());
        std::vector<float> logits;
        for (size_t at = 0; at < tokens.size(); at += piece) {
          const size_t rows = std::min(piece, tokens.size() - at);
          const std::vector<float> part = copy(forward.prefill(
              session, std::span(tokens).subspan(at, rows), static_cast<int64_t>(at)));
          logits.insert(logits.end(), part.begin(), part.end());
        }
        SCOPED_TRACE("in pieces of " + std::to_string(piece));
        expect_near(logits, expected);
      }
    }
  });
}

TEST(Engine, ARaggedBatchIsItsSequences) {
  const base::Threads threads(2);
  for_each_model([&](const Model& model) {
    const Plan plan(model.graph(), model.weights(), DType::kF32, threads);
    Forward forward(plan, threads);
    const std::vector<int64_t> a = model.prompt(23, 1);
    const std::vector<int64_t> b = model.prompt(4, 2);
    Session first(plan.initial_states());
    Session second(plan.initial_states());
    const cpu::Sequence both[] = {{&first, a}, {&second, b}};
    const std::vector<float> together = copy(forward.run(both));
    std::vector<float> apart = whole(plan, threads, a);
    const std::vector<float> rest = whole(plan, threads, b);
    apart.insert(apart.end(), rest.begin(), rest.end());
    expect_near(together, apart);
    if (graph::depends_on_length(model.graph())) return;  // another length, another forward
    // And on from there, one token each.
    const int64_t next[] = {7, 9};
    const cpu::Sequence steps[] = {{&first, {next, 1}}, {&second, {next + 1, 1}}};
    const std::vector<float> stepped = copy(forward.run(steps));
    std::vector<int64_t> longer = a;
    longer.push_back(7);
    const std::vector<float> expected = whole(plan, threads, longer);
    const size_t width = stepped.size() / 2;
    expect_near({stepped.begin(), stepped.begin() + static_cast<ptrdiff_t>(width)},
                {expected.end() - static_cast<ptrdiff_t>(width), expected.end()});
  });
}

// The plan's choice is what runs, and both kernels of an op are the same forward.
TEST(Engine, RunsTheFusedKernelsUnlessToldOtherwise) {
  const base::Threads threads(1);
  size_t chosen = 0;
  for_each_model([&](const Model& model) {
    const std::vector<int64_t> tokens = model.prompt(40);
    const Plan fused(model.graph(), model.weights(), DType::kF32, threads);
    const Plan naive(model.graph(), model.weights(), DType::kF32, threads, cpu::Kernel::kNaive);
    expect_near(whole(naive, threads, tokens), whole(fused, threads, tokens));
    const auto engine = make_engine("cpu-f32", model.graph(), model.weights(), threads);
    engine->record({"p", tokens}, trace::TapFilter("logits"), 2);
    chosen += engine->explain().find("gated_delta_rule: fused (") != std::string::npos;
    EXPECT_EQ(engine->explain().find("naive"), std::string::npos);
  });
  EXPECT_EQ(chosen, 1U);  // of the models, one has gated delta nets
}

TEST(Session, ResetAndSnapshotsBringTheSameBitsBack) {
  const base::Threads threads(1);
  for_each_model([&](const Model& model) {
    const Plan plan(model.graph(), model.weights(), DType::kF32, threads);
    Forward forward(plan, threads);
    Session session(plan.initial_states());
    const std::vector<int64_t> tokens = model.prompt(17);
    const std::vector<float> prompt = copy(forward.prefill(session, tokens, 0));
    const Session snapshot = session;
    const std::vector<float> next = copy(forward.decode(session, 3, 17));
    forward.decode(session, 4, 18);
    session = snapshot;
    forward.decode(session, 8, 17);
    session = snapshot;
    EXPECT_EQ(copy(forward.decode(session, 3, 17)), next);
    session.reset();
    EXPECT_EQ(copy(forward.prefill(session, tokens, 0)), prompt);
    EXPECT_EQ(copy(forward.decode(session, 3, 17)), next);
  });
}

TEST(Session, RefusesAPositionItDoesNotStandAt) {
  const base::Threads threads(1);
  const SyntheticModel model("llama");
  const Plan plan(model.graph(), model.weights(), DType::kF32, threads);
  Forward forward(plan, threads);
  Session session(plan.initial_states());
  const std::vector<int64_t> tokens = model.prompt(4);
  EXPECT_THROW(forward.prefill(session, tokens, 1), base::InternalError);
  forward.prefill(session, tokens, 0);
  EXPECT_THROW(forward.decode(session, 1, 3), base::InternalError);
  EXPECT_THROW(forward.decode(session, 1000000, 4), base::InternalError);
}

// Beyond the original context the frequencies change with each token. A greedy continuation is then
// made of whole runs, and its margins are those of the prompt's own logits.
TEST(Engine, ContinuesAModelWhoseRopeDependsOnTheLengthByWholeRuns) {
  const base::Threads threads(1);
  int models = 0;
  for_each_model([&](const Model& model) {
    if (!graph::depends_on_length(model.graph())) return;
    ++models;
    const auto engine = make_engine("cpu-f32", model.graph(), model.weights(), threads);
    // Across the original context, 16.
    trace::Prompt prompt{"p", model.prompt(14)};
    const auto greedy = engine->record(prompt, trace::TapFilter("logits"), 5)->greedy();
    for (size_t i = 0; i < 5; ++i) {
      const auto one = engine->record(prompt, trace::TapFilter("logits"), 1)->greedy();
      EXPECT_EQ(greedy->tokens[i], one->tokens[0]);
      EXPECT_EQ(greedy->margins[i], one->margins[0]);
      prompt.tokens.push_back(one->tokens[0]);
    }
  });
  EXPECT_EQ(models, 2);  // a dynamic rope, a longrope
}

TEST(TopTwo, TakesTheLowerOfEqualsAndHandsNaNsOn) {
  const auto top = [](std::vector<double> logits) { return trace::top_two(logits); };
  EXPECT_EQ(top({1, 3, 2, 3}).token, 1);
  EXPECT_EQ(top({1, 3, 2, 3}).margin, 0.0);
  EXPECT_EQ(top({4, 1, 2.5}).margin, 1.5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(top({1, nan, 9}).token, 1);
  EXPECT_TRUE(std::isnan(top({1, 9, nan}).margin));
}

}  // namespace
}  // namespace plumb::candidates::testing
