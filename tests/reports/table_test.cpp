// What the terminal tells of what did not pass: the cause in words, and the line that repeats it.
#include "reports/table.h"

#include <gtest/gtest.h>

#include "tests/reports/samples.h"

namespace plumb::reports {
namespace {

std::string repeat(const result::Result& result) {
  return "plumb gate " + result.case_name + " --candidate " + result.candidate.name;
}

TEST(Table, TellsTheCauseAndTheLineThatRepeats) {
  const std::string text = table_text({passed_result(), failed_result()}, repeat);
  EXPECT_NE(text.find("  cause: layer 1 rotates interleaved pairs\n"
                      "  repeat: plumb gate qwen3-tiny --candidate cpu-bf16\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("--candidate cpu-f32"), std::string::npos) << "it passed";
}

TEST(Table, SaysWhereTheCauseIsUnknown) {
  const std::string text = table_text({nan_result()}, repeat);
  EXPECT_NE(text.find("  cause: unknown\n  repeat: plumb gate mixtral-tiny"), std::string::npos)
      << text;
}

TEST(Table, OfTheReportVerbRepeatsNothing) {
  EXPECT_EQ(table_text({failed_result()}).find("repeat:"), std::string::npos);
}

}  // namespace
}  // namespace plumb::reports
