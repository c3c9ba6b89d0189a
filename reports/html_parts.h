// The sections of the HTML page, each written where it is called.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/baseline.h"
#include "reports/digest.h"
#include "reports/markup.h"

namespace plumb::reports {

// Where on the page a case stands.
class CaseLinks {
 public:
  explicit CaseLinks(const std::vector<CaseGroup>& groups);
  const std::string& id(const std::string& family, const std::string& case_name) const;
  std::string href(const Result& result) const;

 private:
  std::map<std::pair<std::string, std::string>, std::string> ids_;
};

// "✓ passed" as a coloured chip.
void write_verdict(Markup& page, Verdict verdict);
// A row of <th>; a name that begins with '#' heads a column of numbers.
void write_table_head(Markup& page, const std::vector<std::string>& names);
// A cell holding a number, marked when it is beyond `limit`.
void write_number_cell(Markup& page, double value);
void write_ratio_cell(Markup& page, double ratio, double limit);

// html_overview.cpp
void write_header(Markup& page, const std::vector<Result>& results);
void write_facts(Markup& page, const std::vector<Result>& results);
void write_not_passed(Markup& page, const std::vector<Result>& results, const CaseLinks& links);
void write_families(Markup& page, const std::vector<Result>& results, const CaseLinks& links);

// html_moved.cpp
void write_moved(Markup& page, const Comparison& comparison);

// html_state.cpp: the state matrix of one result, open where a cell is bad.
void write_state(Markup& page, const result::StateSection& state);

// html_case.cpp: open where something did not pass.
void write_case(Markup& page, const CaseGroup& group, const CaseLinks& links);

}  // namespace plumb::reports
