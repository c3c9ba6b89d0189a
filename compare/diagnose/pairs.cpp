#include "compare/diagnose/pairs.h"

#include <algorithm>
#include <iterator>

#include "compare/diagnose/parameters.h"
#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using library::FaultClass;
using measure::kNextBest;
using measure::within;

// Pairs whose parameters are fitted, of each first mistake.
constexpr size_t kFinalists = 4;
constexpr int kRounds = 3;

bool are_apart(const graph::Graph& graph, const Fault& a, const Fault& b) {
  const std::vector<size_t> ours = a.mutate(graph).changed_ops();
  const std::vector<size_t> theirs = b.mutate(graph).changed_ops();
  std::vector<size_t> common;
  std::ranges::set_intersection(ours, theirs, std::back_inserter(common));
  return common.empty();
}

// The same pair, told from its second.
Fault turned(Fault pair) {
  Fault second = std::move(pair.with.front());
  pair.with.clear();
  second.with = {std::move(pair)};
  return second;
}

class PairSearch {
 public:
  PairSearch(const Trials& trials, const Acceptance& accept) : trials_(trials), accept_(accept) {}

  std::vector<Trial> run(const std::vector<Trial>& firsts, const std::vector<Fault>& faults) {
    for (const Trial& first : firsts) pair_with(first.fault(), faults);
    sort(pairs_);
    if (pairs_.empty() || !accept_.explains(pairs_.front())) return {};
    const double least = accept_.residual(pairs_.front());
    std::erase_if(pairs_, [&](const Trial& pair) {
      return !within(accept_.residual(pair), kNextBest * least);
    });
    const bool certain = std::ranges::all_of(pairs_, [&](const Trial& other) {
      return accept_.are_same(pairs_.front().fault(), other.fault());
    });
    if (!certain) return {};
    std::ranges::stable_sort(pairs_, {}, [](const Trial& pair) {
      return std::pair(pair.fault().order, pair.fault().with.front().order);
    });
    return std::move(pairs_);
  }

 private:
  void sort(std::vector<Trial>& trials) const {
    std::ranges::stable_sort(trials, {}, [&](const Trial& t) { return accept_.residual(t); });
  }

  void pair_with(const Fault& first, const std::vector<Fault>& faults) {
    std::vector<Trial> found;
    for (const Fault& second : faults) {
      if (second.row->severity == FaultClass::kRounding) continue;
      if (!are_apart(trials_.graph(), first, second)) continue;
      Fault pair = first;
      pair.with = {second};
      found.push_back(trials_.run(pair));
    }
    sort(found);
    found.erase(found.begin() + static_cast<ptrdiff_t>(std::min(kFinalists, found.size())),
                found.end());
    for (const Trial& trial : found) pairs_.push_back(fit(trial));
  }

  // One parameter after the other: each moves what is best for the other.
  Trial fit(Trial pair) const {
    for (int i = 0; i < 2 * kRounds && !accept_.explains(pair); ++i) {
      if (pair.fault().row->fitted) pair = fit_parameter(trials_, accept_, pair);
      if (!pair.fault().with.front().row->fitted) continue;
      pair = trials_.run(turned(pair.fault()));
      pair = fit_parameter(trials_, accept_, pair);
      pair = trials_.run(turned(pair.fault()));
    }
    return pair;
  }

  const Trials& trials_;
  const Acceptance& accept_;
  std::vector<Trial> pairs_;
};

}  // namespace

std::vector<Trial> find_pair(const Trials& trials, const Acceptance& accept,
                             const std::vector<Trial>& firsts, const std::vector<Fault>& faults) {
  return PairSearch(trials, accept).run(firsts, faults);
}

}  // namespace plumb::diagnose
