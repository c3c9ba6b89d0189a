// SmolLM3: Llama in which some layers have no positional encoding (NoPE). With use_sliding_window
// those layers slide. Source: transformers 5.23, models/smollm3.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

// 1: the layer has a rope, 0: it has none.
std::vector<bool> read_rope_layers(ConfigReader& config, int num_hidden_layers) {
  const int64_t interval = config.integer("no_rope_layer_interval", 4, 1, 4096);
  config.touch("no_rope_layers");
  std::vector<bool> has_rope;
  if (!config.has("no_rope_layers")) {
    for (int i = 0; i < num_hidden_layers; ++i) has_rope.push_back((i + 1) % interval != 0);
    return has_rope;
  }
  for (const double value : config.numbers("no_rope_layers")) {
    if (value != 0.0 && value != 1.0)
      config.refuse("no_rope_layers", "holds another value than 0, 1");
    has_rope.push_back(value == 1.0);
  }
  if (has_rope.size() != static_cast<size_t>(num_hidden_layers)) {
    config.refuse("no_rope_layers",
                  "has " + std::to_string(has_rope.size()) + " entries for " +
                      std::to_string(num_hidden_layers) + " layers",
                  "say of each layer whether it has a rope: 1 or 0");
  }
  return has_rope;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 128256,
                                          .hidden_size = 2048,
                                          .num_hidden_layers = 36,
                                          .num_attention_heads = 16,
                                          .num_key_value_heads = 4,
                                          .max_position_embeddings = 32768,
                                          .tie_word_embeddings = true});
  d.attention.rope =
      read_rope(config, {.theta = 2e6}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu"),
                    .bias = config.flag("mlp_bias", false)};
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  const std::vector<bool> has_rope = read_rope_layers(config, d.num_hidden_layers);
  const int stated = read_sliding_window(config, 0);
  const int window = config.flag("use_sliding_window", false) ? stated : 0;
  const auto types = read_layer_types(config, d.num_hidden_layers, [&](int layer) {
    return window > 0 && !has_rope[static_cast<size_t>(layer)] ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (!has_rope[i]) std::get<AttentionSpec>(spec.layers[i].mixer).rope.reset();
  }
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names();
}

constexpr InertKey kInert[] = {{"max_window_layers"}};

}  // namespace

constinit const Family kSmolLm3{
    .model_type = "smollm3",
    .architecture = "SmolLM3ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
