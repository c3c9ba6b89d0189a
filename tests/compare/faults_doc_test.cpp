// docs/faults.md: the library of mistakes, written from its rows and the case catalogue.
//
// To approve a change: PLUMB_APPROVE=1 build/release/test_compare --gtest_filter='FaultsGolden*'
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "compare/library/fault.h"
#include "graph/builder.h"
#include "graph/op_table.h"
#include "tests/support/files.h"
#include "tests/support/model.h"

namespace plumb::library {
namespace {

std::string_view to_text(FaultClass fault_class) {
  switch (fault_class) {
    case FaultClass::kStructural:
      return "structural";
    case FaultClass::kVariant:
      return "variant";
    case FaultClass::kSubtle:
      return "subtle";
    case FaultClass::kRounding:
      return "rounding";
  }
  return "";
}

std::string_view shown_by(const FaultRow& row) {
  if (row.severity == FaultClass::kRounding) return "emulations of the precision";
  return row.needs_length ? "prompts that are long enough" : "any prompt";
}

// Where a row applies: the kinds of ops, and how many cases of the catalogue have one.
struct Reach {
  std::set<std::string_view> ops;
  int cases = 0;
};

Reach reach_of(const FaultRow& row, const std::vector<graph::Graph>& graphs) {
  const double none[] = {0.0};
  Reach reach;
  for (const graph::Graph& graph : graphs) {
    bool applies = false;
    for (const double parameter : row.values.empty() ? std::span<const double>(none) : row.values) {
      for (size_t i = 0; i < graph.ops.size(); ++i) {
        Mutation scratch(graph);
        if (!row.apply(scratch, i, parameter)) continue;
        applies = true;
        reach.ops.insert(graph.ops[i].name());
      }
    }
    reach.cases += applies;
  }
  return reach;
}

std::vector<graph::Graph> catalogue_graphs() {
  std::vector<graph::Graph> graphs;
  for (const std::string& name : tests::case_names()) {
    graphs.push_back(graph::build(model::read_config(tests::read_case(name).config, name).spec));
  }
  return graphs;
}

std::string document() {
  const std::vector<graph::Graph> graphs = catalogue_graphs();
  std::string text = fmt::format(
      "# The library of mistakes\n\nWritten by a test from the rows of `compare/library/` and the "
      "{} cases of the catalogue; approve a change with\n`PLUMB_APPROVE=1 "
      "build/release/test_compare --gtest_filter='FaultsGolden*'`. Classes: "
      "[judgement.md](judgement.md). What an op is and where its formula is stated: below.\n\n"
      "| cause | a forward that | class | of | cases | shows in |\n|---|---|---|---|---|---|\n",
      graphs.size());
  for (const auto rows : all_fault_rows()) {
    for (const FaultRow& row : rows) {
      const Reach reach = reach_of(row, graphs);
      text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", row.cause, row.says,
                          to_text(row.severity), fmt::join(reach.ops, ", "), reach.cases,
                          shown_by(row));
    }
  }
  text += "\n| op | right is | stated in |\n|---|---|---|\n";
  for (const graph::OpRow& op : graph::op_table()) {
    std::string formula(op.formula);
    for (size_t at = 0; (at = formula.find('|', at)) != std::string::npos; at += 2) {
      formula.insert(at, "\\");
    }
    text += fmt::format("| {} | {} | {} |\n", op.name, formula, op.source);
  }
  return text;
}

TEST(FaultsGolden, DocumentIsAsTheLibraryHasIt) {
  const std::string file = std::string(PLUMB_ROOT) + "/docs/faults.md";
  const std::string text = document();
  if (std::getenv("PLUMB_APPROVE") != nullptr) tests::write_text(file, text);
  EXPECT_EQ(tests::read_text(file), text);
}

TEST(FaultsGolden, CausesHaveOneRowEach) {
  std::set<std::string_view> causes;
  for (const auto rows : all_fault_rows()) {
    for (const FaultRow& row : rows) EXPECT_TRUE(causes.insert(row.cause).second) << row.cause;
  }
  EXPECT_GT(causes.size(), 100U);
}

}  // namespace
}  // namespace plumb::library
