#include "result/result.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/errors.h"

namespace plumb::result {
namespace {

using base::InputError;
using base::Json;
using base::OrderedJson;

// A gate over hundreds of cases, each with hundreds of taps, has its place.
constexpr base::JsonLimits kResultLimits{.bytes = size_t{512} << 20, .values = 20'000'000};

constexpr std::array<std::pair<Verdict, std::string_view>, 4> kVerdicts = {{
    {Verdict::kPassed, "PASSED"},
    {Verdict::kFailed, "FAILED"},
    {Verdict::kInconclusive, "INCONCLUSIVE"},
    {Verdict::kSkipped, "SKIPPED"},
}};

// JSON has no NaN and no infinity: unknown is null, beyond all bounds is a text.
OrderedJson number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

OrderedJson optional_integer(const std::optional<int>& layer) {
  return layer ? OrderedJson(*layer) : OrderedJson();
}

// Reads the keys of one object, naming what is missing.
class Reader {
 public:
  Reader(const Json& json, std::string where, std::string path)
      : json_(json), where_(std::move(where)), path_(std::move(path)) {
    if (!json.is_object()) fail("", "is no JSON object");
  }

  const Json& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(key, "is missing");
    return *found;
  }
  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  Reader object(const char* key) const { return {at(key), where_, path_ + key + "."}; }
  std::string text(const char* key) const {
    if (!at(key).is_string()) fail(key, "is no text");
    return at(key).get<std::string>();
  }
  std::string optional_text(const char* key) const { return has(key) ? text(key) : ""; }
  double number(const char* key) const {
    const Json& value = at(key);
    if (value.is_null()) return kUnknown;
    if (value == "inf" || value == "-inf") {
      return value == "inf" ? HUGE_VAL : -HUGE_VAL;
    }
    if (!value.is_number()) fail(key, "is no number");
    return value.get<double>();
  }
  double optional_number(const char* key) const {
    return json_.contains(key) ? number(key) : kUnknown;
  }
  int integer(const char* key) const {
    if (!at(key).is_number_integer()) fail(key, "is no integer");
    return at(key).get<int>();
  }
  bool flag(const char* key) const {
    if (!at(key).is_boolean()) fail(key, "is not true or false");
    return at(key).get<bool>();
  }
  std::optional<int> optional_integer(const char* key) const {
    return has(key) ? std::optional(integer(key)) : std::nullopt;
  }
  std::optional<int> layer() const { return optional_integer("layer"); }
  std::vector<Reader> objects(const char* key) const {
    if (!at(key).is_array()) fail(key, "is no array");
    std::vector<Reader> all;
    for (const Json& item : at(key)) all.emplace_back(item, where_, path_ + key + "[].");
    return all;
  }
  std::vector<std::string> texts(const char* key) const {
    if (!at(key).is_array()) fail(key, "is no array");
    std::vector<std::string> all;
    for (const Json& item : at(key)) {
      if (!item.is_string()) fail(key, "holds something that is no text");
      all.push_back(item.get<std::string>());
    }
    return all;
  }
  Verdict verdict() const {
    const std::string name = text("verdict");
    for (const auto& [verdict, text] : kVerdicts) {
      if (text == name) return verdict;
    }
    fail("verdict", "is the unknown verdict '" + name + "'");
  }

  [[noreturn]] void fail(const std::string& key, const std::string& problem) const {
    throw InputError(where_, path_ + key, problem);
  }

 private:
  const Json& json_;
  std::string where_;
  std::string path_;
};

OrderedJson to_json(const OracleSection& oracle) {
  return {{"producer", oracle.producer},
          {"verdict", to_text(oracle.verdict)},
          {"max_abs_logit", number(oracle.max_abs_logit)},
          {"max_rel_logit", number(oracle.max_rel_logit)},
          {"max_rel_tap", number(oracle.max_rel_tap)},
          {"worst_tap", oracle.worst_tap},
          {"token_exact", oracle.token_exact}};
}

OracleSection read_oracle(const Reader& json) {
  return {.producer = json.text("producer"),
          .verdict = json.verdict(),
          .max_abs_logit = json.number("max_abs_logit"),
          .max_rel_logit = json.number("max_rel_logit"),
          .max_rel_tap = json.number("max_rel_tap"),
          .worst_tap = json.text("worst_tap"),
          .token_exact = json.flag("token_exact")};
}

OrderedJson to_json(const Drift& drift) {
  return {{"max_abs_logit", number(drift.max_abs_logit)},
          {"rms_logit", number(drift.rms_logit)},
          {"floor_rms_logit", number(drift.floor_rms_logit)},
          {"floor_ratio", number(drift.floor_ratio)},
          {"nmse", number(drift.nmse)},
          {"kld", number(drift.kld)},
          {"cosine", number(drift.cosine)}};
}

Drift read_drift(const Reader& json) {
  return {.max_abs_logit = json.number("max_abs_logit"),
          .rms_logit = json.number("rms_logit"),
          .floor_rms_logit = json.number("floor_rms_logit"),
          .floor_ratio = json.number("floor_ratio"),
          .nmse = json.optional_number("nmse"),
          .kld = json.optional_number("kld"),
          .cosine = json.optional_number("cosine")};
}

OrderedJson to_json(const TokenSection& tokens) {
  return {{"compared", tokens.compared},
          {"exact", tokens.exact},
          {"certified_ties", tokens.certified_ties},
          {"flips", tokens.flips},
          {"greedy_compared", tokens.greedy_compared},
          {"greedy_exact", tokens.greedy_exact},
          {"expected_ties", number(tokens.expected_ties)}};
}

TokenSection read_tokens(const Reader& json) {
  return {.compared = json.integer("compared"),
          .exact = json.integer("exact"),
          .certified_ties = json.integer("certified_ties"),
          .flips = json.integer("flips"),
          .greedy_compared = json.integer("greedy_compared"),
          .greedy_exact = json.integer("greedy_exact"),
          .expected_ties = json.optional_number("expected_ties")};
}

OrderedJson to_json(const TapRow& row) {
  return {{"tap", row.tap},
          {"max_abs", number(row.max_abs)},
          {"max_rel", number(row.max_rel)},
          {"rms", number(row.rms)},
          {"nmse", number(row.nmse)},
          {"cosine", number(row.cosine)},
          {"floor_ratio", number(row.floor_ratio)},
          {"local_ratio", number(row.local_ratio)}};
}

TapRow read_tap(const Reader& json) {
  return {.tap = json.text("tap"),
          .max_abs = json.number("max_abs"),
          .max_rel = json.number("max_rel"),
          .rms = json.optional_number("rms"),
          .nmse = json.optional_number("nmse"),
          .cosine = json.optional_number("cosine"),
          .floor_ratio = json.number("floor_ratio"),
          .local_ratio = json.number("local_ratio")};
}

OrderedJson to_json(const FirstDivergence& first) {
  OrderedJson json = {{"tap", first.tap},
                      {"op", first.op},
                      {"layer", optional_integer(first.layer)},
                      {"suspects", first.suspects},
                      {"where", first.where},
                      {"local_ratio", number(first.local_ratio)}};
  if (first.run.empty()) return json;
  json["run"] = first.run;
  json["call"] = optional_integer(first.call);
  json["position"] = optional_integer(first.position);
  json["slots"] = first.slots;
  return json;
}

FirstDivergence read_first_divergence(const Reader& json) {
  return {.tap = json.text("tap"),
          .op = json.text("op"),
          .layer = json.layer(),
          .suspects = json.texts("suspects"),
          .where = json.optional_text("where"),
          .local_ratio = json.number("local_ratio"),
          .run = json.optional_text("run"),
          .call = json.optional_integer("call"),
          .position = json.optional_integer("position"),
          .slots = json.has("slots") ? json.texts("slots") : std::vector<std::string>()};
}

OrderedJson to_json(const Diagnosis& diagnosis) {
  OrderedJson json = {{"cause", diagnosis.cause},
                      {"says", diagnosis.says},
                      {"layer", optional_integer(diagnosis.layer)},
                      {"explained", number(diagnosis.explained)}};
  if (diagnosis.parameter) json["parameter"] = number(*diagnosis.parameter);
  return json;
}

Diagnosis read_diagnosis(const Reader& json) {
  Diagnosis diagnosis{.cause = json.text("cause"),
                      .says = json.text("says"),
                      .layer = json.layer(),
                      .explained = json.number("explained")};
  if (json.has("parameter")) diagnosis.parameter = json.number("parameter");
  return diagnosis;
}

OrderedJson to_json(const Power& power) {
  return {{"structural_covered", power.structural_covered},
          {"structural_total", power.structural_total},
          {"subtle_covered", power.subtle_covered},
          {"subtle_total", power.subtle_total},
          {"blind_to", power.blind_to}};
}

Power read_power(const Reader& json) {
  return {.structural_covered = json.integer("structural_covered"),
          .structural_total = json.integer("structural_total"),
          .subtle_covered = json.integer("subtle_covered"),
          .subtle_total = json.integer("subtle_total"),
          .blind_to = json.texts("blind_to")};
}

OrderedJson to_json(const StateCell& cell) {
  return {{"prompt", cell.prompt},
          {"run", cell.run},
          {"verdict", to_text(cell.verdict)},
          {"floor_ratio", number(cell.floor_ratio)},
          {"call", optional_integer(cell.call)},
          {"position", optional_integer(cell.position)},
          {"slots", cell.slots}};
}

StateCell read_state_cell(const Reader& json) {
  return {.prompt = json.text("prompt"),
          .run = json.text("run"),
          .verdict = json.verdict(),
          .floor_ratio = json.number("floor_ratio"),
          .call = json.optional_integer("call"),
          .position = json.optional_integer("position"),
          .slots = json.texts("slots")};
}

StateSection read_state(const Reader& json) {
  StateSection state{.reference_max_rel = json.number("reference_max_rel"), .cells = {}};
  for (const Reader& cell : json.objects("cells")) state.cells.push_back(read_state_cell(cell));
  return state;
}

template <class T>
OrderedJson list(const std::vector<T>& items) {
  OrderedJson array = OrderedJson::array();
  for (const T& item : items) array.push_back(to_json(item));
  return array;
}

OrderedJson to_json(const StateSection& state) {
  return {{"reference_max_rel", number(state.reference_max_rel)}, {"cells", list(state.cells)}};
}

}  // namespace

std::string_view to_text(Verdict verdict) {
  for (const auto& [value, text] : kVerdicts) {
    if (value == verdict) return text;
  }
  throw base::InternalError("every verdict has its name");
}

OrderedJson to_json(const Result& result) {
  OrderedJson json = {{"schema", kResultSchema},
                      {"case", result.case_name},
                      {"family", result.family},
                      {"candidate",
                       {{"name", result.candidate.name},
                        {"dtype", result.candidate.dtype},
                        {"producer", result.candidate.producer},
                        {"contract", result.candidate.contract}}},
                      {"verdict", to_text(result.verdict)}};
  json["reasons"] = OrderedJson::array();
  for (const Reason& reason : result.reasons) {
    json["reasons"].push_back(
        {{"gate", reason.gate},
         {"tap", reason.tap.empty() ? OrderedJson() : OrderedJson(reason.tap)},
         {"message", reason.message}});
  }
  json["oracle"] = result.oracle ? to_json(*result.oracle) : OrderedJson();
  json["drift"] = to_json(result.drift);
  json["tokens"] = to_json(result.tokens);
  json["taps"] = list(result.taps);
  json["first_divergence"] =
      result.first_divergence ? to_json(*result.first_divergence) : OrderedJson();
  json["diagnosis"] = result.diagnosis ? list(*result.diagnosis) : OrderedJson();
  json["power"] = result.power ? to_json(*result.power) : OrderedJson();
  json["state"] = result.state ? to_json(*result.state) : OrderedJson();
  json["notes"] = result.notes;
  return json;
}

Result from_json(const Json& json, const std::string& where) {
  const Reader reader(json, where, "");
  if (reader.text("schema") != kResultSchema) {
    reader.fail("schema", "is '" + reader.text("schema") + "'");
  }
  Result result{.case_name = reader.text("case"), .family = reader.text("family")};
  const Reader candidate = reader.object("candidate");
  result.candidate = {.name = candidate.text("name"),
                      .dtype = candidate.text("dtype"),
                      .producer = candidate.optional_text("producer"),
                      .contract = candidate.optional_text("contract")};
  result.verdict = reader.verdict();
  for (const Reader& reason : reader.objects("reasons")) {
    result.reasons.push_back(
        {reason.text("gate"), reason.optional_text("tap"), reason.text("message")});
  }
  if (reader.has("oracle")) result.oracle = read_oracle(reader.object("oracle"));
  result.drift = read_drift(reader.object("drift"));
  result.tokens = read_tokens(reader.object("tokens"));
  for (const Reader& tap : reader.objects("taps")) result.taps.push_back(read_tap(tap));
  if (reader.has("first_divergence")) {
    result.first_divergence = read_first_divergence(reader.object("first_divergence"));
  }
  if (reader.has("diagnosis")) {
    result.diagnosis.emplace();
    for (const Reader& row : reader.objects("diagnosis")) {
      result.diagnosis->push_back(read_diagnosis(row));
    }
  }
  if (reader.has("power")) result.power = read_power(reader.object("power"));
  if (reader.has("state")) result.state = read_state(reader.object("state"));
  if (reader.has("notes")) result.notes = reader.texts("notes");
  return result;
}

OrderedJson to_json(const std::vector<Result>& results) {
  return {{"schema", kGateSchema}, {"results", list(results)}};
}

std::vector<Result> read_results(const std::string& file) {
  const Json json = base::read_json_file(file, kResultLimits);
  // A schema of another type is from_json's to refuse, naming the file.
  if (!json.is_object() || json.value("schema", Json()) != Json(kGateSchema)) {
    return {from_json(json, file)};
  }
  std::vector<Result> results;
  const Reader reader(json, file, "");
  if (!reader.at("results").is_array()) reader.fail("results", "is no array");
  for (const Json& item : reader.at("results")) results.push_back(from_json(item, file));
  return results;
}

}  // namespace plumb::result
