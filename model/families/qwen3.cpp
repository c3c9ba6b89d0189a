// Qwen3: Qwen2 with an RMS norm per head on q and k, and biases only where the config says so.
// Source: transformers 5.23, models/qwen3.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 151936,
                                          .intermediate_size = 22016,
                                          .num_key_value_heads = 32,
                                          .head_dim = 128,
                                          .max_position_embeddings = 32768});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.qk_norm = QkNormSpec{d.norm};
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  slide_upper_layers(config, spec);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kQwen3{
    .model_type = "qwen3",
    .architecture = "Qwen3ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
