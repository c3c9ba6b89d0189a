// Llama. Source: transformers 5.23, models/llama.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.heads_divide_hidden_size = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kLlama{
    .model_type = "llama",
    .architecture = "LlamaForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
