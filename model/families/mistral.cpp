// Mistral: Llama without biases whose every layer slides, unless sliding_window is null.
// Source: transformers 5.23, models/mistral.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.intermediate_size = 14336,
                                          .num_key_value_heads = 8,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 131072});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.sliding_window = read_sliding_window(config, 4096);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kMistral{
    .model_type = "mistral",
    .architecture = "MistralForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
