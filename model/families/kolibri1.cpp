// Kolibri 1: EXAONE 4's attention between four norms a layer, and experts chosen by their logits
// with a correction, weighted by sigmoids, beside a shared one.
// Source: transformers 5.23, models/kolibri1.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

MoeSpec read_mixture(ConfigReader& config) {
  MoeSpec moe = read_corrected_mixture(
      config, {.shared_key = "", .num_experts = 384, .top_k = 6, .intermediate_size = 512}, 0.0);
  moe.router.choice_on_logits = moe.router.in_float32 = true;
  moe.router.normalize = config.flag("norm_topk_prob", false);
  moe.shared = SharedExpertSpec{.intermediate_size =
                                    read_size(config, "shared_expert_intermediate_size", 512)};
  return moe;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 128000,
                                          .hidden_size = 2560,
                                          .intermediate_size = 0,
                                          .num_hidden_layers = 50,
                                          .num_attention_heads = 48,
                                          .num_key_value_heads = 4,
                                          .head_dim = 128,
                                          .max_position_embeddings = 262144});
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  Spec spec = make_decoder(d, four_norm_layer(d.norm, d.attention, read_mixture(config)));
  const int window = read_sliding_window(config, 513);
  const auto types = read_layer_types(config, d.num_hidden_layers, [](int layer) {
    return (layer + 1) % 5 == 0 ? kFullAttention : kSlidingAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  if (window > 0) unrope_full_layers(spec, types);
  return spec;
}

NameTable names(const Spec&) {
  const std::string layer = "model.layers.{i}.";
  return expert_names("shared_experts")
      .name("mixer_post_norm", layer + "post_self_attn_layernorm")
      .name("ffn_post_norm", layer + "post_mlp_layernorm")
      .or_pack(layer + "post_attn_norm", {"mixer_post_norm"})
      .or_pack(layer + "post_ffn_norm", {"ffn_post_norm"})
      .or_pack(layer + "moe.router.expert_bias", {"router_correction"});
}

}  // namespace

constinit const Family kKolibri1{
    .model_type = "kolibri1",
    .architecture = "Kolibri1ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
