#include "reports/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/digest.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

using result::Result;
using result::TapRow;

// Rows of the ledger before and after the first departure.
constexpr size_t kShownBefore = 12;
constexpr size_t kShownAfter = 6;

std::string number(double value) {
  return number_text(value, kAsciiWords);
}

std::string cause_text(const Result& result) {
  if (!result.diagnosis || result.diagnosis->empty()) return "cause: unknown\n";
  std::string text;
  for (const result::Diagnosis& cause : *result.diagnosis) {
    text += fmt::format("{}{} ({}, explains {}% of the difference)\n",
                        text.empty() ? "cause: " : "   or: ", clean(cause.says), clean(cause.cause),
                        number(100.0 * cause.explained));
  }
  return text;
}

size_t index_of(const Result& result, const std::string& tap) {
  const auto found = std::find_if(result.taps.begin(), result.taps.end(),
                                  [&](const TapRow& row) { return row.tap == tap; });
  return static_cast<size_t>(found - result.taps.begin());
}

std::string place_text(const Result& result, size_t first) {
  const auto& divergence = *result.first_divergence;
  double before = 0.0;
  for (size_t i = 0; i < first && i < result.taps.size(); ++i) {
    before = std::max(before, result.taps[i].local_ratio);
  }
  std::string text;
  if (first > 0) {
    text += fmt::format("before: everything is within its noise (at most {} times the floor)\n",
                        number(before));
  }
  text += fmt::format("first:  {}{}, {} times the floor", clean(divergence.tap),
                      divergence.op.empty() ? "" : " (" + clean(divergence.op) + ")",
                      number(divergence.local_ratio));
  if (!divergence.where.empty()) text += ", " + clean(divergence.where);
  if (!divergence.run.empty()) {
    const std::string place = state_place_text(
        {.call = divergence.call, .position = divergence.position, .slots = divergence.slots});
    text += fmt::format("\nrun:    {} ({})", clean(divergence.run), clean(place));
  }
  return text + "\n";
}

// Own error against inherited error, tap by tap.
std::string ledger_text(const Result& result, size_t first) {
  const size_t begin = first > kShownBefore ? first - kShownBefore : 0;
  const size_t end = std::min(result.taps.size(), first + 1 + kShownAfter);
  size_t width = 3;
  for (size_t i = begin; i < end; ++i) width = std::max(width, clean(result.taps[i].tap).size());
  std::string text = fmt::format("\n  {:{}}  {:>10}  {:>10}\n", "tap", width, "own", "with all");
  if (begin > 0) text += fmt::format("  {} taps before\n", begin);
  for (size_t i = begin; i < end; ++i) {
    const TapRow& row = result.taps[i];
    text += fmt::format("{} {:{}}  {:>10}  {:>10}\n", i == first ? ">" : " ", clean(row.tap), width,
                        number(row.local_ratio), number(row.floor_ratio));
  }
  if (end < result.taps.size()) {
    text += fmt::format("  {} taps after\n", result.taps.size() - end);
  }
  return text + "\n";
}

}  // namespace

std::string story_text(const Result& result, const std::string& command) {
  std::string text = fmt::format("{} {}: {}\n", clean(result.case_name),
                                 clean(result.candidate.name), to_text(result.verdict));
  for (const result::Reason& reason : result.reasons) {
    text += fmt::format("{}: {}{}\n", reason.gate,
                        reason.tap.empty() ? "" : clean(reason.tap) + ": ", clean(reason.message));
  }
  if (result.first_divergence) {
    const size_t first = index_of(result, result.first_divergence->tap);
    text += cause_text(result) + place_text(result, first) + ledger_text(result, first);
  }
  for (const std::string& note : result.notes) text += "note: " + clean(note) + "\n";
  if (result.verdict != result::Verdict::kPassed) text += "repeat: " + command + "\n";
  return text;
}

}  // namespace plumb::reports
