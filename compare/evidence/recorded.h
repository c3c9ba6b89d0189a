// What a candidate recorded of one prompt, checked against the graph and made comparable.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compare/measure/readout.h"
#include "compare/measure/statistics.h"
#include "graph/graph.h"
#include "trace/recording.h"

namespace plumb::evidence {

using reference::Matrix;

inline constexpr trace::Tap kLogits{trace::TapId::kLogits, -1};

// The last tap that a forward makes: its logits, or the output of a part of one.
trace::Tap end_of(const graph::Graph& graph);

// The experts chosen: names, not numbers.
inline bool is_choice(const trace::Tap& tap) {
  return tap.id == trace::TapId::kRouterIds;
}

using measure::Readout;

class Recorded {
 public:
  // Reads every tap that the graph knows. Where log-probabilities stand without logits, what is
  // under kLogits are these, in the coordinates of readout(). Throws InputError naming `where` and
  // the tap when a tensor does not have the shape that the graph gives it, or names experts that
  // are not there.
  // `before`: positions that were run before these, which a cache may hold too.
  Recorded(const graph::Graph& graph, const trace::Recording& recording, size_t positions,
           const std::string& where, size_t before = 0);

  bool has(const trace::Tap& tap) const { return values_.contains(tap); }
  const Matrix& at(const trace::Tap& tap) const { return values_.at(tap); }
  const std::map<trace::Tap, Matrix>& values() const { return values_; }
  // What was recorded of the first positions alone.
  Recorded first(size_t positions) const;
  // The first position at which anything is not finite; none where all is.
  std::optional<size_t> first_not_finite() const;
  // The value as an input for others: what is not finite is 0 there, so that one NaN does not hide
  // all that comes after it.
  Matrix usable(const trace::Tap& tap) const;
  // A tap that names this many experts a position, where the model takes another number: the
  // candidate's choice, and no mistake of the recording. It is not among the values.
  struct Miscount {
    trace::Tap tap;
    int counted = 0;
    int due = 0;
  };
  const std::vector<Miscount>& miscounts() const { return miscounts_; }
  bool finite(const trace::Tap& tap) const;
  bool finite() const;  // all of it
  // Does the other hold the same taps?
  bool is_like(const Recorded& other) const;
  // How the logits were recorded.
  const Readout& readout() const { return readout_; }
  // Where they were as log-probabilities: these, [R, K].
  const Matrix& logprobs() const { return logprobs_; }
  // The best token of each position that tells: the lowest id among equals.
  struct BestToken {
    size_t position;
    int64_t token;
  };
  std::vector<BestToken> best_tokens() const;
  // State taps, as reference/state.h lays their rows out.
  const std::map<trace::Tap, Matrix>& states() const { return states_; }
  // Taps of the recording that this graph does not have.
  const std::vector<std::string>& ignored() const { return ignored_; }

 private:
  void read_state(const graph::StateTensor& tensor, const trace::Tap& tap,
                  const trace::Recording& recording, size_t positions, const std::string& where);
  void order_experts(const std::string& where, int num_experts, int layer);

  void read_listing(const graph::Graph& graph, const trace::Recording& recording, size_t positions,
                    const std::string& where);

  std::map<trace::Tap, Matrix> values_;
  Readout readout_;
  Matrix logprobs_;
  std::map<trace::Tap, Matrix> states_;
  std::vector<std::string> ignored_;
  std::vector<Miscount> miscounts_;
};

}  // namespace plumb::evidence
