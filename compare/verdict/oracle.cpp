#include "compare/verdict/oracle.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "base/errors.h"
#include "compare/evidence/recorded.h"
#include "compare/measure/gates.h"
#include "compare/measure/tokens.h"

namespace plumb::verdict {
namespace {

using evidence::kLogits;
using evidence::Values;
using measure::best_token;
using measure::kOracleLimit;
using measure::measure;
using measure::Metrics;
using measure::within;
using reference::Matrix;
using result::Gate;
using result::Verdict;
using trace::Prompt;
using trace::Tap;
using trace::TapId;

constexpr base::DType kOracleType = base::DType::kF64;

void raise(double& worst, double value) {
  if (std::isnan(worst) || value > worst) worst = value;
}

// Equal logits may come out an ulp apart, and then either is the best: so is any within the
// oracle's own precision.
bool is_best(std::span<const double> logits, int64_t token) {
  const double best = logits[static_cast<size_t>(best_token(logits))];
  return within(best - logits[static_cast<size_t>(token)], kOracleLimit * std::abs(best));
}

}  // namespace

OracleJudge::OracleJudge(Truth& truth, const trace::TraceFile& oracle)
    : truth_(truth), oracle_(oracle) {
  section_.producer = oracle.attribute("producer");
  section_.token_exact = true;
}

const Prompt* OracleJudge::find(const Prompt& prompt) const {
  for (const Prompt& known : oracle_.prompts()) {
    if (known.tokens == prompt.tokens && oracle_.has(kOracleType, known.name)) return &known;
  }
  return nullptr;
}

void OracleJudge::judge(const Prompt& prompt, const std::vector<Tap>& other_taps) {
  const Prompt* known = find(prompt);
  if (known == nullptr) return;
  ++judged_;
  const auto recording = oracle_.recording(kOracleType, known->name);
  const Recorded recorded(truth_.graph(), *recording, prompt.tokens.size(),
                          oracle_.path() + ": " + known->name);
  std::set<Tap> taps(other_taps.begin(), other_taps.end());
  for (const auto& [tap, value] : recorded.values()) taps.insert(tap);
  const std::optional<trace::Greedy> greedy = recording->greedy();
  const std::vector<int64_t> continuation = greedy ? greedy->tokens : std::vector<int64_t>{};
  for (const int64_t token : continuation) {
    if (token >= 0 && token < truth_.graph().vocab_size) continue;
    throw base::InputError(
        oracle_.path(), known->name + "/greedy", fmt::format("holds token {}", token),
        fmt::format("ids of this model are 0..{}", truth_.graph().vocab_size - 1));
  }
  const Values& truth = truth_.values(prompt.tokens, {taps.begin(), taps.end()}, continuation);
  for (const auto& [tap, value] : recorded.values()) {
    const Matrix right =
        tap == kLogits ? recorded.readout().of(truth.at(tap), prompt.tokens.size()) : truth.at(tap);
    const Metrics metrics = measure(right, value);
    if (std::isnan(section_.max_rel_tap) || metrics.max_rel > section_.max_rel_tap) {
      section_.max_rel_tap = metrics.max_rel;
      section_.worst_tap = tap.name();
    }
    if (tap.id != TapId::kLogits) continue;
    raise(section_.max_abs_logit, metrics.max_abs);
    raise(section_.max_rel_logit, metrics.max_rel);
    judge_logits(truth.at(tap), recorded);
  }
  if (!continuation.empty()) judge_greedy(prompt, continuation);
}

void OracleJudge::judge_logits(const Matrix& ours, const Recorded& recorded) {
  for (const auto& [position, token] : recorded.best_tokens()) {
    section_.token_exact &= is_best(reference::row(ours, position), token);
  }
}

void OracleJudge::judge_greedy(const Prompt& prompt, const std::vector<int64_t>& tokens) {
  const Matrix& decided = truth_.continuation(prompt.tokens, tokens);
  for (size_t i = 0; i < tokens.size(); ++i) {
    section_.token_exact &= is_best(reference::row(decided, i), tokens[i]);
  }
}

bool OracleJudge::agrees() const {
  return within(section_.max_rel_tap, kOracleLimit) && section_.token_exact;
}

OracleSection OracleJudge::section() const {
  OracleSection section = section_;
  if (judged_ == 0) {
    section.token_exact = false;
  } else {
    section.verdict = agrees() ? Verdict::kPassed : Verdict::kFailed;
  }
  return section;
}

std::optional<Reason> OracleJudge::objection() const {
  if (judged_ == 0 || agrees()) return std::nullopt;
  return Reason{
      Gate::kOracle, section_.worst_tap,
      fmt::format("the reference differs from the oracle by {:.2g} of the largest value (limit "
                  "{:.0e}){}: the checkpoint, the oracle or the reference is wrong",
                  section_.max_rel_tap, kOracleLimit,
                  section_.token_exact ? "" : " and in tokens")};
}

}  // namespace plumb::verdict
