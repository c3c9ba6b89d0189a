#include "reports/html.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "reports/digest.h"
#include "tests/reports/demo.h"
#include "tests/reports/samples.h"
#include "tests/reports/well_formed.h"

namespace plumb::reports {
namespace {

std::string page_of(const std::vector<Result>& results) {
  return html_text(in_order(results), std::nullopt);
}

std::set<std::string> all_matches(const std::string& text, const char* pattern) {
  std::set<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.insert((*it)[1]);
  }
  return found;
}

// The words a reader sees: no tags, no style, no script.
std::string visible_text(std::string page) {
  page = page.substr(page.find("<body>"));
  page = page.substr(0, page.find("<script>"));
  return std::regex_replace(page, std::regex("<[^>]*>"), " ");
}

TEST(Html, IsWellFormedWhateverItHolds) {
  for (const auto& results : {all_passed(), mixed(), demo_results(), std::vector<Result>{}}) {
    const Comparison comparison = compare_with({"<before>", demo_baseline()}, results);
    EXPECT_EQ(xml_error(html_text(in_order(results), comparison)), "");
    EXPECT_EQ(xml_error(page_of(results)), "");
  }
}

TEST(Html, AsksForNothingFromElsewhere) {
  const std::string page = page_of(demo_results());
  for (const char* pattern : {"(src=)", "(@import)", "(url\\()", "(<script )"}) {
    EXPECT_TRUE(all_matches(page, pattern).empty()) << pattern;
  }
  for (const std::string& href : all_matches(page, "href=\"([^\"]*)\"")) {
    EXPECT_TRUE(href.starts_with("#") || href.starts_with("data:")) << href;
  }
}

TEST(Html, EveryLinkLeadsToItsCase) {
  std::vector<Result> results = mixed();
  results.push_back(passed_result());
  results.back().case_name = "a b";
  results.push_back(passed_result());
  results.back().case_name = "a_b";
  const std::string page = page_of(results);
  const std::set<std::string> ids = all_matches(page, "id=\"([^\"]*)\"");
  for (const std::string& link : all_matches(page, "href=\"#([^\"]*)\"")) {
    EXPECT_EQ(ids.count(link), 1U) << link;
  }
  EXPECT_EQ(ids.count("case-a_b"), 1U);
  EXPECT_EQ(ids.count("case-a_b~2"), 1U);
}

TEST(Html, OpensWhatDidNotPassAndNothingElse) {
  EXPECT_EQ(page_of(all_passed()).find("open=\"open\""), std::string::npos);
  EXPECT_NE(page_of({failed_result()}).find("open=\"open\""), std::string::npos);
  EXPECT_EQ(page_of(all_passed()).find("What did not pass"), std::string::npos);
}

TEST(Html, NeverShowsNan) {
  const std::string text = visible_text(page_of(mixed()));
  EXPECT_FALSE(std::regex_search(text, std::regex("\\b-?(nan|inf)\\b")));
  EXPECT_NE(text.find("∞"), std::string::npos);
}

TEST(Html, LetsNoNameBecomeMarkup) {
  const std::string page = page_of({hostile_result()});
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("<b>\""), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
}

TEST(Html, SaysWhatMoved) {
  const std::vector<Result> results = in_order(all_passed());
  const std::string still = html_text(results, compare_with({"b.json", results}, results));
  EXPECT_NE(still.find("Since b.json"), std::string::npos);
  EXPECT_NE(still.find("Nothing moved."), std::string::npos);
  const std::string moved = html_text(results, compare_with({"b.json", {}}, results));
  EXPECT_EQ(moved.find("Nothing moved"), std::string::npos);
}

TEST(Html, TellsAnEmptyRunFromAPassedOne) {
  const std::string text = visible_text(page_of({}));
  EXPECT_NE(text.find("Nothing was judged"), std::string::npos);
  EXPECT_EQ(text.find("passed"), std::string::npos);
}

}  // namespace
}  // namespace plumb::reports
