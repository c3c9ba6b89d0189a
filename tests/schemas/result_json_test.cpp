// The JSON form of a result: what was written reads back the same, and what is wrong is named.
#include <gtest/gtest.h>

#include <cmath>

#include "base/errors.h"
#include "base/files.h"
#include "result/result.h"
#include "tests/reports/demo.h"
#include "tests/reports/samples.h"

namespace plumb::result {
namespace {

base::Json parsed(const base::OrderedJson& json) {
  return base::parse_json(json.dump(), "test");
}

std::string message_of(const base::Json& json) {
  try {
    from_json(json, "some.json");
  } catch (const base::InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ResultJson, ReadsBackWhatWasWritten) {
  std::vector<Result> results = reports::demo_results();
  for (const Result& result :
       {reports::passed_result(), reports::failed_result(), reports::nan_result(),
        reports::infinite_result(), reports::inconclusive_result(), reports::skipped_result()}) {
    results.push_back(result);
  }
  for (const Result& result : results) {
    const base::OrderedJson json = to_json(result);
    EXPECT_EQ(to_json(from_json(parsed(json), "test")).dump(), json.dump()) << result.case_name;
  }
}

TEST(ResultJson, KeepsUnknownAndInfiniteApart) {
  Result result = reports::passed_result();
  result.drift = {.max_abs_logit = HUGE_VAL, .rms_logit = -HUGE_VAL};
  const base::Json json = parsed(to_json(result));
  EXPECT_EQ(json["drift"]["max_abs_logit"], "inf");
  EXPECT_EQ(json["drift"]["rms_logit"], "-inf");
  EXPECT_TRUE(json["drift"]["floor_ratio"].is_null());
  const Drift drift = from_json(json, "test").drift;
  EXPECT_EQ(drift.max_abs_logit, HUGE_VAL);
  EXPECT_EQ(drift.rms_logit, -HUGE_VAL);
  EXPECT_TRUE(std::isnan(drift.floor_ratio));
}

TEST(ResultJson, TellsNoDiagnosisFromNoCertainCause) {
  Result result = reports::passed_result();
  EXPECT_TRUE(to_json(result)["diagnosis"].is_null());
  result.diagnosis.emplace();
  EXPECT_TRUE(from_json(parsed(to_json(result)), "test").diagnosis->empty());
}

TEST(ResultJson, NamesAKeyThatIsMissing) {
  const base::Json whole = parsed(to_json(reports::failed_result()));
  const auto without = [&](const std::string& pointer) {
    base::Json json = whole;
    const base::Json::json_pointer at(pointer);
    json[at.parent_pointer()].erase(at.back());
    return message_of(json);
  };
  for (const char* key :
       {"schema", "case", "family", "candidate", "verdict", "reasons", "drift", "tokens", "taps"}) {
    EXPECT_EQ(without(std::string("/") + key), std::string("some.json: ") + key + ": is missing");
  }
  EXPECT_EQ(without("/candidate/dtype"), "some.json: candidate.dtype: is missing");
  EXPECT_EQ(without("/drift/floor_ratio"), "some.json: drift.floor_ratio: is missing");
  EXPECT_EQ(without("/tokens/flips"), "some.json: tokens.flips: is missing");
  EXPECT_EQ(without("/taps/0/tap"), "some.json: taps[].tap: is missing");
  EXPECT_EQ(without("/oracle/verdict"), "some.json: oracle.verdict: is missing");
  EXPECT_EQ(without("/first_divergence/op"), "some.json: first_divergence.op: is missing");
}

TEST(ResultJson, NamesAValueThatIsWrong) {
  const auto with = [](const std::string& pointer, const base::Json& value) {
    base::Json json = parsed(to_json(reports::passed_result()));
    json[base::Json::json_pointer(pointer)] = value;
    return message_of(json);
  };
  EXPECT_EQ(with("/schema", "plumbline.result/2"), "some.json: schema: is 'plumbline.result/2'");
  EXPECT_EQ(with("/verdict", "OK"), "some.json: verdict: is the unknown verdict 'OK'");
  EXPECT_EQ(with("/drift/floor_ratio", "nan"), "some.json: drift.floor_ratio: is no number");
  EXPECT_EQ(with("/tokens/exact", 1.5), "some.json: tokens.exact: is no integer");
  EXPECT_EQ(with("/taps", 3), "some.json: taps: is no array");
}

TEST(ReadResults, RefusesWhatIsNoResult) {
  const base::TemporaryFolder folder;
  const std::string file = (folder.path() / "x.json").string();
  for (const char* text : {"", "[]", "{}", "{\"schema\": 7}", "{\"schema\": null}", "3",
                           "{\"schema\": \"plumbline.gate/1\"}",
                           "{\"schema\": \"plumbline.gate/1\", \"results\": [1]}"}) {
    base::write_file(file, text);
    EXPECT_THROW(read_results(file), base::InputError) << text;
  }
}

}  // namespace
}  // namespace plumb::result
