// Llama and its nearest relatives.
#include <cmath>

#include "model/families/gguf/architecture.h"
#include "model/families/gguf/parts.h"

namespace plumb::model {
namespace {

using base::Json;

Json llama(GgufKeys& keys) {
  const int64_t experts = keys.integer("expert_count", 0);
  if (keys.has("attention.sliding_window")) {
    keys.touch("attention.sliding_window");
    keys.note("attention.sliding_window has no effect in the architecture llama");
  }
  Json config = common_config(keys, {.model_type = experts > 0 ? "mixtral" : "llama"});
  if (experts == 0) return config;
  if (keys.has("expert_feed_forward_length")) config["intermediate_size"] = expert_width(keys);
  config["num_local_experts"] = experts;
  config["num_experts_per_tok"] = keys.integer("expert_used_count");
  config["sliding_window"] = nullptr;
  return config;
}

// Mistral 3 and Ministral 3, which the query temperature tells apart.
Json mistral3(GgufKeys& keys) {
  const double beta = keys.number("attention.temperature_scale", 0.0);
  Json config = common_config(keys, {.model_type = beta != 0.0 ? "ministral3" : "mistral"});
  config["sliding_window"] = nullptr;
  if (beta == 0.0) return config;
  // The family's config states a rope dict, and the temperature in it.
  Json rope = config.value("rope_scaling", Json::object({{"rope_type", "default"}}));
  rope["llama_4_scaling_beta"] = beta;
  rope["rope_theta"] = config["rope_theta"];
  if (!rope.contains("original_max_position_embeddings")) {
    rope["original_max_position_embeddings"] =
        keys.integer("rope.scaling.original_context_length", keys.integer("context_length"));
  }
  config.erase("rope_scaling");
  config.erase("rope_theta");
  config["rope_parameters"] = rope;
  return config;
}

Json qwen2(GgufKeys& keys) {
  return common_config(keys, {.model_type = "qwen2"});
}

Json qwen3(GgufKeys& keys) {
  return common_config(keys, {.model_type = "qwen3"});
}

Json smollm3(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "smollm3"});
  config["no_rope_layer_interval"] = 4;
  keys.note("every fourth layer has no rope: the architecture smollm3 fixes it");
  return config;
}

Json granite(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "granite"});
  const auto or_one = [](double value) { return value == 0.0 ? 1.0 : value; };
  config["logits_scaling"] = keys.number("logit_scale");
  config["residual_multiplier"] = or_one(keys.number("residual_scale", 0.0));
  config["embedding_multiplier"] = or_one(keys.number("embedding_scale", 0.0));
  const double scale = keys.number("attention.scale", 0.0);
  config["attention_multiplier"] = scale != 0.0 ? scale : 1.0;
  return config;
}

void granite_scores(GgufKeys& keys, Spec& spec) {
  if (keys.number("attention.scale", 0.0) != 0.0) return;
  for (LayerSpec& layer : spec.layers) {
    auto& attention = std::get<AttentionSpec>(layer.mixer);
    attention.scale = 1.0 / std::sqrt(static_cast<double>(attention.head_dim));
  }
}

Json seed_oss(GgufKeys& keys) {
  return common_config(keys, {.model_type = "seed_oss"});
}

Json internlm2(GgufKeys& keys) {
  return common_config(keys, {.model_type = "internlm2", .head_dim = false});
}

Json exaone(GgufKeys& keys) {
  return common_config(keys, {.model_type = "exaone",
                              .layers_key = "num_layers",
                              .eps_key = "layer_norm_epsilon",
                              .head_dim = false});
}

Json ernie4_5(GgufKeys& keys) {
  return common_config(keys, {.model_type = "ernie4_5"});
}

Json glm4(GgufKeys& keys) {
  return common_config(keys, {.model_type = "glm4", .partial_rotary = true});
}

void fused_gate_up(NameTable& names, const Spec&) {
  names.drop("gate_proj").pack("blk.{i}.ffn_up", {"gate_proj", "up_proj"});
}

// alpha stretches theta, as the converter does for the dense models before it writes it.
Json hunyuan(GgufKeys& keys) {
  keys.touch("expert_count");
  keys.touch("expert_used_count");
  Json config = common_config(keys, {.model_type = "hunyuan_v1_dense"});
  const double alpha = keys.number("rope.scaling.alpha", 0.0);
  if (alpha > 0.0) config["rope_scaling"] = {{"rope_type", "dynamic"}, {"alpha", alpha}};
  return config;
}

// A window in two layers of three, and no rope beside it, in the 32B model alone, which its 64
// layers tell.
Json exaone4(GgufKeys& keys) {
  constexpr int64_t kSliding = 64;
  Json config = common_config(keys, {.model_type = "exaone4"});
  const int64_t layers = layer_count(keys);
  const bool slides = layers == kSliding;
  const auto types = sliding_types(keys, layers, 4);
  const int64_t window = keys.integer("attention.sliding_window", 4096);
  if (slides) {
    config["sliding_window"] = window;
    config["layer_types"] = types;
  } else {
    config["sliding_window"] = nullptr;
    config["layer_types"] = std::vector<std::string>(types.size(), "full_attention");
    if (keys.has("attention.sliding_window")) {
      keys.note(
          "attention.sliding_window has no effect: the architecture exaone4 slides in models "
          "of 64 layers alone");
    }
  }
  return config;
}

Json apertus(GgufKeys& keys) {
  for (const char* key : {"xielu.alpha_n", "xielu.alpha_p", "xielu.beta", "xielu.eps"}) {
    keys.touch(key);
  }
  Json config = common_config(keys, {.model_type = "apertus"});
  // An absent dict means llama 3's.
  if (!config.contains("rope_scaling")) {
    config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", config["rope_theta"]}};
    config.erase("rope_theta");
  }
  return config;
}

void name_xielu(NameTable& names, const Spec&) {
  for (const std::string name : {"alpha_p", "alpha_n", "beta", "eps"}) {
    names.name("xielu." + name, "blk.{i}.xielu." + name);
  }
}

}  // namespace

constinit const GgufArchitecture kGgufLlama{
    .name = "llama", .rope = GgufRope::kPairs, .config = llama};
constinit const GgufArchitecture kGgufMistral3{
    .name = "mistral3", .rope = GgufRope::kPairs, .config = mistral3};
constinit const GgufArchitecture kGgufQwen2{
    .name = "qwen2", .rope = GgufRope::kHalves, .config = qwen2};
constinit const GgufArchitecture kGgufQwen3{
    .name = "qwen3", .rope = GgufRope::kHalves, .config = qwen3};
constinit const GgufArchitecture kGgufSmolLm3{
    .name = "smollm3", .rope = GgufRope::kPairs, .config = smollm3};
constinit const GgufArchitecture kGgufGranite{
    .name = "granite", .rope = GgufRope::kPairs, .config = granite, .adjust = granite_scores};
constinit const GgufArchitecture kGgufSeedOss{
    .name = "seed_oss", .rope = GgufRope::kHalves, .ffn_norm_renamed = true, .config = seed_oss};
constinit const GgufArchitecture kGgufInternLm2{
    .name = "internlm2", .rope = GgufRope::kPairs, .config = internlm2};
constinit const GgufArchitecture kGgufExaone{
    .name = "exaone", .rope = GgufRope::kHalves, .config = exaone};
constinit const GgufArchitecture kGgufErnie45{
    .name = "ernie4_5", .rope = GgufRope::kPairs, .config = ernie4_5};
constinit const GgufArchitecture kGgufGlm4{
    .name = "glm4", .rope = GgufRope::kPairs, .config = glm4, .names = fused_gate_up};
constinit const GgufArchitecture kGgufHunyuanDense{
    .name = "hunyuan-dense", .rope = GgufRope::kHalves, .config = hunyuan};
constinit const GgufArchitecture kGgufExaone4{
    .name = "exaone4", .rope = GgufRope::kHalves, .config = exaone4};
constinit const GgufArchitecture kGgufApertus{
    .name = "apertus", .rope = GgufRope::kHalves, .config = apertus, .names = name_xielu};

}  // namespace plumb::model
