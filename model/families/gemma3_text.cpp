// Gemma 3, text: Gemma 2 with QK norm and two ropes, one for the sliding layers and one for the
// full ones, and without the cap on scores. Source: transformers 5.23, models/gemma3.
#include "model/families/family.h"
#include "model/families/gemma_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_gemma_dimensions(config, {.vocab_size = 262208,
                                                .hidden_size = 2304,
                                                .intermediate_size = 9216,
                                                .num_hidden_layers = 26,
                                                .num_attention_heads = 8,
                                                .num_key_value_heads = 4,
                                                .head_dim = 256,
                                                .max_position_embeddings = 131072,
                                                .tie_word_embeddings = true,
                                                .heads_divide_hidden_size = true});
  d.attention.scale = read_query_scale(config, 256);
  d.attention.qk_norm = QkNormSpec{d.norm};
  const MlpSpec mlp{
      .intermediate_size = d.intermediate_size,
      .activation = read_activation(config, "hidden_activation", "gelu_pytorch_tanh")};
  Spec spec = make_gemma(d, sandwich_layer(d.norm, d.attention, mlp));
  spec.final_soft_cap = read_soft_cap(config, "final_logit_softcapping", 0.0);
  const int window = read_sliding_window(config, 4096);
  const auto types = read_sliding_pattern(config, d.num_hidden_layers, "sliding_window_pattern", 6);
  require_window(config, types, window);
  slide_layers(spec, types, window);
  const RopeSpec full =
      read_layer_rope(config, kFullAttention, true, {.theta = config.positive("rope_theta", 1e6)},
                      d.attention.head_dim, d.max_position_embeddings);
  const RopeSpec sliding = read_layer_rope(config, kSlidingAttention, false,
                                           {.theta = config.positive("rope_local_base_freq", 1e4)},
                                           d.attention.head_dim, d.max_position_embeddings);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    std::get<AttentionSpec>(spec.layers[i].mixer).rope =
        types[i] == kFullAttention ? full : sliding;
  }
  return spec;
}

NameTable names(const Spec&) {
  return sandwich_names();
}

// The class has attn_logit_softcapping and its attention never applies it. The underscored pattern
// is what transformers saves beside layer_types.
constexpr InertKey kInert[] = {
    {"_sliding_window_pattern"},
    {"attn_logit_softcapping"},
    {"hidden_act"},
    {"use_bidirectional_attention", "false|null"},
};

}  // namespace

constinit const Family kGemma3Text{
    .model_type = "gemma3_text",
    .architecture = "Gemma3ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
