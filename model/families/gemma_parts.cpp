#include "model/families/gemma_parts.h"

#include <cmath>

namespace plumb::model {

Dimensions read_gemma_dimensions(ConfigReader& config, const ClassDefaults& defaults) {
  Dimensions d = read_dimensions(config, defaults);
  d.norm.unit_offset = true;
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  return d;
}

LayerSpec sandwich_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn) {
  LayerSpec layer = pre_norm_layer(norm, std::move(mixer), std::move(ffn));
  layer.mixer_post_norm = norm;
  layer.ffn_post_norm = norm;
  return layer;
}

Spec make_gemma(const Dimensions& dimensions, const LayerSpec& layer) {
  Spec spec = make_decoder(dimensions, layer);
  spec.embedding_multiplier = std::sqrt(static_cast<double>(dimensions.hidden_size));
  spec.embedding_multiplier_rounded = true;
  return spec;
}

double read_soft_cap(ConfigReader& config, std::string_view key, double fallback) {
  if (config.present(key) && !config.has(key)) fallback = 0.0;
  return config.positive(key, fallback, Null::kMeansAbsent);
}

double read_query_scale(ConfigReader& config, double fallback) {
  return 1.0 / std::sqrt(config.positive("query_pre_attn_scalar", fallback));
}

NameTable sandwich_names() {
  return transformers_names()
      .name("mixer_post_norm", "model.layers.{i}.post_attention_layernorm")
      .name("ffn_norm", "model.layers.{i}.pre_feedforward_layernorm")
      .name("ffn_post_norm", "model.layers.{i}.post_feedforward_layernorm");
}

}  // namespace plumb::model
