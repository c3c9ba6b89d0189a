#include "compare/diagnose/pairs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>

#include "compare/diagnose/parameters.h"
#include "compare/diagnose/starts.h"
#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using measure::kNextBest;
using measure::kPairCorrelation;
using measure::within;

// Pairs whose parameters are fitted, of each first mistake.
constexpr size_t kFinalists = 8;
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

  void pair_with(const Trial& first, const std::vector<const Trial*>& seconds) {
    std::vector<Fault> pairs;
    for (const Trial* second : seconds) {
      if (!are_apart(trials_.graph(), first.fault(), second->fault())) continue;
      pairs.push_back(first.fault());
      pairs.back().with = {second->fault()};
    }
    attempt(pairs);
  }

  // Runs them, and fits the parameters of the best.
  void attempt(const std::vector<Fault>& pairs) {
    std::vector<Trial> found;
    for (const Fault& pair : pairs) found.push_back(trials_.run(pair));
    sort(found);
    found.erase(found.begin() + static_cast<ptrdiff_t>(std::min(kFinalists, found.size())),
                found.end());
    for (const Trial& trial : found) pairs_.push_back(fit(trial));
  }

  // The pairs that explain what was recorded, if they are certain.
  std::vector<Trial> take() {
    sort(pairs_);
    if (pairs_.empty() || !is_told(pairs_.front().fault())) return {};
    if (!accept_.explains(pairs_.front())) return {};
    const double least = accept_.residual(pairs_.front());
    std::erase_if(pairs_, [&](const Trial& pair) {
      return !within(accept_.residual(pair), kNextBest * least);
    });
    if (std::ranges::any_of(pairs_, [&](const Trial& pair) { return cancels(pair.fault()); })) {
      return {};
    }
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

  // Two that undo each other leave anything, however small: what each of them makes alone is no
  // larger than what there is to explain.
  bool cancels(const Fault& pair) const {
    constexpr double kTimes = 3.0;
    Fault first = pair;
    first.with.clear();
    return std::ranges::any_of(std::array{first, pair.with.front()}, [&](const Fault& single) {
      const Fit fit = trials_.run(single).fit(accept_.failing());
      return fit.count > 0.0 && !within(fit.effect_rms(), kTimes * fit.null_rms());
    });
  }

  // One parameter after the other: each moves what is best for the other. Where neither helps much,
  // the pair is none.
  Trial fit(Trial pair) const {
    constexpr double kGain = 0.9;
    for (int i = 0; i < 2 * kRounds && !accept_.closes(pair); ++i) {
      const double before = accept_.residual(pair);
      if (pair.fault().row->fitted) pair = fit_parameter(trials_, accept_, pair);
      if (pair.fault().with.front().row->fitted) {
        pair = trials_.run(turned(pair.fault()));
        pair = fit_parameter(trials_, accept_, pair);
        pair = trials_.run(turned(pair.fault()));
      }
      if (!(accept_.residual(pair) < kGain * before)) break;
    }
    return pair;
  }

  const Trials& trials_;
  const Acceptance& accept_;
  std::vector<Trial> pairs_;
};

// Two effects, and what they leave of the difference where they add up.
struct Sum {
  size_t first;
  size_t second;
  double left;
};

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// Those whose effect is most like what the first leaves of the difference: effects nearly add up.
std::vector<const Trial*> likely_seconds(const Trials& trials, const Trial& first,
                                         const std::vector<const Trial*>& seconds) {
  constexpr size_t kMost = 120;
  constexpr double kSome = 0.1;
  std::vector<float> left = trials.difference();
  if (first.effect().size() != left.size()) return seconds;
  for (size_t i = 0; i < left.size(); ++i) left[i] -= first.effect()[i];
  const double all = dot(left, left);
  std::vector<std::pair<double, const Trial*>> order;
  for (const Trial* second : seconds) {
    if (second->effect().size() != left.size()) continue;
    const double own = dot(second->effect(), second->effect());
    const double likeness = own > 0.0 ? dot(second->effect(), left) / std::sqrt(own * all) : 0.0;
    if (within(kSome, std::abs(likeness))) order.push_back({std::abs(likeness), second});
  }
  std::ranges::stable_sort(order, std::greater{}, [](const auto& one) { return one.first; });
  std::vector<const Trial*> likely;
  for (size_t i = 0; i < std::min(kMost, order.size()); ++i) likely.push_back(order[i].second);
  return likely;
}

// |d - x a - y b|^2, x and y being 1 unless the mistake has a parameter, then what fits best.
double left_by(double dd, double ad, double bd, double aa, double bb, double ab, bool free_a,
               bool free_b) {
  double x = 1.0;
  double y = 1.0;
  if (free_a && free_b) {
    const double determinant = aa * bb - ab * ab;
    if (!(determinant > 1e-9 * aa * bb)) return dd;
    x = (ad * bb - bd * ab) / determinant;
    y = (bd * aa - ad * ab) / determinant;
  } else if (free_a) {
    x = (ad - ab) / aa;
  } else if (free_b) {
    y = (bd - ab) / bb;
  }
  return dd - 2 * x * ad - 2 * y * bd + x * x * aa + y * y * bb + 2 * x * y * ab;
}

std::vector<Sum> likeliest_sums(const Trials& trials, const std::vector<const Trial*>& singles) {
  constexpr size_t kRun = 32;
  constexpr double kSome = 0.7;  // of the difference may be left: effects do not quite add up
  const std::vector<float> difference = trials.difference();
  const double dd = dot(difference, difference);
  std::vector<double> own(singles.size());
  std::vector<double> shared(singles.size());
  for (size_t i = 0; i < singles.size(); ++i) {
    own[i] = dot(singles[i]->effect(), singles[i]->effect());
    shared[i] = own[i] > 0.0 ? dot(singles[i]->effect(), difference) : 0.0;
  }
  // Of a trial whose effect was not kept nothing is known.
  const auto known = [&](size_t i) { return singles[i]->effect().size() == difference.size(); };
  std::vector<Sum> sums;
  for (size_t i = 0; i < singles.size(); ++i) {
    for (size_t j = i + 1; j < singles.size() && known(i); ++j) {
      if (!known(j)) continue;
      const double both = dot(singles[i]->effect(), singles[j]->effect());
      const double left = left_by(dd, shared[i], shared[j], own[i], own[j], both,
                                  singles[i]->fault().row->fitted, singles[j]->fault().row->fitted);
      if (within(left, kSome * dd)) sums.push_back({i, j, left});
    }
  }
  std::ranges::sort(sums, {}, &Sum::left);
  std::vector<Sum> apart;
  for (const Sum& sum : sums) {
    if (apart.size() == kRun) break;
    const bool may =
        are_apart(trials.graph(), singles[sum.first]->fault(), singles[sum.second]->fault());
    if (may) apart.push_back(sum);
  }
  return apart;
}

// From logits alone, those seconds are run whose effect is like what the first leaves.
std::vector<Trial> find_pair(const Trials& trials, const Acceptance& accept,
                             const std::vector<Trial>& firsts,
                             const std::vector<const Trial*>& seconds) {
  PairSearch search(trials, accept);
  for (const Trial& first : firsts) {
    search.pair_with(first, likely_seconds(trials, first, seconds));
  }
  return search.take();
}

// Among all pairs of `singles`, from logits alone: those whose effects add up to most of the
// difference are run.
std::vector<Trial> find_any_pair(const Trials& trials, const Acceptance& accept,
                                 const std::vector<const Trial*>& singles) {
  // What is left of so many floors is no accident of many pairs.
  constexpr double kLeastShare = 15.0;
  const std::vector<Sum> sums = likeliest_sums(trials, singles);
  std::vector<Fault> pairs;
  for (const Sum& sum : sums) {
    pairs.push_back(singles[sum.first]->fault());
    pairs.back().with = {singles[sum.second]->fault()};
  }
  PairSearch search(trials, accept);
  search.attempt(pairs);
  std::vector<Trial> found = search.take();
  if (found.empty()) return found;
  const Fit fit = found.front().fit(accept.failing());
  if (!within(kLeastShare * fit.residual_rms(), fit.null_rms())) found.clear();
  return found;
}

// Those that go most of the way.
std::vector<Trial> nearest(const Acceptance& accept, const std::vector<const Trial*>& ranked) {
  constexpr size_t kFirsts = 2;
  std::vector<Trial> firsts;
  for (const Trial* trial : ranked) {
    if (firsts.size() == kFirsts) break;
    const Fit fit = trial->fit(accept.failing());
    if (within(kPairCorrelation, fit.correlation())) firsts.push_back(*trial);
  }
  return firsts;
}

// Two options that are ignored are ignored in every layer.
std::vector<const Trial*> wide(std::vector<const Trial*> trials) {
  std::erase_if(trials, [](const Trial* trial) { return trial->fault().layer.has_value(); });
  return trials;
}

std::vector<Trial> likely_firsts(const Acceptance& accept,
                                 const std::vector<const Trial*>& singles) {
  constexpr size_t kFirsts = 3;
  constexpr double kSome = 0.2;
  std::vector<std::pair<double, const Trial*>> order;
  for (const Trial* single : wide(singles)) {
    const double correlation = single->fit(accept.failing()).correlation();
    if (within(kSome, correlation)) order.push_back({correlation, single});
  }
  std::ranges::stable_sort(order, std::greater{}, [](const auto& one) { return one.first; });
  std::vector<Trial> firsts;
  for (size_t i = 0; i < std::min(kFirsts, order.size()); ++i) firsts.push_back(*order[i].second);
  return firsts;
}

// Of each mistake the value of the library that shows it best: what was fitted to the whole
// difference is no start where another mistake made most of it.
std::vector<const Trial*> singles_of(const std::vector<const Trial*>& ranked) {
  constexpr size_t kMost = 600;
  std::vector<const Trial*> singles;
  for (const Trial* trial : ranked) {
    if (!is_of_library(trial->fault())) continue;
    const bool again = std::ranges::any_of(singles, [&](const Trial* other) {
      return trial->fault().row->fitted && is_repeated(other->fault(), trial->fault());
    });
    if (!again && singles.size() < kMost) singles.push_back(trial);
  }
  return singles;
}

}  // namespace

std::vector<Trial> find_certain_pair(const Trials& trials, const Acceptance& accept,
                                     const std::vector<const Trial*>& ranked, bool alone) {
  const std::vector<const Trial*> singles = singles_of(ranked);
  std::vector<Trial> pairs = find_pair(trials, accept, nearest(accept, ranked), singles);
  if (pairs.empty() && alone) pairs = find_any_pair(trials, accept, singles);
  if (pairs.empty() && alone) {
    pairs = find_pair(trials, accept, likely_firsts(accept, singles), wide(singles));
  }
  return pairs;
}

}  // namespace plumb::diagnose
