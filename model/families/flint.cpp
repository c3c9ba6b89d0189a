// Flint: Qwen3-MoE's layers with sinks in every attention, a rope in the sliding layers alone, and
// experts by sigmoids beside a shared one. Source: transformers 5.23, models/flint.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

MoeSpec read_mixture(ConfigReader& config) {
  MoeSpec moe = read_experts(config, {.experts_alias = "",
                                      .num_experts = 256,
                                      .least_experts = 0,
                                      .top_k = 6,
                                      .intermediate_size = 512});
  moe.activation = read_activation(config, "hidden_act", "silu");
  moe.router.scores = RouterSpec::Scores::kSigmoid;
  moe.router.normalize = config.flag("norm_topk_prob", true);
  moe.router.in_float32 = true;
  moe.shared = SharedExpertSpec{.intermediate_size =
                                    read_size(config, "shared_expert_intermediate_size", 1024)};
  return moe;
}

// Qwen's rule; where mlp_only_layers is absent the first two layers are dense.
std::vector<bool> read_sparse(ConfigReader& config, const MoeSpec& moe, int num_hidden_layers) {
  const bool listed = config.has("mlp_only_layers");
  std::vector<bool> sparse = read_sparse_layers(config, num_hidden_layers, moe.router.num_experts);
  for (size_t i = 0; !listed && i < std::min<size_t>(2, sparse.size()); ++i) sparse[i] = false;
  return sparse;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 150144,
                                          .hidden_size = 2048,
                                          .intermediate_size = 6144,
                                          .num_hidden_layers = 49,
                                          .num_key_value_heads = 4,
                                          .head_dim = 128,
                                          .max_position_embeddings = 262144});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.sinks = true;
  const MoeSpec moe = read_mixture(config);
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_sparse(config, moe, d.num_hidden_layers),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  const int window = read_sliding_window(config, 513);
  const auto types = read_layer_types(config, d.num_hidden_layers, [&](int layer) {
    const bool full = layer < 2 || layer % 4 == 1 || layer == d.num_hidden_layers - 1;
    return full ? kFullAttention : kSlidingAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  unrope_full_layers(spec, types);
  return spec;
}

NameTable names(const Spec&) {
  const std::string attention = "model.layers.{i}.self_attn.";
  return expert_names()
      .name("sinks", attention + "sinks")
      .or_pack(attention + "softmax_offset", {"sinks"});
}

}  // namespace

constinit const Family kFlint{
    .model_type = "flint",
    .architecture = "FlintForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
