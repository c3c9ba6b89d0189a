// EXAONE with experts: EXAONE 4's attention between norms that stand before the branches, and
// DeepSeek-V3's experts. Source: transformers 5.23, models/exaone_moe.
#include "model/families/family.h"
#include "model/families/moe_parts.h"

namespace plumb::model {
namespace {

// The layers slide by types or by a pattern, which a published config may name by letters beside
// the types; the full ones have no rope.
void place_windows(ConfigReader& config, Spec& spec) {
  const int layers = static_cast<int>(spec.layers.size());
  const int window = static_cast<int>(config.integer("sliding_window", 4096, 1, int64_t{1} << 30));
  const bool listed = config.has("layer_types");
  if (listed) config.touch("sliding_window_pattern");
  const auto types = listed ? read_layer_types(config, layers, nullptr)
                            : read_sliding_pattern(config, layers, "sliding_window_pattern", 4);
  slide_layers(spec, types, window);
  unrope_full_layers(spec, types);
}

std::vector<bool> read_sparse(ConfigReader& config, int num_hidden_layers) {
  const int64_t dense = config.integer("first_k_dense_replace", 1, 0, int64_t{1} << 30);
  return read_mlp_types(config, num_hidden_layers, dense);
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 102400,
                                          .intermediate_size = 16384,
                                          .num_key_value_heads = 32,
                                          .rms_norm_eps = 1e-5});
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  const MoeSpec moe = read_sigmoid_mixture(config, {.shared_key = "num_shared_experts",
                                                    .num_experts = 64,
                                                    .top_k = 8,
                                                    .intermediate_size = 1024,
                                                    .normalize = true,
                                                    .routed_scaling_factor = 2.5});
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, moe));
  set_dense_layers(spec, read_sparse(config, d.num_hidden_layers),
                   {.intermediate_size = d.intermediate_size, .activation = moe.activation});
  place_windows(config, spec);
  return spec;
}

NameTable names(const Spec&) {
  return expert_names("shared_experts")
      .or_pack("model.layers.{i}.mlp.e_score_correction_bias", {"router_correction"})
      .ignore("mtp.*", "predicts further tokens");
}

constexpr InertKey kInert[] = {
    {"is_moe_layer"},
    {"num_nextn_predict_layers"},
    {"scoring_func", "\"sigmoid\""},
    {"topk_method", "\"noaux_tc\""},
};

}  // namespace

constinit const Family kExaoneMoe{
    .model_type = "exaone_moe",
    .architecture = "ExaoneMoeForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
