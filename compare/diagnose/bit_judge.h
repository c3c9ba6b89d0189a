// Where a 16-bit candidate leaves the contract in single roundings: in one layer and not in the
// others, or in all of them alike.
//
// Engines round at different points, and a correct one may differ from the contract in every layer.
// So a tap is held against its peers: the same tap in other layers, made by the same ops. One that
// departs while half of them follow the contract to the bit is a fault; one that departs like all
// of its peers is one only where a mistake gives its very numbers.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "compare/diagnose/trial.h"

namespace plumb::diagnose {

class BitJudge {
 public:
  // The scenes of one candidate, which recorded the same taps.
  explicit BitJudge(const graph::Graph& graph, const std::vector<Scene>& scenes);

  // To the bit, at most taps; else it has a contract of its own.
  bool follows() const { return follows_; }
  // The taps that depart, where it follows.
  const std::set<trace::Tap>& departing() const { return departing_; }
  // Those that depart while their peers follow.
  const std::set<trace::Tap>& departing_alone() const { return alone_; }
  const std::map<trace::Tap, Bits>& all() const { return bits_; }
  const Bits& bits(const trace::Tap& tap) const { return bits_.at(tap); }
  bool has(const trace::Tap& tap) const { return bits_.contains(tap); }

 private:
  std::map<trace::Tap, Bits> bits_;
  bool follows_ = false;
  std::set<trace::Tap> departing_;
  std::set<trace::Tap> alone_;
};

}  // namespace plumb::diagnose
