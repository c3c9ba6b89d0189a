// The graph of every case, approved by a person and committed.
//
// To approve a change: PLUMB_APPROVE=1 build/release/test_graph --gtest_filter='*Golden*', then
// read the diff of tests/graph/goldens/ as part of the change.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "graph/builder.h"
#include "graph/printer.h"
#include "tests/support/files.h"
#include "tests/support/model.h"

namespace plumb::graph {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(PLUMB_ROOT) / "tests/graph/goldens";

TEST(Golden, GraphOfEveryCaseIsAsApproved) {
  const bool approve = std::getenv("PLUMB_APPROVE") != nullptr;
  for (const std::string& name : tests::case_names()) {
    const model::Spec spec = model::read_config(tests::read_case(name).config, name).spec;
    const std::string text = to_text(build(spec));
    const std::filesystem::path file = kGoldens / (name + ".txt");
    if (approve) tests::write_text(file, text);
    EXPECT_EQ(tests::read_text(file), text) << "approve it with PLUMB_APPROVE=1, if it is meant";
  }
}

TEST(Golden, NoneIsLeftOver) {
  std::vector<std::string> expected;
  for (const std::string& name : tests::case_names()) expected.push_back(name + ".txt");
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(tests::list_files(kGoldens), expected);
}

}  // namespace
}  // namespace plumb::graph
