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
// Of the positions of images, which a prompt of text has none of.
constexpr std::string_view kOfImages[] = {"mrope_section", "mrope_interleaved"};
constexpr const char* kOtherTexts[] = {
    "relu", "gelu", "full_attention", "sliding_attention", "default", "unheard-of"};

// Other values of the same type.
std::vector<Json> others(const Json& value) {
  if (value.is_boolean()) return {!value.get<bool>()};
  if (value.is_number_integer()) {
    const auto number = value.get<int64_t>();
    return {number + 1, 2 * number, number / 2, 1};
  }
  if (value.is_number()) {
    const auto number = value.get<double>();
    return {2.0 * number, 0.5 * number, 10.0 * number, 0.1 * number};
  }
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
  if (std::find(std::begin(kOfImages), std::end(kOfImages), pointer.back()) !=
      std::end(kOfImages)) {
    return true;
  }
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

// What a config makes of a checkpoint: its logits, and how many rules say what is left aside.
struct Outcome {
  std::vector<double> logits;
  size_t ignored = 0;

  bool operator==(const Outcome&) const = default;
};

class Outcomes {
 public:
  Outcomes(const std::filesystem::path& folder, std::vector<trace::Prompt> prompts)
      : folder_(folder), prompts_(std::move(prompts)) {}

  // Of the checkpoint under another config; none where that is refused.
  std::optional<Outcome> under(const Json& config, const std::string& file) const {
    tests::write_text(file, config.dump());
    try {
      const model::Checkpoint checkpoint(folder_);
      const model::ModelConfig model = model::read_config(checkpoint);
      const graph::Graph graph = graph::build(model.spec);
      const model::Weights weights(checkpoint, graph.weights, model.names);
      const base::Threads threads(1);
      const reference::Reference reference(graph, weights, threads);
      Outcome outcome{.ignored = model.names.ignored().size()};
      for (const trace::Prompt& prompt : prompts_) {
        trace::MemoryRecording recording;
        reference.record(prompt.tokens, trace::TapFilter("logits"), recording);
        const std::vector<double>& logits = recording.at(kLogits).values;
        outcome.logits.insert(outcome.logits.end(), logits.begin(), logits.end());
      }
      return outcome;
    } catch (const base::InputError&) {
      return std::nullopt;
    }
  }

 private:
  std::filesystem::path folder_;
  std::vector<trace::Prompt> prompts_;
};

// The keys of a case that take any value in silence, and are on no list; and those that count.
void sort_keys(const tests::Case& one, std::set<std::string>& silent,
               std::set<std::string>& counted) {
  const tests::SyntheticModel model(one);
  const Outcomes outcomes(model.folder.path(), trace::TraceFile(one.oracle()).prompts());
  const std::string file = model.checkpoint.config_file();
  const Json written = model.checkpoint.config();
  const auto usual = outcomes.under(written, file);
  ASSERT_TRUE(usual.has_value()) << one.name;
  std::vector<std::string> keys;
  list_keys(written, "", keys);
  for (const std::string& key : keys) {
    const Json::json_pointer pointer(key);
    // The parameters of a rope mean the same in every family that has its type.
    const bool of_rope =
        key.find("/rope_") < key.rfind('/') || key.ends_with("/partial_rotary_factor");
    const std::string id = (of_rope ? "rope_parameters/" : one.family + "/") + pointer.back();
    bool counts = is_listed(one, pointer);
    for (const Json& other : others(written.at(pointer))) {
      if (counts) break;
      Json config = written;
      config[pointer] = other;
      counts = outcomes.under(config, file) != usual;
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
  // A head in the file goes before the key, in transformers too; tied files have none.
  std::erase_if(silent,
                [](const std::string& key) { return key.ends_with("/tie_word_embeddings"); });
  for (const std::string& key : silent) ADD_FAILURE() << key << " may take any value in silence";
  EXPECT_GT(counted.size(), 10 * model::families().size());
}

}  // namespace
}  // namespace plumb
