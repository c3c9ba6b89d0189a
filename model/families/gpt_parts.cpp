#include "model/families/gpt_parts.h"

#include <algorithm>
#include <cmath>

namespace plumb::model {

Dimensions read_gpt_dimensions(ConfigReader& config, const GptDefaults& defaults) {
  Dimensions d =
      read_dimensions(config, {.vocab_size = defaults.vocab_size,
                               .hidden_size = defaults.hidden_size,
                               .intermediate_size = 0,
                               .num_hidden_layers = defaults.num_hidden_layers,
                               .num_attention_heads = defaults.num_attention_heads,
                               .max_position_embeddings = defaults.max_position_embeddings,
                               .rms_norm_eps = defaults.layer_norm_epsilon,
                               .tie_word_embeddings = defaults.tie_word_embeddings,
                               .heads_divide_hidden_size = true,
                               .head_dim_derived = true,
                               .eps_key = "layer_norm_epsilon",
                               .layers_key = "n_layer",
                               .hidden_key = "n_embd",
                               .heads_key = "n_head",
                               .kv_heads_key = "",
                               .max_position_key = "n_positions",
                               .usual_names = true});
  d.norm = layer_norm(d.norm.eps);
  return d;
}

NormSpec layer_norm(double eps) {
  return {.kind = NormSpec::Kind::kLayer,
          .eps = eps,
          .bias = true,
          .rounding = NormRounding::kAfterWeight};
}

int read_inner_size(ConfigReader& config, std::string_view key, int hidden_size) {
  constexpr int kTimes = 4;
  return read_size(config, key, checked_width(config, key, kTimes, hidden_size), kWidthLimit,
                   Null::kMeansAbsent);
}

MlpSpec read_plain_mlp(ConfigReader& config, int inner_size, std::string_view activation_key,
                       std::string_view fallback) {
  return {.intermediate_size = inner_size,
          .activation = read_activation(config, activation_key, fallback),
          .gated = false,
          .bias = true};
}

PositionEmbeddingSpec learned_positions(int64_t max_position_embeddings, int offset) {
  constexpr int64_t kMostRows = int64_t{1} << 26;
  return {.rows = static_cast<int>(std::min(kMostRows, max_position_embeddings + offset)),
          .offset = offset};
}

PositionEmbeddingSpec sinusoids(const ConfigReader& config, int width, std::string_view key,
                                int short_of, int offset) {
  const double spread = width / 2.0 + short_of;
  if (width % 2 != 0 || spread <= 0.0) {
    config.refuse(key, "is " + std::to_string(width),
                  "sinusoids of positions take an even width of at least 4");
  }
  return {.offset = offset, .spread = spread};
}

RopeSpec read_gptj_rope(ConfigReader& config, int head_dim, RopeRounding rounding) {
  constexpr const char* kKey = "rotary_dim";
  constexpr int kDefault = 64;
  const int rotary_dim = read_size(config, kKey, kDefault);
  if (rotary_dim > head_dim || rotary_dim % 2 != 0) {
    config.refuse(kKey,
                  "is " + std::to_string(rotary_dim) + " of a head of " + std::to_string(head_dim),
                  "it must be even, and at most the head");
  }
  return {.rotary_dim = rotary_dim, .pairs = RopePairs::kInterleaved, .rounding = rounding};
}

std::vector<double> alibi_slopes(int heads) {
  int power = 1;
  while (power < heads) power *= 2;
  const auto slope = [&](int h) { return std::exp2(-8.0 * (h + 1) / power); };
  std::vector<double> slopes;
  for (int h = power == heads ? 0 : 1; h < power; h += power == heads ? 1 : 2) {
    slopes.push_back(slope(h));
  }
  for (int h = 0; static_cast<int>(slopes.size()) < heads; h += 2) slopes.push_back(slope(h));
  return slopes;
}

NameTable gpt_names() {
  NameTable names;
  names.name("embed", "transformer.wte")
      .name("positions", "transformer.wpe")
      .name("final_norm", "transformer.ln_f")
      .name("mixer_norm", "transformer.h.{i}.ln_1")
      .name("ffn_norm", "transformer.h.{i}.ln_2")
      .name("o_proj", "transformer.h.{i}.attn.c_proj")
      .name("up_proj", "transformer.h.{i}.mlp.c_fc")
      .name("down_proj", "transformer.h.{i}.mlp.c_proj")
      .name("lm_head", "lm_head")
      .ignore("*.attn.bias", "a causal mask of old checkpoints")
      .ignore("*.attn.masked_bias", "a constant of old checkpoints");
  return names;
}

NameTable fairseq_names(const std::string& prefix) {
  const std::string layer = prefix + "layers.{i}.";
  NameTable names;
  names.name("embed", prefix + "embed_tokens")
      .name("positions", prefix + "embed_positions")
      .name("final_norm", prefix + "layer_norm")
      .name("mixer_norm", layer + "self_attn_layer_norm")
      .name("ffn_norm", layer + "final_layer_norm")
      .name("q_proj", layer + "self_attn.q_proj")
      .name("k_proj", layer + "self_attn.k_proj")
      .name("v_proj", layer + "self_attn.v_proj")
      .name("o_proj", layer + "self_attn.out_proj")
      .name("up_proj", layer + "fc1")
      .name("down_proj", layer + "fc2")
      .name("lm_head", "lm_head")
      .or_prefix(prefix, "");
  return names;
}

}  // namespace plumb::model
