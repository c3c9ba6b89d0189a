#include "model/families/decoder.h"

#include <algorithm>
#include <cmath>

#include "model/weights/quantization.h"

namespace plumb::model {
namespace {

constexpr int64_t kVocabLimit = int64_t{1} << 24;
constexpr int64_t kLayerLimit = 4096;
constexpr int64_t kHeadLimit = 65536;
constexpr int64_t kPositionLimit = int64_t{1} << 40;

// A size under the class's name for it or, where its attribute_map has that, under the usual one.
int64_t read_named(ConfigReader& config, const ClassDefaults& defaults, std::string_view key,
                   std::string_view usual, int64_t fallback, int64_t limit) {
  if (!defaults.usual_names || key == usual) return config.integer(key, fallback, 1, limit);
  return read_renamed(config, key, usual, fallback, 1, limit);
}

void read_head_counts(ConfigReader& config, const ClassDefaults& defaults, AttentionSpec& a) {
  const std::string_view kv_key = defaults.kv_heads_key;
  a.num_attention_heads =
      static_cast<int>(read_named(config, defaults, defaults.heads_key, "num_attention_heads",
                                  defaults.num_attention_heads, kHeadLimit));
  if (kv_key.empty()) {
    a.num_key_value_heads = a.num_attention_heads;
    return;
  }
  const bool as_many =
      !config.has(kv_key) && (config.present(kv_key) || defaults.num_key_value_heads == 0);
  const int kv_fallback = as_many ? a.num_attention_heads : defaults.num_key_value_heads;
  a.num_key_value_heads = read_size(config, kv_key, kv_fallback, kHeadLimit, Null::kMeansAbsent);
  if (a.num_attention_heads % a.num_key_value_heads != 0) {
    config.refuse(kv_key,
                  "is " + std::to_string(a.num_key_value_heads) + ", which does not divide " +
                      std::to_string(a.num_attention_heads) + " attention heads",
                  "each key head serves as many query heads");
  }
}

void read_head_dim(ConfigReader& config, const ClassDefaults& defaults, Dimensions& d) {
  AttentionSpec& a = d.attention;
  const bool null_head_dim = config.present("head_dim") && !config.has("head_dim");
  if (null_head_dim && defaults.head_dim != 0 && !defaults.head_dim_null) {
    config.refuse("head_dim", "is null", "give a value or leave the key out");
  }
  const bool derived = !config.has("head_dim") && (null_head_dim || defaults.head_dim == 0);
  const int share = d.hidden_size / a.num_attention_heads;
  const bool uneven = d.hidden_size % a.num_attention_heads != 0;
  if (derived && (share == 0 || (uneven && defaults.heads_divide_hidden_size))) {
    config.refuse(defaults.heads_key,
                  "is " + std::to_string(a.num_attention_heads) + ", which does not divide " +
                      std::string(defaults.hidden_key) + " " + std::to_string(d.hidden_size),
                  "mend one of the two, or state head_dim");
  }
  a.head_dim = read_size(config, "head_dim", derived ? share : defaults.head_dim, kWidthLimit,
                         Null::kMeansAbsent);
  if (defaults.head_dim_derived && a.head_dim != share) {
    config.refuse("head_dim", "is not hidden_size / num_attention_heads",
                  "this model type knows no other");
  }
  checked_width(config, "head_dim", a.num_attention_heads, a.head_dim);
}

}  // namespace

int read_size(ConfigReader& config, std::string_view key, int fallback, int64_t limit, Null null) {
  return static_cast<int>(config.integer(key, fallback, 1, limit, null));
}

int64_t read_renamed(ConfigReader& config, std::string_view key, std::string_view other,
                     int64_t fallback, int64_t least, int64_t most) {
  const int64_t value = config.integer(key, fallback, least, most);
  if (!config.present(other)) return value;
  const int64_t renamed = config.integer(other, fallback, least, most);
  if (config.present(key) && renamed != value) {
    config.refuse(other, "differs from " + std::string(key), "the two are names of one number");
  }
  return renamed;
}

void check_alias(ConfigReader& config, std::string_view key, std::string_view of, double value) {
  if (config.has(key) && config.number(key, value) != value) {
    config.refuse(key, "differs from " + std::string(of),
                  "the two are names of one number, of which this model type reads the latter");
  }
  config.touch(key);
}

int checked_width(const ConfigReader& config, std::string_view key, int64_t count, int64_t size) {
  if (count * size > kWidthLimit) {
    config.refuse(key, "makes a layer wider than 2^20", "no model is so wide");
  }
  return static_cast<int>(count * size);
}

Dimensions read_dimensions(ConfigReader& config, const ClassDefaults& defaults) {
  Dimensions d{};
  d.vocab_size = read_size(config, "vocab_size", defaults.vocab_size, kVocabLimit);
  d.hidden_size = static_cast<int>(read_named(config, defaults, defaults.hidden_key, "hidden_size",
                                              defaults.hidden_size, kWidthLimit));
  if (defaults.intermediate_size > 0) {
    d.intermediate_size =
        read_size(config, "intermediate_size", defaults.intermediate_size, kWidthLimit);
  }
  d.num_hidden_layers =
      static_cast<int>(read_named(config, defaults, defaults.layers_key, "num_hidden_layers",
                                  defaults.num_hidden_layers, kLayerLimit));
  if (defaults.max_position_null && !config.has(defaults.max_position_key)) {
    config.touch(defaults.max_position_key);
    d.max_position_embeddings = defaults.max_position_embeddings;
  } else {
    d.max_position_embeddings =
        read_named(config, defaults, defaults.max_position_key, "max_position_embeddings",
                   defaults.max_position_embeddings, kPositionLimit);
  }
  d.tie_word_embeddings = config.flag("tie_word_embeddings", defaults.tie_word_embeddings);
  d.norm.eps = defaults.eps_key.empty() ? defaults.rms_norm_eps
                                        : config.positive(defaults.eps_key, defaults.rms_norm_eps);
  read_head_counts(config, defaults, d.attention);
  read_head_dim(config, defaults, d);
  d.attention.scale = 1.0 / std::sqrt(static_cast<double>(d.attention.head_dim));
  return d;
}

Activation read_activation(ConfigReader& config, std::string_view key, std::string_view fallback) {
  struct Row {
    std::string_view name;
    Activation activation;
  };
  static constexpr Row kRows[] = {
      {"silu", Activation::kSilu},
      {"swish", Activation::kSilu},
      {"gelu", Activation::kGelu},
      {"gelu_python", Activation::kGelu},
      {"gelu_new", Activation::kGeluTanh},
      {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"gelu_python_tanh", Activation::kGeluTanh},
      {"gelu_accurate", Activation::kGeluTanh},
      {"gelu_fast", Activation::kGeluFast},
      {"quick_gelu", Activation::kQuickGelu},
      {"relu", Activation::kRelu},
      {"relu2", Activation::kRelu2},
  };
  const std::string name = config.text(key, fallback);
  std::string known;
  for (const Row& row : kRows) {
    if (row.name == name) return row.activation;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  config.refuse(key, "is the unknown activation '" + name + "'", "supported: " + known);
}

std::vector<std::string> read_types(ConfigReader& config, std::string_view key,
                                    int num_hidden_layers, std::span<const std::string_view> known,
                                    const std::function<std::string_view(int)>& fallback) {
  config.touch(key);
  std::vector<std::string> types;
  if (!config.has(key)) {
    for (int i = 0; i < num_hidden_layers; ++i) types.emplace_back(fallback(i));
    return types;
  }
  types = config.texts(key);
  for (std::string& type : types) {  // older names, as transformers' remap_legacy_layer_types has
    if (type == "attention") type = kFullAttention;
    if (type == "mamba") type = kLinearAttention;
  }
  if (types.size() != static_cast<size_t>(num_hidden_layers)) {
    config.refuse(key,
                  "has " + std::to_string(types.size()) + " entries for " +
                      std::to_string(num_hidden_layers) + " layers",
                  "name the type of each layer");
  }
  for (const std::string& type : types) {
    if (std::find(known.begin(), known.end(), type) != known.end()) continue;
    std::string supported;
    for (const std::string_view name : known) {
      supported += (supported.empty() ? "" : ", ") + std::string(name);
    }
    config.refuse(key, "holds the unsupported type '" + type + "'", "supported: " + supported);
  }
  return types;
}

std::vector<std::string> read_layer_types(ConfigReader& config, int num_hidden_layers,
                                          const std::function<std::string_view(int)>& fallback) {
  return read_types(config, "layer_types", num_hidden_layers, kAttentionTypes, fallback);
}

std::vector<std::string> read_sliding_pattern(ConfigReader& config, int num_hidden_layers,
                                              std::string_view key, int64_t pattern) {
  pattern = config.integer(key, pattern, 1, kLayerLimit);
  return read_layer_types(config, num_hidden_layers, [&](int layer) {
    return (layer + 1) % pattern != 0 ? kSlidingAttention : kFullAttention;
  });
}

int read_sliding_window(ConfigReader& config, int64_t fallback, int64_t least) {
  constexpr const char* kKey = "sliding_window";
  if (config.present(kKey) && !config.has(kKey)) fallback = 0;
  return static_cast<int>(
      config.integer(kKey, fallback, least, int64_t{1} << 30, Null::kMeansAbsent));
}

void require_window(const ConfigReader& config, const std::vector<std::string>& layer_types,
                    int window) {
  for (const std::string& type : layer_types) {
    if (type == kSlidingAttention && window == 0) {
      config.refuse("layer_types", "holds sliding_attention and there is no window in use",
                    "set sliding_window, and use_sliding_window where the family has it");
    }
  }
}

void slide_upper_layers(ConfigReader& config, Spec& spec) {
  const bool used = config.flag("use_sliding_window", false);
  const int stated = read_sliding_window(config, 4096);
  const int window = used ? stated : 0;
  const int first = static_cast<int>(config.integer("max_window_layers", 28, 0, kLayerLimit));
  const auto types = read_layer_types(config, static_cast<int>(spec.layers.size()), [&](int layer) {
    return window > 0 && layer >= first ? kSlidingAttention : kFullAttention;
  });
  require_window(config, types, window);
  slide_layers(spec, types, window);
}

void slide_layers(Spec& spec, const std::vector<std::string>& layer_types, int window) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (layer_types[i] != kSlidingAttention) continue;
    std::get<AttentionSpec>(spec.layers[i].mixer).sliding_window = window;
  }
}

void unrope_full_layers(Spec& spec, const std::vector<std::string>& layer_types) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (layer_types[i] != kFullAttention) continue;
    std::get<AttentionSpec>(spec.layers[i].mixer).rope.reset();
  }
}

void place_type_ropes(ConfigReader& config, const std::vector<std::string>& layer_types,
                      const RopeDefaults& full, const RopeDefaults& sliding,
                      const Dimensions& dimensions, Spec& spec) {
  const auto rope_of = [&](std::string_view type, const RopeDefaults& defaults) {
    return read_layer_rope(config, type, false, defaults, dimensions.attention.head_dim,
                           dimensions.max_position_embeddings);
  };
  const RopeSpec of_full = rope_of(kFullAttention, full);
  const RopeSpec of_sliding = rope_of(kSlidingAttention, sliding);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    auto* attention = std::get_if<AttentionSpec>(&spec.layers[i].mixer);
    if (attention == nullptr) continue;
    attention->rope = layer_types[i] == kFullAttention ? of_full : of_sliding;
  }
}

Spec read_text_config(ConfigReader& config, const Family& text) {
  ConfigReader nested = config.object("text_config");
  for (const auto& [key, value] : nested.json().items()) {  // some wrappers repeat the text part
    if (key != "model_type" && config.json().value(key, base::Json()) == value) config.touch(key);
  }
  const std::string type = nested.text("model_type", text.model_type);
  if (type != text.model_type) {
    nested.refuse("model_type", "is '" + type + "'",
                  "this wrapper holds a " + std::string(text.model_type));
  }
  for (const std::string_view key : kQuantizationKeys) nested.touch(key);
  Spec spec = text.read(nested);
  nested.finish(generic_inert_keys(), text.inert);
  return spec;
}

LayerSpec pre_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn) {
  return {.mixer_norm = norm,
          .mixer_post_norm = std::nullopt,
          .ffn_norm = norm,
          .ffn_post_norm = std::nullopt,
          .mixer = std::move(mixer),
          .ffn = std::move(ffn)};
}

LayerSpec post_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn) {
  return {.mixer_norm = std::nullopt,
          .mixer_post_norm = norm,
          .ffn_norm = std::nullopt,
          .ffn_post_norm = norm,
          .mixer = std::move(mixer),
          .ffn = std::move(ffn)};
}

LayerSpec sum_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn) {
  LayerSpec layer = pre_norm_layer(norm, std::move(mixer), std::move(ffn));
  std::swap(layer.mixer_norm, layer.mixer_sum_norm);
  std::swap(layer.ffn_norm, layer.ffn_sum_norm);
  return layer;
}

LayerSpec four_norm_layer(const NormSpec& norm, MixerSpec mixer, FeedForwardSpec ffn) {
  LayerSpec layer = pre_norm_layer(norm, std::move(mixer), std::move(ffn));
  layer.mixer_post_norm = layer.ffn_post_norm = norm;
  return layer;
}

Spec make_decoder(const Dimensions& dimensions, const LayerSpec& layer) {
  Spec spec;
  spec.vocab_size = dimensions.vocab_size;
  spec.hidden_size = dimensions.hidden_size;
  spec.layers.assign(static_cast<size_t>(dimensions.num_hidden_layers), layer);
  spec.final_norm = dimensions.norm;
  spec.tie_word_embeddings = dimensions.tie_word_embeddings;
  spec.max_position_embeddings = dimensions.max_position_embeddings;
  return spec;
}

NameTable transformers_names() {
  NameTable names;
  names.name("embed", "model.embed_tokens")
      .name("final_norm", "model.norm")
      .name("lm_head", "lm_head")
      .name("mixer_norm", "model.layers.{i}.input_layernorm")
      .name("q_proj", "model.layers.{i}.self_attn.q_proj")
      .name("k_proj", "model.layers.{i}.self_attn.k_proj")
      .name("v_proj", "model.layers.{i}.self_attn.v_proj")
      .name("o_proj", "model.layers.{i}.self_attn.o_proj")
      .name("q_norm", "model.layers.{i}.self_attn.q_norm")
      .name("k_norm", "model.layers.{i}.self_attn.k_norm")
      .name("ffn_norm", "model.layers.{i}.post_attention_layernorm")
      .name("gate_proj", "model.layers.{i}.mlp.gate_proj")
      .name("up_proj", "model.layers.{i}.mlp.up_proj")
      .name("down_proj", "model.layers.{i}.mlp.down_proj")
      .ignore("*.rotary_emb.inv_freq", "a buffer of old checkpoints, recomputed from the config");
  return names;
}

NameTable post_norm_names() {
  return transformers_names()
      .name("mixer_post_norm", "model.layers.{i}.post_attention_layernorm")
      .name("ffn_post_norm", "model.layers.{i}.post_feedforward_layernorm");
}

}  // namespace plumb::model
