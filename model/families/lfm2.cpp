// LFM2: short convolutions, and attention with a QK norm in the layers between.
// Source: transformers 5.23, models/lfm2.
#include <algorithm>

#include "model/families/family.h"
#include "model/families/lfm_parts.h"

namespace plumb::model {
namespace {

// Two thirds of what the config says, times a factor, up to whole multiples.
int read_intermediate_size(ConfigReader& config, int stated) {
  constexpr int64_t kLimit = int64_t{1} << 20;
  int64_t size = config.integer("block_ff_dim", stated, 1, kLimit);
  const double factor = config.positive("block_ffn_dim_multiplier", 1.0, Null::kMeansAbsent);
  const bool rounds = config.has("block_ffn_dim_multiplier") ||
                      !config.present("block_ffn_dim_multiplier");  // null: neither
  const int64_t multiple = config.integer("block_multiple_of", 256, 1, kLimit);
  if (!config.flag("block_auto_adjust_ff_dim", true)) return static_cast<int>(size);
  size = static_cast<int64_t>(static_cast<double>(2 * size) / 3.0);
  if (rounds) {
    size = static_cast<int64_t>(factor * static_cast<double>(size));
    size = (size + multiple - 1) / multiple * multiple;
  }
  return checked_width(config, "block_ffn_dim_multiplier", 1, std::max<int64_t>(size, 1));
}

std::vector<std::string> read_mixer_types(ConfigReader& config, int num_hidden_layers) {
  static constexpr std::string_view kTypes[] = {kFullAttention, kConvLayer};
  std::vector<double> full;
  const bool listed = config.has("full_attn_idxs");
  if (listed) full = config.numbers("full_attn_idxs");
  config.touch("full_attn_idxs");
  return read_types(config, "layer_types", num_hidden_layers, kTypes, [&](int layer) {
    const bool attends = !listed || std::find(full.begin(), full.end(), layer) != full.end();
    return attends ? kFullAttention : kConvLayer;
  });
}

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 65536,
                                          .hidden_size = 2560,
                                          .intermediate_size = 12288,
                                          .num_key_value_heads = 8,
                                          .max_position_embeddings = 128000,
                                          .rms_norm_eps = 1e-5,
                                          .tie_word_embeddings = true,
                                          .eps_key = "norm_eps"});
  d.tie_word_embeddings = read_lfm_tie(config, d.tie_word_embeddings);
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope =
      read_rope(config, {.theta = 1e6}, d.attention.head_dim, d.max_position_embeddings);
  const MlpSpec mlp{.intermediate_size = read_intermediate_size(config, d.intermediate_size)};
  Spec spec = make_decoder(d, pre_norm_layer(d.norm, d.attention, mlp));
  place_lfm_mixers(spec, read_mixer_types(config, d.num_hidden_layers), read_short_conv(config, 3));
  return spec;
}

NameTable names(const Spec&) {
  return lfm_names();
}

// Published beside the class's own keys; the activation is always SiLU.
constexpr InertKey kInert[] = {
    {"block_dim"},
    {"block_mlp_init_scale"},
    {"block_norm_eps"},
    {"block_out_init_scale"},
    {"block_use_swiglu", "true"},
    {"block_use_xavier_init"},
    {"conv_dim"},
    {"conv_dim_out"},
    {"conv_use_xavier_init"},
    {"hidden_act"},
    {"num_heads"},
    {"use_pos_enc", "true"},
};

}  // namespace

constinit const Family kLfm2{
    .model_type = "lfm2",
    .architecture = "Lfm2ForCausalLM",
    .read = read,
    .names = names,
    .inert = kInert,
};

}  // namespace plumb::model
