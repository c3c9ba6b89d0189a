#include "reports/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/errors.h"
#include "base/files.h"
#include "reports/digest.h"
#include "tests/reports/demo.h"
#include "tests/reports/samples.h"

namespace plumb::reports {
namespace {

using base::InputError;

const std::set<std::string> kFiles = {"results.json", "junit.xml", "report.md", "index.html"};

std::string content(const std::filesystem::path& file) {
  return std::string(base::MappedFile(file).text());
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(WriteReports, WritesFourFilesAndNothingElse) {
  const base::TemporaryFolder folder;
  write_reports(mixed(), std::nullopt, folder.path() / "a/b");
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "a/b")) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_EQ(names, kFiles);
}

TEST(WriteReports, GivesTheSameBytesInWhateverOrderTheCasesRan) {
  const base::TemporaryFolder folder;
  std::vector<Result> results = demo_results();
  write_reports(results, std::nullopt, folder.path() / "a");
  std::reverse(results.begin(), results.end());
  write_reports(results, std::nullopt, folder.path() / "b");
  for (const std::string& name : kFiles) {
    EXPECT_EQ(content(folder.path() / "a" / name), content(folder.path() / "b" / name)) << name;
  }
}

TEST(WriteReports, ReadsWhatItWrote) {
  const base::TemporaryFolder folder;
  write_reports(mixed(), std::nullopt, folder.path());
  const std::string file = (folder.path() / "results.json").string();
  const std::string before = content(file);
  write_reports(read_all({file}), read_baseline(file), folder.path());
  EXPECT_EQ(content(file), before);
  EXPECT_NE(content(folder.path() / "report.md").find("Since results.json\n\nNothing moved."),
            std::string::npos);
}

TEST(WriteReports, NamesAFolderThatCannotBe) {
  const base::TemporaryFolder folder;
  base::write_file(folder.path() / "file", "");
  const std::string message =
      message_of([&] { write_reports({}, std::nullopt, folder.path() / "file"); });
  EXPECT_NE(message.find("file: cannot be made a folder"), std::string::npos) << message;
}

TEST(ReadAll, JoinsFilesOfBothForms) {
  const base::TemporaryFolder folder;
  const std::string one = (folder.path() / "one.json").string();
  const std::string gate = (folder.path() / "gate.json").string();
  base::write_file(one, result::to_json(nan_result()).dump());
  base::write_file(gate, result::to_json(all_passed()).dump(2));
  EXPECT_EQ(read_all({one, gate}).size(), 4U);
}

TEST(ReadAll, NamesBothFilesOfADuplicate) {
  const base::TemporaryFolder folder;
  const std::string first = (folder.path() / "first.json").string();
  const std::string second = (folder.path() / "second.json").string();
  base::write_file(first, result::to_json(all_passed()).dump());
  base::write_file(second, result::to_json(passed_result()).dump());
  const std::string message = message_of([&] { read_all({first, second}); });
  EXPECT_NE(message.find("first.json"), std::string::npos) << message;
  EXPECT_NE(message.find("second.json"), std::string::npos) << message;
  EXPECT_NE(message.find("qwen3-tiny"), std::string::npos) << message;
  EXPECT_NE(message.find("cpu-f32"), std::string::npos) << message;
}

TEST(InOrder, PutsWiderTypesFirst) {
  const std::vector<Result> ordered = in_order(all_passed());
  EXPECT_EQ(ordered[0].family, "llama");
  EXPECT_EQ(ordered[1].candidate.name, "cpu-f32");
  EXPECT_EQ(ordered[2].candidate.name, "cpu-bf16");
}

TEST(FamilyRows, WhatFailedWithoutANumberIsTheWorst) {
  Result other = passed_result();
  other.case_name = "mixtral-other";
  other.family = "mixtral";
  const std::vector<Result> results = in_order({nan_result(), other});
  const std::vector<FamilyRow> rows = family_rows(results);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].verdict, Verdict::kFailed);
  EXPECT_EQ(rows[0].worst_ratio->case_name, "mixtral-tiny");
  EXPECT_EQ(rows[0].counts.passed, 1);
}

}  // namespace
}  // namespace plumb::reports
