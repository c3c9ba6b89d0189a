// Command A with experts: Command R7B's layers, in which the experts are chosen by their logits,
// weighted by a softmax or sigmoids of the chosen, and averaged with a shared one.
// Source: transformers 5.23, models/cohere2_moe.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

using Scores = RouterSpec::Scores;

void read_selection(ConfigReader& config, RouterSpec& router) {
  const std::string function = config.text("expert_selection_fn", "softmax");
  const bool normalize = config.flag("norm_topk_prob", true);
  if (function == "softmax") {
    router.scores = Scores::kSoftmaxOfChosen;
  } else if (function == "sigmoid") {
    router.scores = Scores::kSigmoid;
    router.choice_on_logits = router.scores_rounded = true;
    router.normalize = normalize;
  } else {
    config.refuse("expert_selection_fn", "is the unknown function '" + function + "'",
                  "supported: softmax, sigmoid");
  }
  router.weights_rounded = true;
}

MoeSpec read_mixture(ConfigReader& config) {
  const MixtureDefaults defaults{.intermediate_key = "intermediate_size",
                                 .shared_key = "num_shared_experts",
                                 .num_experts = 8,
                                 .top_k = 2,
                                 .intermediate_size = 22528,
                                 .num_shared_experts = 0};
  MoeSpec moe = read_experts(config, defaults);
  moe.activation = read_activation(config, "hidden_act", "silu");
  read_selection(config, moe.router);
  moe.shared = read_shared(config, defaults, moe.intermediate_size, 0);
  const std::string strategy = config.text("shared_expert_combination_strategy", "average");
  if (strategy != "average" && strategy != "sum") {
    config.refuse("shared_expert_combination_strategy", "is the unknown '" + strategy + "'",
                  "supported: average, sum");
  }
  if (moe.shared) moe.shared->averaged = strategy == "average";
  return moe;
}

NormSpec read_norm(ConfigReader& config, const Dimensions& d) {
  if (config.has("rms_norm_eps")) return NormSpec{.eps = config.positive("rms_norm_eps", 1e-6)};
  config.touch("rms_norm_eps");
  return NormSpec{
      .kind = NormSpec::Kind::kLayer, .eps = d.norm.eps, .rounding = NormRounding::kAfterWeight};
}

// The first layers, which are dense, have a pattern of their own; with a pattern of 1 they are full
// and keep their rope.
void place_windows(ConfigReader& config, int dense, const std::vector<bool>& sparse, Spec& spec) {
  constexpr int64_t kLayerLimit = 4096;
  const int64_t prefix = config.integer("prefix_dense_sliding_window_pattern", 1, 1, kLayerLimit);
  const int64_t pattern = config.integer("sliding_window_pattern", 4, 1, kLayerLimit);
  const int window = read_sliding_window(config, 4096);
  const auto types = read_layer_types(config, static_cast<int>(spec.layers.size()), [&](int layer) {
    const int64_t turn = layer < dense ? (layer + 1) % prefix : (layer - dense + 1) % pattern;
    return turn != 0 ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const bool keeps = types[i] == kSlidingAttention || (!sparse[i] && prefix == 1);
    if (!keeps) std::get<AttentionSpec>(spec.layers[i].mixer).rope.reset();
  }
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 256000,
                                          .hidden_size = 8192,
                                          .intermediate_size = 22528,
                                          .num_hidden_layers = 40,
                                          .num_attention_heads = 64,
                                          .head_dim = 128,
                                          .max_position_embeddings = 8192,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .eps_key = "layer_norm_eps"});
  d.norm = read_norm(config, d);
  d.attention.rope =
      read_rope(config, {.pairs = RopePairs::kInterleaved, .rounding = RopeRounding::kTableOnly},
                d.attention.head_dim, d.max_position_embeddings);
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MoeSpec moe = read_mixture(config);
  LayerSpec layer = pre_norm_layer(d.norm, d.attention, moe);
  layer.ffn_norm.reset();
  layer.parallel = true;
  Spec spec = make_decoder(d, layer);
  spec.logit_multiplier = config.positive("logit_scale", 0.0625);
  const int dense = static_cast<int>(
      config.integer("first_k_dense_replace", 0, 0, static_cast<int64_t>(spec.layers.size())));
  const std::vector<bool> sparse = read_mlp_types(config, d.num_hidden_layers, dense);
  const bool stated = config.has("prefix_dense_intermediate_size");
  const int inner =
      stated ? read_size(config, "prefix_dense_intermediate_size", 1) : d.intermediate_size;
  config.touch("prefix_dense_intermediate_size");
  set_dense_layers(spec, sparse, {.intermediate_size = inner, .activation = moe.activation});
  place_windows(config, dense, sparse, spec);
  return spec;
}

NameTable names(const Spec&) {
  return expert_names("shared_experts");
}

constexpr InertKey kInert[] = {
    {"_sliding_window_pattern"},
    {"order_of_interleaved_layers"},
    {"position_embedding_type", "\"rope_gptj\"|null"},
    {"rotary_pct", "1|1.0"},
    {"use_embedding_sharing", "true"},
    {"use_gated_activation", "true"},
    {"use_parallel_block", "true"},
    {"use_parallel_embedding", "true"},
    {"use_qk_norm", "false"},
};

}  // namespace

constinit const Family kCohere2Moe{
    .model_type = "cohere2_moe",
    .architecture = "Cohere2MoeForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
