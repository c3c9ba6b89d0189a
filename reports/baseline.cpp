#include "reports/baseline.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "reports/digest.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

using Key = std::pair<std::string, std::string>;
using Rows = std::map<Key, const Result*>;

// Agreement below this is rounding of float64 itself and rises and falls by chance.
constexpr double kOracleRounding = 0x1p-53;

Rows rows_of(const std::vector<Result>& results) {
  Rows rows;
  for (const Result& result : results) {
    rows.emplace(Key(result.case_name, result.candidate.name), &result);
  }
  return rows;
}

// An unknown number equals itself here: a candidate that gives NaN twice has not moved.
bool moved(double before, double after) {
  if (std::isnan(before) || std::isnan(after)) return std::isnan(before) != std::isnan(after);
  if (before == after) return false;
  if (std::isinf(before)) return true;
  return !(std::abs(after - before) <= kMovedShare * std::abs(before));
}

bool rose(double before, double after) {
  if (std::isnan(before)) return false;
  return !(after <= kOracleRise * std::max(before, kOracleRounding));
}

std::string verdict_text(const Result& result) {
  return std::string(to_text(result.verdict));
}

// How far a verdict is from a pass. A case that is skipped guards nothing.
int distance_from_pass(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return 0;
    case Verdict::kSkipped:
      return 1;
    case Verdict::kInconclusive:
      return 2;
    case Verdict::kFailed:
      return 3;
  }
  return 3;
}

Direction worse_if(bool worse) {
  return worse ? Direction::kWorse : Direction::kBetter;
}

class Changes {
 public:
  void add(const Result& result, ChangeKind kind, std::string before, std::string after,
           Direction direction) {
    list_.push_back({result.family, result.case_name, result.candidate.name, kind,
                     std::move(before), std::move(after), direction});
  }
  void add_number(const Result& result, ChangeKind kind, double before, double after) {
    // What became unknown is worse than any number.
    add(result, kind, number_text(before), number_text(after),
        worse_if(std::isnan(after) || after > before));
  }
  void compare(const Result& before, const Result& after) {
    if (before.verdict != after.verdict) {
      const bool worse = distance_from_pass(after.verdict) > distance_from_pass(before.verdict);
      add(after, ChangeKind::kVerdict, verdict_text(before), verdict_text(after), worse_if(worse));
    }
    // A case that was skipped has no numbers that could have moved.
    if (before.verdict == Verdict::kSkipped || after.verdict == Verdict::kSkipped) return;
    if (moved(before.drift.floor_ratio, after.drift.floor_ratio)) {
      add_number(after, ChangeKind::kFloorRatio, before.drift.floor_ratio, after.drift.floor_ratio);
    }
    if (moved(before.drift.max_abs_logit, after.drift.max_abs_logit)) {
      add_number(after, ChangeKind::kMaxAbsLogit, before.drift.max_abs_logit,
                 after.drift.max_abs_logit);
    }
    if (before.oracle && after.oracle &&
        rose(before.oracle->max_rel_tap, after.oracle->max_rel_tap)) {
      add_number(after, ChangeKind::kOracle, before.oracle->max_rel_tap, after.oracle->max_rel_tap);
    }
  }

  std::vector<Change> sorted() {
    const auto key = [](const Change& change) {
      return std::tie(change.family, change.case_name, change.candidate, change.kind);
    };
    std::stable_sort(list_.begin(), list_.end(),
                     [&](const Change& a, const Change& b) { return key(a) < key(b); });
    return std::move(list_);
  }

 private:
  std::vector<Change> list_;
};

}  // namespace

std::string_view to_text(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kVerdict:
      return "verdict";
    case ChangeKind::kFloorRatio:
      return "floor ratio at the logits";
    case ChangeKind::kMaxAbsLogit:
      return "max |Δ| at the logits";
    case ChangeKind::kOracle:
      return "reference against oracle, worst tap";
    case ChangeKind::kNew:
      return "new";
    case ChangeKind::kGone:
      return "gone";
  }
  return "";
}

Comparison compare_with(const Baseline& baseline, const std::vector<Result>& results) {
  const Rows before = rows_of(baseline.results);
  const Rows after = rows_of(results);
  Changes changes;
  for (const auto& [key, result] : after) {
    const auto earlier = before.find(key);
    if (earlier != before.end()) {
      changes.compare(*earlier->second, *result);
    } else {
      changes.add(*result, ChangeKind::kNew, "", verdict_text(*result), Direction::kNeither);
    }
  }
  for (const auto& [key, result] : before) {
    if (after.count(key) == 0) {
      // A case that is no longer judged guards nothing.
      changes.add(*result, ChangeKind::kGone, verdict_text(*result), "", Direction::kWorse);
    }
  }
  Comparison comparison{.baseline = baseline.name, .changes = changes.sorted()};
  std::set<std::string> unmoved;
  for (const Result& result : results) unmoved.insert(result.family);
  for (const Change& change : comparison.changes) unmoved.erase(change.family);
  comparison.unmoved.assign(unmoved.begin(), unmoved.end());
  return comparison;
}

}  // namespace plumb::reports
