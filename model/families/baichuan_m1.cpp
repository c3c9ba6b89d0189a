// Baichuan-M1: sliding layers with head counts of their own, a short convolution over keys and
// values, and a head whose rows have unit length.
// Source: Baichuan-M1-14B, modeling_baichuan.py; mlx-lm, mlx_lm/models/baichuan_m1.py.
#include <cmath>

#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

std::vector<int64_t> read_sliding_layers(ConfigReader& config) {
  std::vector<int64_t> layers;
  for (const double layer : config.numbers("sliding_window_layers")) {
    if (!(layer >= 0 && layer < 1e6 && layer == std::floor(layer))) {
      config.refuse("sliding_window_layers", "holds what is no layer", "list layers from 0 up");
    }
    layers.push_back(static_cast<int64_t>(layer));
  }
  return layers;
}

RopeSpec read_plain_rope(ConfigReader& config, int head_dim, const Dimensions& d) {
  const RopeSpec rope =
      read_rope(config, {.rounding = RopeRounding::kOutput}, head_dim, d.max_position_embeddings);
  if (rope.scaling.kind != RopeScaling::Kind::kDefault) {
    config.refuse("rope_scaling",
                  "is of the type '" + std::string(to_text(rope.scaling.kind)) + "'",
                  "this model type rotates without scaling");
  }
  return rope;
}

// A sliding layer divides the same hidden_size among heads of its own number.
AttentionSpec read_sliding_attention(ConfigReader& config, const Dimensions& d) {
  AttentionSpec attention = d.attention;
  const auto count = [&](std::string_view key, int fallback) {
    return static_cast<int>(config.integer(key, fallback, 1, d.hidden_size, Null::kMeansAbsent));
  };
  const int heads = count("num_swa_attention_heads", attention.num_attention_heads);
  const int kv_heads = count("num_swa_key_value_heads", attention.num_key_value_heads);
  if (d.hidden_size % heads != 0) {
    config.refuse("num_swa_attention_heads", "does not divide hidden_size");
  }
  if (heads % kv_heads != 0) {
    config.refuse("num_swa_key_value_heads", "does not divide num_swa_attention_heads");
  }
  attention.num_attention_heads = heads;
  attention.num_key_value_heads = kv_heads;
  attention.head_dim = d.hidden_size / heads;
  attention.scale = 1.0 / std::sqrt(static_cast<double>(attention.head_dim));
  attention.rope = read_plain_rope(config, attention.head_dim, d);
  attention.sliding_window = read_sliding_window(config, 0);
  return attention;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 133120,
                                          .hidden_size = 5120,
                                          .intermediate_size = 17408,
                                          .num_hidden_layers = 40,
                                          .num_attention_heads = 20,
                                          .num_key_value_heads = 2,
                                          .max_position_embeddings = 32768,
                                          .heads_divide_hidden_size = true,
                                          .head_dim_derived = true});
  d.attention.rope = read_plain_rope(config, d.attention.head_dim, d);
  d.attention.key_value_conv = true;
  config.integer("conv_window", 2, 2, 2);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  const AttentionSpec sliding = read_sliding_attention(config, d);
  for (const int64_t layer : read_sliding_layers(config)) {
    if (layer >= d.num_hidden_layers) continue;
    if (sliding.sliding_window == 0) config.refuse("sliding_window", "is missing", "state it");
    spec.layers[static_cast<size_t>(layer)].mixer = sliding;
  }
  spec.normalized_head = true;
  return spec;
}

NameTable names(const Spec&) {
  return transformers_names()
      .pack("model.layers.{i}.self_attn.W_pack", {"q_proj", "k_proj", "v_proj"})
      .name("k_conv", "model.layers.{i}.self_attn.conv_k", {-1, -1, 0, -1, 1})
      .name("v_conv", "model.layers.{i}.self_attn.conv_v", {-1, -1, 0, -1, 1});
}

}  // namespace

constinit const Family kBaichuanM1{
    .model_type = "baichuan_m1",
    .architecture = "BaichuanM1ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
    .foreign = Foreign::kNeutral,
};

}  // namespace plumb::model
