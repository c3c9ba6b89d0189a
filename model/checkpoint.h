// A checkpoint folder: its config, its mapped tensors and the weights they are, its fingerprint.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/safetensors.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

// The file that states a checkpoint's config, and with it how the checkpoint is laid out.
inline constexpr const char* kConfigJson = "config.json";  // as transformers writes it
inline constexpr const char* kParamsJson = "params.json";  // as Meta does: it names no model_type

// Throws InputError when the folder holds neither file, or both.
std::filesystem::path find_config_file(const std::filesystem::path& folder);

// Does the folder hold any file of weights, complete or not? A .gguf file does.
bool holds_weights(const std::filesystem::path& folder);

// Maps `model.safetensors`, or the shards that `model.safetensors.index.json` names; beside a
// params.json without an index, every *.safetensors. Throws InputError when a file is missing or
// damaged, a shard lies outside the folder, a tensor stands twice, the index and the shards
// disagree, both forms stand side by side, or the weights are quantised otherwise than declared.
class Checkpoint {
 public:
  // allowed_keys: of the declaration of quantisation, by their paths in the config.
  // adapter: the folder of a LoRA (adapter/adapter.h), by which weights differ; empty: none.
  explicit Checkpoint(const std::filesystem::path& folder,
                      const std::set<std::string>& allowed_keys = {},
                      const std::filesystem::path& adapter = {});

  const std::filesystem::path& folder() const { return folder_; }
  const std::filesystem::path& config_file() const { return config_file_; }
  const base::Json& config() const { return config_; }
  // Those of the allowed keys that were needed.
  const std::vector<std::string>& used_allowed_keys() const { return used_allowed_keys_; }
  // The tensors of the files, by their own names.
  const std::map<std::string, RawTensor>& raw_tensors() const { return raw_; }
  // The same by the names that families use: a quantised weight and its companions are one.
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }

  // sha256 over, for each of the config file, *.safetensors, *.safetensors.index.json in byte order
  // of the names: name, NUL, the file's sha256 in hex, newline. Reads every byte; computed once.
  const std::string& sha256() const;

 private:
  void add_all();
  void add_file(const std::string& name);
  void resolve_weights(const std::set<std::string>& allowed_keys);
  void add_shards(const base::Json& index, const std::string& where);
  bool holds(const std::string& name) const;

  std::filesystem::path folder_;
  std::filesystem::path config_file_;
  base::Json config_;
  std::vector<std::string> used_allowed_keys_;
  std::vector<std::unique_ptr<base::SafetensorsFile>> files_;
  std::map<std::string, RawTensor> raw_;  // nodes stay where they are: tensors_ points at them
  std::map<std::string, StoredTensor> tensors_;
  mutable std::string sha256_;
};

}  // namespace plumb::model
