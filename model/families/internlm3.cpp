// InternLM3: Llama with one flag for the biases of q, k, v and one for all others.
// Source: transformers 5.23, models/internlm3 (the two flags equal); InternLM3-8B,
// modeling_internlm3.py (free).
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// A flag under InternLM's name, or under the Llama name that transformers saves.
bool read_flag(ConfigReader& config, std::string_view key, std::string_view saved_as) {
  const bool value = config.flag(key, config.flag(saved_as, false));
  if (config.present(saved_as) && config.flag(saved_as, value) != value) {
    config.refuse(saved_as, "contradicts " + std::string(key), "they are one flag: keep one");
  }
  return value;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 128512,
                                          .intermediate_size = 10240,
                                          .num_hidden_layers = 48,
                                          .num_key_value_heads = 2,
                                          .head_dim = 128,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 32768,
                                          .rms_norm_eps = 1e-5});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = read_flag(config, "qkv_bias", "attention_bias");
  d.attention.o_bias = read_flag(config, "bias", "mlp_bias");
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = d.attention.o_bias};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kInternLm3{
    .model_type = "internlm3",
    .architecture = "InternLM3ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
