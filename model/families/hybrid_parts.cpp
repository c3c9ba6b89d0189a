#include "model/families/hybrid_parts.h"

#include <cmath>

namespace plumb::model {
namespace {

constexpr std::string_view kText = "model.";
constexpr std::string_view kWrapped = "model.language_model.";

template <class Mixer>
const Mixer* find_mixer(const Spec& spec) {
  for (const LayerSpec& layer : spec.layers) {
    if (const auto* mixer = std::get_if<Mixer>(&layer.mixer)) return mixer;
  }
  return nullptr;
}

AttentionSpec read_gated_attention(ConfigReader& config, const Dimensions& d) {
  AttentionSpec attention = d.attention;
  attention.rope = read_rope(config, {.partial_rotary_factor = 0.25}, attention.head_dim,
                             d.max_position_embeddings);
  attention.qkv_bias = attention.o_bias = config.flag("attention_bias", false);
  attention.qk_norm = QkNormSpec{d.norm};
  attention.output_gate = OutputGateSpec{.bias = attention.qkv_bias};
  return attention;
}

}  // namespace

// The output norm has no offset, unlike the model's other norms.
GatedDeltaNetSpec read_delta_net(ConfigReader& config, double eps,
                                 const DeltaNetDefaults& defaults) {
  const auto size = [&](const char* key, int usual) {
    return read_size(config, key, usual, kWidthLimit, defaults.null);
  };
  GatedDeltaNetSpec net;
  net.num_key_heads = size("linear_num_key_heads", defaults.num_key_heads);
  net.num_value_heads = size("linear_num_value_heads", defaults.num_value_heads);
  net.key_dim = size("linear_key_head_dim", defaults.key_dim);
  net.value_dim = size("linear_value_head_dim", defaults.value_dim);
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

Spec read_hybrid(ConfigReader& config, Dimensions d, const FeedForwardSpec& ffn) {
  d.norm.unit_offset = true;
  d.norm.rounding = NormRounding::kAfterWeight;
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, read_gated_attention(config, d), ffn));
  const GatedDeltaNetSpec net = read_delta_net(config, d.norm.eps);
  const int64_t interval = config.integer("full_attention_interval", 4, 1, int64_t{1} << 30);
  const auto types = read_types(
      config, "layer_types", d.num_hidden_layers, kHybridTypes,
      [&](int layer) { return (layer + 1) % interval == 0 ? kFullAttention : kLinearAttention; });
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (types[i] == kLinearAttention) spec.layers[i].mixer = net;
  }
  return spec;
}

Activation read_hybrid_activation(ConfigReader& config) {
  const Activation activation = read_activation(config, "hidden_act", "silu");
  if (activation != Activation::kSilu) {
    config.refuse("hidden_act", "is not silu", "the gated delta net's convolution has no other");
  }
  return activation;
}

NameTable& name_hybrid_mixers(NameTable& names, const Spec& spec) {
  const std::string net = "model.layers.{i}.linear_attn.";
  if (const auto* attention = find_mixer<AttentionSpec>(spec)) {
    names.pack("model.layers.{i}.self_attn.q_proj", {"q_proj", "attn_gate_proj"},
               attention->num_attention_heads);
  }
  const std::string inputs(kDeltaNetInputs);
  return names.pack(inputs + "qkv", {"gdn.q_proj", "gdn.k_proj", "gdn.v_proj"})
      .name("gdn.z_proj", inputs + "z")
      .name("gdn.b_proj", inputs + "b")
      .name("gdn.a_proj", inputs + "a")
      .name("gdn.conv", net + "conv1d", {0, -1, 1})
      .name("gdn.A_log", net + "A_log")
      .name("gdn.dt_bias", net + "dt_bias")
      .name("gdn.norm", net + "norm")
      .name("gdn.o_proj", net + "out_proj");
}

const GatedDeltaNetSpec* find_delta_net(const Spec& spec) {
  return find_mixer<GatedDeltaNetSpec>(spec);
}

Spec read_wrapped(ConfigReader& config, const Family& text) {
  Spec spec = read_text_config(config, text);
  spec.tie_word_embeddings = config.flag("tie_word_embeddings", spec.tie_word_embeddings);
  return spec;
}

NameTable& name_text_part(NameTable& names) {
  return names.or_prefix(kText, kWrapped)
      .ignore("mtp.*", "predicts further tokens")
      .ignore("model.visual.*", "sees images");
}

NameTable& name_wrapped_part(NameTable& names) {
  return names.replace_prefix(kText, kWrapped)
      .or_prefix(kWrapped, kText)
      .ignore("mtp.*", "predicts further tokens")
      .ignore("model.visual.*", "sees images");
}

}  // namespace plumb::model
