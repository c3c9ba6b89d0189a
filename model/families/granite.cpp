// Granite: Llama with a multiplier on the embedding, on every branch, on the scores (in place of
// head_dim^-0.5) and, divided by, on the logits. Source: transformers 5.23, models/granite.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.scale = config.positive("attention_multiplier", 1.0);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.residual_multiplier = config.positive("residual_multiplier", 1.0);
  Spec spec = make_decoder(d, layer);
  spec.embedding_multiplier = config.positive("embedding_multiplier", 1.0);
  spec.logit_multiplier = 1.0 / config.positive("logits_scaling", 1.0);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names();
}

}  // namespace

constinit const Family kGranite{
    .model_type = "granite",
    .architecture = "GraniteForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
