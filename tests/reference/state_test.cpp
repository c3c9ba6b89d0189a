// What the reference carries from call to call: a prompt in any pieces is the prompt at once, batch
// mates change no bit, a snapshot is a snapshot, and a trace shows what is kept.
#include "reference/state.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reference/engine.h"
#include "tests/support/model.h"
#include "trace/pieces.h"

namespace plumb::reference {
namespace {

using tests::SyntheticModel;
using trace::MemoryRecording;
using trace::Tap;
using trace::TapFilter;
using trace::TapId;

constexpr Tap kLogits{TapId::kLogits, -1};

struct Scene {
  explicit Scene(const std::string& case_name, size_t length = 29)
      : model(tests::read_case(case_name)),
        reference(model.graph, model.weights, threads),
        engine(reference) {
    for (size_t i = 0; i < length; ++i) {
      tokens.push_back(static_cast<int64_t>(base::random_bits(11, i) % model.graph.vocab_size));
    }
  }

  MemoryRecording run(const std::vector<size_t>& pieces) {
    MemoryRecording recording;
    const auto session = engine.open();
    trace::run_in_pieces(engine, *session, tokens, pieces, TapFilter::all(), recording);
    session->record_state(TapFilter::all(), recording);
    return recording;
  }

  base::Threads threads{1};
  SyntheticModel model;
  Reference reference;
  ReferenceEngine engine;
  std::vector<int64_t> tokens;
};

void expect_close(const MemoryRecording& parts, const MemoryRecording& whole) {
  ASSERT_EQ(parts.taps(), whole.taps());
  for (const Tap& tap : whole.taps()) {
    const std::vector<double>& a = whole.at(tap).values;
    const std::vector<double>& b = parts.at(tap).values;
    ASSERT_EQ(parts.at(tap).shape, whole.at(tap).shape) << tap.name();
    double largest = 0.0;
    double difference = 0.0;
    for (size_t i = 0; i < a.size(); ++i) {
      largest = std::max(largest, std::abs(a[i]));
      difference = std::max(difference, std::abs(a[i] - b[i]));
    }
    EXPECT_LE(difference, 1e-12 * largest) << tap.name();
  }
}

// Every kind of state: a full cache, a ring, latents, convolutions over keys, delta nets.
class StateOf : public ::testing::TestWithParam<const char*> {};

TEST_P(StateOf, APromptInPiecesIsThePromptAtOnceAtEveryTap) {
  Scene scene(GetParam());
  const MemoryRecording whole = scene.run({29});
  for (const char* pieces : {"1x29", "7+1x22", "14+15", "3x9+2"}) {
    SCOPED_TRACE(pieces);
    expect_close(scene.run(*trace::parse_pieces(pieces)), whole);
  }
}

// Attention takes queries in blocks: the second of them and a rest are met here.
TEST_P(StateOf, QueriesOfABlockSeeWhatEachSeesAlone) {
  Scene scene(GetParam(), 150);
  expect_close(scene.run(std::vector<size_t>(150, 1)), scene.run({150}));
}

TEST_P(StateOf, BatchMatesChangeNoBit) {
  Scene scene(GetParam());
  const MemoryRecording alone = scene.run({29});
  const auto first = scene.engine.open();
  const auto second = scene.engine.open();
  MemoryRecording taps;
  MemoryRecording mates;
  const std::vector<int64_t> mate = {5, 3, 1, 4};
  const trace::Call calls[] = {{first.get(), mate, &mates}, {second.get(), scene.tokens, &taps}};
  scene.engine.run(calls, TapFilter::all());
  second->record_state(TapFilter::all(), taps);
  ASSERT_EQ(taps.taps(), alone.taps());
  for (const Tap& tap : alone.taps()) {
    EXPECT_EQ(taps.at(tap).values, alone.at(tap).values) << tap.name();
  }
}

TEST_P(StateOf, SnapshotsAndResetsBringTheSameBitsBack) {
  Scene scene(GetParam());
  const auto session = scene.engine.open();
  const std::span<const int64_t> tokens(scene.tokens);
  const auto next = [&](size_t first, size_t count) {
    MemoryRecording logits;
    trace::run(scene.engine, *session, tokens.subspan(first, count), TapFilter("logits"), logits);
    return logits.at(kLogits).values;
  };
  const std::vector<double> start = next(0, 12);
  const auto snapshot = session->snapshot();
  const std::vector<double> right = next(12, 5);
  session->restore(*snapshot);
  next(20, 6);
  session->restore(*snapshot);
  EXPECT_EQ(next(12, 5), right);
  session->reset();
  EXPECT_EQ(next(0, 12), start);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StateOf,
                         ::testing::Values("qwen3-gqa", "gemma3-pattern", "deepseek_v3-plain",
                                           "baichuan-m1-swa", "qwen3_next-tied", "gpt_oss-types"),
                         [](const auto& kind) {
                           std::string name = kind.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(StateTaps, ShowWhatIsKept) {
  Scene scene("gemma3-pattern");  // windows of 6 in layers 0 and 1, none in layer 2
  const MemoryRecording run = scene.run({29});
  const trace::Tensor& keys = run.at({TapId::kKRope, 0});
  const trace::Tensor& ring = run.at({TapId::kStateK, 0});
  ASSERT_EQ(ring.shape[0], 6U);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(std::ranges::equal(ring.row(i), keys.row(23 + i))) << i;
  }
  EXPECT_EQ(run.at({TapId::kStateK, 2}).shape[0], 29U);
}

TEST(StateTaps, AreZeroBeforeTheFirstInputOfAConvolution) {
  Scene scene("qwen3_next-tied");
  scene.tokens.resize(2);
  const trace::Tensor conv = scene.run({2}).at({TapId::kStateConv, 0});
  ASSERT_EQ(conv.shape[1], 4U);
  for (size_t c = 0; c < conv.shape[0]; ++c) {
    const auto channel = conv.row(c);
    EXPECT_EQ(channel[0], 0.0);
    EXPECT_EQ(channel[1], 0.0);
    EXPECT_NE(channel[2], 0.0);
    EXPECT_NE(channel[3], 0.0);
  }
}

}  // namespace
}  // namespace plumb::reference
