// Granite with windows: every fourth layer, the first among them, sees all; each layer has a base
// of its own for its rope, or none; a sink for each head. Source: transformers 5.23,
// models/granite_swa.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// The base of each layer's rope; a layer with 0 has no rope.
void set_bases(ConfigReader& config, Spec& spec) {
  constexpr const char* kKey = "layer_rope_theta";
  config.touch(kKey);
  if (!config.has(kKey)) return;
  const std::vector<double> bases = config.numbers(kKey);
  if (bases.size() != spec.layers.size()) {
    config.refuse(kKey, "has " + std::to_string(bases.size()) + " entries",
                  "name the base of each layer");
  }
  for (size_t i = 0; i < bases.size(); ++i) {
    auto& attention = std::get<AttentionSpec>(spec.layers[i].mixer);
    if (bases[i] == 0.0) {
      attention.rope.reset();
    } else if (bases[i] >= 1.0 && bases[i] <= 1e12) {
      attention.rope->theta = bases[i];
    } else {
      config.refuse(kKey, "holds a base that is none", "it must lie in 1..1e12, or be 0");
    }
  }
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 100352,
                                          .hidden_size = 2560,
                                          .intermediate_size = 8192,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 20,
                                          .num_key_value_heads = 4,
                                          .max_position_embeddings = 8192,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.scale = config.positive("attention_multiplier", 1.0);
  d.attention.sinks = true;
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, mlp);
  layer.residual_multiplier = config.positive("residual_multiplier", 1.0);
  Spec spec = make_decoder(d, layer);
  spec.embedding_multiplier = config.positive("embedding_multiplier", 1.0);
  spec.logit_multiplier = 1.0 / config.positive("logits_scaling", 1.0);
  const int window = read_sliding_window(config, 128);
  const auto types = read_layer_types(config, d.num_hidden_layers, [](int i) {
    return i % 4 == 0 ? kFullAttention : kSlidingAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  set_bases(config, spec);
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names().name("sinks", "model.layers.{i}.self_attn.sinks");
}

}  // namespace

constinit const Family kGraniteSwa{
    .model_type = "granite_swa",
    .architecture = "GraniteSWAForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
