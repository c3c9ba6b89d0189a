// The parts of a params.json, the fields of ExecuTorch's ModelArgs.
//
// Two decoders of ExecuTorch read them: its Llama transformer (examples/models/llama), and the
// static one (examples/qualcomm/oss_scripts/llama/model/static_llama.py), which alone has the
// features of Gemma, Granite, GLM and SmolLM3. A config with one of these is the latter's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/families/decoder.h"

namespace plumb::model {

// What the static decoder alone computes.
struct MetaFeatures {
  bool any = false;
  bool glm = false;  // gate and up in one tensor, ropes of pairs
  Activation activation = Activation::kSilu;
  double attention_multiplier = 0.0;  // 0: head_dim^-0.5
  double embedding_multiplier = 1.0;
  double residual_multiplier = 1.0;
  double logit_multiplier = 1.0;
  double attention_soft_cap = 0.0;
  double final_soft_cap = 0.0;
  int no_rope_layer_interval = 0;
  bool post_attention_norm = false;
  bool post_ffn_norm = false;
  bool ffn_norm = true;  // else both branches read one norm
};
inline constexpr std::string_view kGlmArchitecture = "GlmForCausalLM";
MetaFeatures read_meta_features(ConfigReader& config);

// The norm that norm_type names: of RMS, as Gemma has it (times 1 + weight), or a LayerNorm.
NormSpec read_meta_norm(ConfigReader& config, double eps);

// Two thirds of 4 dim, times a multiplier, rounded up; or hidden_dim.
int read_meta_hidden_dim(ConfigReader& config, int dim);

// What layer_types says of each layer; full attention where it is absent. The list may be longer
// than the model is deep, as one of the published ones is.
std::vector<std::string> read_meta_layer_types(ConfigReader& config, int num_hidden_layers);

// The rope of the full layers, and that of the sliding ones.
struct MetaRopes {
  RopeSpec full;
  RopeSpec sliding;
};
MetaRopes read_meta_ropes(ConfigReader& config, const MetaFeatures& features, int head_dim);

std::optional<QkNormSpec> read_meta_qk_norm(ConfigReader& config, const NormSpec& norm);

GatedDeltaNetSpec read_meta_delta_net(ConfigReader& config, const AttentionSpec& attention,
                                      double eps);

}  // namespace plumb::model
