#include "reports/markdown.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/digest.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

// A table wider than this is unreadable on the page of a job; then a family has one cell.
constexpr size_t kMaxCandidateColumns = 4;
constexpr size_t kMaxReasons = 3;

std::string_view symbol(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "✅";
    case Verdict::kFailed:
      return "❌";
    case Verdict::kInconclusive:
      return "❔";
    case Verdict::kSkipped:
      return "⏭️";
  }
  return "";
}

// "✅ 3/3 · 0.95×", and where it departs.
std::string cell(const FamilyRow& row) {
  std::string text =
      fmt::format("{} {}/{}", symbol(row.verdict), row.counts.passed, row.counts.total());
  if (row.worst_ratio != nullptr) {
    text += " · " + times_text(row.worst_ratio->drift.floor_ratio);
  }
  if (row.first_departed != nullptr) {
    text += " · " + escape_markdown(row.first_departed->first_divergence->tap);
  }
  return text;
}

std::string table_head(const std::vector<std::string>& columns) {
  std::string names = "|";
  std::string rule = "|";
  for (const std::string& column : columns) {
    names += " " + escape_markdown(column) + " |";
    rule += "---|";
  }
  return names + "\n" + rule + "\n";
}

std::string families_table(const std::vector<Result>& results) {
  std::vector<std::string> columns = candidate_names(results);
  std::vector<FamilyRow> rows = family_rows(results);
  if (columns.size() > kMaxCandidateColumns) {
    rows = joined_by_family(rows);
    columns = {rows.front().candidate};
  }
  std::vector<std::string> head = {"family"};
  head.insert(head.end(), columns.begin(), columns.end());
  std::string text = table_head(head);
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin;
    while (end < rows.size() && rows[end].family == rows[begin].family) ++end;
    text += "| " + escape_markdown(rows[begin].family) + " |";
    for (const std::string& column : columns) {
      const auto row = std::find_if(rows.begin() + begin, rows.begin() + end,
                                    [&](const FamilyRow& r) { return r.candidate == column; });
      text += row == rows.begin() + end ? " |" : " " + cell(*row) + " |";
    }
    text += "\n";
    begin = end;
  }
  return text +
         "\nA cell: cases passed, the worst drift of the logits over what the precision "
         "costs by itself, the first tap that departs.\n";
}

std::string reasons_cell(const Result& result) {
  std::string text;
  for (size_t i = 0; i < std::min(result.reasons.size(), kMaxReasons); ++i) {
    const result::Reason& reason = result.reasons[i];
    if (i > 0) text += "<br>";
    text += "**" + escape_markdown(reason.gate) + "**";
    if (!reason.tap.empty()) text += " " + escape_markdown(reason.tap);
    text += ": " + escape_markdown(reason.message);
  }
  if (result.reasons.size() > kMaxReasons) {
    text += fmt::format("<br>and {} more", result.reasons.size() - kMaxReasons);
  }
  return text;
}

std::string cause_cell(const Result& result) {
  if (!result.diagnosis || result.diagnosis->empty()) return "–";
  return escape_markdown(cause_text(result.diagnosis->front()));
}

std::string not_passed_table(const std::vector<Result>& results) {
  std::string text =
      "\n### What did not pass\n\n" +
      table_head({"case", "candidate", "verdict", "floor ratio", "departs at", "cause", "why"});
  for (const Result& result : results) {
    if (result.verdict == Verdict::kPassed) continue;
    text +=
        fmt::format("| {} | {} | {} {} | {} | {} | {} | {} |\n", escape_markdown(result.case_name),
                    escape_markdown(result.candidate.name), symbol(result.verdict),
                    to_text(result.verdict), number_text(result.drift.floor_ratio),
                    result.first_divergence ? escape_markdown(result.first_divergence->tap) : "–",
                    cause_cell(result), reasons_cell(result));
  }
  return text;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "–" : text;
}

std::string moved_section(const Comparison& comparison) {
  std::string text = fmt::format("\n### Since {}\n\n", escape_markdown(comparison.baseline));
  if (comparison.changes.empty()) return text + "Nothing moved.\n";
  text += table_head({"family", "case", "candidate", "what", "before", "after"});
  for (const Change& change : comparison.changes) {
    text += fmt::format("| {} | {} | {} | {}{} | {} | {} |\n", escape_markdown(change.family),
                        escape_markdown(change.case_name), escape_markdown(change.candidate),
                        change.direction == Direction::kWorse ? "⚠️ " : "",
                        escape_markdown(to_text(change.kind)), or_dash(change.before),
                        or_dash(change.after));
  }
  if (!comparison.unmoved.empty()) {
    text += "\nNothing moved in: ";
    for (size_t i = 0; i < comparison.unmoved.size(); ++i) {
      text += (i > 0 ? ", " : "") + escape_markdown(comparison.unmoved[i]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string markdown_text(const std::vector<Result>& results,
                          const std::optional<Comparison>& comparison) {
  const Counts counts = count(results);
  std::string text = "## Plumbline: " + counts_text(counts) + "\n";
  if (counts.total() > 0) text += "\n" + families_table(results);
  if (counts.passed < counts.total()) text += not_passed_table(results);
  if (comparison) text += moved_section(*comparison);
  return text;
}

}  // namespace plumb::reports
