// OLMo 3: OLMo 2 in which three layers of four slide, and only the full ones have a scaled rope.
// Source: transformers 5.23, models/olmo3.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 50304, .rms_norm_eps = 1e-5});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .flat = true};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  Spec spec = make_decoder(d, post_norm_layer(d.norm, d.attention, mlp));
  const int window = read_sliding_window(config, 4096);
  const auto types = read_layer_types(config, d.num_hidden_layers, [](int layer) {
    return (layer + 1) % 4 != 0 ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  // A flat rope_theta is the full layers' alone: the sliding ones then have the class default.
  RopeDefaults defaults{.theta = 5e5, .rounding = RopeRounding::kOutput};
  const RopeSpec sliding = read_layer_rope(config, kSlidingAttention, false, defaults,
                                           d.attention.head_dim, d.max_position_embeddings);
  defaults.theta = config.positive("rope_theta", defaults.theta);
  const RopeSpec full = read_layer_rope(config, kFullAttention, true, defaults,
                                        d.attention.head_dim, d.max_position_embeddings);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    std::get<AttentionSpec>(spec.layers[i].mixer).rope =
        types[i] == kFullAttention ? full : sliding;
  }
  return spec;
}

NameTable names(const Spec&) {
  return post_norm_names();
}

}  // namespace

constinit const Family kOlmo3{
    .model_type = "olmo3",
    .architecture = "Olmo3ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
