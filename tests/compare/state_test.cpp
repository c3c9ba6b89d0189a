// Planted mistakes of state are found, each in its slot and at its call, in the cells of a matrix
// and in traces of runs in pieces.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "base/errors.h"
#include "compare/library/state_faults.h"
#include "compare/verdict/state_cells.h"
#include "compare/verdict/state_matrix.h"
#include "reference/engine.h"
#include "tests/compare/bench.h"
#include "trace/pieces.h"

namespace plumb::compare::testing {
namespace {

using library::state_faults;
using library::StateFault;
using library::StateScene;
using reference::Matrix;
using reference::Request;
using reference::State;
using result::Diagnosis;
using result::StateCell;
using result::Verdict;
using trace::Prompt;

// An engine in float32 by its own account, whose calls and sessions something may go wrong with.
struct Mistake {
  // Before a call of one sequence that stands behind others.
  std::function<void(Request&)> later_call = nullptr;
  std::function<void(Request&)> batch = nullptr;  // before a call of several sequences
  std::function<void(const State& before, State& after)> reset = nullptr;
  std::function<void(const State& before, State& after)> restore = nullptr;
};

class FaultyEngine : public trace::Engine {
 public:
  FaultyEngine(const reference::Reference& reference, Mistake mistake)
      : right_(reference), reference_(reference), mistake_(std::move(mistake)) {}

  class FaultySession : public trace::Session {
   public:
    FaultySession(const graph::Graph& graph, const Mistake& mistake)
        : state(graph), graph_(graph), mistake_(mistake) {}
    void reset() override { replace(State(graph_), mistake_.reset); }
    std::unique_ptr<trace::Session> snapshot() const override {
      return std::make_unique<FaultySession>(*this);
    }
    void restore(const trace::Session& snapshot) override {
      replace(dynamic_cast<const FaultySession&>(snapshot).state, mistake_.restore);
    }
    void record_state(const trace::TapFilter&, trace::Sink&) const override {}

    State state;

   private:
    void replace(State with, const std::function<void(const State&, State&)>& edit) {
      const State before = state;
      state = std::move(with);
      if (edit) edit(before, state);
    }

    const graph::Graph& graph_;
    const Mistake& mistake_;
  };

  const trace::Producer& producer() const override { return producer_; }
  std::unique_ptr<trace::Session> open() override {
    return std::make_unique<FaultySession>(reference_.graph(), mistake_);
  }
  bool depends_on_length() const override { return right_.depends_on_length(); }
  std::string explain() const override { return ""; }

  void run(std::span<const trace::Call> calls, const trace::TapFilter& filter) override {
    Request request;
    for (const trace::Call& call : calls) {
      State& state = dynamic_cast<FaultySession&>(*call.session).state;
      request.sequences.push_back(
          {.tokens = call.tokens, .first_position = state.position, .state = &state});
    }
    const bool later = request.sequences.front().first_position > 0;
    if (calls.size() > 1 && mistake_.batch) mistake_.batch(request);
    if (calls.size() == 1 && later && mistake_.later_call) mistake_.later_call(request);
    request.wants = [&](const trace::Tap& tap) { return filter.matches(tap); };
    request.take = [&](const trace::Tap& tap, const Matrix& value) {
      size_t first = 0;
      for (const trace::Call& call : calls) {
        const size_t end = first + call.tokens.size();
        call.sink->put(tap, reference::to_tensor(reference_.graph(), tap,
                                                 reference::rows_of(value, first, end)));
        first = end;
      }
    };
    reference_.run(request);
  }

 private:
  trace::Producer producer_{"faulty", base::DType::kF32};
  reference::ReferenceEngine right_;
  const reference::Reference& reference_;
  Mistake mistake_;
};

size_t slot_of(const graph::Graph& graph, trace::TapId id, int layer) {
  for (size_t i = 0; i < graph.slots.size(); ++i) {
    if (graph.slots[i].tensors.front().tap == trace::Tap{id, layer}) return i;
  }
  throw base::InternalError("the graph has the slot");
}

// The first cell that fails, as "run: slots at call".
std::string first_bad(const Result& result) {
  if (!result.state) return "no matrix";
  for (const StateCell& cell : result.state->cells) {
    if (cell.verdict == Verdict::kPassed) continue;
    std::string text = cell.run + ":";
    for (const std::string& slot : cell.slots) text += " " + slot;
    return text + (cell.call ? " at call " + std::to_string(*cell.call) : "");
  }
  return "none";
}

// A hybrid with gated delta nets in layers 0 to 2, and attention with a window in another model.
class PlantedStateFault : public ::testing::Test {
 protected:
  static Bench& hybrid() {
    static Bench bench("qwen3_next-tied");
    return bench;
  }
  static Bench& windowed() {
    static Bench bench("gemma3-pattern");  // layers 0, 1: a window of 6; layer 2: none
    return bench;
  }

  static Result judge(Bench& bench, Mistake mistake) {
    FaultyEngine engine(bench.reference(), std::move(mistake));
    return bench.judge(engine, "float32", true);
  }

  // A session with this edit of one slot before each later call.
  static Mistake edit(Bench& bench, trace::TapId id, int layer,
                      std::function<void(std::vector<Matrix>&)> change) {
    const size_t slot = slot_of(bench.graph(), id, layer);
    return {.later_call = [slot, change](Request& request) {
      change(request.sequences.front().state->slot(slot));
    }};
  }
};

void drop_last(Matrix& m) {
  m = reference::rows_of(m, 0, m.shape(0) - 1);
}

TEST_F(PlantedStateFault, NoneIsFoundWhereThereIsNone) {
  for (Bench* bench : {&hybrid(), &windowed()}) {
    const Result result = judge(*bench, {});
    EXPECT_EQ(first_bad(result), "none");
    EXPECT_LE(result.state->reference_max_rel, 1e-12);
    EXPECT_GT(result.state->cells.size(), 15U);
  }
}

TEST_F(PlantedStateFault, CachePositionOffByOne) {
  const Result result = judge(windowed(), edit(windowed(), trace::TapId::kStateK, 2, [](auto& kv) {
                                for (Matrix& m : kv) drop_last(m);
                              }));
  EXPECT_EQ(first_bad(result), "every token alone: layer.2.state.k layer.2.state.v at call 1");
}

TEST_F(PlantedStateFault, RingOverwrittenOneStepEarly) {
  const Result result = judge(windowed(), edit(windowed(), trace::TapId::kStateK, 1, [](auto& kv) {
                                for (Matrix& m : kv) {
                                  if (m.shape(0) >= 5)
                                    m = reference::rows_of(m, m.shape(0) - 4, m.shape(0));
                                }
                              }));
  EXPECT_EQ(first_bad(result), "every token alone: layer.1.state.k layer.1.state.v at call 5");
}

TEST_F(PlantedStateFault, ConvStateShifted) {
  const Result result = judge(hybrid(), edit(hybrid(), trace::TapId::kStateConv, 1,
                                             [](auto& conv) { drop_last(conv.front()); }));
  EXPECT_EQ(first_bad(result), "every token alone: layer.1.state.conv at call 1");
}

TEST_F(PlantedStateFault, ConvStateNotUpdatedInDecoding) {
  const size_t slot = slot_of(hybrid().graph(), trace::TapId::kStateConv, 2);
  auto kept = std::make_shared<std::vector<Matrix>>();
  const Mistake mistake{.later_call = [slot, kept](Request& request) {
    auto& sequence = request.sequences.front();
    auto& conv = sequence.state->slot(slot);
    // What a prefill left stays for all single tokens after it.
    if (sequence.first_position == 1 || kept->empty()) *kept = conv;
    if (sequence.rows() == 1) conv = *kept;
  }};
  EXPECT_EQ(first_bad(judge(hybrid(), mistake)), "every token alone: layer.2.state.conv at call 2");
}

TEST_F(PlantedStateFault, RecurrentStateNotReset) {
  const size_t slot = slot_of(hybrid().graph(), trace::TapId::kStateRecurrent, 0);
  const Mistake mistake{
      .reset = [slot](const State& before, State& after) { after.slot(slot) = before.slot(slot); }};
  EXPECT_EQ(first_bad(judge(hybrid(), mistake)),
            "reset, then again: layer.0.state.recurrent at call 0");
}

TEST_F(PlantedStateFault, DecayAppliedTwiceWhereAChunkBegins) {
  const Result result = judge(hybrid(), edit(hybrid(), trace::TapId::kStateRecurrent, 2,
                                             [](auto& s) { s.front() *= 0.97; }));
  EXPECT_EQ(first_bad(result), "every token alone: layer.2.state.recurrent at call 1");
}

TEST_F(PlantedStateFault, BatchMatesLeaking) {
  const size_t slot = slot_of(hybrid().graph(), trace::TapId::kStateK, 3);
  const reference::Reference& reference = hybrid().reference();
  const Mistake mistake{.batch = [&, slot](Request& request) {
    // The last row of the batch sees the keys and values of the first.
    State mate(reference.graph());
    Request alone;
    alone.sequences = {{.tokens = request.sequences.front().tokens, .state = &mate}};
    reference.run(alone);
    request.sequences.back().state->slot(slot) = mate.slot(slot);
  }};
  EXPECT_EQ(first_bad(judge(hybrid(), mistake)),
            "batch: layer.3.state.k layer.3.state.v at call 0");
}

TEST_F(PlantedStateFault, WindowOffByOneOnlyAfterTheWrap) {
  const size_t op =
      windowed().graph().slots[slot_of(windowed().graph(), trace::TapId::kStateK, 0)].op;
  reference::Deviations wider;
  wider[op].wider_window = 1;
  const Mistake mistake{.later_call = [&](Request& request) {
    if (request.sequences.front().first_position >= 6) request.deviations = &wider;
  }};
  EXPECT_EQ(first_bad(judge(windowed(), mistake)),
            "every token alone: layer.0.state.k layer.0.state.v at call 6");
}

TEST_F(PlantedStateFault, StaleKeysAfterARestore) {
  const size_t slot = slot_of(hybrid().graph(), trace::TapId::kStateK, 3);
  const Mistake mistake{.restore = [slot](const State& before, State& after) {
    // The rows are rolled back, their newest keys are those of the way astray.
    Matrix& keys = after.slot(slot).front();
    const Matrix& astray = before.slot(slot).front();
    const auto last = reference::row(astray, astray.shape(0) - 1);
    std::copy(last.begin(), last.end(), reference::row(keys, keys.shape(0) - 1).begin());
  }};
  EXPECT_EQ(first_bad(judge(hybrid(), mistake)),
            "snapshot, astray, restore: layer.3.state.k layer.3.state.v at call 1");
}

TEST_F(PlantedStateFault, RopePositionRestartedInEachChunk) {
  const Mistake mistake{
      .later_call = [](Request& request) { request.sequences.front().first_position = 0; }};
  EXPECT_EQ(first_bad(judge(windowed(), mistake)), "every token alone: position at call 1");
}

// A recording of one run in pieces, with the logits alone, beside the prompt at once.
class PiecesSource : public trace::Source {
 public:
  PiecesSource(trace::Engine& engine, std::vector<size_t> pieces)
      : engine_(engine), pieces_(std::move(pieces)) {}

  const trace::Producer& producer() const override { return engine_.producer(); }
  std::vector<Prompt> prompts() const override { return {}; }
  std::vector<Prompt> runs(const Prompt& prompt) const override {
    if (prompt.tokens.size() != total()) return {};
    return {{prompt.name + "@run", prompt.tokens, "run", pieces_}};
  }
  std::unique_ptr<trace::Recording> record(const Prompt& prompt, const trace::TapFilter&,
                                           int) override {
    auto recording = std::make_unique<trace::MemoryRecording>();
    const auto session = engine_.open();
    const std::vector<size_t> whole = {prompt.tokens.size()};
    trace::run_in_pieces(engine_, *session, prompt.tokens, prompt.run.empty() ? whole : pieces_,
                         trace::TapFilter("logits"), *recording);
    return recording;
  }

 private:
  size_t total() const { return std::accumulate(pieces_.begin(), pieces_.end(), size_t{0}); }

  trace::Engine& engine_;
  std::vector<size_t> pieces_;
};

// Every registered state fault is its own explanation, from logits alone.
TEST(StateDiagnosis, NamesTheFaultFromLogitsAlone) {
  for (const char* name : {"qwen3_next-tied", "gemma3-pattern"}) {
    Bench bench(name);
    bench.keep_shortest_prompt();
    const Prompt& whole = bench.prompts().front();
    const std::vector<size_t> pieces = {4, 2, 1, 1, 1, 1, 1};
    ASSERT_EQ(whole.tokens.size(), 11U);
    const Prompt run{whole.name + "@run", whole.tokens, "run", pieces};
    std::vector<size_t> ops(bench.graph().ops.size());
    std::iota(ops.begin(), ops.end(), size_t{0});
    const StateScene scene{bench.reference(), run, bench.prompts()};
    int certain = 0;
    int tried = 0;
    for (const StateFault& fault : state_faults(scene, ops)) {
      SCOPED_TRACE(std::string(name) + ": " + fault.says);
      reference::Between between;
      size_t call = 0;
      Mistake mistake{.later_call = [&](Request& request) { between(++call, request); }};
      FaultyEngine engine(bench.reference(), mistake);
      // The first call of each run begins the fault anew.
      class Beginning : public PiecesSource {
       public:
        using PiecesSource::PiecesSource;
        std::function<void()> begin;
        std::unique_ptr<trace::Recording> record(const Prompt& prompt,
                                                 const trace::TapFilter& filter,
                                                 int steps) override {
          begin();
          return PiecesSource::record(prompt, filter, steps);
        }
      } source(engine, pieces);
      source.begin = [&] {
        call = 0;
        between = fault.make();
        Request first;
        State state(bench.graph());
        first.sequences = {{.tokens = std::span(whole.tokens).first(4), .state = &state}};
        between(0, first);
      };
      const Result result = bench.judge(source, "float32");
      ++tried;
      if (result.verdict == Verdict::kPassed) continue;  // as good as none at these positions
      ASSERT_TRUE(result.first_divergence);
      EXPECT_EQ(result.first_divergence->run, run.name) << reasons_of(result);
      ASSERT_TRUE(result.diagnosis);
      const bool named =
          std::any_of(result.diagnosis->begin(), result.diagnosis->end(),
                      [&](const Diagnosis& cause) { return cause.says == fault.says; });
      EXPECT_TRUE(named) << reasons_of(result);
      certain += named;
    }
    EXPECT_GE(certain, tried - 2) << name;
  }
}

}  // namespace
}  // namespace plumb::compare::testing
