// OLMoE: Llama with experts, an RMS norm over all of q and all of k, and clipped q, k, v.
// Source: transformers 5.23, models/olmoe.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50304,
                                          .hidden_size = 2048,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 16,
                                          .num_attention_heads = 16,
                                          .max_position_embeddings = 4096,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .flat = true};
  d.attention.qkv_clip = config.positive("clip_qkv", 0.0, Null::kMeansAbsent);
  const MoeSpec moe = read_softmax_mixture(config, {.intermediate_key = "intermediate_size",
                                                    .num_experts = 64,
                                                    .top_k = 8,
                                                    .intermediate_size = 2048});
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
}

NameTable names(const Spec&) {
  return expert_names();
}

}  // namespace

constinit const Family kOlmoe{
    .model_type = "olmoe",
    .architecture = "OlmoeForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
