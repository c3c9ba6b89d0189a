// LFM3: short convolutions, and sliding and full attention with ropes of their own and a gate for
// each head, between four norms a layer. Source: transformers 5.23, models/lfm3.
#include "model/families/family.h"
#include "model/families/lfm_parts.h"

namespace plumb::model {
namespace {

constexpr const char* kFullRope = R"({"rope_type": "proportional", "partial_rotary_factor": 0.5})";

Spec read(ConfigReader& config) {
  static constexpr std::string_view kTypes[] = {kFullAttention, kSlidingAttention, kConvLayer};
  Dimensions d = read_dimensions(config, {.vocab_size = 128000,
                                          .hidden_size = 2048,
                                          .intermediate_size = 7680,
                                          .num_hidden_layers = 24,
                                          .num_attention_heads = 16,
                                          .num_key_value_heads = 4,
                                          .head_dim = 128,
                                          .max_position_embeddings = 128000,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .eps_key = "norm_eps"});
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  if (config.flag("use_attention_gate", true)) {
    d.attention.output_gate = OutputGateSpec{.per_head = true};
  }
  const MlpSpec mlp{.intermediate_size = d.intermediate_size};
  const bool four = config.flag("use_sandwich_norm", true);
  Spec spec = make_decoder(d, four ? four_norm_layer(d.norm, d.attention, mlp)
                                   : pre_norm_layer(d.norm, d.attention, mlp));
  const auto types = read_types(config, "layer_types", d.num_hidden_layers, kTypes, [](int layer) {
    if (layer % 4 == 2) return kFullAttention;
    return layer % 4 == 0 && layer > 0 ? kSlidingAttention : kConvLayer;
  });
  const int window = read_sliding_window(config, 256);
  require_window(config, types, window);
  place_lfm_mixers(spec, types, read_short_conv(config, 7));
  slide_layers(spec, types, window);
  const double stated = config.positive("rope_theta", 1e6);
  const double sliding = config.has("rope_parameters") ? stated : 1e4;
  place_type_ropes(config, types,
                   {.theta = stated, .rounding = RopeRounding::kOutput, .absent_dict = kFullRope},
                   {.theta = sliding, .rounding = RopeRounding::kOutput}, d, spec);
  return spec;
}

NameTable names(const Spec&) {
  const std::string layer = "model.layers.{i}.";
  const std::string attention = layer + "self_attn.";
  return lfm_names()
      .name("mixer_post_norm", layer + "post_operator_norm")
      .name("ffn_post_norm", layer + "post_ffn_norm")
      .name("o_proj", attention + "o_proj")
      .name("q_norm", attention + "q_norm")
      .name("k_norm", attention + "k_norm")
      .name("attn_gate_proj", attention + "g_proj")
      .or_pack(attention + "gate_proj", {"attn_gate_proj"});
}

constexpr InertKey kInert[] = {
    {"hidden_act"},
    {"tie_embedding"},
};

}  // namespace

constinit const Family kLfm3{
    .model_type = "lfm3",
    .architecture = "Lfm3ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
