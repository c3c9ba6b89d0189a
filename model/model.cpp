#include "model/model.h"

#include <algorithm>
#include <cstring>

#include "base/errors.h"
#include "model/config_problems.h"
#include "model/config_reader.h"
#include "model/gguf/gguf_model.h"
#include "model/weights/quantization.h"

namespace plumb::model {
namespace {

using StoredTensors = std::map<std::string, StoredTensor>;

// The tensor that holds `role`, where there is one.
StoredTensors::const_iterator tensor_of(const StoredTensors& tensors, const NameTable& names,
                                        const std::string& role) {
  for (const TensorRule& rule : names.rules()) {
    if (rule.roles.size() != 1 || rule.roles.front() != role) continue;
    const auto found = tensors.find(rule.tensor + ".weight");
    if (found != tensors.end()) return found;
  }
  return tensors.end();
}

bool same_bytes(const RawTensor* a, const RawTensor* b) {
  return a->dtype == b->dtype && a->shape == b->shape &&
         std::memcmp(a->bytes.data(), b->bytes.data(), a->bytes.size()) == 0;
}

bool are_same(const StoredTensor& a, const StoredTensor& b) {
  return std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(), same_bytes);
}

// Source: transformers 5.23, modeling_utils.py, tie_weights: tensors that the file holds under
// both names stay tied only where they are equal.
void resolve_tied_head(const Checkpoint& checkpoint, ModelConfig& model) {
  const StoredTensors& tensors = checkpoint.tensors();
  const auto head = tensor_of(tensors, model.names, "lm_head");
  if (!model.spec.tie_word_embeddings || head == tensors.end()) return;
  const auto table = tensor_of(tensors, model.names, "embed");
  if (table != tensors.end() && are_same(head->second, table->second)) {
    model.names.ignore(head->first, "the tied head, equal to the embedding");
  } else {
    model.spec.tie_word_embeddings = false;
  }
}

const Family& find_family_of(ConfigReader& reader, const std::string& where) {
  for (const std::string_view key : kQuantizationKeys) reader.touch(key);  // the checkpoint's
  if (!reader.has("model_type")) {
    reader.refuse("model_type", "is missing", "say which family the model is of");
  }
  return find_family(reader.text("model_type", ""), where);
}

// A config as a family reads it; keys that must not pass stand in the allowance.
Spec read_spec(const Family& family, const base::Json& config, const std::string& where,
               Allowance& allowance) {
  allowance.foreign = family.foreign;
  ConfigReader reader(config, where, &allowance);
  if (family.config_file == kConfigJson) {
    reader.touch("model_type");
    for (const std::string_view key : kQuantizationKeys) reader.touch(key);
  }
  Spec spec = family.read(reader);
  spec.model_type = family.model_type;
  const bool generic = family.config_file == kConfigJson;
  reader.finish(generic ? generic_inert_keys() : std::span<const InertKey>(), family.inert);
  return spec;
}

ModelConfig read_as(const Family& family, const base::Json& config, const std::string& where,
                    const std::set<std::string>& allowed_keys) {
  const auto read = [&](const base::Json& json, Allowance& allowance) {
    return read_spec(family, json, where, allowance);
  };
  Allowance allowance{.keys = allowed_keys};
  ModelConfig model;
  try {
    model.spec = read(config, allowance);
  } catch (const ConfigRefusal& first) {
    refuse_all(where, all_problems(config, first, allowed_keys, read));
  }
  if (!allowance.problems.empty()) refuse_all(where, allowance.problems);
  model.allowed_keys = std::move(allowance.used);
  model.unread_keys.assign(allowance.unread.begin(), allowance.unread.end());
  model.names = family.names(model.spec);
  if (family.rename != nullptr) family.rename(config, model.spec, model.names);
  return model;
}

}  // namespace

ModelConfig read_config(const base::Json& config, const std::string& where,
                        const std::set<std::string>& allowed_keys) {
  ConfigReader reader(config, where);
  const Family& family = find_family_of(reader, where);
  base::Json stated = config;
  if (family.config_file != kConfigJson) stated.erase("model_type");  // its file names none
  return read_as(family, stated, where, allowed_keys);
}

ModelConfig read_config_file(const std::filesystem::path& file, const base::Json& config,
                             const std::set<std::string>& allowed_keys) {
  if (file.filename() == kParamsJson) {
    return read_as(meta_family(), config, file.string(), allowed_keys);
  }
  ConfigReader reader(config, file.string());
  const Family& family = find_family_of(reader, file.string());
  if (family.config_file != kConfigJson) {
    reader.refuse("model_type", "is '" + std::string(family.model_type) + "'",
                  "such a model is stated by a " + std::string(family.config_file));
  }
  return read_as(family, config, file.string(), allowed_keys);
}

ModelConfig read_config(const Checkpoint& checkpoint, const std::set<std::string>& allowed_keys) {
  if (is_gguf(checkpoint.folder())) {
    GgufMeaning meaning = read_gguf(checkpoint.folder(), allowed_keys);
    ModelConfig model;
    model.spec = std::move(meaning.spec);
    model.names = std::move(meaning.names);
    model.allowed_keys = std::move(meaning.allowed_keys);
    return model;
  }
  ModelConfig model = read_config_file(checkpoint.config_file(), checkpoint.config(), allowed_keys);
  const std::vector<std::string>& used = checkpoint.used_allowed_keys();
  model.allowed_keys.insert(model.allowed_keys.end(), used.begin(), used.end());
  resolve_tied_head(checkpoint, model);
  return model;
}

}  // namespace plumb::model
