#include "compare/bit_judge.h"

#include <string>
#include <utility>

#include "compare/segment.h"

namespace plumb::compare {
namespace {

using trace::Tap;

// What makes a tap: equal for the same tap of layers that are built alike.
std::string recipe(const graph::Graph& graph, const Recorded& recorded, const Tap& tap) {
  std::string text(trace::definition(tap.id).name);
  const auto is_recorded = [&](const Tap& other) { return recorded.has(other); };
  for (const graph::Op* op : segment_before(graph, tap, is_recorded).ops) {
    text.append(" ").append(op->name());
  }
  return text;
}

}  // namespace

BitJudge::BitJudge(const graph::Graph& graph, const std::vector<Scene>& scenes) {
  for (const Scene& scene : scenes) {
    for (const auto& [tap, bits] : scene.evidence.bits()) bits_[tap].add(bits);
  }
  std::map<std::string, std::vector<Tap>> groups;
  size_t following = 0;
  for (const auto& [tap, bits] : bits_) {
    groups[recipe(graph, *scenes.front().subject.recorded, tap)].push_back(tap);
    following += bits.follows() ? 1 : 0;
  }
  follows_ = 2 * following > bits_.size();
  if (!follows_) return;
  for (const auto& [name, taps] : groups) {
    std::set<Tap> departing;
    size_t alike = 0;
    for (const Tap& tap : taps) {
      if (bits_.at(tap).departs()) departing.insert(tap);
      alike += bits_.at(tap).follows() ? 1 : 0;
    }
    if (alike > departing.size()) alone_.insert(departing.begin(), departing.end());
    departing_.merge(departing);
  }
}

}  // namespace plumb::compare
