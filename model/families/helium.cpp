// Helium: Llama with a rope of interleaved pairs. Source: transformers 5.23, models/helium.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 48000,
                                          .hidden_size = 2560,
                                          .intermediate_size = 7040,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 20,
                                          .num_key_value_heads = 20,
                                          .head_dim = 128,
                                          .max_position_embeddings = 4096,
                                          .rms_norm_eps = 1e-8});
  if (d.attention.num_attention_heads * d.attention.head_dim != d.hidden_size) {
    config.refuse("head_dim", "times num_attention_heads is not hidden_size",
                  "the output projection of this model type is square");
  }
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.rope = read_rope(config, {.theta = 1e5, .pairs = RopePairs::kInterleaved},
                               d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kHelium{
    .model_type = "helium",
    .architecture = "HeliumForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
