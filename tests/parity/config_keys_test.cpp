// Every key of every config counts: another value moves the logits, or is refused, or the key
// stands on a list of keys without effect.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/errors.h"
#include "graph/builder.h"
#include "reference/run.h"
#include "tests/support/files.h"
#include "tests/support/model.h"
#include "trace/trace_file.h"

namespace plumb {
namespace {

using base::Json;

constexpr trace::Tap kLogits{trace::TapId::kLogits, -1};
constexpr const char* kOtherTexts[] = {
    "relu", "gelu", "full_attention", "sliding_attention", "default", "unheard-of"};

// Other values of the same type.
std::vector<Json> others(const Json& value) {
  if (value.is_boolean()) return {!value.get<bool>()};
  if (value.is_number_integer()) {
    const auto number = value.get<int64_t>();
    return {number + 1, 2 * number, number / 2, 1};
  }
  if (value.is_number()) return {2.0 * value.get<double>(), 0.5 * value.get<double>()};
  std::vector<Json> changed;
  if (value.is_string()) changed.assign(std::begin(kOtherTexts), std::end(kOtherTexts));
  if (value.is_null()) changed = {1, 2, true, "unheard-of"};
  if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      for (const Json& other : others(value[i])) {
        changed.push_back(value);
        changed.back()[i] = other;
      }
    }
  }
  return changed;
}

// "rope_parameters/factor" for every value of the config that is no object.
void list_keys(const Json& object, const std::string& path, std::vector<std::string>& keys) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      list_keys(value, path + "/" + key, keys);
    } else {
      keys.push_back(path + "/" + key);
    }
  }
}

// True where a key on the way stands on a list: that of the family, or of a wrapper's text part.
bool is_listed(const tests::Case& one, Json::json_pointer pointer) {
  std::vector<std::span<const model::InertKey>> lists = {
      model::generic_inert_keys(), model::find_family(one.family, one.name).inert};
  if (one.config.contains("text_config")) {
    const std::string text = one.config["text_config"]["model_type"];
    lists.push_back(model::find_family(text, one.name).inert);
  }
  for (; !pointer.empty(); pointer = pointer.parent_pointer()) {
    for (const auto& rows : lists) {
      for (const model::InertKey& row : rows) {
        if (row.key == pointer.back()) return true;
      }
    }
  }
  return false;
}

class Logits {
 public:
  Logits(const std::filesystem::path& folder, std::vector<int64_t> tokens)
      : folder_(folder), tokens_(std::move(tokens)) {}

  // Of the checkpoint under another config; none where that is refused.
  std::optional<std::vector<double>> under(const Json& config, const std::string& file) const {
    tests::write_text(file, config.dump());
    try {
      const model::Checkpoint checkpoint(folder_);
      const model::ModelConfig model = model::read_config(checkpoint);
      const graph::Graph graph = graph::build(model.spec);
      const model::Weights weights(checkpoint, graph.weights, model.names);
      const base::Threads threads(1);
      trace::MemoryRecording recording;
      reference::Reference(graph, weights, threads)
          .record(tokens_, trace::TapFilter("logits"), recording);
      return recording.at(kLogits).values;
    } catch (const base::InputError&) {
      return std::nullopt;
    }
  }

 private:
  std::filesystem::path folder_;
  std::vector<int64_t> tokens_;
};

// The keys of a case that take any value in silence, and are on no list; and those that count.
void sort_keys(const tests::Case& one, std::set<std::string>& silent,
               std::set<std::string>& counted) {
  const tests::SyntheticModel model(one.config, one.seed);
  const Logits logits(model.folder.path(), trace::TraceFile(one.oracle()).prompts().front().tokens);
  const std::string file = model.checkpoint.config_file();
  const Json written = model.checkpoint.config();
  const auto usual = logits.under(written, file);
  ASSERT_TRUE(usual.has_value()) << one.name;
  std::vector<std::string> keys;
  list_keys(written, "", keys);
  for (const std::string& key : keys) {
    const Json::json_pointer pointer(key);
    const std::string id = one.family + key;
    bool counts = is_listed(one, pointer);
    for (const Json& other : others(written.at(pointer))) {
      if (counts) break;
      Json config = written;
      config[pointer] = other;
      counts = logits.under(config, file) != usual;
    }
    (counts ? counted : silent).insert(id);
  }
}

TEST(ConfigKeys, EachMovesTheLogitsOrIsRefusedOrIsListed) {
  std::set<std::string> silent;
  std::set<std::string> counted;
  for (const std::string& name : tests::case_names()) {
    sort_keys(tests::read_case(name), silent, counted);
  }
  // A key may be without effect beside the others of one case; not in every case.
  for (const std::string& key : counted) silent.erase(key);
  for (const std::string& key : silent) ADD_FAILURE() << key << " may take any value in silence";
  EXPECT_GT(counted.size(), 10 * model::families().size());
}

}  // namespace
}  // namespace plumb
