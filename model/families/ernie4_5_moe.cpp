// ERNIE 4.5 with experts: ERNIE's rope of interleaved pairs, and in the layers that the config
// gives them experts by a softmax, chosen after a correction.
// Source: transformers 5.23, models/ernie4_5_moe.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

MoeSpec read_mixture(ConfigReader& config, bool bias) {
  const MixtureDefaults defaults{.experts_key = "moe_num_experts",
                                 .experts_alias = "num_experts",
                                 .top_k_key = "moe_k",
                                 .shared_key = "moe_num_shared_experts",
                                 .num_experts = 64,
                                 .top_k = 6,
                                 .intermediate_size = 1536,
                                 .num_shared_experts = 2};
  MoeSpec moe = read_experts(config, defaults);
  moe.activation = read_activation(config, "hidden_act", "silu");
  moe.router.correction_bias = true;
  moe.router.normalize_min = config.positive("moe_norm_min", 1e-12);
  moe.router.in_float32 = moe.router.weights_rounded = true;
  moe.shared = read_shared(config, defaults, moe.intermediate_size, 0);
  if (moe.shared) moe.shared->bias = bias;
  return moe;
}

// Every `interval`-th layer from one to another.
std::vector<bool> read_interval(ConfigReader& config, int num_hidden_layers) {
  constexpr int64_t kLayerLimit = 1 << 20;
  const int64_t first = config.integer("moe_layer_start_index", 1, 0, kLayerLimit);
  const int64_t end = config.integer("moe_layer_end_index", -1, -1, kLayerLimit);
  const int64_t interval = config.integer("moe_layer_interval", 1, 1, kLayerLimit);
  const int64_t last = end == -1 ? num_hidden_layers - 1 : end;
  std::vector<bool> sparse;
  for (int i = 0; i < num_hidden_layers; ++i) {
    sparse.push_back((i + 1) % interval == 0 && i >= first && i <= last);
  }
  return sparse;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 103424,
                                          .hidden_size = 2560,
                                          .intermediate_size = 12288,
                                          .num_hidden_layers = 28,
                                          .num_attention_heads = 20,
                                          .num_key_value_heads = 4,
                                          .max_position_embeddings = 131072,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true});
  d.attention.rope = read_rope(
      config,
      {.theta = 500000.0, .pairs = RopePairs::kInterleaved, .rounding = RopeRounding::kOutput},
      d.attention.head_dim, d.max_position_embeddings);
  const bool bias = config.flag("use_bias", false);
  d.attention.qkv_bias = d.attention.o_bias = bias;
  const MoeSpec moe = read_mixture(config, bias);
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(
      spec, read_interval(config, d.num_hidden_layers),
      {.intermediate_size = d.intermediate_size, .activation = moe.activation, .bias = bias});
  spec.head_bias = bias;
  return spec;
}

// The correction has an axis of one for groups.
NameTable names(const Spec&) {
  const std::string mlp = "model.layers.{i}.mlp.";
  const std::vector<int> axes = {-1, 0};
  return expert_names("shared_experts")
      .name("router_correction", mlp + "moe_statics.e_score_correction_bias", axes)
      .or_name("router_correction", mlp + "gate.moe_statics.e_score_correction_bias", axes)
      .ignore("model.mtp_*", "predicts further tokens");
}

// Published beside the class's own keys.
constexpr InertKey kInert[] = {
    {"compression_ratio", "1|1.0"}, {"fuse_rope"},
    {"moe_aux_loss_lambda"},        {"moe_capacity"},
    {"moe_gate", "\"topk\""},       {"moe_gate_act", "\"softmax\""},
    {"moe_use_aux_free", "true"},   {"num_nextn_predict_layers"},
    {"use_rmsnorm", "true"},
};

}  // namespace

constinit const Family kErnie45Moe{
    .model_type = "ernie4_5_moe",
    .architecture = "Ernie4_5_MoeForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
