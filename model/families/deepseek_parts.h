// What DeepSeek-V3 and the families after it share: multi-head latent attention, layers that
// predict further tokens.
#pragma once

#include "model/families/decoder.h"

namespace plumb::model {

struct LatentDefaults {
  int q_lora_rank = 0;
  int kv_lora_rank = 0;
  int qk_nope_head_dim = 0;
  int qk_rope_head_dim = 0;
  int v_head_dim = 0;
  Null v_head_dim_null = Null::kRefused;  // or meaning that default
  // What the class turns together, whatever rope_interleave says; none: as that says.
  std::optional<RopePairs> pairs;
  RopeRounding rounding = RopeRounding::kEveryStep;
};

LatentAttentionSpec read_latent_attention(ConfigReader& config, const Dimensions& dimensions,
                                          const LatentDefaults& defaults);

// The names of experts and latent attention. The layers that predict further tokens are ignored.
NameTable deepseek_names(const Spec& spec);

}  // namespace plumb::model
