// ERNIE 4.5, dense: Llama with a rope of interleaved pairs in float32 and one switch for all
// biases. Source: transformers 5.23, models/ernie4_5.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 103424,
                                          .hidden_size = 1024,
                                          .intermediate_size = 3072,
                                          .num_hidden_layers = 18,
                                          .num_attention_heads = 16,
                                          .num_key_value_heads = 2,
                                          .head_dim = 128,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true});
  d.attention.rope = read_rope(
      config, {.theta = 5e5, .pairs = RopePairs::kInterleaved, .rounding = RopeRounding::kOutput},
      d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("use_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = d.attention.o_bias};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kErnie45{
    .model_type = "ernie4_5",
    .architecture = "Ernie4_5ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
