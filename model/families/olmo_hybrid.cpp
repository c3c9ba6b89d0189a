// OLMo Hybrid: gated delta nets between norms before, whose beta goes up to 2, and OLMo 3's
// attention between norms after. Source: transformers 5.23, models/olmo_hybrid.
#include <algorithm>
#include <cmath>

#include "model/families/family.h"
#include "model/families/hybrid_parts.h"

namespace plumb::model {
namespace {

// The class leaves the gated norm's eps at its own.
constexpr double kGatedNormEps = 1e-5;

GatedDeltaNetSpec read_net(ConfigReader& config, const Dimensions& d) {
  const int heads = d.attention.num_attention_heads;
  const auto size = [&](const char* key, int usual) {
    return read_size(config, key, std::max(usual, 1), kWidthLimit, Null::kMeansAbsent);
  };
  DeltaNetDefaults defaults;
  defaults.null = Null::kMeansAbsent;
  defaults.num_key_heads = size("linear_num_key_heads", heads);
  defaults.num_value_heads = heads;
  const double share = 0.75 * d.hidden_size / defaults.num_key_heads;
  defaults.key_dim = size("linear_key_head_dim", static_cast<int>(share));
  defaults.value_dim = 2 * defaults.key_dim;
  GatedDeltaNetSpec net = read_delta_net(config, kGatedNormEps, defaults);
  if (config.flag("linear_allow_neg_eigval", true)) net.beta_multiplier = 2.0;
  return net;
}

// A theta of null means no rope at all.
std::optional<RopeSpec> read_optional_rope(ConfigReader& config, const Dimensions& d) {
  const base::Json dict = rope_dict(config, {});
  const bool stated = dict.contains("rope_theta");
  const bool none = stated ? dict["rope_theta"].is_null()
                           : config.present("rope_theta") && !config.has("rope_theta");
  if (!none) {
    return read_rope(config, {.rounding = RopeRounding::kOutput}, d.attention.head_dim,
                     d.max_position_embeddings);
  }
  for (const char* key : {"rope_theta", "rope_scaling", "rope_parameters"}) config.touch(key);
  return std::nullopt;
}

std::vector<std::string> read_mixer_types(ConfigReader& config, int num_hidden_layers) {
  const auto types =
      read_types(config, "layer_types", num_hidden_layers, kHybridTypes, [&](int layer) {
        const bool last = layer == num_hidden_layers - 1 && num_hidden_layers < 4;
        return layer % 4 == 3 || last ? kFullAttention : kLinearAttention;
      });
  for (const std::string_view type : kHybridTypes) {
    if (std::find(types.begin(), types.end(), type) != types.end()) continue;
    config.refuse("layer_types", "has no " + std::string(type), "the class asks for both kinds");
  }
  return types;
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 100352,
                                          .hidden_size = 3840,
                                          .num_attention_heads = 30,
                                          .max_position_embeddings = 65536});
  d.norm.rounding = NormRounding::kAfterWeight;
  d.attention.qk_norm = QkNormSpec{.norm = d.norm, .flat = true};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  d.attention.rope = read_optional_rope(config, d);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_hybrid_activation(config)};
  const LayerSpec linear = pre_norm_layer(d.norm, read_net(config, d), mlp);
  Spec spec = make_decoder(d, post_norm_layer(d.norm, d.attention, mlp));
  const auto types = read_mixer_types(config, d.num_hidden_layers);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (types[i] == kLinearAttention) spec.layers[i] = linear;
  }
  return spec;
}

std::vector<std::pair<std::string, int64_t>> conv_sections(const Spec& spec,
                                                           const std::string& net) {
  const GatedDeltaNetSpec& mixer = *find_delta_net(spec);
  const int64_t keys = int64_t{mixer.num_key_heads} * mixer.key_dim;
  return {{net + "q_conv1d.weight", keys},
          {net + "k_conv1d.weight", keys},
          {net + "v_conv1d.weight", int64_t{mixer.num_value_heads} * mixer.value_dim}};
}

// The convolution's filters may stand in three tensors: those of queries, keys and values.
NameTable names(const Spec& spec) {
  const std::string layer = "model.layers.{i}.";
  const std::string net = layer + "linear_attn.";
  NameTable names = post_norm_names();
  for (const std::string part : {"q", "k", "v", "a", "b", "o"}) {
    names.name("gdn." + part + "_proj", net + part + "_proj");
  }
  return names.name("gdn.z_proj", net + "g_proj")
      .name("gdn.conv", net + "conv1d", {0, -1, 1})
      .name("gdn.A_log", net + "A_log")
      .name("gdn.dt_bias", net + "dt_bias")
      .name("gdn.norm", net + "o_norm")
      .or_sections("gdn.conv.weight", conv_sections(spec, net), {0, -1, 1})
      .or_pack(layer + "attention_layer_norm", {"mixer_norm"})
      .or_pack(layer + "feedforward_layer_norm", {"ffn_norm"});
}

// These draw the first weights of a training.
constexpr InertKey kInert[] = {
    {"linear_a_log_max"}, {"linear_a_log_min"},        {"linear_dt_init_floor"}, {"linear_dt_max"},
    {"linear_dt_min"},    {"linear_use_gate", "true"}, {"mlp_bias", "false"},
};

}  // namespace

constinit const Family kOlmoHybrid{
    .model_type = "olmo_hybrid",
    .architecture = "OlmoHybridForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
