// Architectures with experts, with latent attention, with gated delta nets.
#include <algorithm>
#include <cmath>

#include "model/config_reader.h"
#include "model/families/gguf/architecture.h"
#include "model/families/gguf/parts.h"

namespace plumb::model {
namespace {

using base::Json;
using Layout = std::map<std::string, GgufLayout>;

// The values of expert_gating_func.
constexpr int64_t kSoftmax = 1;
constexpr int64_t kSigmoid = 2;

void softmax_mixture(GgufKeys& keys, Json& config, bool normalized) {
  config["num_experts"] = keys.integer("expert_count");
  config["num_experts_per_tok"] = keys.uniform("expert_used_count", layer_count(keys));
  config["norm_topk_prob"] = normalized;
  if (keys.integer("expert_gating_func", kSoftmax) != kSoftmax) {
    keys.refuse("expert_gating_func", "is not 1", "this architecture's scores are a softmax");
  }
  keys.touch("expert_weights_norm");
  keys.touch("expert_group_count");
  keys.touch("expert_group_used_count");
  keys.note(std::string("a GGUF cannot say norm_topk_prob: the architecture ") +
            keys.architecture() + (normalized ? " divides" : " does not divide") +
            " the chosen weights by their sum");
}

// The shared expert's width where no key says it.
int64_t shared_width(GgufKeys& keys) {
  const std::string last = std::to_string(layer_count(keys) - 1);
  return keys.integer("expert_shared_feed_forward_length",
                      keys.tensor("blk." + last + ".ffn_down_shexp.weight").shape.back());
}

Json qwen2moe(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "qwen2_moe"});
  softmax_mixture(keys, config, false);
  config["moe_intermediate_size"] = expert_width(keys);
  config["shared_expert_intermediate_size"] = shared_width(keys);
  return config;
}

Json qwen3moe(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "qwen3_moe"});
  softmax_mixture(keys, config, true);
  config["moe_intermediate_size"] = expert_width(keys);
  return config;
}

Json olmoe(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "olmoe", .head_dim = false});
  softmax_mixture(keys, config, false);
  if (keys.has("expert_feed_forward_length")) config["intermediate_size"] = expert_width(keys);
  keys.note("a GGUF cannot say clip_qkv: the architecture olmoe clips nothing");
  return config;
}

Json gpt_oss(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "gpt_oss", .intermediate_size = false});
  // An absent dict means yarn.
  if (!config.contains("rope_scaling")) config["rope_scaling"] = {{"rope_type", "default"}};
  config["num_local_experts"] = keys.integer("expert_count");
  config["num_experts_per_tok"] = keys.uniform("expert_used_count", layer_count(keys));
  config["intermediate_size"] = expert_width(keys);
  keys.touch("expert_gating_func");
  config["sliding_window"] = keys.integer("attention.sliding_window");
  config["layer_types"] = sliding_types(keys, layer_count(keys), 2);
  config["swiglu_limit"] = 7.0;
  keys.note("a GGUF cannot say swiglu_limit: the architecture gpt-oss clamps at 7");
  return config;
}

void sigmoid_mixture(GgufKeys& keys, Json& config) {
  const int64_t layers = layer_count(keys);
  config["n_routed_experts"] = keys.integer("expert_count");
  config["num_experts_per_tok"] = keys.uniform("expert_used_count", layers);
  config["moe_intermediate_size"] = expert_width(keys);
  config["n_shared_experts"] = keys.integer("expert_shared_count");
  config["norm_topk_prob"] = keys.flag("expert_weights_norm", false);
  const double scale = keys.number("expert_weights_scale", 0.0);
  config["routed_scaling_factor"] = scale == 0.0 ? 1.0 : scale;
  config["n_group"] = std::max<int64_t>(keys.integer("expert_group_count", 1), 1);
  config["topk_group"] = std::max<int64_t>(keys.integer("expert_group_used_count", 1), 1);
  keys.touch("expert_shared_feed_forward_length");
  // Without the key llama.cpp takes deepseek2 for a softmax, unless it has GLM's vocabulary.
  const bool glm = keys.architecture() == "glm4moe" || config["vocab_size"] == 154880;
  const int64_t scores = keys.integer("expert_gating_func", glm ? kSigmoid : kSoftmax);
  if (scores != kSigmoid) {
    keys.refuse("expert_gating_func", "is " + std::to_string(scores),
                "experts scored by a sigmoid are supported: 2");
  }
}

bool has_correction(GgufKeys& keys) {
  return keys.has_tensor("blk." + std::to_string(layer_count(keys) - 1) + ".exp_probs_b.bias");
}

// llama.cpp adds to the scores only what is there, and divides by the sum alone.
void adjust_router(GgufKeys& keys, Spec& spec) {
  for (LayerSpec& layer : spec.layers) {
    auto* moe = std::get_if<MoeSpec>(&layer.ffn);
    if (moe != nullptr) moe->router.correction_bias = has_correction(keys);
  }
}

// Solar Open: experts in every layer.
Json glm4moe(GgufKeys& keys) {
  if (keys.integer("leading_dense_block_count", 0) != 0) {
    keys.refuse("leading_dense_block_count", "is not 0",
                "GLM 4.5 with dense layers is not among the families");
  }
  if (keys.has_tensor("blk.0.attn_q_norm.weight")) {
    keys.refuse("block_count", "is of a model with a QK norm", "GLM 4.5 is not among the families");
  }
  Json config =
      common_config(keys, {.model_type = "solar_open", .intermediate_size = false, .rope = false});
  const int64_t head_dim = config["head_dim"].get<int64_t>();
  require_whole_heads(keys, head_dim);
  config["rope_theta"] = keys.number("rope.freq_base", 10000.0);
  const Json scaling = rope_scaling(keys, head_dim);
  if (!scaling.empty()) config["rope_scaling"] = scaling;
  sigmoid_mixture(keys, config);
  return config;
}

int64_t head_count(GgufKeys& keys) {
  return keys.uniform("attention.head_count", layer_count(keys));
}

// Heads are as wide as the latent with its rope where k_b and v_b are apart; the sizes of the model
// itself go by keys of their own.
Json deepseek2(GgufKeys& keys) {
  const bool apart = keys.has("attention.key_length_mla");
  const int64_t heads = head_count(keys);
  const int64_t rope = keys.integer("rope.dimension_count");
  const int64_t key = keys.integer(apart ? "attention.key_length_mla" : "attention.key_length");
  const int64_t value =
      keys.integer(apart ? "attention.value_length_mla" : "attention.value_length");
  for (const char* name : {"attention.key_length", "attention.value_length",
                           "attention.head_count_kv", "feed_forward_length"}) {
    keys.touch(name);
  }
  if (key <= rope) keys.refuse("rope.dimension_count", "leaves nothing of a head");
  const int64_t hidden = keys.integer("embedding_length");
  Json config = {{"model_type", "deepseek_v3"},
                 {"vocab_size", keys.tensor("token_embd.weight").shape.front()},
                 {"hidden_size", hidden},
                 {"num_hidden_layers", layer_count(keys)},
                 {"num_attention_heads", heads},
                 {"num_key_value_heads", heads},
                 {"max_position_embeddings", keys.integer("context_length")},
                 {"tie_word_embeddings", !keys.has_tensor("output.weight")},
                 {"rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon")},
                 {"q_lora_rank", Json()},
                 {"kv_lora_rank", keys.integer("attention.kv_lora_rank")},
                 {"qk_rope_head_dim", rope},
                 {"qk_nope_head_dim", key - rope},
                 {"v_head_dim", value},
                 {"rope_theta", keys.number("rope.freq_base", 10000.0)},
                 {"num_nextn_predict_layers", keys.integer("nextn_predict_layers", 0)}};
  keys.touch("vocab_size");
  keys.touch("attention.layer_norm_epsilon");
  const int64_t rank = keys.integer("attention.q_lora_rank", 0);
  if (rank > 0) config["q_lora_rank"] = rank;
  config["first_k_dense_replace"] = keys.integer("leading_dense_block_count", 0);
  config["intermediate_size"] = keys.uniform("feed_forward_length", layer_count(keys));
  const Json scaling = rope_scaling(keys, rope);
  if (!scaling.empty()) config["rope_scaling"] = scaling;
  sigmoid_mixture(keys, config);
  return config;
}

// yarn_log_multiplier is a tenth of mscale_all_dim: the scores' scale grows by its square, and the
// rotation's magnitude is 1 unless it says 1, which is what mscale is taken for.
void deepseek2_scale(GgufKeys& keys, Spec& spec) {
  adjust_router(keys, spec);
  const double eps = keys.number("attention.layer_norm_rms_epsilon");
  const double weight = keys.number("rope.scaling.yarn_log_multiplier", 0.0) / 0.1;
  for (LayerSpec& layer : spec.layers) {
    auto& attention = std::get<LatentAttentionSpec>(layer.mixer);
    attention.latent_norm.eps = eps;
    RopeSpec& rope = attention.rope;
    if (rope.scaling.kind != RopeScaling::Kind::kYarn) continue;
    const double all_dim = static_cast<double>(static_cast<float>(weight));
    const double factor = rope.scaling.factor;
    const auto magnitude = [&](double m) {
      return factor <= 1.0 ? 1.0 : 0.1 * m * std::log(factor) + 1.0;
    };
    // mscale is taken for 1, or for mscale_all_dim where that is not 1: the two then cancel.
    rope.attention_factor =
        (all_dim == 0.0 ? magnitude(1.0) : 1.0) * keys.number("rope.scaling.attn_factor", 1.0);
    const double sharpened = rope.attention_factor * magnitude(all_dim);
    attention.scale = sharpened * sharpened /
                      std::sqrt(static_cast<double>(attention.nope_dim + attention.rope_dim));
  }
}

void deepseek2_names(NameTable& names, const Spec& spec) {
  const int heads = std::get<LatentAttentionSpec>(spec.layers.front().mixer).num_attention_heads;
  names.or_pack("blk.{i}.attn_kv_b", {"k_b_proj", "v_b_proj"}, heads);
}

Layout deepseek2_layout(const Spec& spec) {
  Layout layout;
  const int heads = std::get<LatentAttentionSpec>(spec.layers.front().mixer).num_attention_heads;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    layout[block + "attn_k_b.weight"] = {.heads = GgufLayout::Heads::kTransposed,
                                         .head_count = heads};
    layout[block + "attn_v_b.weight"] = {.heads = GgufLayout::Heads::kApart, .head_count = heads};
  }
  return layout;
}

}  // namespace

constinit const GgufArchitecture kGgufQwen2Moe{
    .name = "qwen2moe", .rope = GgufRope::kHalves, .config = qwen2moe};
constinit const GgufArchitecture kGgufQwen3Moe{
    .name = "qwen3moe", .rope = GgufRope::kHalves, .config = qwen3moe};
constinit const GgufArchitecture kGgufOlmoe{
    .name = "olmoe", .rope = GgufRope::kHalves, .config = olmoe};
constinit const GgufArchitecture kGgufGptOss{
    .name = "gpt-oss", .rope = GgufRope::kHalves, .ffn_norm_renamed = true, .config = gpt_oss};
constinit const GgufArchitecture kGgufGlm4Moe{.name = "glm4moe",
                                              .rope = GgufRope::kHalves,
                                              .ffn_norm_renamed = true,
                                              .config = glm4moe,
                                              .adjust = adjust_router};
constinit const GgufArchitecture kGgufDeepseek2{.name = "deepseek2",
                                                .rope = GgufRope::kPairs,
                                                .config = deepseek2,
                                                .adjust = deepseek2_scale,
                                                .names = deepseek2_names,
                                                .layout = deepseek2_layout};

}  // namespace plumb::model
