#include "compare/diagnose/hypotheses.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "graph/segment.h"

namespace plumb::diagnose {
namespace {

using evidence::Recorded;
using library::applicable_faults;
using library::FaultClass;
using trace::Tap;

bool is_in_one_layer(const graph::Graph& graph, const Fault& fault) {
  return std::ranges::all_of(fault.ops, [&](size_t op) {
    return graph.ops[op].layer == graph.ops[fault.ops.front()].layer;
  });
}

std::set<size_t> ops_before(const graph::Graph& graph, const Recorded& recorded, const Tap& first) {
  const auto is_recorded = [&](const Tap& tap) { return recorded.has(tap); };
  const std::vector<size_t> ops = segment_before(graph, first, is_recorded).ops;
  return {ops.begin(), ops.end()};
}

}  // namespace

Hypotheses find_hypotheses(const Trials& trials, const Tap& first,
                           const std::vector<std::string>& unknown_causes) {
  const graph::Graph& graph = trials.graph();
  const PromptSubject& subject = trials.scenes().front().subject;
  Hypotheses hypotheses{.narrow = applicable_faults(graph, unknown_causes)};
  std::vector<Fault>& faults = hypotheses.narrow;
  std::erase_if(faults, [&](const Fault& fault) { return trials.reshaped_by(fault).has_value(); });
  if (subject.alone()) return hypotheses;
  const std::set<size_t> inside = ops_before(graph, *subject.recorded, first);
  std::erase_if(faults, [&](const Fault& fault) {
    return std::ranges::none_of(fault.ops, [&](size_t op) { return inside.contains(op); });
  });
  const auto wide = std::ranges::stable_partition(
      faults, [&](const Fault& fault) { return is_in_one_layer(graph, fault); });
  std::ranges::move(wide, std::back_inserter(hypotheses.wide));
  faults.erase(wide.begin(), wide.end());
  return hypotheses;
}

std::vector<Fault> widened(const Hypotheses& hypotheses, const Fault& fault) {
  std::vector<Fault> wider;
  for (const Fault& wide : hypotheses.wide) {
    if (wide.row != fault.row || !std::ranges::includes(wide.ops, fault.ops)) continue;
    // A row comes once with each value of its parameter.
    if (!wider.empty() && wider.back().ops == wide.ops) continue;
    wider.push_back(wide);
    wider.back().parameter = fault.parameter;
    wider.back().part = fault.part;
  }
  return wider;
}

std::vector<Fault> confine(const std::vector<Fault>& faults, const std::vector<Fault>& likely,
                           const Trials& trials, const Acceptance& accept, const Tap& first) {
  const graph::Graph& graph = trials.graph();
  const Scene& scene = trials.scenes().front();
  const Acceptance::Onset onset = accept.onset();
  const auto channel = scene.subject.alone() ? std::nullopt : accept.only_channel();
  const auto channels = static_cast<int>(scene.truth(first).shape(1));
  std::vector<Fault> parts;
  const auto add = [&](std::optional<Fault> confined) {
    if (confined) parts.push_back(std::move(*confined));
  };
  for (const Fault& fault : faults) {
    if (fault.row->severity == FaultClass::kRounding) continue;
    if (onset.last)
      add(confine(graph, fault, {{.last_position = true}, "at the last position alone"}));
    // A state shows one position late what is wrong with it.
    for (const size_t late : {0, 1}) {
      if (onset.position <= late) continue;
      const size_t from = onset.position - late;
      add(confine(graph, fault,
                  {{.first_position = from}, fmt::format("from position {} on", from)}));
    }
    if (channel) add(confine(graph, fault, "channel", *channel, channels));
  }
  for (const Fault& fault : likely) {
    std::ranges::move(confine_to_heads(graph, fault), std::back_inserter(parts));
  }
  return parts;
}

}  // namespace plumb::diagnose
