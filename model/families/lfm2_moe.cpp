// LFM2 with experts: all but the first layers choose them by sigmoids, with a correction.
// Source: transformers 5.23, models/lfm2_moe.
#include "model/families/family.h"
#include "model/families/lfm_parts.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

MoeSpec read_mixture(ConfigReader& config) {
  MoeSpec moe = read_experts(
      config, {.experts_alias = "", .num_experts = 32, .top_k = 4, .intermediate_size = 1792});
  moe.router.scores = RouterSpec::Scores::kSigmoid;
  moe.router.correction_bias = config.flag("use_expert_bias", true);
  moe.router.normalize = config.flag("norm_topk_prob", true);
  moe.router.normalize_eps = moe.router.normalize ? 1e-6 : 0.0;
  moe.router.scaling = config.positive("routed_scaling_factor", 1.0);
  moe.router.scores_rounded = moe.router.weights_rounded = true;
  return moe;
}

Spec read(ConfigReader& config) {
  static constexpr std::string_view kTypes[] = {kFullAttention, kConvLayer};
  Dimensions d = read_dimensions(config, {.vocab_size = 65536,
                                          .hidden_size = 2048,
                                          .intermediate_size = 7168,
                                          .num_key_value_heads = 8,
                                          .max_position_embeddings = 128000,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .eps_key = "norm_eps"});
  d.tie_word_embeddings = read_lfm_tie(config, d.tie_word_embeddings);
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope =
      read_rope(config, {.theta = 1e6}, d.attention.head_dim, d.max_position_embeddings);
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, read_mixture(config)));
  set_dense_layers(spec, read_dense_start(config, d.num_hidden_layers, 2, "num_dense_layers"),
                   {.intermediate_size = d.intermediate_size});
  if (!config.has("layer_types")) {
    config.refuse("layer_types", "is missing", "this model type has no default for it");
  }
  place_lfm_mixers(spec, read_types(config, "layer_types", d.num_hidden_layers, kTypes, nullptr),
                   read_short_conv(config, 3));
  return spec;
}

NameTable names(const Spec&) {
  const std::string mlp = "model.layers.{i}.feed_forward.";
  NameTable names = lfm_names();
  names.name("router", mlp + "gate")
      .name("router_correction", mlp + "expert_bias")
      .name("experts.gate_proj", mlp + "experts.{e}.w1")
      .name("experts.up_proj", mlp + "experts.{e}.w3")
      .name("experts.down_proj", mlp + "experts.{e}.w2");
  return name_stacks(names, mlp);
}

constexpr InertKey kInert[] = {
    {"hidden_act"},
    {"use_pos_enc", "true"},
};

}  // namespace

constinit const Family kLfm2Moe{
    .model_type = "lfm2_moe",
    .architecture = "Lfm2MoeForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
