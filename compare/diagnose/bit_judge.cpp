#include "compare/diagnose/bit_judge.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "compare/measure/gates.h"
#include "graph/segment.h"

namespace plumb::diagnose {
namespace {

using evidence::Recorded;
using measure::kLeastMismatch;
using measure::kLeastMixedMismatch;
using measure::kMostMismatch;
using measure::kMostMixedChance;
using measure::within;
using trace::Tap;

struct Maker {
  std::string recipe;  // equal for the same tap of layers that are built alike
  bool mixes = false;  // positions
};

Maker maker_of(const graph::Graph& graph, const Recorded& recorded, const Tap& tap) {
  Maker maker{std::string(trace::definition(tap.id).name)};
  const auto is_recorded = [&](const Tap& other) { return recorded.has(other); };
  for (const size_t op : segment_before(graph, tap, is_recorded).ops) {
    maker.recipe.append(" ").append(graph.ops[op].name());
    maker.mixes |= graph.slot_of(op) != nullptr;
  }
  return maker;
}

}  // namespace

BitJudge::BitJudge(const graph::Graph& graph, const std::vector<Scene>& scenes) {
  for (const Scene& scene : scenes) {
    for (const auto& [tap, bits] : scene.evidence.bits()) bits_[tap].add(bits);
  }
  std::map<std::string, std::vector<Tap>> groups;
  std::set<Tap> following;
  for (const auto& [tap, bits] : bits_) {
    const Maker maker = maker_of(graph, *scenes.front().subject.recorded, tap);
    groups[maker.recipe].push_back(tap);
    if (bits.departs(maker.mixes ? kLeastMixedMismatch : kLeastMismatch)) {
      departing_.insert(tap);
    } else if (!bits.departs(maker.mixes ? kMostMixedChance : kLeastMismatch) &&
               within(bits.mismatch(), kMostMismatch)) {
      following.insert(tap);
    }
  }
  follows_ = 2 * following.size() > bits_.size();
  if (!follows_) departing_.clear();
  for (const auto& [recipe, taps] : groups) {
    const auto is_in = [](const std::set<Tap>& set) {
      return [&set](const Tap& tap) { return set.contains(tap); };
    };
    if (std::ranges::count_if(taps, is_in(following)) <
        std::ranges::count_if(taps, is_in(departing_))) {
      continue;
    }
    std::ranges::copy_if(taps, std::inserter(alone_, alone_.end()), is_in(departing_));
  }
}

}  // namespace plumb::diagnose
