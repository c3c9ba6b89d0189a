// Qwen3-MoE: Qwen3 with experts; use_sliding_window makes every layer slide.
// Source: transformers 5.23, models/qwen3_moe.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 151936,
                                          .hidden_size = 2048,
                                          .intermediate_size = 6144,
                                          .num_hidden_layers = 24,
                                          .num_key_value_heads = 4,
                                          .max_position_embeddings = 32768});
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.qk_norm = QkNormSpec{d.norm};
  const int window = read_sliding_window(config, 4096);
  if (config.flag("use_sliding_window", false)) d.attention.sliding_window = window;
  const MoeSpec moe = read_softmax_mixture(
      config, {.num_experts = 128, .least_experts = 0, .top_k = 8, .intermediate_size = 768});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_sparse_layers(config, d.num_hidden_layers, moe.router.num_experts),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  return spec;
}

NameTable names(const Spec&) {
  return expert_names();
}

// Keys of Qwen3 and of Qwen2-MoE that published files hold and this class does not have.
constexpr InertKey kInert[] = {
    {"max_window_layers"},
    {"qkv_bias", "false"},
    {"shared_expert_intermediate_size", "0"},
    {"use_qk_norm", "true"},
};

}  // namespace

constinit const Family kQwen3Moe{
    .model_type = "qwen3_moe",
    .architecture = "Qwen3MoeForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
