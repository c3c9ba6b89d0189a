// The parts that decoder families share, for their files to put together.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config_reader.h"
#include "model/families/family.h"
#include "model/rope_reader.h"
#include "model/spec.h"
#include "model/tensor_names.h"

namespace plumb::model {

// Wide enough for any published model; a config beyond it is damaged, and must not be believed far
// enough to allocate for it.
inline constexpr int64_t kWidthLimit = int64_t{1} << 20;

// An extent of at least 1.
int read_size(ConfigReader& config, std::string_view key, int fallback, int64_t limit = kWidthLimit,
              Null null = Null::kRefused);

// A number that configs hold under either of two names; under both, if they agree.
int64_t read_renamed(ConfigReader& config, std::string_view key, std::string_view other,
                     int64_t fallback, int64_t least, int64_t most);

// A key of other model types that names the number `of`, whose value is `value`: it may repeat it.
void check_alias(ConfigReader& config, std::string_view key, std::string_view of, double value);

// count * size, refusing `key` where that is beyond the width of any model.
int checked_width(const ConfigReader& config, std::string_view key, int64_t count, int64_t size);

// What a family's config class takes where a key is absent.
struct ClassDefaults {
  int vocab_size = 32000;
  int hidden_size = 4096;
  int intermediate_size = 11008;  // 0: the family does not read the key
  int num_hidden_layers = 32;
  int num_attention_heads = 32;
  int num_key_value_heads = 0;  // 0: as many as attention heads
  int head_dim = 0;             // 0: hidden_size / num_attention_heads
  bool head_dim_null = false;   // null means hidden_size / num_attention_heads
  int64_t max_position_embeddings = 2048;
  bool max_position_null = false;  // null means that default
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool heads_divide_hidden_size = false;      // checked where head_dim is derived
  bool head_dim_derived = false;              // the class knows no head_dim: another one is refused
  std::string_view eps_key = "rms_norm_eps";  // "": rms_norm_eps, whatever the config
  std::string_view layers_key = "num_hidden_layers";
  std::string_view hidden_key = "hidden_size";
  std::string_view heads_key = "num_attention_heads";
  std::string_view kv_heads_key = "num_key_value_heads";  // "": as many as attention heads
  std::string_view max_position_key = "max_position_embeddings";
  bool usual_names = false;  // the sizes may also stand under the usual names (attribute_map)
};

// The keys that nearly every decoder has, read and checked.
struct Dimensions {
  int vocab_size = 0;
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_hidden_layers = 0;
  int64_t max_position_embeddings = 0;
  bool tie_word_embeddings = false;
  NormSpec norm;            // eps set
  AttentionSpec attention;  // heads, head_dim, scale = head_dim^-0.5
};
Dimensions read_dimensions(ConfigReader& config, const ClassDefaults& defaults);

// `key` names an activation as transformers' ACT2FN does; throws InputError for an unknown one.
Activation read_activation(ConfigReader& config, std::string_view key, std::string_view fallback);

inline constexpr std::string_view kAttentionTypes[] = {kFullAttention, kSlidingAttention};
inline constexpr std::string_view kHybridTypes[] = {kFullAttention, kLinearAttention};

// A list that names one of `known` for each layer, or fallback(i) where it is absent or null.
std::vector<std::string> read_types(ConfigReader& config, std::string_view key,
                                    int num_hidden_layers, std::span<const std::string_view> known,
                                    const std::function<std::string_view(int)>& fallback);

// `layer_types` of full and sliding attention.
std::vector<std::string> read_layer_types(ConfigReader& config, int num_hidden_layers,
                                          const std::function<std::string_view(int)>& fallback);

// The common rule where `layer_types` is absent: every `pattern`-th layer is full, the rest slide.
std::vector<std::string> read_sliding_pattern(ConfigReader& config, int num_hidden_layers,
                                              std::string_view key, int64_t pattern);

// A window of at least `least` keys; 0 where it is null, or absent with fallback 0.
int read_sliding_window(ConfigReader& config, int64_t fallback, int64_t least = 1);

// Throws InputError naming layer_types where a layer slides and `window` is 0.
void require_window(const ConfigReader& config, const std::vector<std::string>& layer_types,
                    int window);

// Gives the attention layers of type sliding_attention the window.
void slide_layers(Spec& spec, const std::vector<std::string>& layer_types, int window);

// Takes the rope from the layers of type full_attention.
void unrope_full_layers(Spec& spec, const std::vector<std::string>& layer_types);

// Gives every layer the rope of its type (read_layer_rope).
void place_type_ropes(ConfigReader& config, const std::vector<std::string>& layer_types,
                      const RopeDefaults& full, const RopeDefaults& sliding,
                      const Dimensions& dimensions, Spec& spec);

// Qwen's rule: with use_sliding_window the layers from max_window_layers on slide, or those that
// layer_types names. A set sliding_window alone has no effect.
void slide_upper_layers(ConfigReader& config, Spec& spec);

// Reads `text_config` of a multimodal wrapper by the rules of its text family; the config's other
// parts (vision, audio) do not concern a forward of text and stay for the family's inert keys.
Spec read_text_config(ConfigReader& config, const Family& text);

// x + mixer(norm(x)), then x + ffn(norm(x)).
LayerSpec pre_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn);

// x + norm(mixer(x)), then x + norm(ffn(x)).
LayerSpec post_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn);

// norm(x + mixer(x)), then norm(x + ffn(x)).
LayerSpec sum_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn);

// x + norm(mixer(norm(x))), then the same with ffn.
LayerSpec four_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn);

// A Spec of `layers` identical layers, to be varied.
Spec make_decoder(const Dimensions& dimensions, const LayerSpec& layer);

// The names that most of transformers' decoders share: model.layers.N.self_attn.q_proj, ...
NameTable transformers_names();

// The same with the names of a post-norm layer: post_attention_layernorm and
// post_feedforward_layernorm stand on what the branches return.
NameTable post_norm_names();

}  // namespace plumb::model
