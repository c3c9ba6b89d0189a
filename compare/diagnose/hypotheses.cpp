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
using library::FaultScope;
using trace::Tap;

bool is_in_one_layer(const graph::Graph& graph, const Fault& fault) {
  return std::ranges::all_of(fault.ops, [&](size_t op) {
    return graph.ops[op].layer == graph.ops[fault.ops.front()].layer;
  });
}

bool is_norm(const graph::Op& op) {
  return std::holds_alternative<graph::RmsNorm>(op.kind) ||
         std::holds_alternative<graph::LayerNorm>(op.kind);
}

// A factor that a norm takes out again, before it is seen: no more than another eps, which has rows
// of its own.
bool is_undone(const graph::Graph& graph, const Recorded& recorded, const Fault& fault) {
  const library::Mutation mutation = fault.mutate(graph);
  return fault.row->fitted && std::ranges::all_of(fault.ops, [&](size_t op) {
           const auto deviation = mutation.deviations().find(op);
           if (deviation == mutation.deviations().end() || deviation->second.factor == 1.0)
             return false;
           const graph::ValueId made = graph.ops[op].outputs.front();
           const auto is_seen = [&](const Tap& tap) { return recorded.has(tap); };
           const auto reads = [&](const graph::Op& other) {
             return std::ranges::find(other.inputs, made) != other.inputs.end();
           };
           return std::ranges::none_of(graph.value(made).taps, is_seen) &&
                  std::ranges::any_of(graph.ops, reads) &&
                  std::ranges::all_of(graph.ops, [&](const graph::Op& other) {
                    return !reads(other) || is_norm(other);
                  });
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
  std::erase_if(faults, [&](const Fault& fault) {
    return trials.reshaped_by(fault).has_value() || is_undone(graph, *subject.recorded, fault);
  });
  if (subject.alone()) return hypotheses;
  const std::set<size_t> inside = ops_before(graph, *subject.recorded, first);
  // By all that they change: one row's edit of weights may show at another op first.
  std::erase_if(faults, [&](const Fault& fault) {
    const std::vector<size_t> changed = fault.mutate(graph).changed_ops();
    return std::ranges::none_of(changed, [&](size_t op) { return inside.contains(op); });
  });
  const auto wide = std::ranges::stable_partition(faults, [&](const Fault& fault) {
    const bool all = !fault.row->all.empty() && fault.place == fault.row->all;
    return all || fault.row->scope == FaultScope::kModel || is_in_one_layer(graph, fault);
  });
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
    const FaultClass severity = fault.row->severity;
    if (severity == FaultClass::kRounding || severity == FaultClass::kVariant) continue;
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
    if (fault.row->severity == FaultClass::kVariant) continue;
    std::ranges::move(confine_to_heads(graph, fault), std::back_inserter(parts));
  }
  return parts;
}

}  // namespace plumb::diagnose
