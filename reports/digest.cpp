#include "reports/digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>

#include "base/dtype.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

// float64, float32, then the 16-bit types; what is no known type comes last.
int type_rank(const std::string& dtype) {
  const std::optional<base::DType> known = base::dtype_from_torch_name(dtype);
  return known ? static_cast<int>(*known) : 255;
}

// The worst wins: SKIPPED says nothing beside any other verdict.
int severity(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSkipped:
      return 0;
    case Verdict::kPassed:
      return 1;
    case Verdict::kInconclusive:
      return 2;
    case Verdict::kFailed:
      return 3;
  }
  return 3;
}

Verdict worse(Verdict a, Verdict b) {
  return severity(a) >= severity(b) ? a : b;
}

void keep_larger(const Result*& kept, const Result& result, double result::Drift::*number) {
  const double value = result.drift.*number;
  if (std::isnan(value) && result.verdict != Verdict::kFailed) return;
  if (kept == nullptr || std::isnan(value) || value > kept->drift.*number) kept = &result;
}

void add(FamilyRow& row, const Result& result) {
  row.results.push_back(&result);
  row.counts.add(result.verdict);
  row.verdict = worse(result.verdict, row.verdict);
  keep_larger(row.worst_drift, result, &result::Drift::max_abs_logit);
  keep_larger(row.worst_ratio, result, &result::Drift::floor_ratio);
  if (row.first_departed == nullptr && result.first_divergence) row.first_departed = &result;
  row.tokens_compared += result.tokens.compared;
  row.tokens_exact += result.tokens.exact;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kGateWords = {{
    {"proof", "No correct run in this precision can give this value"},
    {"local", "One step is off on the very inputs it was given"},
    {"bits", "Single roundings are not those of its precision contract"},
    {"global", "The whole forward drifts further than its precision costs"},
    {"match", "Within the limits, but off in the direction of one mistake"},
    {"state", "Run in pieces, a prompt gives other values than at once"},
    {"tokens", "Tokens differ where the precision leaves no choice"},
    {"oracle", "The reference itself disagrees with the oracle"},
    {"recording", "What was recorded is not what is needed"},
    {"power", "These inputs could not have revealed every fault"},
}};

}  // namespace

std::vector<Result> in_order(std::vector<Result> results) {
  const auto key = [](const Result& result) {
    return std::tuple(std::string_view(result.family), std::string_view(result.case_name),
                      type_rank(result.candidate.dtype), std::string_view(result.candidate.name));
  };
  std::stable_sort(results.begin(), results.end(),
                   [&](const Result& a, const Result& b) { return key(a) < key(b); });
  return results;
}

void Counts::add(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      ++passed;
      break;
    case Verdict::kFailed:
      ++failed;
      break;
    case Verdict::kInconclusive:
      ++inconclusive;
      break;
    case Verdict::kSkipped:
      ++skipped;
      break;
  }
}

Counts count(const std::vector<Result>& results) {
  Counts counts;
  for (const Result& result : results) counts.add(result.verdict);
  return counts;
}

std::string headline(const Counts& counts) {
  if (counts.total() == 0) return "Nothing was judged";
  return fmt::format("{} of {} passed", counts.passed, counts.total());
}

std::string counts_text(const Counts& counts) {
  std::string text = headline(counts);
  if (counts.failed > 0) text += fmt::format(", {} failed", counts.failed);
  if (counts.inconclusive > 0) text += fmt::format(", {} inconclusive", counts.inconclusive);
  if (counts.skipped > 0) text += fmt::format(", {} skipped", counts.skipped);
  return text;
}

std::vector<FamilyRow> family_rows(const std::vector<Result>& results) {
  std::vector<FamilyRow> rows;
  size_t family_begin = 0;
  for (const Result& result : results) {
    if (rows.empty() || rows.back().family != result.family) family_begin = rows.size();
    size_t at = family_begin;
    while (at < rows.size() && rows[at].candidate != result.candidate.name) ++at;
    if (at == rows.size()) rows.push_back({result.family, result.candidate.name});
    add(rows[at], result);
  }
  return rows;
}

std::vector<FamilyRow> joined_by_family(const std::vector<FamilyRow>& rows) {
  std::vector<FamilyRow> joined;
  for (const FamilyRow& row : rows) {
    if (joined.empty() || joined.back().family != row.family) {
      joined.push_back({row.family, "all candidates"});
    }
    for (const Result* result : row.results) add(joined.back(), *result);
  }
  return joined;
}

std::vector<CaseGroup> case_groups(const std::vector<Result>& results) {
  std::vector<CaseGroup> groups;
  for (const Result& result : results) {
    if (groups.empty() || groups.back().family != result.family ||
        groups.back().case_name != result.case_name) {
      groups.push_back({result.family, result.case_name});
    }
    groups.back().results.push_back(&result);
    groups.back().verdict = worse(result.verdict, groups.back().verdict);
  }
  return groups;
}

std::vector<std::string> candidate_names(const std::vector<Result>& results) {
  std::set<std::pair<int, std::string>> candidates;
  for (const Result& result : results) {
    candidates.emplace(type_rank(result.candidate.dtype), result.candidate.name);
  }
  std::vector<std::string> names;
  for (const auto& [rank, name] : candidates) names.push_back(name);
  return names;
}

VerdictLook look(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return {"passed", "✓", "pass"};
    case Verdict::kFailed:
      return {"failed", "✕", "fail"};
    case Verdict::kInconclusive:
      return {"inconclusive", "?", "open"};
    case Verdict::kSkipped:
      return {"skipped", "–", "skip"};
  }
  return {};
}

std::string_view gate_words(std::string_view gate) {
  for (const auto& [name, words] : kGateWords) {
    if (name == gate) return words;
  }
  return {};
}

const std::string& cause_text(const result::Diagnosis& diagnosis) {
  return diagnosis.says.empty() ? diagnosis.cause : diagnosis.says;
}

std::string token_detail(const result::TokenSection& tokens) {
  std::string text =
      count_text(tokens.certified_ties, "certified tie") + ", " + count_text(tokens.flips, "flip");
  if (tokens.greedy_compared > 0) {
    text += fmt::format("; greedy {} of {}", tokens.greedy_exact, tokens.greedy_compared);
  }
  return text;
}

std::string state_place_text(const result::StateCell& cell) {
  std::string text;
  if (cell.call) text += fmt::format("call {}", *cell.call);
  if (cell.position) text += fmt::format("{}position {}", text.empty() ? "" : ", ", *cell.position);
  if (!cell.slots.empty()) {
    text += fmt::format("{}{}", text.empty() ? "" : ": ", fmt::join(cell.slots, ", "));
  }
  return text;
}

std::string divergence_text(const result::FirstDivergence& first) {
  std::string text = "departs at " + first.tap;
  if (!first.op.empty()) text += ", in " + first.op;
  if (!first.run.empty()) {
    const std::string place =
        state_place_text({.call = first.call, .position = first.position, .slots = first.slots});
    text += fmt::format(", in the run {}{}", first.run, place.empty() ? "" : " (" + place + ")");
  }
  const bool names_others = first.suspects.size() > 1 ||
                            (first.suspects.size() == 1 && first.suspects.front() != first.tap);
  if (names_others) {
    text += fmt::format(" (suspected: {})", fmt::join(first.suspects, ", "));
  }
  if (!std::isnan(first.local_ratio)) {
    text +=
        fmt::format("; {} times what the precision costs there", number_text(first.local_ratio));
  }
  return text;
}

}  // namespace plumb::reports
