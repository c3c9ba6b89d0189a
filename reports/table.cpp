#include "reports/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/digest.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

constexpr size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;

const Row kHeader = {"case",  "candidate", "verdict",    "max |dlogit|",
                     "ratio", "tokens",    "oracle rel", "first divergence"};
constexpr std::array<bool, kColumns> kRightAligned = {false, false, false, true,
                                                      true,  true,  true,  false};

std::string number(double value) {
  return number_text(value, kAsciiWords);
}

Row row_of(const Result& result) {
  const auto& first = result.first_divergence;
  const auto& tokens = result.tokens;
  return {clean(result.case_name),
          clean(result.candidate.name),
          std::string(to_text(result.verdict)),
          number(result.drift.max_abs_logit),
          number(result.drift.floor_ratio),
          tokens.compared == 0 ? "-" : fmt::format("{}/{}", tokens.exact, tokens.compared),
          result.oracle ? number(result.oracle->max_rel_tap) : "-",
          first ? clean(first->tap + (first->op.empty() ? "" : " (" + first->op + ")")) : "-"};
}

// Characters, not bytes: every byte of UTF-8 but the continuations begins one.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string line_of(const Row& row, const std::array<size_t, kColumns>& widths) {
  std::string line;
  for (size_t column = 0; column < kColumns; ++column) {
    const std::string padding(widths[column] - width_of(row[column]), ' ');
    if (column > 0) line += "  ";
    line += kRightAligned[column] ? padding + row[column] : row[column] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string aligned(const std::vector<Row>& rows) {
  std::array<size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (size_t column = 0; column < kColumns; ++column) {
      widths[column] = std::max(widths[column], width_of(row[column]));
    }
  }
  std::string text;
  for (const Row& row : rows) text += line_of(row, widths);
  return text;
}

// The first reason alone: a reader of logs needs to know where to look, the reports hold the rest.
std::string why(const Result& result) {
  if (result.verdict == Verdict::kPassed || result.reasons.empty()) return "";
  const result::Reason& reason = result.reasons.front();
  std::string text = fmt::format("{} {} / {}: {}{}: {}", to_text(result.verdict), result.case_name,
                                 result.candidate.name, reason.gate,
                                 reason.tap.empty() ? "" : " at " + reason.tap, reason.message);
  if (result.reasons.size() > 1) {
    text += fmt::format(" (and {} more)", result.reasons.size() - 1);
  }
  return clean(text) + "\n";
}

}  // namespace

std::string table_text(const std::vector<Result>& results) {
  const std::vector<Result> ordered = in_order(results);
  std::string text;
  if (!ordered.empty()) {
    std::vector<Row> rows = {kHeader};
    for (const Result& result : ordered) rows.push_back(row_of(result));
    text = aligned(rows) + "\n";
  }
  for (const Result& result : ordered) text += why(result);
  return text + counts_text(count(ordered)) + "\n";
}

}  // namespace plumb::reports
