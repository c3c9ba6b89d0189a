// What moved since an earlier run: the regression report.
#pragma once

#include <string>
#include <vector>

#include "result/result.h"

namespace plumb::reports {

struct Baseline {
  std::string name;  // what the reports call it
  std::vector<result::Result> results;
};

// A drift counts as moved beyond this share of its earlier value.
inline constexpr double kMovedShare = 0.10;
// The agreement of reference and oracle counts as worse beyond this factor.
inline constexpr double kOracleRise = 10.0;

enum class ChangeKind { kVerdict, kFloorRatio, kMaxAbsLogit, kOracle, kNew, kGone };

enum class Direction { kBetter, kNeither, kWorse };

struct Change {
  std::string family;
  std::string case_name;
  std::string candidate;
  ChangeKind kind = ChangeKind::kVerdict;
  std::string before;  // empty for a new case
  std::string after;   // empty for one that is gone
  Direction direction = Direction::kNeither;
};

// "verdict", "floor ratio at the logits", ...
std::string_view to_text(ChangeKind kind);

struct Comparison {
  std::string baseline;              // its name
  std::vector<Change> changes;       // by family, case, candidate and kind
  std::vector<std::string> unmoved;  // families in which nothing moved
};

// Rows meet by case and candidate name. A row that stands twice in either is compared once, by its
// first occurrence.
Comparison compare_with(const Baseline& baseline, const std::vector<result::Result>& results);

}  // namespace plumb::reports
