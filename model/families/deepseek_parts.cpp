#include "model/families/deepseek_parts.h"

#include <cmath>

#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

// The class leaves them at RMSNorm's own default, whatever rms_norm_eps says.
constexpr double kLatentNormEps = 1e-6;

// A null rank means queries straight from the input.
int read_query_rank(ConfigReader& config, int fallback) {
  if (config.present("q_lora_rank") && !config.has("q_lora_rank")) fallback = 0;
  return read_size(config, "q_lora_rank", fallback, kWidthLimit, Null::kMeansAbsent);
}

// What transformers derives and saves; a checkpoint that says otherwise is at odds with itself.
void check_derived(ConfigReader& config, std::string_view key, int value) {
  if (config.integer(key, value, 1, kWidthLimit) == value) return;
  config.refuse(key, "is not " + std::to_string(value),
                "the class derives it from qk_nope_head_dim and qk_rope_head_dim");
}

}  // namespace

LatentAttentionSpec read_latent_attention(ConfigReader& config, const Dimensions& dimensions,
                                          const LatentDefaults& defaults) {
  const int heads = dimensions.attention.num_attention_heads;
  if (dimensions.attention.num_key_value_heads != heads) {
    config.refuse("num_key_value_heads", "is not num_attention_heads",
                  "each head of latent attention has a key of its own");
  }
  LatentAttentionSpec a{.num_attention_heads = heads};
  a.q_lora_rank = read_query_rank(config, defaults.q_lora_rank);
  a.kv_lora_rank = read_size(config, "kv_lora_rank", defaults.kv_lora_rank);
  a.nope_dim = read_size(config, "qk_nope_head_dim", defaults.qk_nope_head_dim);
  a.rope_dim = read_size(config, "qk_rope_head_dim", defaults.qk_rope_head_dim);
  a.value_dim =
      read_size(config, "v_head_dim", defaults.v_head_dim, kWidthLimit, defaults.v_head_dim_null);
  check_derived(config, "head_dim", a.rope_dim);
  check_derived(config, "qk_head_dim", a.nope_dim + a.rope_dim);
  checked_width(config, "qk_nope_head_dim", heads, a.nope_dim + a.rope_dim);
  checked_width(config, "v_head_dim", heads, a.value_dim);
  a.bias = config.flag("attention_bias", false);
  a.latent_norm = NormSpec{.eps = kLatentNormEps};
  const auto as_stated = [&] {
    const bool interleaved = config.flag("rope_interleave", true);
    return interleaved ? RopePairs::kInterleavedToHalves : RopePairs::kHalves;
  };
  a.rope = read_rope(config,
                     {.pairs = defaults.pairs ? *defaults.pairs : as_stated(),
                      .rounding = defaults.rounding,
                      .head_dim_key = "qk_rope_head_dim"},
                     a.rope_dim, dimensions.max_position_embeddings);
  a.scale = 1.0 / std::sqrt(static_cast<double>(a.nope_dim + a.rope_dim));
  if (a.rope.scaling.kind != RopeScaling::Kind::kDefault) {
    const base::Json dict = rope_dict(config, {});
    const double all_dim =
        config.object("rope_scaling", dict).number("mscale_all_dim", 0.0, Null::kMeansAbsent);
    const double mscale = yarn_mscale(a.rope.scaling.factor, all_dim);
    a.scale *= mscale * mscale;
  }
  return a;
}

NameTable deepseek_names(const Spec& spec) {
  const std::string attention = "model.layers.{i}.self_attn.";
  const int heads = std::get<LatentAttentionSpec>(spec.layers.front().mixer).num_attention_heads;
  NameTable names = expert_names("shared_experts");
  names.name("q_a_proj", attention + "q_a_proj")
      .name("q_a_norm", attention + "q_a_layernorm")
      .name("q_b_proj", attention + "q_b_proj")
      .name("kv_a_norm", attention + "kv_a_layernorm")
      .pack(attention + "kv_a_proj_with_mqa", {"kv_a_proj", "k_rope_proj"})
      .pack(attention + "kv_b_proj", {"k_b_proj", "v_b_proj"}, heads);
  ignore_further_layers(spec, names);
  return names;
}

}  // namespace plumb::model
