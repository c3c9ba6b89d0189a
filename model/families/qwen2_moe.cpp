// Qwen2-MoE: Qwen2 with experts, and one expert that all tokens share, behind a gate.
// Source: transformers 5.23, models/qwen2_moe.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

// With use_sliding_window every other layer below max_window_layers slides, from layer 0 on, or
// those that layer_types names. Without it transformers saves a sliding_window of 0.
void slide_alternate_layers(ConfigReader& config, Spec& spec) {
  const bool used = config.flag("use_sliding_window", false);
  const int stated = read_sliding_window(config, 4096, 0);
  const int window = used ? stated : 0;
  const int64_t end = config.integer("max_window_layers", 28, 0, int64_t{1} << 30);
  const auto types = read_layer_types(config, static_cast<int>(spec.layers.size()), [&](int layer) {
    return used && layer % 2 == 0 && layer < end ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 151936,
                                          .hidden_size = 2048,
                                          .intermediate_size = 5632,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 16,
                                          .num_key_value_heads = 16,
                                          .max_position_embeddings = 32768});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = config.flag("qkv_bias", true);
  const MoeSpec moe = read_softmax_mixture(config, {.experts_alias = "",
                                                    .num_experts = 60,
                                                    .least_experts = 0,
                                                    .top_k = 4,
                                                    .intermediate_size = 1408,
                                                    .shared_intermediate_size = 5632});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_sparse_layers(config, d.num_hidden_layers, moe.router.num_experts),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  slide_alternate_layers(config, spec);
  return spec;
}

NameTable names(const Spec&) {
  return expert_names();
}

}  // namespace

constinit const Family kQwen2Moe{
    .model_type = "qwen2_moe",
    .architecture = "Qwen2MoeForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
