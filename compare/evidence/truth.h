// What taps are, and what a precision may make of them: the float64 truth and its noise floor.
//
// The truth is an exact run; a floor is made by replicas, runs that emulate the candidate's
// precision contract, side by side in one batch. "Global" ones start from the prompt; "local" ones
// from the candidate's own recorded values, so that each op or segment is judged by itself.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/function_ref.h"
#include "compare/evidence/recorded.h"
#include "compare/measure/readout.h"
#include "compare/measure/statistics.h"
#include "graph/contract.h"
#include "reference/pieces.h"

namespace plumb::evidence {

using measure::Floor;
using measure::measure_floor;

using Values = std::map<trace::Tap, Matrix>;
using Floors = std::map<trace::Tap, Floor>;
// The experts that each position takes, by layer: [T, top_k], each row in order.
using Choices = std::map<int, Matrix>;

// The exact forward of one checkpoint, kept by prompt: candidates judged on it share its runs.
class Truth {
 public:
  explicit Truth(const reference::Reference& reference) : reference_(reference) {}

  const reference::Reference& reference() const { return reference_; }
  const graph::Graph& graph() const { return reference_.graph(); }

  // The float64 values of at least these taps. With a continuation that will be asked for next, one
  // run makes both.
  const Values& values(const std::vector<int64_t>& tokens, const std::vector<trace::Tap>& taps,
                       const std::vector<int64_t>& continuation = {});

  // The logits that decide each token of a continuation: row i is what follows tokens +
  // continuation[0, i), by a forward of that whole sequence.
  const Matrix& continuation(const std::vector<int64_t>& tokens,
                             const std::vector<int64_t>& continuation);

 private:
  using Continuation = std::pair<std::vector<int64_t>, std::vector<int64_t>>;

  const reference::Reference& reference_;
  std::map<std::vector<int64_t>, Values> values_;
  std::map<Continuation, Matrix> continuations_;
};

// A precision's noise, and how many emulations sample it.
struct Noise {
  const graph::Contract* contract = nullptr;
  int replicas = 0;
  uint64_t seed = 0;
  reference::RoundingMode mode = reference::RoundingMode::kNearest;
  bool confirms = false;  // a failure stands on it, however few the replicas
};

// What a run is given instead of computing it, and the mistakes it is to make. All may be null.
struct Given {
  const Recorded* recorded = nullptr;  // every recorded tap: each segment by itself
  const Choices* choices = nullptr;    // of experts
  const reference::Deviations* deviations = nullptr;
  // Sizes of the calls that the tokens come in, where that makes a difference.
  const std::vector<size_t>* pieces = nullptr;
  // The call that passes so many positions computes what is carried anew; 0: none does.
  size_t rebuilt_beyond = 0;
  // What is shown of the logits; null: all.
  const Readout* readout = nullptr;
};

// The exact values of a run that is given something.
Values replay(const reference::Reference& reference, std::span<const int64_t> tokens,
              const std::vector<trace::Tap>& taps, const Given& given);

// The same through the state, in calls of these sizes, with something done before each.
Values replay_in_pieces(const reference::Reference& reference, std::span<const int64_t> tokens,
                        const std::vector<trace::Tap>& taps, const Given& given,
                        const std::vector<size_t>& pieces, const reference::Between& between);

// The exact values with the noise of a precision: the replicas' values, one under another.
Values emulate(const reference::Reference& reference, std::span<const int64_t> tokens,
               const std::vector<trace::Tap>& taps, const Noise& noise, const Given& given);

// The floors of `taps` about their true values. Those of a 16-bit contract that confirm a failure
// come with as many dithered ones. `look` is shown the replicas.
using Look = base::FunctionRef<void(const trace::Tap&, const Matrix& replicas)>;
Floors measure_floors(const reference::Reference& reference, std::span<const int64_t> tokens,
                      const std::vector<trace::Tap>& taps, const Values& truth, const Noise& noise,
                      const Given& given, Look look);
Floors measure_floors(const reference::Reference& reference, std::span<const int64_t> tokens,
                      const std::vector<trace::Tap>& taps, const Values& truth, const Noise& noise,
                      const Given& given);

// What the tokens leave in the state: rows of every state tensor of the graph (reference/state.h),
// what a convolution has not seen being zero.
Values state_values(const reference::Reference& reference, std::span<const int64_t> tokens,
                    const Given& given);
Floors measure_state_floors(const reference::Reference& reference, std::span<const int64_t> tokens,
                            const Values& truth, const Noise& noise, const Given& given);

// The logits that decide a continuation as `noise` makes them, one replica under another.
Matrix emulate_continuation(const reference::Reference& reference,
                            const std::vector<int64_t>& tokens,
                            const std::vector<int64_t>& continuation, const Noise& noise);

// The floor of the logits that decide a continuation.
Floor measure_floor(const reference::Reference& reference, const std::vector<int64_t>& tokens,
                    const std::vector<int64_t>& continuation, const Matrix& truth,
                    const Noise& noise);

}  // namespace plumb::evidence
