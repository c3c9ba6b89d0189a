// Arcee: Llama with an MLP of squared relu without a gate. Source: transformers 5.23, models/arcee.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.hidden_size = 2560,
                                          .intermediate_size = 18432,
                                          .head_dim_null = true,
                                          .max_position_embeddings = 4096,
                                          .rms_norm_eps = 1e-5,
                                          .heads_divide_hidden_size = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "relu2"),
                    .gated = false,
                    .bias = config.flag("mlp_bias", false)};
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kArcee{
    .model_type = "arcee",
    .architecture = "ArceeForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
