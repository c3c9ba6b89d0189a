// schemas/*.json against what is really written: everything written is valid, and everything that
// is promised is required.
#include <gtest/gtest.h>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "base/json.h"
#include "result/result.h"
#include "tests/reports/demo.h"
#include "tests/reports/samples.h"

namespace plumb::result {
namespace {

using base::Json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

Json schema_file(const std::string& name) {
  return base::read_json_file(std::string(PLUMB_ROOT) + "/schemas/" + name);
}

class Validator {
 public:
  explicit Validator(const std::string& name) {
    const Json json = schema_file(name);
    valijson::SchemaParser().populateSchema(
        Adapter(json), schema_,
        [](const std::string& other) -> const Json* { return new Json(schema_file(other)); },
        [](const Json* document) { delete document; });
  }
  bool accepts(const Json& json) const {
    return valijson::Validator().validate(schema_, Adapter(json), nullptr);
  }

 private:
  valijson::Schema schema_;
};

Json written(const Result& result) {
  return base::parse_json(to_json(result).dump(), "test");
}

// The example that users are shown, word for word.
constexpr std::string_view kDocumented = R"({"schema": "plumbline.result/1",
 "case": "qwen3-tiny", "family": "qwen3", "candidate": {"name": "cpu-f32", "dtype": "float32", "producer": "..."},
 "verdict": "PASSED",
 "reasons": [{"gate": "local", "tap": "layer.1.q_rope", "message": "..."}],
 "oracle": {"producer": "transformers 5.x", "verdict": "PASSED", "max_abs_logit": 3e-14, "max_rel_logit": 1e-14, "max_rel_tap": 2e-14, "worst_tap": "layer.2.ffn_out", "token_exact": true},
 "drift": {"max_abs_logit": 1.1e-5, "rms_logit": 2.0e-6, "floor_rms_logit": 2.1e-6, "floor_ratio": 0.95},
 "tokens": {"compared": 37, "exact": 37, "certified_ties": 0, "flips": 0, "greedy_compared": 16, "greedy_exact": 16},
 "taps": [{"tap": "layer.0.mixer_out", "max_abs": 1e-6, "max_rel": 4e-7, "floor_ratio": 1.02, "local_ratio": 0.97}],
 "first_divergence": {"tap": "layer.2.mixer_out", "op": "rope", "layer": 2, "suspects": ["layer.2.q_rope"], "local_ratio": 5.1e4},
 "diagnosis": [{"cause": "rope_interleaved", "says": "layer 2 rotates interleaved pairs", "layer": 2, "explained": 0.9998}],
 "power": {"structural_covered": 41, "structural_total": 41, "subtle_covered": 20, "subtle_total": 22, "blind_to": ["norm_eps"]}})";

TEST(ResultSchema, AcceptsEveryResultThatIsWritten) {
  const Validator validator("result.schema.json");
  for (const Result& result :
       {reports::passed_result(), reports::failed_result(), reports::nan_result(),
        reports::infinite_result(), reports::inconclusive_result(), reports::skipped_result()}) {
    EXPECT_TRUE(validator.accepts(written(result))) << written(result).dump(1);
  }
}

TEST(ResultSchema, AcceptsWhatIsDocumentedAndSoDoesTheReader) {
  const Json json = base::parse_json(kDocumented, "docs");
  EXPECT_TRUE(Validator("result.schema.json").accepts(json));
  EXPECT_EQ(from_json(json, "docs").case_name, "qwen3-tiny");
}

// Every key of the documented form is a promise, at whatever depth.
void expect_required(const Validator& validator, const Json& whole, const std::string& pointer) {
  const Json& here = whole[Json::json_pointer(pointer)];
  for (const auto& [key, value] : here.items()) {
    const std::string child = pointer + "/" + key;
    if (here.is_object()) {
      Json without = whole;
      without[Json::json_pointer(pointer)].erase(key);
      EXPECT_FALSE(validator.accepts(without)) << child;
    }
    if (value.is_structured()) expect_required(validator, whole, child);
  }
}

TEST(ResultSchema, RequiresEveryDocumentedKey) {
  expect_required(Validator("result.schema.json"), base::parse_json(kDocumented, "docs"), "");
}

void expect_typed(const Validator& validator, const Json& whole, const std::string& pointer) {
  const Json& here = whole[Json::json_pointer(pointer)];
  for (const auto& [key, value] : here.items()) {
    const std::string child = pointer + "/" + key;
    if (value.is_structured()) expect_typed(validator, whole, child);
    Json wrong = whole;
    wrong[Json::json_pointer(child)] = value.is_boolean() ? Json("true") : Json(true);
    EXPECT_FALSE(validator.accepts(wrong)) << child;
  }
}

TEST(ResultSchema, ChecksTheTypeOfEveryKeyThatIsWritten) {
  expect_typed(Validator("result.schema.json"), written(reports::failed_result()), "");
}

TEST(ResultSchema, MayBeAddedToAtTheTopAlone) {
  const Validator validator("result.schema.json");
  Json json = written(reports::failed_result());
  json["added_later"] = 1;
  EXPECT_TRUE(validator.accepts(json));
  for (const char* section : {"candidate", "oracle", "drift", "tokens", "power"}) {
    Json more = json;
    more[section]["misspelt"] = 1;
    EXPECT_FALSE(validator.accepts(more)) << section;
  }
}

TEST(ResultSchema, KnowsTheVerdictsAndTheWordsForInfinity) {
  const Validator validator("result.schema.json");
  Json json = written(reports::passed_result());
  json["verdict"] = "OK";
  EXPECT_FALSE(validator.accepts(json));
  json["verdict"] = "SKIPPED";
  json["drift"]["floor_ratio"] = "-inf";
  EXPECT_TRUE(validator.accepts(json));
  json["drift"]["floor_ratio"] = "NaN";
  EXPECT_FALSE(validator.accepts(json));
}

TEST(GateSchema, AcceptsAGateAndLooksIntoItsResults) {
  const Validator validator("gate.schema.json");
  Json json = base::parse_json(to_json(reports::demo_results()).dump(), "test");
  EXPECT_TRUE(validator.accepts(json));
  json["results"][7]["verdict"] = "OK";
  EXPECT_FALSE(validator.accepts(json));
  EXPECT_TRUE(validator.accepts(base::parse_json(to_json(std::vector<Result>{}).dump(), "test")));
  EXPECT_FALSE(validator.accepts(written(reports::passed_result())));
}

}  // namespace
}  // namespace plumb::result
