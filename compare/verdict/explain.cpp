#include "compare/verdict/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>

#include "compare/diagnose/diagnose.h"
#include "compare/diagnose/first_divergence.h"
#include "compare/diagnose/range.h"
#include "compare/diagnose/state_diagnose.h"

namespace plumb::verdict {
namespace {

using diagnose::diagnose;
using diagnose::diagnose_state;
using diagnose::find_overflow;
using diagnose::narrow;
using result::Diagnosis;
using trace::Prompt;
using trace::Tap;
using trace::TapId;

// Of a prompt run otherwise than at once.
Explanation explain_run(Truth& truth, const std::deque<Judged>& judged, FirstDivergence& first) {
  std::vector<Prompt> others;
  for (const Judged& other : judged) {
    if (other.prompt.run.empty()) others.push_back(other.prompt);
  }
  const auto run = std::find_if(judged.begin(), judged.end(), [&](const Judged& candidate) {
    return candidate.prompt.name == first.run;
  });
  if (run == judged.end() || !run->recorded->finite()) return {};
  return diagnose_state(truth, {run->subject, *run->evidence}, others, first);
}

// A float16 engine that gives NaN or infinity may be right in all but its range.
std::optional<Diagnosis> explain_range(Truth& truth, const std::deque<Judged>& prompts) {
  for (const Judged& prompt : prompts) {
    const bool half = prompt.subject.contract->storage == base::DType::kF16;
    if (!half || !prompt.prompt.run.empty() || prompt.recorded->finite()) continue;
    if (const auto cause = find_overflow(truth, prompt.prompt.tokens)) return cause;
  }
  return std::nullopt;
}

// Another number of experts than is due needs no trial.
std::optional<Diagnosis> explain_miscount(const std::vector<Scene>& scenes) {
  if (scenes.empty() || scenes.front().subject.recorded->miscounts().empty()) return std::nullopt;
  const auto& miscounts = scenes.front().subject.recorded->miscounts();
  const Recorded::Miscount& first = miscounts.front();
  const bool alike = std::ranges::all_of(
      miscounts, [&](const auto& other) { return other.tap.layer == first.tap.layer; });
  Diagnosis cause{.cause = "router_count", .explained = 1.0};
  if (alike) cause.layer = first.tap.layer;
  cause.says = fmt::format("{} takes {:+} experts too many",
                           alike ? fmt::format("layer {}", first.tap.layer) : "every layer",
                           first.counted - first.due);
  return cause;
}

// What is said without its numbers.
std::string wording(const std::string& says) {
  std::string text;
  std::ranges::copy_if(says, std::back_inserter(text),
                       [](unsigned char c) { return std::isdigit(c) == 0 && c != '.'; });
  return text;
}

// How many digits say the parameter.
size_t digits_of(double parameter) {
  return fmt::format("{}", parameter).size();
}

// Each cause once; of one cause at one place with parameters that are as good as equal, the
// rounder.
void drop_repeated(std::vector<Diagnosis>& causes) {
  constexpr double kNear = 0.01;
  std::vector<Diagnosis> kept;
  for (Diagnosis& cause : causes) {
    const auto same = std::ranges::find_if(kept, [&](const Diagnosis& other) {
      if (other.cause != cause.cause || other.layer != cause.layer) return false;
      if (other.says == cause.says) return true;
      if (!other.parameter || !cause.parameter) return false;
      if (wording(other.says) != wording(cause.says)) return false;
      return std::abs(*other.parameter - *cause.parameter) <= kNear * std::abs(*other.parameter);
    });
    if (same == kept.end()) {
      kept.push_back(std::move(cause));
    } else if (same->parameter && cause.parameter &&
               digits_of(*cause.parameter) < digits_of(*same->parameter)) {
      *same = std::move(cause);
    }
  }
  causes = std::move(kept);
}

}  // namespace

std::vector<Fault> explain(Truth& truth, const std::deque<Judged>& judged,
                           const std::vector<Scene>& scenes,
                           const std::vector<std::string>& unknown_causes,
                           const std::optional<Explanation>& known, Result& result) {
  FirstDivergence& first = *result.first_divergence;
  const Tap tap = *trace::parse_tap(first.tap);
  result.diagnosis.emplace();
  if (trace::definition(tap.id).state) return {};
  Explanation explanation;
  if (first.run.empty()) {
    auto certain = explain_miscount(scenes);
    if (!certain) certain = explain_range(truth, judged);
    if (certain) {
      result.diagnosis->push_back(*certain);
      return {};
    }
    if (scenes.empty() || tap.id == TapId::kRouterIds) return {};
    explanation = known ? *known : diagnose(truth, scenes, tap, unknown_causes);
    if (!explanation.ops.empty()) narrow(truth.graph(), explanation.ops, first);
  } else {
    if (tap.id == TapId::kRouterIds) return {};
    explanation = explain_run(truth, judged, first);
  }
  drop_repeated(explanation.causes);
  result.diagnosis = std::move(explanation.causes);
  result.notes.insert(result.notes.end(), explanation.notes.begin(), explanation.notes.end());
  return std::move(explanation.near);
}

}  // namespace plumb::verdict
