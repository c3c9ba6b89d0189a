#include "model/transformers_keys.h"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace plumb::model {
namespace {

using base::Json;

constexpr std::string_view kTable =
#include "model/transformers_keys.inc"
    ;

struct Row {
  std::string_view usual;  // the shared default as a JSON text; empty: none
  bool zero_is_not = false;
};

using Rows = std::unordered_map<std::string_view, Row>;

// Words of the form key, key=default, key! and key!=default.
Rows read_table() {
  Rows rows;
  std::string_view rest = kTable;
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \n"), rest.size()));
    if (rest.empty()) return rows;
    const std::string_view word = rest.substr(0, rest.find_first_of(" \n"));
    rest.remove_prefix(word.size());
    const size_t end = std::min(word.find_first_of("!="), word.size());
    const size_t equals = word.find('=');
    rows[word.substr(0, end)] = {
        .usual = equals == std::string_view::npos ? "" : word.substr(equals + 1),
        .zero_is_not = end < word.size() && word[end] == '!'};
  }
}

const Rows& rows() {
  static const Rows kRows = read_table();
  return kRows;
}

bool is_multiplier(std::string_view key) {
  return key.ends_with("_multiplier") || key.ends_with("_scaling") || key.ends_with("_scale");
}

}  // namespace

bool is_model_key(std::string_view key) {
  return rows().contains(key);
}

bool is_neutral(std::string_view key, const Json& value) {
  if (value.is_null() || (value.is_structured() && value.empty()) || value == "") return true;
  const auto found = rows().find(key);
  const Row row = found == rows().end() ? Row{} : found->second;
  if (!row.usual.empty() && value == Json::parse(row.usual)) return true;
  if (value.is_boolean()) return !value.get<bool>() && row.usual != "true" && !row.zero_is_not;
  if (!value.is_number()) return false;
  if (is_multiplier(key)) return value == 1;
  return value == 0 && !row.zero_is_not;
}

bool is_idle_key(std::string_view key) {
  constexpr std::string_view kParts[] = {"dropout", "pdrop",        "drop_path", "layerdrop",
                                         "_loss",   "initializer_", "init_std"};
  constexpr std::string_view kEnds[] = {"_token_id", "_token_ids", "_token_index"};
  const auto holds = [&](std::string_view part) { return key.find(part) != key.npos; };
  const auto ends = [&](std::string_view end) { return key.ends_with(end); };
  return std::any_of(std::begin(kParts), std::end(kParts), holds) ||
         std::any_of(std::begin(kEnds), std::end(kEnds), ends);
}

}  // namespace plumb::model
