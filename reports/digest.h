// What every report tells, whatever its form: results in a fixed order, counted, and gathered by
// family and by case.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "result/result.h"

namespace plumb::reports {

using result::Result;
using result::Verdict;
using ResultRefs = std::vector<const Result*>;

// Sorted by family, case and candidate (wider types first), so that a report does not depend on
// the order in which cases were run or shards were joined.
std::vector<Result> in_order(std::vector<Result> results);

struct Counts {
  int passed = 0;
  int failed = 0;
  int inconclusive = 0;
  int skipped = 0;

  int total() const { return passed + failed + inconclusive + skipped; }
  void add(Verdict verdict);
};
Counts count(const std::vector<Result>& results);
// "46 of 48 passed"
std::string headline(const Counts& counts);
// "46 of 48 passed, 1 failed, 1 inconclusive"
std::string counts_text(const Counts& counts);

// One candidate on one family, or every candidate on it. Points into the results it was made from.
struct FamilyRow {
  std::string family;
  std::string candidate;
  ResultRefs results;
  Counts counts;
  Verdict verdict = Verdict::kSkipped;  // the worst
  // The largest max_abs_logit and the largest floor_ratio at the logits. What failed without a
  // number (NaN in the candidate) is worse than any; null where there is neither.
  const Result* worst_drift = nullptr;
  const Result* worst_ratio = nullptr;
  const Result* first_departed = nullptr;  // the first result with a first_divergence
  int tokens_compared = 0;
  int tokens_exact = 0;
};

// In the order of the results, which must be in_order().
std::vector<FamilyRow> family_rows(const std::vector<Result>& results);
// The same rows, each family's joined into one.
std::vector<FamilyRow> joined_by_family(const std::vector<FamilyRow>& rows);

// The candidates on one case.
struct CaseGroup {
  std::string family;
  std::string case_name;
  ResultRefs results;
  Verdict verdict = Verdict::kSkipped;  // the worst
};
std::vector<CaseGroup> case_groups(const std::vector<Result>& results);

// Distinct candidate names, wider types first.
std::vector<std::string> candidate_names(const std::vector<Result>& results);

// How a verdict is shown: never by colour alone.
struct VerdictLook {
  std::string_view word;   // "passed"
  std::string_view mark;   // "✓"
  std::string_view style;  // CSS class
};
VerdictLook look(Verdict verdict);

// What a gate's objection means to someone who has never read the judge's manual. Empty for a gate
// that is not known here: its own message must do.
std::string_view gate_words(std::string_view gate);

// What a diagnosis says, or its name where it says nothing.
const std::string& cause_text(const result::Diagnosis& diagnosis);

// "1 certified tie, 0 flips; greedy 16 of 16"
std::string token_detail(const result::TokenSection& tokens);

// "call 3, position 9: layer.2.state.k": where a run otherwise than at once goes wrong.
std::string state_place_text(const result::StateCell& cell);

// "departs at layer.2.mixer_out, in rope" and what is known beyond it; one sentence.
std::string divergence_text(const result::FirstDivergence& first);

}  // namespace plumb::reports
