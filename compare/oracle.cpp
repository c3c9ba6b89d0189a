#include "compare/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compare/gates.h"
#include "compare/recorded.h"
#include "compare/tokens.h"

namespace plumb::compare {
namespace {

using trace::Prompt;
using trace::Tap;
using trace::TapId;

constexpr base::DType kOracleType = base::DType::kF64;

void raise(double& worst, double value) {
  if (std::isnan(worst) || value > worst) worst = value;
}

}  // namespace

OracleJudge::OracleJudge(const reference::Reference& reference, const trace::TraceFile& oracle)
    : reference_(reference), oracle_(oracle) {
  section_.producer = oracle.attribute("producer");
  section_.token_exact = true;
}

const Prompt* OracleJudge::find(const Prompt& prompt) const {
  for (const Prompt& known : oracle_.prompts()) {
    if (known.tokens == prompt.tokens && oracle_.has(kOracleType, known.name)) return &known;
  }
  return nullptr;
}

std::vector<Tap> OracleJudge::taps(const Prompt& prompt) const {
  const Prompt* known = find(prompt);
  if (known == nullptr) return {};
  return oracle_.recording(kOracleType, known->name)->taps();
}

void OracleJudge::judge(const Prompt& prompt, const Truths& truths) {
  const Prompt* known = find(prompt);
  if (known == nullptr) return;
  ++judged_;
  const auto recording = oracle_.recording(kOracleType, known->name);
  const Recorded recorded(reference_.graph(), *recording, prompt.tokens.size(),
                          oracle_.path() + ": " + known->name);
  for (const auto& [tap, value] : recorded.values()) {
    const Metrics metrics = measure(truths.at(tap).value, value);
    if (std::isnan(section_.max_rel_tap) || metrics.max_rel > section_.max_rel_tap) {
      section_.max_rel_tap = metrics.max_rel;
      section_.worst_tap = tap.name();
    }
    if (tap.id != TapId::kLogits) continue;
    raise(section_.max_abs_logit, metrics.max_abs);
    raise(section_.max_rel_logit, metrics.max_rel);
    for (size_t t = 0; t < value.shape(0); ++t) {
      section_.token_exact &= best_token(reference::row(value, t)) ==
                              best_token(reference::row(truths.at(tap).value, t));
    }
  }
  if (const auto greedy = recording->greedy()) judge_greedy(prompt, *greedy);
}

void OracleJudge::judge_greedy(const Prompt& prompt, const trace::Greedy& greedy) {
  if (greedy.tokens.empty()) return;
  const Continuation truth =
      continue_prompt(reference_, prompt.tokens, greedy.tokens, nullptr, 0, 0);
  for (size_t i = 0; i < greedy.tokens.size(); ++i) {
    const auto logits = reference::row(truth.logits, i);
    const int64_t best = best_token(logits);
    const int64_t theirs = greedy.tokens[i];
    // torch.topk promises no order among equals: within the oracle's own precision any is right.
    const double scale = std::abs(logits[static_cast<size_t>(best)]);
    const bool known = theirs >= 0 && theirs < static_cast<int64_t>(logits.size());
    section_.token_exact &=
        known && within(logits[static_cast<size_t>(best)] - logits[static_cast<size_t>(theirs)],
                        kOracleLimit * scale);
  }
}

OracleSection OracleJudge::finish(std::vector<Reason>& reasons, bool& failed) const {
  OracleSection section = section_;
  if (judged_ == 0) {
    section.token_exact = false;
    return section;
  }
  const bool agrees = within(section.max_rel_tap, kOracleLimit) && section.token_exact;
  section.verdict = agrees ? Verdict::kPassed : Verdict::kFailed;
  if (!agrees) {
    failed = true;
    reasons.push_back(
        {"oracle", section.worst_tap,
         fmt::format("the reference differs from the oracle by {:.2g} of the largest value (limit "
                     "{:.0e}){}: the checkpoint, the oracle or the reference is wrong",
                     section.max_rel_tap, kOracleLimit,
                     section.token_exact ? "" : " and in tokens")});
  }
  return section;
}

}  // namespace plumb::compare
