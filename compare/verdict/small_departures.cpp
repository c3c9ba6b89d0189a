#include "compare/verdict/small_departures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compare/diagnose/bit_judge.h"
#include "compare/measure/gates.h"
#include "compare/power/matched_filter.h"

namespace plumb::verdict {
namespace {

using diagnose::BitJudge;
using diagnose::diagnose_bits;
using evidence::kLogits;
using evidence::PromptSubject;
using measure::kDoubtfulMatch;
using measure::kNextBest;
using measure::kSureMatch;
using measure::kWholeMatch;
using measure::within;
using power::Match;
using power::match_all;
using power::MatchedFilter;
using result::kUnknown;

bool is_in_16_bits(const std::vector<Scene>& scenes) {
  return !scenes.empty() && base::size_of(scenes.front().subject.contract->storage) == 2;
}

bool is_whole(const Match& match) {
  return within(std::abs(match.beta - 1.0), kWholeMatch * match.sigma);
}

// The likeliest that has its whole effect is the cause, where no other such comes near it but those
// that are off by the same, or that these logits do not tell from it.
Explanation explain(const std::vector<Match>& matches) {
  constexpr double kSame = 1e-3;
  const auto found = std::ranges::find_if(matches, is_whole);
  const Match& best = found == matches.end() ? matches.front() : *found;
  const auto is_near = [&](const Match& match) {
    return kNextBest * match.deviations() > best.deviations();
  };
  const Explanation unknown{
      .notes = {fmt::format("cause unknown; nearest: {} ({:.3g} times its effect)",
                            best.fault.says(), best.beta)}};
  if (found == matches.end() || kNextBest * best.deviations() < matches.front().deviations()) {
    return unknown;
  }
  Explanation explanation{.ops = best.fault.ops};
  for (const Match& match : matches) {
    if (!is_whole(match) || !is_near(match)) continue;
    const bool same = within(std::abs(match.beta - best.beta), kSame * best.beta) &&
                      within(std::abs(match.sigma - best.sigma), kSame * best.sigma);
    if (!same && !are_kin(match.fault, best.fault)) return unknown;
    const bool repeats = match.fault.row == best.fault.row && match.fault.ops == best.fault.ops;
    if (&match != &best && repeats) continue;
    explanation.causes.push_back(
        {match.fault.cause(), match.fault.says(), match.fault.layer, kUnknown});
  }
  return explanation;
}

}  // namespace

std::optional<SmallDeparture> find_other_bits(Truth& truth, const std::vector<Scene>& scenes,
                                              const std::vector<std::string>& unknown_causes,
                                              std::vector<std::string>& notes) {
  if (!is_in_16_bits(scenes) || scenes.front().subject.alone()) return std::nullopt;
  const BitJudge bits(truth.graph(), scenes);
  if (bits.departing().empty()) return std::nullopt;
  const bool alike = bits.departing_alone().empty();
  const trace::Tap tap = *std::ranges::min_element(
      alike ? bits.departing() : bits.departing_alone(), {},
      [&](const trace::Tap& departing) { return truth.graph().find(departing); });
  const std::string_view contract = scenes.front().subject.contract->name;
  if (alike && diagnose_bits(truth, scenes, tap, unknown_causes).causes.empty()) {
    notes.push_back(
        fmt::format("{} rounds otherwise than {} in all layers built alike, within what that costs",
                    trace::definition(tap.id).name, contract));
    return std::nullopt;
  }
  return SmallDeparture{
      "bits", tap,
      fmt::format(
          "{:.3g}% of the numbers are not those that {} gives on the candidate's own inputs",
          100.0 * bits.bits(tap).mismatch(), contract)};
}

std::optional<SmallDeparture> find_match(Truth& truth, const std::vector<Scene>& scenes,
                                         const std::vector<std::string>& unknown_causes) {
  if (!is_in_16_bits(scenes)) return std::nullopt;
  const PromptSubject& subject = scenes.front().subject;
  if (!subject.alone() || !subject.recorded->has(kLogits)) return std::nullopt;
  if (!MatchedFilter::is_affordable(truth, scenes)) return std::nullopt;
  const std::vector<Match> matches = match_all(truth, scenes, unknown_causes);
  if (matches.empty() || within(matches.front().deviations(), kDoubtfulMatch)) return std::nullopt;
  const Match& best = matches.front();
  return SmallDeparture{
      "match", kLogits,
      fmt::format("within the limits, but off in the direction of one mistake by {:.3g} standard "
                  "deviations ({:.3g} times its effect): {}",
                  best.deviations(), best.beta, best.fault.says()),
      !within(best.deviations(), kSureMatch), explain(matches)};
}

}  // namespace plumb::verdict
