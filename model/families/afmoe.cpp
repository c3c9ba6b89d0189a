// Trinity (AFMoE): four norms a layer, a sigmoid gate on the attention's output, a rope in the
// sliding layers alone, and experts chosen by sigmoids with a correction beside shared ones.
// Source: transformers 5.23, models/afmoe.
#include <cmath>

#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 200192,
                                          .hidden_size = 2048,
                                          .intermediate_size = 6144,
                                          .num_attention_heads = 16,
                                          .head_dim = 128,
                                          .max_position_embeddings = 16384,
                                          .rms_norm_eps = 1e-5});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.output_gate.emplace();
  MoeSpec moe = read_corrected_mixture(config,
                                       {.shared_key = "num_shared_experts",
                                        .num_experts = 64,
                                        .top_k = 6,
                                        .intermediate_size = 1408,
                                        .num_shared_experts = 2},
                                       1e-20);
  moe.router.scaling = config.positive("route_scale", 1.0);
  Spec spec = make_decoder(d, four_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_dense_start(config, d.num_hidden_layers, 1, "num_dense_layers"),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  const int window = read_sliding_window(config, 1024);
  const auto types =
      read_sliding_pattern(config, d.num_hidden_layers, "global_attn_every_n_layers", 4);
  require_window(config, types, window);
  slide_layers(spec, types, window);
  unrope_full_layers(spec, types);
  if (config.flag("mup_enabled", false)) spec.embedding_multiplier = std::sqrt(d.hidden_size);
  return spec;
}

NameTable names(const Spec&) {
  const std::string layer = "model.layers.{i}.";
  return expert_names("shared_experts")
      .name("mixer_post_norm", layer + "post_attention_layernorm")
      .name("ffn_norm", layer + "pre_mlp_layernorm")
      .name("ffn_post_norm", layer + "post_mlp_layernorm")
      .name("attn_gate_proj", layer + "self_attn.gate_proj")
      .name("router", layer + "mlp.router.gate")
      .name("router_correction", layer + "mlp.expert_bias");
}

// Published beside the class's own keys.
constexpr InertKey kInert[] = {
    {"load_balance_coeff"},      {"n_group", "1"},       {"num_expert_groups", "1"},
    {"num_limited_groups", "1"}, {"route_norm", "true"}, {"score_func", "\"sigmoid\""},
    {"topk_group", "1"},         {"use_grouped_mm"},
};

}  // namespace

constinit const Family kAfmoe{
    .model_type = "afmoe",
    .architecture = "AfmoeForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
