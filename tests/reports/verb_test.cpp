// The verb as a script meets it: exit codes, and where its words go.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "base/files.h"
#include "reports/table.h"
#include "tests/reports/samples.h"

namespace plumb::reports {
namespace {

struct Outcome {
  int code;
  std::string output;
};

Outcome plumb(const std::string& arguments, const std::string& redirection) {
  const std::string command = std::string(PLUMB_BINARY) + " " + arguments + " " + redirection;
  FILE* pipe = ::popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  Outcome outcome{};
  std::array<char, 4096> buffer{};
  for (size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    outcome.output.append(buffer.data(), n);
  }
  outcome.code = WEXITSTATUS(::pclose(pipe));
  return outcome;
}

class ReportVerb : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  void write(const std::string& name, const std::vector<result::Result>& results) const {
    base::write_file(file(name), result::to_json(results).dump());
  }

  base::TemporaryFolder folder_;
};

TEST_F(ReportVerb, RendersWhatFailedAndExitsWithZero) {
  write("a.json", {failed_result(), inconclusive_result()});
  const Outcome outcome = plumb("report " + file("a.json") + " -o " + file("out"), "");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.output, table_text({failed_result(), inconclusive_result()}));
  EXPECT_TRUE(std::filesystem::exists(file("out/index.html")));
}

TEST_F(ReportVerb, TellsWhatMoved) {
  write("a.json", all_passed());
  const std::string arguments = "report " + file("a.json") + " -o " + file("out") + " --baseline ";
  EXPECT_EQ(plumb(arguments + file("a.json"), "").code, 0);
  const Outcome missing = plumb(arguments + file("none.json"), "2>&1");
  EXPECT_EQ(missing.code, 2);
  EXPECT_NE(missing.output.find("none.json"), std::string::npos);
}

TEST_F(ReportVerb, RefusesADuplicateInOneLine) {
  write("a.json", all_passed());
  write("b.json", all_passed());
  const Outcome outcome =
      plumb("report " + file("a.json") + " " + file("b.json") + " -o " + file("out"), "2>&1");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1);
  EXPECT_FALSE(std::filesystem::exists(file("out")));
}

TEST_F(ReportVerb, NeedsAFolder) {
  write("a.json", all_passed());
  EXPECT_EQ(plumb("report " + file("a.json"), "2>&1").code, 2);
}

}  // namespace
}  // namespace plumb::reports
