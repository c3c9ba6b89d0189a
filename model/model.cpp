#include "model/model.h"

#include <cstring>

#include "base/errors.h"
#include "model/config_reader.h"

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

bool same_bytes(const StoredTensor& a, const StoredTensor& b) {
  const auto x = a.file->bytes(*a.entry);
  const auto y = b.file->bytes(*b.entry);
  return a.entry->dtype == b.entry->dtype && a.entry->shape == b.entry->shape &&
         std::memcmp(x.data(), y.data(), x.size()) == 0;
}

// Source: transformers 5.23, modeling_utils.py, tie_weights: tensors that the file holds under
// both names stay tied only where they are equal.
void resolve_tied_head(const Checkpoint& checkpoint, ModelConfig& model) {
  const StoredTensors& tensors = checkpoint.tensors();
  const auto head = tensor_of(tensors, model.names, "lm_head");
  if (!model.spec.tie_word_embeddings || head == tensors.end()) return;
  const auto table = tensor_of(tensors, model.names, "embed");
  if (table != tensors.end() && same_bytes(head->second, table->second)) {
    model.names.ignore(head->first, "the tied head, equal to the embedding");
  } else {
    model.spec.tie_word_embeddings = false;
  }
}

}  // namespace

ModelConfig read_config(const base::Json& config, const std::string& where,
                        const std::set<std::string>& allowed_keys) {
  Allowance allowance{.keys = allowed_keys};
  ConfigReader reader(config, where, &allowance);
  if (reader.has("quantization_config")) {
    reader.refuse("quantization_config", "quantised checkpoints are not supported",
                  "use one with plain weights");
  }
  reader.touch("quantization_config");
  if (!reader.has("model_type")) {
    reader.refuse("model_type", "is missing", "say which family the model is of");
  }
  const Family& family = find_family(reader.text("model_type", ""), where);
  ModelConfig model;
  model.spec = family.read(reader);
  model.spec.model_type = family.model_type;
  reader.finish(generic_inert_keys(), family.inert);
  model.allowed_keys = std::move(allowance.used);
  model.names = family.names(model.spec);
  return model;
}

ModelConfig read_config(const Checkpoint& checkpoint, const std::set<std::string>& allowed_keys) {
  ModelConfig model = read_config(checkpoint.config(), checkpoint.config_file(), allowed_keys);
  resolve_tied_head(checkpoint, model);
  return model;
}

}  // namespace plumb::model
