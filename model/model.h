// A model as the checkpoint folder states it: what its config means, and how its tensors are named.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/checkpoint.h"
#include "model/families/family.h"
#include "model/spec.h"
#include "model/tensor_names.h"

namespace plumb::model {

struct ModelConfig {
  Spec spec;
  NameTable names;
  // Keys that only --allow-key let pass; reports say so.
  std::vector<std::string> allowed_keys;
  // Keys that were passed over as without effect: no model code in transformers reads them, or they
  // belong to other model types and switch nothing on.
  std::vector<std::string> unread_keys;
};

// Reads a config that names its model_type and stands at `where`. Throws InputError naming every
// key that is refused, as far as each can be told without the others.
ModelConfig read_config(const base::Json& config, const std::string& where,
                        const std::set<std::string>& allowed_keys = {});

// The same for a checkpoint's config.json, or its params.json, whose family its name tells.
ModelConfig read_config_file(const std::filesystem::path& file, const base::Json& config,
                             const std::set<std::string>& allowed_keys = {});

// The same for a checkpoint, with what only its tensors tell: a tied config whose file holds
// another lm_head uses that head, as transformers does.
ModelConfig read_config(const Checkpoint& checkpoint,
                        const std::set<std::string>& allowed_keys = {});

}  // namespace plumb::model
