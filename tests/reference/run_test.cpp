// The promises of the reference's run: the same bits at any thread count, with any taps asked for,
// from any recorded tap on, alone or in a batch.
#include "reference/run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fixtures/presets.h"
#include "reference/engine.h"
#include "tests/support/model.h"

namespace plumb::reference {
namespace {

using base::Json;
using tests::SyntheticModel;
using trace::MemoryRecording;
using trace::Tap;
using trace::TapFilter;
using trace::TapId;

const Tap kLogits{TapId::kLogits, -1};

std::vector<int64_t> some_tokens(const graph::Graph& graph, size_t count, uint64_t key) {
  std::vector<int64_t> tokens;
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<int64_t>(base::random_bits(key, i) % graph.vocab_size));
  }
  return tokens;
}

MemoryRecording record(const SyntheticModel& model, const std::vector<int64_t>& tokens,
                       const char* taps = "all", int threads = 1) {
  const base::Threads pool(threads);
  MemoryRecording recording;
  Reference(model.graph, model.weights, pool).record(tokens, TapFilter(taps), recording);
  return recording;
}

// Calls visit(model, tokens) for each case of the catalogue.
template <class Visit>
void for_every_case(Visit&& visit) {
  for (const std::string& name : tests::case_names()) {
    SCOPED_TRACE(name);
    const tests::Case one = tests::read_case(name);
    const SyntheticModel model(one);
    visit(model, some_tokens(model.graph, 29, one.seed));
  }
}

void expect_same(const MemoryRecording& a, const MemoryRecording& b) {
  ASSERT_EQ(a.taps(), b.taps());
  for (const Tap& tap : a.taps()) {
    EXPECT_EQ(a.at(tap).shape, b.at(tap).shape) << tap.name();
    EXPECT_EQ(a.at(tap).values, b.at(tap).values) << tap.name();
  }
}

TEST(ReferenceRun, RecordsEveryTapOfTheGraph) {
  for_every_case([](const SyntheticModel& model, const std::vector<int64_t>& tokens) {
    const MemoryRecording all = record(model, tokens);
    EXPECT_EQ(all.taps(), model.graph.taps());
    for (const Tap& tap : all.taps()) {
      EXPECT_EQ(all.at(tap).shape, model.graph.tap_shape(tap, tokens.size()));
      for (const double v : all.at(tap).values) ASSERT_TRUE(std::isfinite(v)) << tap.name();
    }
  });
}

TEST(ReferenceRun, GivesTheSameBitsAtAnyThreadCount) {
  for_every_case([](const SyntheticModel& model, const std::vector<int64_t>& tokens) {
    const MemoryRecording one = record(model, tokens);
    expect_same(one, record(model, tokens, "all", 2));
    expect_same(one, record(model, tokens, "all", 5));
  });
}

TEST(ReferenceRun, GivesTheSameBitsWhateverTapsAreAskedFor) {
  for_every_case([](const SyntheticModel& model, const std::vector<int64_t>& tokens) {
    const MemoryRecording all = record(model, tokens);
    for (const char* taps : {"logits", "coarse", "layer.1.*"}) {
      const MemoryRecording some = record(model, tokens, taps);
      EXPECT_LT(some.taps().size(), all.taps().size());
      for (const Tap& tap : some.taps()) EXPECT_EQ(some.at(tap).values, all.at(tap).values);
    }
  });
}

// Runs with the recorded values of the taps that `forces` picks standing in for the computed ones.
MemoryRecording replay(const SyntheticModel& model, const std::vector<int64_t>& tokens,
                       const MemoryRecording& recorded,
                       const std::function<bool(const Tap&)>& forces,
                       const std::function<bool(const Tap&)>& wants) {
  const base::Threads threads(1);
  MemoryRecording replayed;
  Request request;
  request.sequences = {Sequence{tokens}};
  request.wants = wants;
  request.take = [&](const Tap& tap, const Matrix& value) {
    replayed.put(tap, to_tensor(model.graph, tap, value));
  };
  request.forces = forces;
  request.forced = [&](const Tap& tap) -> std::optional<Matrix> {
    const trace::Tensor& tensor = recorded.at(tap);
    Matrix value = make_matrix(tensor.rows(), tensor.width());
    std::copy(tensor.values.begin(), tensor.values.end(), value.begin());
    return value;
  };
  Reference(model.graph, model.weights, threads).run(request);
  return replayed;
}

TEST(ReferenceRun, ReplaysItsOwnRecordingToTheBit) {
  const auto every = [](const Tap&) { return true; };
  for_every_case([&](const SyntheticModel& model, const std::vector<int64_t>& tokens) {
    const MemoryRecording recorded = record(model, tokens);
    expect_same(recorded, replay(model, tokens, recorded, every, every));
  });
}

// From one tap on, what comes after it depends on that tap alone: on its values, not on how the run
// came to them.
TEST(ReferenceRun, StartsAtAnyPlaceWhereTheStreamIsOneTensor) {
  for_every_case([](const SyntheticModel& model, const std::vector<int64_t>& tokens) {
    const MemoryRecording recorded = record(model, tokens);
    for (const Tap start : {Tap{TapId::kEmbed, -1}, Tap{TapId::kOut, 0}, Tap{TapId::kMid, 1},
                            Tap{TapId::kFinalNorm, -1}}) {
      if (!model.graph.find(start)) continue;  // no mid where the branches are parallel
      const auto forces = [&](const Tap& tap) { return tap == start; };
      const auto wants = [](const Tap& tap) { return tap == kLogits; };
      const MemoryRecording same = replay(model, tokens, recorded, forces, wants);
      EXPECT_EQ(same.at(kLogits).values, recorded.at(kLogits).values) << start.name();
      MemoryRecording moved = recorded;
      trace::Tensor tensor = recorded.at(start);
      tensor.values.back() += 0.01;
      moved.put(start, tensor);
      const MemoryRecording other = replay(model, tokens, moved, forces, wants);
      EXPECT_NE(other.at(kLogits).values, recorded.at(kLogits).values) << start.name();
    }
  });
}

TEST(ReferenceRun, KeepsAnInfiniteValueFromEarlierPositions) {
  const SyntheticModel model(tests::read_case("qwen3-gqa"));
  const std::vector<int64_t> tokens = some_tokens(model.graph, 29, 1);
  MemoryRecording recorded = record(model, tokens);
  const trace::Tensor right = recorded.at(kLogits);
  const Tap values{TapId::kV, 1};
  trace::Tensor tensor = recorded.at(values);
  tensor.values.back() = std::numeric_limits<double>::infinity();
  recorded.put(values, tensor);
  const trace::Tensor logits =
      replay(
          model, tokens, recorded, [&](const Tap& tap) { return tap == values; },
          [](const Tap& tap) { return tap == kLogits; })
          .at(kLogits);
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    for (size_t j = 0; j < logits.width(); ++j) {
      ASSERT_NEAR(logits.row(t)[j], right.row(t)[j], 1e-12) << t;
    }
  }
  EXPECT_FALSE(std::isfinite(logits.values.back()));
}

TEST(ReferenceRun, GivesASequenceTheSameBitsInABatch) {
  for_every_case([](const SyntheticModel& model, const std::vector<int64_t>& tokens) {
    const std::vector<std::vector<int64_t>> prompts = {tokens,
                                                       some_tokens(model.graph, 7, 1),
                                                       {tokens[3]},
                                                       some_tokens(model.graph, 40, 2),
                                                       tokens};
    const base::Threads threads(2);
    MemoryRecording batch;
    Request request;
    for (const auto& prompt : prompts) request.sequences.push_back(Sequence{prompt});
    request.wants = [](const Tap&) { return true; };
    request.take = [&](const Tap& tap, const Matrix& value) {
      batch.put(tap, to_tensor(model.graph, tap, value));
    };
    Reference(model.graph, model.weights, threads).run(request);
    size_t first = 0;
    for (const auto& prompt : prompts) {
      const MemoryRecording alone = record(model, prompt);
      for (const Tap& tap : alone.taps()) {
        for (size_t t = 0; t < prompt.size(); ++t) {
          const auto x = alone.at(tap).row(t);
          const auto y = batch.at(tap).row(first + t);
          ASSERT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << tap.name() << " " << t;
        }
      }
      first += prompt.size();
    }
  });
}

// Rows of the logits that change when the token at `position` does: by more than the last bits,
// which depend on which rows an expert multiplies together.
std::vector<bool> rows_that_see(const SyntheticModel& model, std::vector<int64_t> tokens,
                                size_t position) {
  const trace::Tensor before = record(model, tokens, "logits").at(kLogits);
  tokens[position] = (tokens[position] + 1) % model.graph.vocab_size;
  const trace::Tensor after = record(model, tokens, "logits").at(kLogits);
  std::vector<bool> rows;
  for (size_t t = 0; t < tokens.size(); ++t) {
    const auto x = before.row(t);
    const auto y = after.row(t);
    const auto close = [](double a, double b) { return std::abs(a - b) < 1e-9; };
    rows.push_back(!std::equal(x.begin(), x.end(), y.begin(), close));
  }
  return rows;
}

SyntheticModel windowed_model(const Json& window, int layers) {
  Json config = fixtures::preset_config("mixtral", "tiny");
  config["sliding_window"] = window;
  config["num_hidden_layers"] = layers;
  return SyntheticModel(config, 3);
}

TEST(ReferenceRun, LetsAWindowSeeItsOwnKeyAndThoseJustBefore) {
  const SyntheticModel one = windowed_model(3, 1);
  const auto tokens = some_tokens(one.graph, 9, 5);
  EXPECT_EQ(rows_that_see(one, tokens, 2),
            (std::vector<bool>{false, false, true, true, true, false, false, false, false}));
  // Two layers reach twice as far.
  EXPECT_EQ(rows_that_see(windowed_model(3, 2), tokens, 2),
            (std::vector<bool>{false, false, true, true, true, true, true, false, false}));
  EXPECT_EQ(rows_that_see(windowed_model(1, 2), tokens, 2),
            (std::vector<bool>{false, false, true, false, false, false, false, false, false}));
}

TEST(ReferenceRun, SeesAllThatCameBeforeAndNothingAfter) {
  const SyntheticModel model = windowed_model(nullptr, 1);
  EXPECT_EQ(rows_that_see(model, some_tokens(model.graph, 6, 5), 2),
            (std::vector<bool>{false, false, true, true, true, true}));
}

TEST(ReferenceRun, ContinuesGreedilyByTheLargestLogit) {
  const SyntheticModel model(fixtures::preset_config("llama", "tiny"), 3);
  const base::Threads threads(1);
  std::vector<int64_t> sequence = some_tokens(model.graph, 6, 5);
  const Reference reference(model.graph, model.weights, threads);
  const trace::Greedy greedy =
      *ReferenceEngine(reference).record({"p", sequence}, TapFilter("logits"), 5)->greedy();
  ASSERT_EQ(greedy.tokens.size(), 5U);
  for (size_t step = 0; step < 5; ++step) {
    const trace::Tensor logits = record(model, sequence, "logits").at(kLogits);
    const auto row = logits.row(sequence.size() - 1);
    std::vector<double> sorted(row.begin(), row.end());
    std::sort(sorted.rbegin(), sorted.rend());
    EXPECT_EQ(trace::top_two(row).token, greedy.tokens[step]);
    EXPECT_NEAR(greedy.margins[step], sorted[0] - sorted[1], 1e-12);
    sequence.push_back(greedy.tokens[step]);
  }
}

}  // namespace
}  // namespace plumb::reference
