// GLM: GLM-4 without its norms after the branches. Source: transformers 5.23, models/glm.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 151552,
                                          .intermediate_size = 13696,
                                          .num_hidden_layers = 40,
                                          .num_key_value_heads = 2,
                                          .head_dim = 128,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1.5625e-7});
  d.attention.rope =
      read_rope(config, {.pairs = RopePairs::kInterleaved, .partial_rotary_factor = 0.5},
                d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = config.flag("attention_bias", true);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names().pack("model.layers.{i}.mlp.gate_up_proj", {"gate_proj", "up_proj"});
}

}  // namespace

constinit const Family kGlm{
    .model_type = "glm",
    .architecture = "GlmForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
