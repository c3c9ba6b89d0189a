#include "compare/power/power.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "compare/measure/gates.h"

namespace plumb::power {
namespace {

using library::applicable_faults;
using library::FaultClass;
using library::FaultRow;
using measure::Floor;
using measure::GateLimits;
using measure::Ratios;
using measure::within;
using reference::Matrix;

// What a quiet engine's own noise adds to the ratio of a mistake, in floors.
constexpr double kQuietNoise = 0.5;

// The same mistake at the same kind of place, over the layers: all of them last.
using Group = std::pair<std::string, std::string>;

Ratios with_noise(Ratios ratios) {
  for (double* ratio : {&ratios.whitened, &ratios.row, &ratios.column, &ratios.element}) {
    *ratio = std::hypot(*ratio, kQuietNoise);
  }
  return ratios;
}

// Of a structural mistake the layer that shows it most: with segments one shows what all would,
// from the logits alone the last do. Of a subtle one the layer that shows it least, since a stream
// grows on its way; with segments the first layer or the last.
Sight look_at(base::FunctionRef<Sight(const Fault&)> look, std::vector<Fault> group, bool alone) {
  const bool subtle = group.front().row->severity == FaultClass::kSubtle;
  constexpr size_t kMostLayers = 3;
  if (alone && !subtle) {
    std::reverse(group.begin(), group.end());
  } else if (!alone && subtle && group.size() > 2) {
    group.erase(group.begin() + 1, group.end() - 1);
  } else if (!alone && group.size() > kMostLayers) {
    group.erase(group.begin() + kMostLayers, group.end());
  }
  Sight sight = look(group.front());
  for (size_t i = 1; i < group.size() && subtle == (sight == Sight::kSeen); ++i) {
    const Sight other = look(group[i]);
    sight = subtle ? std::min(sight, other) : std::max(sight, other);
  }
  return sight;
}

}  // namespace

Sight Witness::look(const Fault& fault) const {
  return observe(fault, true).sight;
}

Sighting Witness::measure(const Fault& fault) const {
  return observe(fault, false);
}

Sighting Witness::observe(const Fault& fault, bool first) const {
  Sighting sighting;
  if (const auto reshaped = trials_.reshaped_by(fault)) {
    return {Sight::kSeen, std::numeric_limits<double>::infinity(), *reshaped};
  }
  trials_.visit(fault, [&](const Scene& scene, const trace::Tap& tap, const Matrix& made) {
    const Floor& floor = scene.floor(tap);
    const Ratios ratios = over_floor(made, scene.truth(tap), floor);
    if (ratios.whitened > sighting.shift) {
      sighting.shift = ratios.whitened;
      sighting.tap = tap;
    }
    if (ratios.plain > 0.0) sighting.sight = std::max(sighting.sight, Sight::kHidden);
    const auto storage = scene.subject.contract->storage;
    const GateLimits limits =
        scene.subject.alone() ? global_limits(storage, floor) : local_limits(storage, floor);
    if (!within(with_noise(ratios), limits)) sighting.sight = Sight::kSeen;
    return !first || sighting.sight != Sight::kSeen;
  });
  return sighting;
}

bool is_weighed(const Fault& fault) {
  const FaultClass severity = fault.row->severity;
  return severity == FaultClass::kStructural || severity == FaultClass::kSubtle;
}

bool can_afford_power(Truth& truth, const std::vector<Scene>& scenes) {
  constexpr double kMostProducts = 3e11;
  const auto faults = std::ranges::count_if(applicable_faults(truth.graph()), is_weighed);
  return static_cast<double>(faults) * Trials(truth, scenes).products_of_one() <= kMostProducts;
}

Coverage measure_coverage(Truth& truth, const std::vector<Scene>& scenes,
                          const std::vector<std::string>& impossible) {
  const Witness witness(truth, scenes);
  return cover(
      truth.graph(), scenes.front().subject.alone(),
      [&](const Fault& fault) { return witness.look(fault); }, impossible);
}

Coverage cover(const graph::Graph& graph, bool alone, base::FunctionRef<Sight(const Fault&)> look,
               const std::vector<std::string>& impossible) {
  std::map<Group, std::vector<Fault>> groups;
  for (Fault& fault : applicable_faults(graph, impossible)) {
    if (!is_weighed(fault)) continue;
    Group group{fault.phrase(), fault.role};
    groups[std::move(group)].push_back(std::move(fault));
  }
  Coverage coverage;
  for (const auto& [key, group] : groups) {
    const FaultRow& row = *group.front().row;
    const Sight sight = look_at(look, group, alone);
    const bool structural = row.severity == FaultClass::kStructural;
    const bool applies = sight == Sight::kSeen || !library::may_hide(graph, group.front());
    if (applies) ++(structural ? coverage.power.structural_total : coverage.power.subtle_total);
    if (sight == Sight::kSeen) {
      ++(structural ? coverage.power.structural_covered : coverage.power.subtle_covered);
      continue;
    }
    auto& blind = coverage.power.blind_to;
    if (std::find(blind.begin(), blind.end(), row.cause) == blind.end()) {
      blind.emplace_back(row.cause);
    }
    if (structural && applies) coverage.unseen.push_back(group.back().says());
  }
  return coverage;
}

}  // namespace plumb::power
