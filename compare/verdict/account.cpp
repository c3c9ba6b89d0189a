#include "compare/verdict/account.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compare/diagnose/acceptance.h"
#include "compare/verdict/explain.h"

namespace plumb::verdict {
namespace {

using diagnose::Acceptance;
using diagnose::find_contracts;
using diagnose::Trials;
using evidence::is_choice;
using library::applicable_faults;
using library::FaultClass;
using result::Diagnosis;
using result::Verdict;
using trace::Tap;

Diagnosis cause_of(const ContractFit& fit, const std::string& rest) {
  return {.cause = fmt::format("contract:{}", fit.contract->name),
          .says = fmt::format("rounds as {} does ({}); {}", fit.contract->name,
                              fit.contract->meaning, rest),
          .explained = fit.explained};
}

}  // namespace

const graph::Contract* Account::run(const std::optional<Explanation>& known) {
  const std::vector<ContractFit> fits = find_fits(nullptr);
  const ContractFit* const kept = first_kept(fits);
  if (kept != nullptr && kept->is_directed()) {
    explain_by(*kept);
    return kept->contract;
  }
  if (kept == nullptr && explain_beside(fits)) return nullptr;
  const std::vector<std::string> notes = result_.notes;
  const std::vector<Fault> near =
      explain(truth_, judged_, scenes_, unknown_causes_, known, result_);
  if (!result_.diagnosis->empty()) return nullptr;
  std::vector<std::string> unknown = std::exchange(result_.notes, notes);
  if (explain_with(near)) return nullptr;
  result_.notes = std::move(unknown);
  if (kept == nullptr) return nullptr;
  result_.notes.push_back(fmt::format(
      "no larger than what contract {} makes ({:.3g} of it), which has no direction here "
      "to tell it by",
      kept->contract->name, kept->size));
  return kept->contract;
}

std::vector<ContractFit> Account::find_fits(const Fault* beside) const {
  const FirstDivergence& first = *result_.first_divergence;
  if (!again_ || scenes_.empty() || !parts_.empty() || !first.run.empty()) return {};
  const Tap tap = *trace::parse_tap(first.tap);
  if (is_choice(tap) || !scenes_.front().subject.recorded->has(tap)) return {};
  const Trials trials(truth_, scenes_);
  return find_contracts(truth_, scenes_, Acceptance(trials, tap).failing(), tap, beside);
}

// The best of the contracts under which the candidate does not fail; null where it does under
// those that come nearest.
const ContractFit* Account::first_kept(const std::vector<ContractFit>& fits) const {
  constexpr size_t kMost = 3;
  for (size_t i = 0; i < std::min(kMost, fits.size()); ++i) {
    if (again_(*fits[i].contract, false).verdict != Verdict::kFailed) return &fits[i];
  }
  return nullptr;
}

// A single rounding that leaves as little says what the contract is made of.
void Account::explain_by(const ContractFit& fit) {
  constexpr double kAsLittle = 4.0;
  std::vector<std::string> others = unknown_causes_;
  for (const Fault& fault : applicable_faults(truth_.graph())) {
    if (fault.row->severity != FaultClass::kRounding) others.push_back(fault.cause());
  }
  const size_t notes = result_.notes.size();
  explain(truth_, judged_, scenes_, others, std::nullopt, result_);
  std::vector<Diagnosis>& causes = *result_.diagnosis;
  const bool as_little =
      !causes.empty() && 1.0 - causes.front().explained <= kAsLittle * (1.0 - fit.explained);
  if (!as_little) {
    causes.clear();
    result_.notes.resize(notes);
  }
  causes.push_back(cause_of(fit, fmt::format("passes under --contract {}", fit.contract->name)));
}

// A mistake on top of another contract's roundings is found under that contract.
bool Account::explain_beside(const std::vector<ContractFit>& fits) {
  if (fits.empty() || !fits.front().is_directed()) return false;
  Result under = again_(*fits.front().contract, true);
  if (!under.diagnosis || under.diagnosis->empty()) return false;
  result_.first_divergence = std::move(under.first_divergence);
  result_.diagnosis = std::move(under.diagnosis);
  result_.diagnosis->push_back(
      cause_of(fits.front(), "besides this it departs by the cause above"));
  result_.notes.insert(result_.notes.end(), under.notes.begin(), under.notes.end());
  return true;
}

// What goes some of the way may be the mistake, and another contract's roundings the rest.
bool Account::explain_with(const std::vector<Fault>& near) {
  return std::ranges::any_of(near,
                             [&](const Fault& fault) { return explain_beside(find_fits(&fault)); });
}

}  // namespace plumb::verdict
