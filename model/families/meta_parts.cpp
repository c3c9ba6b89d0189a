#include "model/families/meta_parts.h"

#include <algorithm>
#include <cmath>

namespace plumb::model {
namespace {

constexpr std::string_view kLocal = "local";  // older names of sliding and full attention
constexpr std::string_view kGlobal = "global";
constexpr std::string_view kLayerTypes[] = {kFullAttention, kSlidingAttention, kLinearAttention,
                                            kLocal, kGlobal};

Activation read_act_fn(ConfigReader& config) {
  const std::string name = config.text("act_fn", "silu");
  if (name == "silu") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_approx") return Activation::kGeluTanh;
  config.refuse("act_fn", "is the unknown activation '" + name + "'",
                "supported: silu, gelu, gelu_approx");
}

double read_optional(ConfigReader& config, std::string_view key, double fallback) {
  return config.positive(key, fallback, Null::kMeansAbsent);
}

RopeScaling read_meta_longrope(ConfigReader& config, int rotary_dim) {
  const auto factors = [&](std::string_view key) {
    std::vector<double> list = config.numbers(key);
    if (list.size() == static_cast<size_t>(rotary_dim / 2)) return list;
    config.refuse(key, "has " + std::to_string(list.size()) + " entries",
                  std::to_string(rotary_dim / 2) + " frequencies rotate");
  };
  constexpr std::string_view kShort = "rope_scaling_short_factor";
  constexpr std::string_view kLong = "rope_scaling_long_factor";
  RopeScaling scaling{.kind = RopeScaling::Kind::kLongRope};
  // One list alone serves both, as there.
  scaling.short_factor = factors(config.has(kShort) ? kShort : kLong);
  scaling.long_factor = factors(config.has(kLong) ? kLong : kShort);
  constexpr std::string_view kOriginal = "original_max_position_embeddings";
  if (!config.has(kOriginal)) config.refuse(kOriginal, "is missing", "longrope needs it");
  scaling.original_max_position_embeddings = config.positive(kOriginal, 0.0);
  return scaling;
}

// cos and sin are multiplied where the context is stretched.
double read_attention_factor(ConfigReader& config, RopeScaling& scaling) {
  const double longest = read_optional(config, "max_position_embeddings", 0.0);
  if (!config.has("rope_scaling_attention_factor") && longest == 0.0) {
    config.refuse("max_position_embeddings", "is missing",
                  "longrope needs it, or rope_scaling_attention_factor");
  }
  const double original = scaling.original_max_position_embeddings;
  scaling.factor = longest > 0.0 ? longest / original : 1.0;
  const double usual =
      scaling.factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(scaling.factor) / std::log(original));
  return read_optional(config, "rope_scaling_attention_factor", usual);
}

void read_scaled_rope(ConfigReader& config, RopeSpec& rope, bool hf_rope) {
  const RopeScaling scaling{.kind = RopeScaling::Kind::kLlama3,
                            .factor = config.positive("rope_scale_factor", 8.0),
                            .high_freq_factor = config.positive("high_freq_factor", 4.0),
                            .original_max_position_embeddings = 8192};
  if (scaling.high_freq_factor == scaling.low_freq_factor) {
    config.refuse("high_freq_factor", "is 1", "the ramp from 1 up needs a width");
  }
  if (config.flag("use_scaled_rope", false) && !hf_rope) rope.scaling = scaling;
}

int read_rotary_dim(ConfigReader& config, bool hf_rope, int head_dim) {
  const double partial = config.positive("partial_rotary_factor", 1.0);
  const int rotary_dim = hf_rope ? static_cast<int>(head_dim * partial) : head_dim;
  if (rotary_dim < 2 || rotary_dim > head_dim || rotary_dim % 2 != 0) {
    config.refuse(hf_rope ? "partial_rotary_factor" : "head_dim",
                  "gives " + std::to_string(rotary_dim) + " rotated dimensions of a head of " +
                      std::to_string(head_dim),
                  "they must be even, at least 2 and at most the head");
  }
  return rotary_dim;
}

// Longrope, and the factor on cos and sin, which stands by itself too.
void stretch_rope(ConfigReader& config, RopeSpec& rope, bool hf_rope) {
  constexpr std::string_view kFactor = "rope_scaling_attention_factor";
  bool stretched = false;
  for (const std::string_view key : {std::string_view("rope_scaling_short_factor"),
                                     std::string_view("rope_scaling_long_factor"), kFactor}) {
    config.touch(key);
    if (!config.has(key)) continue;
    if (!hf_rope) config.refuse(key, "has no effect without use_hf_rope", "set it, or take it out");
    stretched |= key != kFactor;
  }
  config.touch("max_position_embeddings");
  config.touch("original_max_position_embeddings");
  if (stretched) {
    rope.scaling = read_meta_longrope(config, rope.rotary_dim);
    rope.attention_factor = read_attention_factor(config, rope.scaling);
  } else {
    rope.attention_factor = read_optional(config, kFactor, 1.0);
  }
}

}  // namespace

MetaFeatures read_meta_features(ConfigReader& config) {
  MetaFeatures f;
  const std::string architecture = config.text("model_architecture", "", Null::kMeansAbsent);
  f.glm = architecture == kGlmArchitecture;
  if (architecture == "CodeGenModel") {
    config.refuse("model_architecture", "is CodeGenModel", "its biased head is not supported");
  }
  f.activation = read_act_fn(config);
  f.attention_multiplier = read_optional(config, "attention_multiplier", 0.0);
  f.embedding_multiplier = config.positive("embedding_scale_factor", 1.0);
  f.residual_multiplier = read_optional(config, "residual_multiplier", 1.0);
  f.logit_multiplier = 1.0 / read_optional(config, "logits_scaling", 1.0);
  f.attention_soft_cap = read_optional(config, "attn_logit_softcapping", 0.0);
  f.final_soft_cap = read_optional(config, "final_logit_softcapping", 0.0);
  f.no_rope_layer_interval = static_cast<int>(
      config.integer("no_rope_layer_interval", 0, 1, int64_t{1} << 30, Null::kMeansAbsent));
  f.post_attention_norm = config.flag("post_attention_norm", false);
  f.post_ffn_norm = config.flag("post_ffn_norm", false);
  f.ffn_norm = config.flag("use_ffn_norm", true);
  f.any = f.glm || f.activation != Activation::kSilu || f.attention_multiplier > 0.0 ||
          f.embedding_multiplier != 1.0 || f.residual_multiplier != 1.0 ||
          f.logit_multiplier != 1.0 || f.attention_soft_cap > 0.0 || f.final_soft_cap > 0.0 ||
          f.no_rope_layer_interval > 0 || f.post_attention_norm || f.post_ffn_norm || !f.ffn_norm ||
          config.text("norm_type", "rmsnorm") != "rmsnorm";
  return f;
}

NormSpec read_meta_norm(ConfigReader& config, double eps) {
  NormSpec norm{.eps = eps};
  const std::string type = config.text("norm_type", "rmsnorm");
  norm.unit_offset = config.flag("rms_norm_add_unit_offset", false);
  if (type == "gemma2" || type == "gemma3") {
    norm.unit_offset = true;
    norm.rounding = NormRounding::kAfterWeight;
  } else if (type == "layernorm") {
    norm = {.kind = NormSpec::Kind::kLayer,
            .eps = eps,
            .bias = true,
            .rounding = NormRounding::kAfterWeight};
  } else if (type != "rmsnorm") {
    config.refuse("norm_type", "is the unknown norm '" + type + "'",
                  "supported: rmsnorm, gemma2, gemma3, layernorm");
  }
  return norm;
}

int read_meta_hidden_dim(ConfigReader& config, int dim) {
  const double multiplier = config.positive("ffn_dim_multiplier", 1.0, Null::kMeansAbsent);
  const int64_t multiple = config.integer("multiple_of", 256, 1, kWidthLimit);
  const int64_t two_thirds = int64_t{8} * dim / 3;
  const auto whole = static_cast<int64_t>(multiplier * static_cast<double>(two_thirds));
  const int64_t derived = (whole + multiple - 1) / multiple * multiple;
  const int64_t hidden = config.integer("hidden_dim", derived, 1, kWidthLimit, Null::kMeansAbsent);
  if (hidden < 1 || hidden > kWidthLimit) {
    config.refuse("ffn_dim_multiplier",
                  "makes the feed-forward " + std::to_string(hidden) + " wide",
                  "it must lie in 1.." + std::to_string(kWidthLimit));
  }
  return static_cast<int>(hidden);
}

std::vector<std::string> read_meta_layer_types(ConfigReader& config, int num_hidden_layers) {
  constexpr std::string_view kKey = "layer_types";
  const auto layers = static_cast<size_t>(num_hidden_layers);
  config.touch(kKey);
  if (!config.has(kKey)) return std::vector<std::string>(layers, std::string(kFullAttention));
  std::vector<std::string> types = config.texts(kKey);
  if (types.size() < layers) {
    config.refuse(kKey,
                  "has " + std::to_string(types.size()) + " entries for " +
                      std::to_string(num_hidden_layers) + " layers",
                  "name the type of each layer");
  }
  types.resize(layers);
  for (std::string& type : types) {
    if (std::find(std::begin(kLayerTypes), std::end(kLayerTypes), type) == std::end(kLayerTypes)) {
      config.refuse(kKey, "holds the unsupported type '" + type + "'",
                    "supported: full_attention, sliding_attention, linear_attention");
    }
    if (type == kLocal) type = kSlidingAttention;
    if (type == kGlobal) type = kFullAttention;
  }
  return types;
}

MetaRopes read_meta_ropes(ConfigReader& config, const MetaFeatures& features, int head_dim) {
  RopeSpec rope;
  const bool hf_rope = config.flag("use_hf_rope", false);
  // The static decoder turns halves. Its checkpoints are as Hugging Face's; those of GLM are in
  // pairs, which its loader permutes.
  const bool pairs = features.glm || !(hf_rope || features.any);
  rope.pairs = pairs ? RopePairs::kInterleaved : RopePairs::kHalves;
  rope.rounding = pairs ? RopeRounding::kTableOnly : RopeRounding::kEveryStep;
  rope.theta =
      config.positive("rope_theta", config.positive("rope_freq_base", 1e4), Null::kMeansAbsent);
  rope.rotary_dim = read_rotary_dim(config, hf_rope, head_dim);
  read_scaled_rope(config, rope, hf_rope);
  stretch_rope(config, rope, hf_rope);
  MetaRopes ropes{rope, rope};
  const char* local = config.has("local_rope_theta") ? "local_rope_theta" : "rope_local_base_freq";
  ropes.sliding.theta = read_optional(config, local, rope.theta);
  config.touch("local_rope_theta");
  return ropes;
}

std::optional<QkNormSpec> read_meta_qk_norm(ConfigReader& config, const NormSpec& norm) {
  QkNormSpec qk{.norm = norm};
  qk.norm.kind = NormSpec::Kind::kRms;
  qk.norm.bias = false;
  qk.norm.weight = config.flag("qk_norm_affine", true);
  qk.norm.unit_offset = norm.unit_offset && qk.norm.weight;
  qk.after_rope = !config.flag("qk_norm_before_rope", false);
  qk.query_multiplier = config.positive("scale_query_by", 1.0);
  return config.flag("use_qk_norm", false) ? std::optional(qk) : std::nullopt;
}

GatedDeltaNetSpec read_meta_delta_net(ConfigReader& config, const AttentionSpec& attention,
                                      double eps) {
  const auto size = [&](std::string_view key, int fallback) {
    return read_size(config, key, fallback, kWidthLimit, Null::kMeansAbsent);
  };
  GatedDeltaNetSpec net;
  net.num_key_heads = size("linear_num_key_heads", attention.num_attention_heads);
  net.num_value_heads = size("linear_num_value_heads", attention.num_attention_heads);
  net.key_dim = size("linear_key_head_dim", attention.head_dim);
  net.value_dim = size("linear_value_head_dim", attention.head_dim);
  net.conv_kernel = read_size(config, "linear_conv_kernel_dim", 4, 1024);
  checked_width(config, "linear_key_head_dim", net.num_key_heads, net.key_dim);
  checked_width(config, "linear_value_head_dim", net.num_value_heads, net.value_dim);
  if (net.num_value_heads % net.num_key_heads != 0) {
    config.refuse("linear_num_value_heads",
                  "is " + std::to_string(net.num_value_heads) + ", which " +
                      std::to_string(net.num_key_heads) + " key heads do not divide",
                  "each key head serves as many value heads");
  }
  net.query_scale = 1.0 / std::sqrt(static_cast<double>(net.key_dim));
  net.output_norm = NormSpec{.eps = eps};
  return net;
}

}  // namespace plumb::model
