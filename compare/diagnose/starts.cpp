#include "compare/diagnose/starts.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "compare/diagnose/parameters.h"
#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using library::FaultRow;
using measure::within;

constexpr size_t kMost = 24;
constexpr size_t kNearest = 8;  // of which so many may be those that leave least as they are
constexpr std::ptrdiff_t kOfOneKind = 3;

struct Start {
  double promise;
  Trial trial;
};

using Key = std::pair<const FaultRow*, std::vector<size_t>>;

// A library's value that is so near to the model's own shows the direction of a small mistake.
bool is_beside(const Fault& fault, double own) {
  constexpr double kBeside = 0.05;
  return within(std::abs(fault.parameter - own), kBeside * std::abs(own));
}

class Starts {
 public:
  Starts(const Trials& trials, const Acceptance& accept) : trials_(trials), accept_(accept) {}

  void add(const Trial& trial) {
    const Fault& fault = trial.fault();
    const double promise = std::abs(trial.fit(accept_.failing()).correlation());
    const auto [best, fresh] = best_.try_emplace(Key{fault.row, fault.ops}, Start{promise, trial});
    if (!fresh && promise > best->second.promise) best->second = {promise, trial};
    const auto own = own_parameter(trials_.graph(), fault);
    if (own && is_beside(fault, *own)) has_direction_.insert({fault.row, fault.ops});
  }

  // Each kind's direction where no value that was tried shows it.
  void add_directions() {
    std::vector<Fault> near;
    for (const auto& [key, start] : best_) {
      const auto fault = beside_own(trials_.graph(), start.trial.fault());
      if (fault && !has_direction_.contains(key)) near.push_back(*fault);
    }
    for (const Fault& fault : near) add(trials_.run(fault));
  }

  std::vector<Trial> take(std::vector<Trial> chosen) {
    std::vector<const Start*> order;
    for (const auto& [key, start] : best_) order.push_back(&start);
    std::ranges::stable_sort(order, std::greater{},
                             [](const Start* start) { return start->promise; });
    for (const Start* start : order) {
      const Fault& fault = start->trial.fault();
      const auto alike = std::ranges::count_if(
          chosen, [&](const Trial& other) { return other.fault().row == fault.row; });
      const bool again = std::ranges::any_of(chosen, [&](const Trial& other) {
        return is_repeated(other.fault(), fault) && other.fault().parameter == fault.parameter;
      });
      if (chosen.size() < kMost && alike < kOfOneKind && !again) chosen.push_back(start->trial);
    }
    return chosen;
  }

 private:
  const Trials& trials_;
  const Acceptance& accept_;
  std::map<Key, Start> best_;
  std::set<Key> has_direction_;
};

}  // namespace

bool is_repeated(const Fault& a, const Fault& b) {
  const auto part = [](const Fault& fault) {
    return fault.part ? fault.part->says : std::string();
  };
  return a.row == b.row && a.ops == b.ops && part(a) == part(b);
}

bool is_of_library(const Fault& fault) {
  const auto values = fault.row->values;
  return values.empty() || std::ranges::find(values, fault.parameter) != values.end();
}

std::vector<Trial> find_starts(const Trials& trials, const Acceptance& accept,
                               const std::vector<const Trial*>& tried) {
  Starts starts(trials, accept);
  // What comes nearest as it is may do so from a value far from the model's, where a small step has
  // another direction.
  std::vector<Trial> nearest;
  for (const Trial* trial : tried) {
    if (!trial->fault().row->fitted) continue;
    starts.add(*trial);
    const bool again = std::ranges::any_of(
        nearest, [&](const Trial& other) { return is_repeated(other.fault(), trial->fault()); });
    const auto alike = std::ranges::count_if(
        nearest, [&](const Trial& other) { return other.fault().row == trial->fault().row; });
    if (!again && alike < kOfOneKind && nearest.size() < kNearest) nearest.push_back(*trial);
  }
  starts.add_directions();
  return starts.take(std::move(nearest));
}

}  // namespace plumb::diagnose
