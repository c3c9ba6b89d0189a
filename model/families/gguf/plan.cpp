// Specs as keys of llama.cpp's architectures.
#include "model/gguf/plan.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/errors.h"
#include "model/families/gguf/architecture.h"

namespace plumb::model {
namespace {

struct Row {
  std::string_view model_type;
  const GgufArchitecture* architecture;
};

constexpr Row kRows[] = {
    {"llama", &kGgufLlama},
    {"mistral", &kGgufLlama},
    {"mixtral", &kGgufLlama},
    {"internlm3", &kGgufLlama},
    {"mistral3", &kGgufLlama},
    {"ministral3", &kGgufMistral3},
    {"qwen2", &kGgufQwen2},
    {"qwen3", &kGgufQwen3},
    {"gemma", &kGgufGemma},
    {"gemma2", &kGgufGemma2},
    {"gemma3_text", &kGgufGemma3},
    {"olmo2", &kGgufOlmo2},
    {"olmo3", &kGgufOlmo2},
    {"phi3", &kGgufPhi3},
    {"smollm3", &kGgufSmolLm3},
    {"granite", &kGgufGranite},
    {"stablelm", &kGgufStableLm},
    {"starcoder2", &kGgufStarcoder2},
    {"nemotron", &kGgufNemotron},
    {"ernie4_5", &kGgufErnie45},
    {"glm4", &kGgufGlm4},
    {"cohere2", &kGgufCohere2},
    {"exaone", &kGgufExaone},
    {"exaone4", &kGgufExaone4},
    {"apertus", &kGgufApertus},
    {"seed_oss", &kGgufSeedOss},
    {"internlm2", &kGgufInternLm2},
    {"hunyuan_v1_dense", &kGgufHunyuanDense},
    {"qwen2_moe", &kGgufQwen2Moe},
    {"qwen3_moe", &kGgufQwen3Moe},
    {"olmoe", &kGgufOlmoe},
    {"gpt_oss", &kGgufGptOss},
    {"solar_open", &kGgufGlm4Moe},
    {"deepseek_v3", &kGgufDeepseek2},
    {"glm4_moe_lite", &kGgufDeepseek2},
    {"qwen3_next", &kGgufQwen3Next},
    {"qwen3_5_text", &kGgufQwen35},
    {"qwen3_5", &kGgufQwen35},
};

const GgufArchitecture& architecture_for(const Spec& spec) {
  const auto* first = std::get_if<AttentionSpec>(&spec.layers.front().mixer);
  const bool grows = first != nullptr && first->query_temperature.has_value();
  for (const Row& row : kRows) {
    if (row.model_type == spec.model_type) return grows ? kGgufMistral3 : *row.architecture;
  }
  throw base::InputError("gguf", spec.model_type, "has no architecture in llama.cpp",
                         "write another format");
}

class Keys {
 public:
  Keys(const Spec& spec, const GgufArchitecture& architecture)
      : spec_(spec), prefix_(std::string(architecture.name) + ".") {}

  GgufPlan take() && {
    plan_.keys.text("general.architecture", prefix_.substr(0, prefix_.size() - 1));
    plan_.keys.text("general.type", "model");
    plan_.keys.integer("general.quantization_version", 2);
    sizes();
    norms();
    scales();
    for (const LayerSpec& layer : spec_.layers) {
      if (mixers(layer.mixer)) break;
    }
    delta_nets();
    windows();
    feed_forwards();
    return std::move(plan_);
  }

 private:
  std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  void integer(std::string_view key, int64_t value) { plan_.keys.integer(name(key), value); }
  void number(std::string_view key, double value) { plan_.keys.number(name(key), value); }

  void sizes() {
    integer("block_count", static_cast<int64_t>(spec_.layers.size()));
    integer("embedding_length", spec_.hidden_size);
    integer("context_length", std::max<int64_t>(spec_.max_position_embeddings, 1));
    integer("vocab_size", spec_.vocab_size);
  }

  void norms() {
    const bool layer = spec_.final_norm->kind == NormSpec::Kind::kLayer;
    number(layer ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
           spec_.final_norm->eps);
  }

  // Which of them an architecture has, the reading of the file shows.
  void scales() {
    const LayerSpec& layer = spec_.layers.front();
    if (layer.residual_multiplier != 1.0) number("residual_scale", layer.residual_multiplier);
    if (prefix_ == "granite.") {
      number("embedding_scale", spec_.embedding_multiplier);
      number("logit_scale", 1.0 / spec_.logit_multiplier);
      number("attention.scale", std::get<AttentionSpec>(layer.mixer).scale);
    } else if (spec_.logit_multiplier != 1.0 || layer.parallel) {
      if (prefix_ == "cohere2.") number("logit_scale", spec_.logit_multiplier);
    }
    if (spec_.final_soft_cap != 0.0) number("final_logit_softcapping", spec_.final_soft_cap);
    const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    if (attention != nullptr && attention->soft_cap != 0.0) {
      number("attn_logit_softcapping", attention->soft_cap);
    }
  }

  // True once the mixer's keys are written.
  bool mixers(const MixerSpec& mixer) {
    if (const auto* attention = std::get_if<AttentionSpec>(&mixer)) {
      integer("attention.head_count", attention->num_attention_heads);
      integer("attention.head_count_kv", attention->num_key_value_heads);
      integer("attention.key_length", attention->head_dim);
      integer("attention.value_length", attention->head_dim);
      if (attention->query_temperature) {
        number("attention.temperature_scale", attention->query_temperature->beta);
      }
      ropes(*attention);
      return true;
    }
    if (const auto* latent = std::get_if<LatentAttentionSpec>(&mixer)) {
      latents(*latent);
      return true;
    }
    return false;
  }

  // The full layers' rope, and the sliding ones' where it is another.
  void ropes(const AttentionSpec& first) {
    const RopeSpec* full = nullptr;
    const RopeSpec* sliding = nullptr;
    for (const LayerSpec& layer : spec_.layers) {
      const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
      if (attention == nullptr || !attention->rope) continue;
      (attention->sliding_window > 0 ? sliding : full) = &*attention->rope;
    }
    if (full == nullptr) full = sliding;
    if (full == nullptr) return;
    integer("rope.dimension_count", full->rotary_dim);
    number("rope.freq_base", full->theta);
    // With a query temperature mscale and mscale_all_dim are one number, for which stands 1.
    const bool cancels = first.query_temperature && full->attention_factor == 1.0;
    scaling(*full, cancels ? std::optional(1.0) : std::nullopt);
    const bool other = sliding != nullptr && sliding->theta != full->theta;
    if (other) number("rope.freq_base_swa", sliding->theta);
  }

  // log_multiplier: where it says the magnitude.
  void scaling(const RopeSpec& rope, std::optional<double> log_multiplier) {
    const RopeScaling& s = rope.scaling;
    const std::string key = "rope.scaling.";
    switch (s.kind) {
      case RopeScaling::Kind::kDefault:
        return;
      case RopeScaling::Kind::kLinear:
        plan_.keys.text(name(key + "type"), "linear");
        number(key + "factor", s.factor);
        return;
      case RopeScaling::Kind::kLongRope:
        longrope(rope);
        return;
      case RopeScaling::Kind::kYarn:
        break;
      default:
        throw base::InputError("gguf", std::string(to_text(s.kind)),
                               "a GGUF has no such scaling of the rope", "write another format");
    }
    plan_.keys.text(name(key + "type"), "yarn");
    number(key + "factor", s.factor);
    integer(key + "original_context_length",
            static_cast<int64_t>(s.original_max_position_embeddings));
    number(key + "yarn_beta_fast", s.beta_fast);
    number(key + "yarn_beta_slow", s.beta_slow);
    const double usual = s.factor <= 1.0 ? 1.0 : 0.1 * std::log(s.factor) + 1.0;
    if (log_multiplier) {
      number(key + "yarn_log_multiplier", *log_multiplier);
    } else if (std::abs(rope.attention_factor / usual - 1.0) > 1e-12) {
      number(key + "attn_factor", rope.attention_factor / usual);
    }
  }

  void longrope(const RopeSpec& rope) {
    const RopeScaling& s = rope.scaling;
    integer("rope.scaling.original_context_length",
            static_cast<int64_t>(s.original_max_position_embeddings));
    if (rope.attention_factor != 1.0) number("rope.scaling.attn_factor", rope.attention_factor);
    if (s.short_factor == s.long_factor) {
      plan_.extra["rope_freqs.weight"] = s.short_factor;
      return;
    }
    plan_.keys.text(name("rope.scaling.type"), "longrope");
    plan_.extra["rope_factors_short.weight"] = s.short_factor;
    plan_.extra["rope_factors_long.weight"] = s.long_factor;
  }

  void latents(const LatentAttentionSpec& a) {
    integer("attention.head_count", a.num_attention_heads);
    integer("attention.head_count_kv", 1);
    integer("attention.key_length", a.kv_lora_rank + a.rope_dim);
    integer("attention.value_length", a.kv_lora_rank);
    integer("attention.key_length_mla", a.nope_dim + a.rope_dim);
    integer("attention.value_length_mla", a.value_dim);
    integer("attention.kv_lora_rank", a.kv_lora_rank);
    if (a.q_lora_rank > 0) integer("attention.q_lora_rank", a.q_lora_rank);
    integer("rope.dimension_count", a.rope_dim);
    number("rope.freq_base", a.rope.theta);
    if (a.rope.scaling.kind != RopeScaling::Kind::kYarn) return scaling(a.rope, std::nullopt);
    // The scores' scale holds the square of the sharpening.
    const double plain = 1.0 / std::sqrt(static_cast<double>(a.nope_dim + a.rope_dim));
    const double sharpened = std::sqrt(a.scale / plain) / a.rope.attention_factor;
    scaling(a.rope, (sharpened - 1.0) / std::log(a.rope.scaling.factor));
  }

  void delta_nets() {
    std::vector<bool> recurrent;
    const GatedDeltaNetSpec* net = nullptr;
    for (const LayerSpec& layer : spec_.layers) {
      const auto* here = std::get_if<GatedDeltaNetSpec>(&layer.mixer);
      recurrent.push_back(here != nullptr);
      if (here != nullptr) net = here;
    }
    if (net == nullptr) return;
    integer("ssm.conv_kernel", net->conv_kernel);
    integer("ssm.state_size", net->key_dim);
    integer("ssm.group_count", net->num_key_heads);
    integer("ssm.time_step_rank", net->num_value_heads);
    integer("ssm.inner_size", int64_t{net->num_value_heads} * net->value_dim);
    plan_.keys.flags(name("attention.recurrent_layers"), recurrent);
    if (prefix_ == "qwen35.") {
      plan_.keys.integers(name("rope.dimension_sections"), {11, 11, 10, 0});
    }
  }

  void windows() {
    std::vector<bool> slides;
    int window = 0;
    for (const LayerSpec& layer : spec_.layers) {
      const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
      slides.push_back(attention != nullptr && attention->sliding_window > 0);
      if (slides.back()) window = attention->sliding_window;
    }
    if (window == 0) return;
    integer("attention.sliding_window", window);
    plan_.keys.flags(name("attention.sliding_window_pattern"), slides);
  }

  void feed_forwards() {
    int64_t dense = 0;
    int64_t leading = 0;
    const MoeSpec* moe = nullptr;
    for (const LayerSpec& layer : spec_.layers) {
      if (const auto* mlp = std::get_if<MlpSpec>(&layer.ffn)) {
        dense = mlp->intermediate_size;
        if (moe == nullptr) ++leading;
        if (mlp->activation == Activation::kXielu) xielu();
      } else {
        moe = &std::get<MoeSpec>(layer.ffn);
      }
    }
    if (dense == 0 && moe != nullptr) dense = moe->intermediate_size;
    integer("feed_forward_length", dense);
    if (moe != nullptr) experts(*moe, leading);
  }

  void xielu() {
    for (const std::string part : {"alpha_p", "alpha_n", "beta", "eps"}) {
      plan_.values["xielu." + part] = "xielu." + part;
    }
  }

  void experts(const MoeSpec& moe, int64_t leading) {
    const RouterSpec& router = moe.router;
    integer("expert_count", router.num_experts);
    integer("expert_used_count", router.top_k);
    if (prefix_ == "llama.") return;
    integer("expert_feed_forward_length", moe.intermediate_size);
    if (router.scores == RouterSpec::Scores::kSigmoid) {
      integer("expert_gating_func", 2);
      integer("leading_dense_block_count", leading);
      integer("expert_shared_count",
              moe.shared ? moe.shared->intermediate_size / moe.intermediate_size : 0);
      number("expert_weights_scale", router.scaling);
      plan_.keys.flag(name("expert_weights_norm"), router.normalize);
      if (router.num_groups > 1) {
        integer("expert_group_count", router.num_groups);
        integer("expert_group_used_count", router.top_groups);
      }
    } else if (moe.shared) {
      integer("expert_shared_feed_forward_length", moe.shared->intermediate_size);
    }
  }

  const Spec& spec_;
  std::string prefix_;
  GgufPlan plan_;
};

bool has_halves(const Spec& spec) {
  return std::any_of(spec.layers.begin(), spec.layers.end(), [](const LayerSpec& layer) {
    const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    return attention != nullptr && attention->rope && attention->rope->pairs == RopePairs::kHalves;
  });
}

}  // namespace

GgufPlan plan_gguf(const Spec& spec) {
  const GgufArchitecture& architecture = architecture_for(spec);
  GgufPlan plan = Keys(spec, architecture).take();
  plan.names = gguf_name_table(architecture, spec);
  if (architecture.layout != nullptr) plan.layouts = architecture.layout(spec);
  plan.pairs = architecture.rope == GgufRope::kPairs && has_halves(spec);
  return plan;
}

}  // namespace plumb::model
