// A pass is worth what the fixture could have shown.
#include "compare/power/power.h"

#include <gtest/gtest.h>

#include "compare/power/certificate.h"
#include "tests/compare/bench.h"

namespace plumb::compare::testing {
namespace {

using evidence::Truth;
using power::Certificate;
using power::CertificateRow;
using power::certify;
using result::Verdict;

class Certified : public ::testing::TestWithParam<std::string> {};

// Every structural mistake would show, in both precisions, at the logits alone.
TEST_P(Certified, ForEveryStructuralFault) {
  Bench bench(GetParam());
  for (const char* contract : {"float32", "bfloat16"}) {
    const Result result = bench.judge({.contract = contract, .taps = "logits"});
    EXPECT_EQ(result.verdict, Verdict::kPassed) << contract << ": " << reasons_of(result);
    ASSERT_TRUE(result.power.has_value());
    EXPECT_GT(result.power->structural_total, 20);
    EXPECT_EQ(result.power->structural_covered, result.power->structural_total);
  }
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, Certified, ::testing::ValuesIn(tests::case_names()), name_of);

// The least visible structural mistake of a certificate comes first, and a long enough prompt is
// what a window needs.
TEST(Certificate, ListsTheLeastVisibleFirst) {
  Bench bench("gemma2-caps");
  Truth truth(bench.reference());
  const Certificate certificate =
      certify(truth, *graph::find_contract("float32"), bench.prompts(), "logits");
  ASSERT_FALSE(certificate.rows.empty());
  double last = 0.0;
  bool structural = true;
  for (const CertificateRow& row : certificate.rows) {
    if (structural && !row.structural) last = 0.0;
    structural = row.structural;
    EXPECT_GE(row.shift, last);
    last = row.shift;
  }
}

}  // namespace
}  // namespace plumb::compare::testing
