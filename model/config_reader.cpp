#include "model/config_reader.h"

#include <algorithm>
#include <cmath>

#include "model/transformers_keys.h"

namespace plumb::model {

using base::Json;

std::string Problem::key() const {
  std::string text;
  for (const std::string& part : path) text += (text.empty() ? "" : ".") + part;
  return text;
}

ConfigRefusal::ConfigRefusal(const std::string& where, Problem problem)
    : InputError(where, problem.key(), problem.problem, problem.mend),
      problem_(std::move(problem)) {}

ConfigReader::ConfigReader(const Json& object, std::string where, Allowance* allowance)
    : object_(object), where_(std::move(where)), allowance_(allowance) {
  if (!object.is_object()) {
    throw base::InputError(where_, "", "is no JSON object", "write a config as {\"key\": value}");
  }
}

bool ConfigReader::present(std::string_view key) const {
  return object_.contains(key);
}

bool ConfigReader::has(std::string_view key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const Json* ConfigReader::find(std::string_view key, Null null) {
  touch(key);
  const auto found = object_.find(key);
  if (found == object_.end()) return nullptr;
  if (!found->is_null()) return &*found;
  if (null == Null::kRefused) refuse(key, "is null", "give a value or leave the key out");
  return nullptr;
}

int64_t ConfigReader::integer(std::string_view key, int64_t fallback, int64_t least, int64_t most,
                              Null null) {
  const Json* value = find(key, null);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) {
    refuse(key, "is " + value->dump() + ", not an integer", "write an integer");
  }
  const bool fits = value->is_number_unsigned()
                        ? value->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX)
                        : true;
  if (!fits || value->get<int64_t>() < least || value->get<int64_t>() > most) {
    refuse(key, "is " + value->dump(),
           "it must lie in " + std::to_string(least) + ".." + std::to_string(most));
  }
  return value->get<int64_t>();
}

double ConfigReader::number(std::string_view key, double fallback, Null null) {
  const Json* value = find(key, null);
  if (value == nullptr) return fallback;
  if (!value->is_number() || !std::isfinite(value->get<double>())) {
    refuse(key, "is " + value->dump() + ", not a finite number", "write a number");
  }
  return value->get<double>();
}

double ConfigReader::positive(std::string_view key, double fallback, Null null) {
  const double value = number(key, fallback, null);
  if (has(key) && !(value >= 1e-20 && value <= 1e12)) {
    refuse(key, "is " + object_.at(std::string(key)).dump(), "it must lie in 1e-20..1e12");
  }
  return value;
}

bool ConfigReader::flag(std::string_view key, bool fallback, Null null) {
  const Json* value = find(key, null);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    refuse(key, "is " + value->dump() + ", not true or false", "write true or false");
  }
  return value->get<bool>();
}

std::string ConfigReader::text(std::string_view key, std::string_view fallback, Null null) {
  const Json* value = find(key, null);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) {
    refuse(key, "is " + value->dump() + ", not a text", "write a text in quotes");
  }
  return value->get<std::string>();
}

std::vector<double> ConfigReader::numbers(std::string_view key) {
  const Json* value = find(key, Null::kRefused);
  if (value == nullptr) refuse(key, "is missing", "state it");
  if (!value->is_array()) refuse(key, "is not a list of numbers", "write [1.0, ...]");
  std::vector<double> result;
  for (const Json& item : *value) {
    if (!item.is_number() || !std::isfinite(item.get<double>())) {
      refuse(key, "is not a list of finite numbers", "write [1.0, ...]");
    }
    result.push_back(item.get<double>());
  }
  return result;
}

std::vector<std::string> ConfigReader::texts(std::string_view key) {
  const Json* value = find(key, Null::kRefused);
  if (value == nullptr) refuse(key, "is missing", "state it");
  if (!value->is_array()) refuse(key, "is not a list of texts", "write [\"...\", ...]");
  std::vector<std::string> result;
  for (const Json& item : *value) {
    if (!item.is_string()) refuse(key, "is not a list of texts", "write [\"...\", ...]");
    result.push_back(item.get<std::string>());
  }
  return result;
}

ConfigReader ConfigReader::object(std::string_view key) {
  touch(key);
  const auto found = object_.find(key);
  if (found == object_.end() || !found->is_object()) {
    refuse(key, "is no JSON object", "write {\"key\": value}");
  }
  return object(key, *found);
}

ConfigReader ConfigReader::object(std::string_view key, const Json& other) const {
  ConfigReader reader(other, where_, allowance_);
  reader.path_ = path_;
  reader.path_.emplace_back(key);
  return reader;
}

Problem ConfigReader::problem_of(std::string_view key, std::string problem,
                                 std::string mend) const {
  Problem result{path_, std::move(problem), std::move(mend)};
  result.path.emplace_back(key);
  return result;
}

void ConfigReader::refuse(std::string_view key, const std::string& problem,
                          const std::string& mend) const {
  throw ConfigRefusal(where_, problem_of(key, problem, mend));
}

ConfigReader::Use ConfigReader::inert_use(const InertKey& inert, const std::string& key,
                                          const Json& value) const {
  if (inert.key != key) return Use::kNone;
  if (inert.harmless.empty()) return Use::kHarmless;
  const std::string text = value.dump();
  for (std::string_view rest = inert.harmless; !rest.empty();) {
    const std::string_view harmless = rest.substr(0, rest.find('|'));
    if (harmless == text) return Use::kHarmless;
    rest.remove_prefix(std::min(rest.size(), harmless.size() + 1));
  }
  return Use::kHarmful;
}

std::optional<Problem> ConfigReader::judge_unread(const std::string& key, const Json& value,
                                                  std::span<const InertKey> generic,
                                                  std::span<const InertKey> inert) const {
  const Problem unread = problem_of(key, "is a key that this model type does not read", {});
  const std::string path = unread.key();
  if (allowance_ != nullptr && allowance_->keys.contains(path)) {
    allowance_->used.push_back(path);
    return std::nullopt;
  }
  for (const auto& rows : {inert, generic}) {
    for (const InertKey& row : rows) {
      const Use use = inert_use(row, key, value);
      if (use == Use::kHarmless) return std::nullopt;
      if (use == Use::kNone) continue;
      std::string usual(row.harmless);
      for (size_t at = 0; (at = usual.find('|', at)) != usual.npos;) usual.replace(at, 1, " or ");
      return problem_of(key,
                        "is " + value.dump() + ", which changes the model and is not supported",
                        "only " + usual + " is");
    }
  }
  const Foreign foreign = allowance_ == nullptr ? Foreign::kNone : allowance_->foreign;
  const bool neutral = is_idle_key(key) || is_neutral(key, value);
  const bool plain = base::one_line(path, path.size()) == path;
  if (!plain) return problem_of(key, "is no plain name", "take it out");
  if ((foreign != Foreign::kNone && neutral) || (foreign == Foreign::kAny && !is_model_key(key))) {
    allowance_->unread.insert(path);
    return std::nullopt;
  }
  return problem_of(key, unread.problem,
                    "take it out, or pass --allow-key " + path + " if it has no effect");
}

void ConfigReader::finish(std::span<const InertKey> generic,
                          std::span<const InertKey> inert) const {
  for (const auto& [key, value] : object_.items()) {
    if (read_.contains(key)) continue;
    const std::optional<Problem> problem = judge_unread(key, value, generic, inert);
    if (!problem) continue;
    if (allowance_ == nullptr) throw ConfigRefusal(where_, *problem);
    allowance_->problems.push_back(*problem);
  }
}

}  // namespace plumb::model
