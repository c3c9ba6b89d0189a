// HyperCLOVA X: Granite, with an RMS norm on what each branch returns, and logits multiplied
// instead of divided. Source: transformers 5.23, models/hyperclovax.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.head_dim_null = true, .heads_divide_hidden_size = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.scale =
      config.positive("attention_multiplier", d.attention.scale, Null::kMeansAbsent);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  if (config.flag("use_post_norm", true)) layer.mixer_post_norm = layer.ffn_post_norm = d.norm;
  layer.residual_multiplier = config.positive("residual_multiplier", 1.0);
  Spec spec = make_decoder(d, layer);
  spec.embedding_multiplier = config.positive("embedding_multiplier", 1.0);
  spec.logit_multiplier = config.positive("logits_scaling", 1.0);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names()
      .name("mixer_post_norm", "model.layers.{i}.post_norm1")
      .name("ffn_post_norm", "model.layers.{i}.post_norm2");
}

}  // namespace

constinit const Family kHyperClovaX{
    .model_type = "hyperclovax",
    .architecture = "HyperCLOVAXForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
