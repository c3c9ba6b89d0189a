// Architectures whose layers slide, and those with LayerNorms.
#include <cmath>

#include "model/config_reader.h"
#include "model/families/gguf/architecture.h"
#include "model/families/gguf/parts.h"

namespace plumb::model {
namespace {

using base::Json;

Json gemma(GgufKeys& keys) {
  return common_config(keys, {.model_type = "gemma"});
}

// llama.cpp guesses the scale of the scores: the 27B models, which their number of layers tells,
// have embedding / heads in place of the size of a head.
double query_scalar(GgufKeys& keys, const Json& config, int64_t layers_of_27b) {
  const int64_t heads = config["num_attention_heads"].get<int64_t>();
  const int64_t hidden = config["hidden_size"].get<int64_t>();
  keys.note(
      "a GGUF cannot say query_pre_attn_scalar: it is the size of a head, or embedding / "
      "heads with the layers of a 27B model");
  const bool large = config["num_hidden_layers"] == layers_of_27b;
  return static_cast<double>(large ? hidden / heads : config["head_dim"].get<int64_t>());
}

void soft_caps(GgufKeys& keys, Json& config) {
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    const double cap = keys.number(key, 0.0);
    config[key] = cap == 0.0 ? Json() : Json(cap);
  }
}

Json gemma2(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "gemma2"});
  config["query_pre_attn_scalar"] = query_scalar(keys, config, 46);
  soft_caps(keys, config);
  // Where the keys are missing llama.cpp has the published models' caps.
  if (!keys.has("attn_logit_softcapping")) config["attn_logit_softcapping"] = 50.0;
  if (!keys.has("final_logit_softcapping")) config["final_logit_softcapping"] = 30.0;
  config["sliding_window"] = keys.integer("attention.sliding_window", 4096);
  config["layer_types"] = sliding_types(keys, layer_count(keys), 2);
  return config;
}

Json gemma3(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "gemma3_text"});
  config["query_pre_attn_scalar"] = query_scalar(keys, config, 62);
  const double cap = keys.number("final_logit_softcapping", 0.0);
  config["final_logit_softcapping"] = cap == 0.0 ? Json() : Json(cap);
  const int64_t layers = layer_count(keys);
  const int64_t window = keys.integer("attention.sliding_window", 0);
  auto types = sliding_types(keys, layers, 6);
  if (window == 0) types.assign(types.size(), std::string(kFullAttention));
  config["sliding_window"] = window == 0 ? Json() : Json(window);
  config["layer_types"] = types;
  config["rope_local_base_freq"] = keys.number("rope.freq_base_swa", 10000.0);
  return config;
}

// OLMo 2, and with a window OLMo 3, whose sliding layers have a plain rope.
Json olmo2(GgufKeys& keys) {
  const int64_t window = keys.integer("attention.sliding_window", 0);
  Json config = common_config(keys, {.model_type = window > 0 ? "olmo3" : "olmo2"});
  const auto types = sliding_types(keys, layer_count(keys), 4);
  if (window == 0) return config;
  config["sliding_window"] = window;
  config["layer_types"] = types;
  Json full = config.value("rope_scaling", Json::object({{"rope_type", "default"}}));
  const double theta = config["rope_theta"].get<double>();
  full["rope_theta"] = theta;
  const Json sliding = {{"rope_type", "default"},
                        {"rope_theta", keys.number("rope.freq_base_swa", theta)}};
  config.erase("rope_scaling");
  config.erase("rope_theta");
  config["rope_parameters"] = Json::object();
  config["rope_parameters"][std::string(kFullAttention)] = full;
  config["rope_parameters"][std::string(kSlidingAttention)] = sliding;
  return config;
}

// Its window, which files state, is not in use.
Json phi3(GgufKeys& keys) {
  Json config =
      common_config(keys, {.model_type = "phi3", .head_dim = false, .partial_rotary = true});
  config["original_max_position_embeddings"] = keys.integer(
      "rope.scaling.original_context_length", config["max_position_embeddings"].get<int64_t>());
  config["sliding_window"] = nullptr;
  if (keys.integer("attention.sliding_window", 0) > 0) {
    keys.note("attention.sliding_window has no effect in the architecture phi3");
  }
  return config;
}

void phi3_names(NameTable& names, const Spec&) {
  names.pack("blk.{i}.attn_qkv", {"q_proj", "k_proj", "v_proj"});
  for (const std::string name : {"q", "k", "v"}) {
    names.or_pack("blk.{i}.attn_" + name, {name + "_proj"});
  }
  names.drop("gate_proj").pack("blk.{i}.ffn_up", {"gate_proj", "up_proj"});
}

Json cohere2(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "cohere2",
                                     .eps_key = "layer_norm_eps",
                                     .layer_norm = true,
                                     .head_dim = false});
  config["logit_scale"] = keys.number("logit_scale");
  config["sliding_window"] = keys.integer("attention.sliding_window");
  config["layer_types"] = sliding_types(keys, layer_count(keys), 4);
  return config;
}

Json stablelm(GgufKeys& keys) {
  Json config = common_config(keys, {.model_type = "stablelm",
                                     .eps_key = "layer_norm_eps",
                                     .layer_norm = true,
                                     .head_dim = false,
                                     .partial_rotary = true});
  config["use_parallel_residual"] = !keys.has_tensor("blk.0.ffn_norm.weight");
  config["qk_layernorm"] = keys.has_tensor("blk.0.attn_q_norm.weight");
  return config;
}

Json starcoder2(GgufKeys& keys) {
  Json config = common_config(
      keys, {.model_type = "starcoder2", .eps_key = "norm_epsilon", .layer_norm = true});
  config["sliding_window"] = nullptr;
  return config;
}

Json nemotron(GgufKeys& keys) {
  return common_config(keys, {.model_type = "nemotron",
                              .eps_key = "norm_eps",
                              .layer_norm = true,
                              .partial_rotary = true});
}

}  // namespace

constinit const GgufArchitecture kGgufGemma{
    .name = "gemma", .rope = GgufRope::kHalves, .config = gemma};
constinit const GgufArchitecture kGgufGemma2{
    .name = "gemma2", .rope = GgufRope::kHalves, .config = gemma2};
constinit const GgufArchitecture kGgufGemma3{
    .name = "gemma3", .rope = GgufRope::kHalves, .config = gemma3};
constinit const GgufArchitecture kGgufOlmo2{
    .name = "olmo2", .rope = GgufRope::kHalves, .config = olmo2};
constinit const GgufArchitecture kGgufPhi3{
    .name = "phi3", .rope = GgufRope::kHalves, .config = phi3, .names = phi3_names};
constinit const GgufArchitecture kGgufCohere2{
    .name = "cohere2", .rope = GgufRope::kPairs, .config = cohere2};
constinit const GgufArchitecture kGgufStableLm{
    .name = "stablelm", .rope = GgufRope::kHalves, .config = stablelm};
constinit const GgufArchitecture kGgufStarcoder2{
    .name = "starcoder2", .rope = GgufRope::kHalves, .config = starcoder2};
constinit const GgufArchitecture kGgufNemotron{
    .name = "nemotron", .rope = GgufRope::kHalves, .config = nemotron};

}  // namespace plumb::model
