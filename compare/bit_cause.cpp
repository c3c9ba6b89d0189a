#include "compare/bit_cause.h"

#include <algorithm>

#include "compare/gates.h"

namespace plumb::compare {

using trace::Tap;

BitCauses::BitCauses(const Trials& trials, const BitJudge& judge, const Tap& first)
    : trials_(trials), judge_(judge), first_(first), failing_(judge.departing()) {
  failing_.insert(first);
  for (const Tap& tap : failing_) null_ += judge.bits(tap).differing();
}

void BitCauses::attempt(const Fault& fault) {
  Tried tried{fault, trials_.count_bits(fault), 0.0};
  if (!tried.bits.contains(first_)) return;
  for (const Tap& tap : failing_) {
    const auto made = tried.bits.find(tap);
    tried.left += (made != tried.bits.end() ? made->second : judge_.bits(tap)).differing();
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

bool BitCauses::is_certain(const Tried& tried) const {
  Bits left;
  Bits null;
  for (const Tap& tap : failing_) {
    const auto made = tried.bits.find(tap);
    if (made == tried.bits.end()) continue;
    left.add(made->second);
    null.add(judge_.bits(tap));
  }
  const bool alike = judge_.departing_alone().empty() && judge_.departing().contains(first_);
  return within(left.mismatch(), alike ? kAlikeMismatch : kNamedMismatch) &&
         within(left.mismatch(), kNamedShare * null.mismatch()) && !worsens(tried);
}

std::vector<BitCause> BitCauses::find(const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) attempt(fault);
  std::ranges::stable_sort(tried_, [](const Tried& a, const Tried& b) {
    return std::pair(a.left, a.fault.ops.size()) < std::pair(b.left, b.fault.ops.size());
  });
  const auto best = std::ranges::find_if(tried_, [&](const Tried& t) { return is_certain(t); });
  if (best == tried_.end()) return {};
  std::vector<BitCause> causes;
  for (const Tried& tried : tried_) {
    const bool rival = tried.fault.row != best->fault.row && !worsens(tried) &&
                       !within(best->left, kNamedShare * tried.left);
    if (&tried != &*best && !rival) continue;
    if (rival && !tried.bits.at(first_).is_like(best->bits.at(first_))) return {};
    causes.push_back({tried.fault, 1.0 - tried.left / null_});
  }
  return causes;
}

}  // namespace plumb::compare
