// The parts that decoder families share, for their files to put together.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config_reader.h"
#include "model/rope_reader.h"
#include "model/spec.h"
#include "model/tensor_names.h"

namespace plumb::model {

// What a family's config class takes where a key is absent.
struct ClassDefaults {
  int vocab_size = 32000;
  int hidden_size = 4096;
  int intermediate_size = 11008;
  int num_hidden_layers = 32;
  int num_attention_heads = 32;
  int num_key_value_heads = 0;  // 0: as many as attention heads
  int head_dim = 0;             // 0: hidden_size / num_attention_heads
  bool head_dim_null = false;   // null means hidden_size / num_attention_heads
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
};

// The keys that nearly every decoder has, read and checked.
struct Dimensions {
  int vocab_size;
  int hidden_size;
  int intermediate_size;
  int num_hidden_layers;
  int64_t max_position_embeddings;
  bool tie_word_embeddings;
  NormSpec norm;            // eps set
  AttentionSpec attention;  // heads, head_dim, scale = head_dim^-0.5
};
Dimensions read_dimensions(ConfigReader& config, const ClassDefaults& defaults);

// `key` names an activation as transformers' ACT2FN does; throws InputError for an unknown one.
Activation read_activation(ConfigReader& config, std::string_view key, std::string_view fallback);

inline constexpr std::string_view kFullAttention = "full_attention";
inline constexpr std::string_view kSlidingAttention = "sliding_attention";

// `layer_types`, or fallback(i) for each layer where it is absent or null.
std::vector<std::string> read_layer_types(ConfigReader& config, int num_hidden_layers,
                                          const std::function<std::string_view(int)>& fallback);

// A window of at least one key; 0 where it is null, or absent with fallback 0.
int read_sliding_window(ConfigReader& config, int64_t fallback);

// Throws InputError naming layer_types where a layer slides and `window` is 0.
void require_window(const ConfigReader& config, const std::vector<std::string>& layer_types,
                    int window);

// Gives the attention layers of type sliding_attention the window.
void slide_layers(Spec& spec, const std::vector<std::string>& layer_types, int window);

// Qwen's rule: with use_sliding_window the layers from max_window_layers on slide, or those that
// layer_types names. A set sliding_window alone has no effect.
void slide_upper_layers(ConfigReader& config, Spec& spec);

// x + mixer(norm(x)), then x + ffn(norm(x)).
LayerSpec pre_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn);

// A Spec of `layers` identical layers, to be varied.
Spec make_decoder(const Dimensions& dimensions, const LayerSpec& layer);

// The names that most of transformers' decoders share: model.layers.N.self_attn.q_proj, ...
NameTable transformers_names();

}  // namespace plumb::model
