// The experts that positions take: choices, judged as such.
//
// Where two experts score alike, precision decides which is taken, and everything after differs by
// as much as the experts do. So values are compared under one choice, the candidate's own, and the
// choice is judged by itself: right, a tie that the precision cannot tell apart, or wrong.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "compare/evidence/truth.h"

namespace plumb::evidence {

// The scores and the choice of every router.
std::vector<trace::Tap> router_taps(const graph::Graph& graph);

// The choices that were recorded.
Choices recorded_choices(const Recorded& recorded);

class Routing {
 public:
  explicit Routing(const reference::Reference& reference);

  bool empty() const { return routers_.empty(); }
  // What the values say was chosen.
  Choices choices(const Values& values) const;

  enum class Verdict { kExact, kTie, kWrong };
  // `chosen` (sorted) of a position whose scores are `logits`, with noise of RMS `sigma` on each.
  Verdict judge(int layer, std::span<const double> logits, double sigma,
                std::span<const double> chosen) const;
  struct Choice {
    std::vector<double> ids;  // sorted
    double margin = 0.0;      // of the experts left out over those taken instead, in logits
  };
  // The best choice, and those that differ from it in one expert and that the precision cannot tell
  // from it, the likeliest first.
  std::vector<Choice> ties(int layer, std::span<const double> logits, double sigma) const;

 private:
  struct Router {
    model::RouterSpec spec;
    std::vector<double> correction;
  };
  std::vector<double> best(const Router& router, std::span<const double> logits) const;
  std::vector<size_t> open_groups(const Router& router, std::span<const double> logits) const;
  std::vector<std::vector<double>> moves(const Router& router, std::span<const double> logits,
                                         double sigma, std::span<const double> first) const;
  bool is_tie(const Router& router, std::span<const double> logits, double sigma,
              std::span<const double> chosen) const;

  std::map<int, Router> routers_;  // by layer
};

}  // namespace plumb::evidence
