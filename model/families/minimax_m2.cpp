// MiniMax M2: a QK norm over all heads at once, a rope on part of each head, and experts chosen by
// sigmoids with a correction. Source: transformers 5.23, models/minimax_m2.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

// Released configs give the rotated dimensions instead of their share, which goes before them.
RopeSpec read_partial_rope(ConfigReader& config, const Dimensions& d) {
  double share = 1.0;
  if (config.has("rotary_dim")) {
    const auto rotated = config.integer("rotary_dim", 0, 2, d.attention.head_dim);
    share = static_cast<double>(rotated) / d.attention.head_dim;
  }
  config.touch("rotary_dim");
  return read_rope(config, {.theta = 5e6, .partial_rotary_factor = share}, d.attention.head_dim,
                   d.max_position_embeddings);
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 200064,
                                          .hidden_size = 3072,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 62,
                                          .num_attention_heads = 48,
                                          .num_key_value_heads = 8,
                                          .head_dim = 128,
                                          .max_position_embeddings = 196608});
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .flat = true};
  d.attention.rope = read_partial_rope(config, d);
  const MoeSpec moe = read_corrected_mixture(config,
                                             {.experts_key = "num_local_experts",
                                              .experts_alias = "num_experts",
                                              .intermediate_key = "intermediate_size",
                                              .shared_key = "",
                                              .num_experts = 256,
                                              .top_k = 8,
                                              .intermediate_size = 1536},
                                             0.0);
  return make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
}

// Published with Mixtral's names of experts.
NameTable names(const Spec& spec) {
  const std::string published = "model.layers.{i}.block_sparse_moe.";
  const std::string mlp = "model.layers.{i}.mlp.";
  NameTable names = transformers_names();
  names.name("router", published + "gate")
      .name("router_correction", published + "e_score_correction_bias")
      .name("experts.gate_proj", published + "experts.{e}.w1")
      .name("experts.up_proj", published + "experts.{e}.w3")
      .name("experts.down_proj", published + "experts.{e}.w2")
      .or_pack(mlp + "gate", {"router"})
      .or_pack(mlp + "e_score_correction_bias", {"router_correction"});
  name_stacks(names);
  ignore_further_layers(spec, names);
  return names;
}

// Published beside the class's own keys.
constexpr InertKey kInert[] = {
    {"attn_type_list"},
    {"mtp_transformer_layers"},
    {"num_mtp_modules"},
    {"qk_norm_type", "\"per_layer\""},
    {"scoring_func", "\"sigmoid\""},
    {"shared_intermediate_size", "0"},
    {"use_mtp"},
    {"use_qk_norm", "true"},
    {"use_routing_bias", "true"},
};

}  // namespace

constinit const Family kMiniMaxM2{
    .model_type = "minimax_m2",
    .architecture = "MiniMaxM2ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
