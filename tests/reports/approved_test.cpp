// Every plain-text form of a report against its approved output.
#include "tests/reports/approved.h"

#include <gtest/gtest.h>

#include "reports/digest.h"
#include "reports/junit.h"
#include "reports/markdown.h"
#include "reports/plot.h"
#include "reports/table.h"
#include "tests/reports/samples.h"
#include "tests/reports/well_formed.h"

namespace plumb::reports {
namespace {

struct Sample {
  const char* name;
  std::vector<Result> results;
};

std::vector<Sample> samples() {
  return {{"all_passed", in_order(all_passed())}, {"mixed", in_order(mixed())}, {"empty", {}}};
}

// The plot with its legend, as it stands in the page.
std::string plot_of(const ResultRefs& results) {
  Markup page;
  draw_drift(page, results);
  EXPECT_EQ(xml_error(page.str()), "");
  return page.str() + "\n";
}

TEST(Approved, Markdown) {
  for (const Sample& sample : samples()) {
    expect_approved(std::string(sample.name) + ".md", markdown_text(sample.results, std::nullopt));
  }
}

TEST(Approved, MarkdownWithABaseline) {
  Result worse = passed_result();
  worse.verdict = Verdict::kFailed;
  worse.drift.floor_ratio = 12;
  Result gone = passed_result();
  gone.case_name = "qwen3-old";
  const std::vector<Result> before = {passed_result(), gone, all_passed()[2]};
  const std::vector<Result> after = {all_passed()[2], skipped_result(), worse};
  expect_approved("moved.md",
                  markdown_text(after, compare_with({"last|week.json", before}, after)));
}

TEST(Approved, MarkdownOfMoreCandidatesThanColumns) {
  std::vector<Result> results = {failed_result()};
  for (int i = 0; i < 5; ++i) {
    results.push_back(passed_result());
    results.back().candidate.name = "trace:engine" + std::to_string(i) + ".h5#float32";
  }
  expect_approved("many_candidates.md", markdown_text(in_order(results), std::nullopt));
}

TEST(Approved, Junit) {
  for (const Sample& sample : samples()) {
    const std::string text = junit_text(sample.results);
    EXPECT_EQ(xml_error(text), "") << sample.name;
    expect_approved(std::string(sample.name) + ".junit.xml", text);
  }
}

TEST(Approved, Table) {
  for (const Sample& sample : samples()) {
    expect_approved(std::string(sample.name) + ".txt", table_text(sample.results));
  }
}

TEST(Approved, PlotOfTwoCandidatesOneOfThemWrong) {
  const Result right = passed_result();
  const Result wrong = failed_result();
  expect_approved("two_candidates.plot.html", plot_of({&right, &wrong}));
}

TEST(Approved, PlotWithGapsInfinityAndZero) {
  const Result unknown = nan_result();
  expect_approved("unknown.plot.html", plot_of({&unknown}));
  const Result infinite = infinite_result();
  expect_approved("infinite.plot.html", plot_of({&infinite}));
}

TEST(Approved, PlotOfLogitsAlone) {
  Result result = passed_result();
  result.taps = {result.taps.back()};
  result.taps[0].local_ratio = result::kUnknown;
  expect_approved("logits_alone.plot.html", plot_of({&result}));
}

}  // namespace
}  // namespace plumb::reports
