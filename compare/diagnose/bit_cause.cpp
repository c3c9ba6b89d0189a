#include "compare/diagnose/bit_cause.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "compare/measure/gates.h"

namespace plumb::diagnose {

using measure::kAlikeMismatch;
using measure::kNamedMismatch;
using measure::kNamedShare;
using measure::within;
using trace::Tap;

namespace {

class BitCauses {
 public:
  BitCauses(const Trials& trials, const BitJudge& judge, const Tap& first);

  std::vector<BitCause> find(const std::vector<Fault>& faults);

 private:
  struct Tried {
    Fault fault;
    std::map<Tap, Bits> bits;
    double left;  // numbers that differ, over all taps
  };

  void attempt(const Fault& fault);
  // The failing taps that a mistake touches.
  std::set<Tap> explained_by(const Tried& tried) const;
  Bits left_at(const std::set<Tap>& taps, const Tried* tried) const;
  bool is_certain(const Tried& tried) const;
  bool worsens(const Tried& tried) const;
  static bool is_as_good(const Tried& tried, const Tried& best);

  const Trials& trials_;
  const BitJudge& judge_;
  Tap first_;
  std::set<Tap> failing_;
  double null_ = 0.0;
  std::vector<Tried> tried_;
};

BitCauses::BitCauses(const Trials& trials, const BitJudge& judge, const Tap& first)
    : trials_(trials), judge_(judge), first_(first), failing_(judge.departing()) {
  failing_.insert(first);
  for (const auto& [tap, bits] : judge.all()) null_ += bits.differing();
}

void BitCauses::attempt(const Fault& fault) {
  const bool known = std::ranges::any_of(tried_, [&](const Tried& tried) {
    return tried.fault.row == fault.row && tried.fault.ops == fault.ops &&
           tried.fault.parameter == fault.parameter;
  });
  if (known) return;
  Tried tried{fault, trials_.count_bits(fault), 0.0};
  if (!tried.bits.contains(first_)) return;
  for (const auto& [tap, bits] : judge_.all()) {
    const auto made = tried.bits.find(tap);
    tried.left += (made != tried.bits.end() ? made->second : bits).differing();
  }
  if (tried.left < null_) tried_.push_back(std::move(tried));
}

// Does it make a tap that is none of its business less alike?
bool BitCauses::worsens(const Tried& tried) const {
  constexpr double kAlike = 0.9;
  constexpr double kMargin = 0.05;
  return std::ranges::any_of(tried.bits, [&](const auto& entry) {
    const auto& [tap, bits] = entry;
    if (failing_.contains(tap) || !judge_.has(tap)) return false;
    const double before = std::min(kAlike, 1.0 - judge_.bits(tap).mismatch());
    return 1.0 - bits.mismatch() < before - kMargin;
  });
}

std::set<Tap> BitCauses::explained_by(const Tried& tried) const {
  std::set<Tap> taps;
  for (const auto& [tap, bits] : tried.bits) {
    if (failing_.contains(tap)) taps.insert(tap);
  }
  return taps;
}

// Of a mistake; of none at all without one.
Bits BitCauses::left_at(const std::set<Tap>& taps, const Tried* tried) const {
  Bits left;
  for (const Tap& tap : taps) {
    const bool made = tried != nullptr && tried->bits.contains(tap);
    left.add(made ? tried->bits.at(tap) : judge_.bits(tap));
  }
  return left;
}

bool BitCauses::is_certain(const Tried& tried) const {
  const std::set<Tap> taps = explained_by(tried);
  const double left = left_at(taps, &tried).mismatch();
  const bool alike = judge_.departing_alone().empty() && judge_.departing().contains(first_);
  return within(left, alike ? kAlikeMismatch : kNamedMismatch) &&
         within(left, kNamedShare * left_at(taps, nullptr).mismatch()) && !worsens(tried);
}

// Do these numbers leave open which of the two it is? Either gives them but for chance.
bool BitCauses::is_as_good(const Tried& tried, const Tried& best) {
  constexpr double kDeviations = 3.0;  // of a count of chance differences
  const bool narrower =
      are_kin(tried.fault, best.fault) && tried.fault.ops.size() <= best.fault.ops.size();
  return !narrower && tried.left <= best.left + kDeviations * std::sqrt(1.0 + best.left);
}

std::vector<BitCause> BitCauses::find(const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) attempt(fault);
  std::ranges::stable_sort(tried_, [](const Tried& a, const Tried& b) {
    return std::pair(a.left, a.fault.ops.size()) < std::pair(b.left, b.fault.ops.size());
  });
  const auto best = std::ranges::find_if(tried_, [&](const Tried& t) { return is_certain(t); });
  if (best == tried_.end()) return {};
  const std::set<Tap> taps = explained_by(*best);
  const double least = left_at(taps, &*best).differing();
  std::vector<BitCause> causes = {{best->fault, 1.0 - best->left / null_}};
  for (const Tried& tried : tried_) {
    if (&tried == &*best || worsens(tried)) continue;
    if (is_as_good(tried, *best)) {
      causes.push_back({tried.fault, 1.0 - tried.left / null_});
    } else if (!are_kin(tried.fault, best->fault) &&
               !within(least, kNamedShare * left_at(taps, &tried).differing())) {
      return {};
    }
  }
  return causes;
}

}  // namespace

std::vector<BitCause> find_bit_causes(const Trials& trials, const BitJudge& judge, const Tap& first,
                                      const Hypotheses& hypotheses,
                                      const std::vector<Fault>& faults) {
  if (!judge.follows() || !judge.has(first)) return {};
  BitCauses search(trials, judge, first);
  std::vector<Fault> wider;
  for (const BitCause& cause : search.find(faults)) {
    std::ranges::move(widened(hypotheses, cause.fault), std::back_inserter(wider));
  }
  return search.find(wider);
}

}  // namespace plumb::diagnose
