#include "reports/junit.h"

#include <fmt/format.h>

#include "reports/digest.h"
#include "reports/markup.h"
#include "reports/text.h"

namespace plumb::reports {
namespace {

// All that is known of why, a line each.
std::vector<std::string> explanation(const Result& result) {
  std::vector<std::string> lines;
  for (const result::Reason& reason : result.reasons) {
    lines.push_back(reason.gate + (reason.tap.empty() ? "" : " at " + reason.tap) + ": " +
                    reason.message);
  }
  if (result.first_divergence) lines.push_back(divergence_text(*result.first_divergence));
  if (result.diagnosis) {
    for (const result::Diagnosis& diagnosis : *result.diagnosis) {
      lines.push_back("cause " + diagnosis.cause + ": " + diagnosis.says);
    }
  }
  return lines;
}

void write_outcome(Markup& xml, const Result& result) {
  if (result.verdict == Verdict::kPassed) return;
  const std::vector<std::string> lines = explanation(result);
  const std::string message = lines.empty() ? std::string(to_text(result.verdict)) : lines.front();
  if (result.verdict == Verdict::kSkipped) {
    xml.leaf("skipped", {{"message", message}});
    return;
  }
  const auto failure =
      xml.open("failure", {{"type", to_text(result.verdict)}, {"message", message}});
  for (const std::string& line : lines) {
    xml.newline();
    xml.text(line);
  }
  xml.newline();
}

// A runner of tests knows failures; a verdict that could not be reached is one.
struct SuiteCounts {
  explicit SuiteCounts(const Counts& counts)
      : tests(std::to_string(counts.total())),
        failures(std::to_string(counts.failed + counts.inconclusive)),
        skipped(std::to_string(counts.skipped)) {}
  std::string tests;
  std::string failures;
  std::string skipped;
};

}  // namespace

std::string junit_text(const std::vector<Result>& results) {
  Markup xml;
  xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  {
    const SuiteCounts all(count(results));
    const auto root = xml.open("testsuites", {{"name", "plumbline"},
                                              {"tests", all.tests},
                                              {"failures", all.failures},
                                              {"errors", "0"},
                                              {"skipped", all.skipped}});
    for (const FamilyRow& family : joined_by_family(family_rows(results))) {
      const SuiteCounts counts(family.counts);
      const auto suite = xml.open("testsuite", {{"name", family.family},
                                                {"tests", counts.tests},
                                                {"failures", counts.failures},
                                                {"errors", "0"},
                                                {"skipped", counts.skipped}});
      for (const Result* result : family.results) {
        const auto test =
            xml.open("testcase", {{"classname", result->family},
                                  {"name", result->case_name + " / " + result->candidate.name}});
        write_outcome(xml, *result);
      }
    }
  }
  xml.newline();
  return xml.str();
}

}  // namespace plumb::reports
