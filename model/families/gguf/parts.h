// What the keys of most architectures have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/families/gguf/keys.h"

namespace plumb::model {

struct GgufCommon {
  std::string_view model_type;
  std::string_view layers_key = "num_hidden_layers";
  // Where the family has the eps; and which of the two keys of the file holds it.
  std::string_view eps_key = "rms_norm_eps";
  bool layer_norm = false;
  bool head_dim = true;           // the family knows the key
  bool intermediate_size = true;  // likewise
  bool rope = true;               // rope_theta and rope_scaling are written
  bool partial_rotary = false;    // the family knows partial_rotary_factor
};

// Layers of the forward: those that predict further tokens do not count.
int64_t layer_count(GgufKeys& keys);

// Sizes, eps, rope and tie as the family's config has them.
base::Json common_config(GgufKeys& keys, const GgufCommon& common);

// The rope of the model's full layers: `rope_scaling`, empty where frequencies are plain.
base::Json rope_scaling(GgufKeys& keys, int64_t rotary_dim);

// attention.sliding_window_pattern as `layer_types`: a list, or every n-th layer is full.
std::vector<std::string> sliding_types(GgufKeys& keys, int64_t layers, int64_t pattern);

// rope.dimension_count must be the whole head.
void require_whole_heads(GgufKeys& keys, int64_t head_dim);

// Outputs of the experts' projections: the key, or what the tensor shows.
int64_t expert_width(GgufKeys& keys);

}  // namespace plumb::model
