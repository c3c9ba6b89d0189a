// The config keys that some model code in transformers reads: any other cannot change what a model
// computes. Source: ci/transformers_keys.py, which gathers them from the sources of the version
// that the oracles use, and compares in CI.
#pragma once

#include <string_view>

#include "base/json.h"

namespace plumb::model {

// Does any model code of transformers read a key of this name?
bool is_model_key(std::string_view key);

// Is `value` one under which a key switches nothing on: null, false, 0, something empty, or the
// default that all config classes with that key share? (A multiplier of 0 is a change, and so is
// false where the absent key means true.)
bool is_neutral(std::string_view key, const base::Json& value);

// Does the key, by its name, concern no forward of text: dropout, losses, how weights begin, the
// ids of special tokens?
bool is_idle_key(std::string_view key);

}  // namespace plumb::model
