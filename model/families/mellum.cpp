// Mellum 2: Qwen3-MoE with windows, and a rope of its own for each type of layer.
// Source: transformers 5.23, models/mellum.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 98304,
                                          .hidden_size = 2304,
                                          .intermediate_size = 7168,
                                          .num_hidden_layers = 28,
                                          .num_key_value_heads = 4,
                                          .head_dim = 128,
                                          .max_position_embeddings = 131072});
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.qkv_bias = d.attention.o_bias = config.flag("attention_bias", false);
  const MoeSpec moe = read_softmax_mixture(
      config, {.num_experts = 64, .top_k = 8, .intermediate_size = 896, .normalize = true});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_mlp_types(config, d.num_hidden_layers, 0),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  const int window = read_sliding_window(config, 1024);
  const auto types =
      read_layer_types(config, d.num_hidden_layers, [](int) { return kFullAttention; });
  require_window(config, types, window);
  slide_layers(spec, types, window);
  place_type_ropes(config, types, {.theta = 5e5}, {.theta = 1e4}, d, spec);
  return spec;
}

NameTable names(const Spec&) {
  return expert_names().ignore("mtp.*", "predicts further tokens");
}

constexpr InertKey kInert[] = {
    {"mtp_layer_types"},          {"mtp_mlp_layer_types"}, {"num_mtp_layers"},
    {"num_nextn_predict_layers"}, {"use_sliding_window"},
};

}  // namespace

constinit const Family kMellum{
    .model_type = "mellum",
    .architecture = "MellumForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
