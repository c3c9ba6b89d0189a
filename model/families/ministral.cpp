// Ministral: Mistral whose layers slide where layer_types says so; all of them without it.
// Source: transformers 5.23, models/ministral.
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
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  const int window = read_sliding_window(config, 4096);
  const auto types = read_layer_types(config, d.num_hidden_layers, [&](int) {
    return window > 0 ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kMinistral{
    .model_type = "ministral",
    .architecture = "MinistralForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
