// EXAONE 4: QK norm, norms after the branches, and in the models with a sliding window full layers
// without positional encoding. Source: transformers 5.23, models/exaone4.
#include "model/families/decoder.h"
#include "model/families/family.h"

namespace plumb::model {
namespace {

Spec read(ConfigReader& config) {
  Dimensions d = read_dimensions(config, {.vocab_size = 102400,
                                          .intermediate_size = 16384,
                                          .num_key_value_heads = 32,
                                          .rms_norm_eps = 1e-5});
  d.attention.qk_norm = QkNormSpec{d.norm};
  d.attention.rope = read_rope(config, {}, d.attention.head_dim, d.max_position_embeddings);
  const MlpSpec mlp{.intermediate_size = d.intermediate_size,
                    .activation = read_activation(config, "hidden_act", "silu")};
  Spec spec = make_decoder(d, post_norm_layer(d.norm, d.attention, mlp));
  const int window = read_sliding_window(config, 4096);
  if (window == 0) {  // without a window its pattern means nothing
    config.touch("sliding_window_pattern");
    require_window(
        config, read_layer_types(config, d.num_hidden_layers, [](int) { return kFullAttention; }),
        window);
    return spec;
  }
  // A published config names the pattern by letters beside layer_types; only a number stands alone.
  if (config.has("layer_types")) config.touch("sliding_window_pattern");
  const auto types =
      config.has("layer_types")
          ? read_layer_types(config, d.num_hidden_layers, nullptr)
          : read_sliding_pattern(config, d.num_hidden_layers, "sliding_window_pattern", 4);
  slide_layers(spec, types, window);
  unrope_full_layers(spec, types);
  return spec;
}

NameTable names(const Spec&) {
  return post_norm_names();
}

}  // namespace

constinit const Family kExaone4{
    .model_type = "exaone4",
    .architecture = "Exaone4ForCausalLM",
    .read = read,
    .names = names,
    .inert = {},
};

}  // namespace plumb::model
