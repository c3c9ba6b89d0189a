// Seed-OSS: Llama with a switch for each kind of bias. Source: transformers 5.23, models/seed_oss.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 155136,
                                          .intermediate_size = 27648,
                                          .num_hidden_layers = 64,
                                          .num_attention_heads = 80,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 524288});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = config.flag("attention_bias", true);
  d.attention.o_bias = config.flag("attention_out_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

constexpr InertKey kInert[] = {{"residual_dropout"}};

}  // namespace

constinit const Family kSeedOss{
    .model_type = "seed_oss",
    .architecture = "SeedOssForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
