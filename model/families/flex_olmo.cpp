// FlexOlmo: OLMo 2's attention and norms, with OLMoE's experts.
// Source: transformers 5.23, models/flex_olmo.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(
      config, {.vocab_size = 100352, .intermediate_size = 0, .max_position_embeddings = 4096});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .flat = true};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.rope = read_rope(config, {.theta = 5e5, .rounding = RopeRounding::kOutput},
                               d.attention.head_dim, d.max_position_embeddings);
  const MoeSpec moe = read_softmax_mixture(config, {.intermediate_key = "intermediate_size",
                                                    .num_experts = 7,
                                                    .top_k = 5,
                                                    .intermediate_size = 11008});
  return make_decoder(d, post_norm_layer(d.norm, d.attention, moe));
}

NameTable names(const Spec&) {
  return expert_names()
      .name("mixer_post_norm", "model.layers.{i}.post_attention_layernorm")
      .name("ffn_post_norm", "model.layers.{i}.post_feedforward_layernorm");
}

}  // namespace

constinit const Family kFlexOlmo{
    .model_type = "flex_olmo",
    .architecture = "FlexOlmoForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
