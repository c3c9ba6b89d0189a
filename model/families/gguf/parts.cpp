#include "model/families/gguf/parts.h"

#include <cmath>
#include <utility>

#include "base/errors.h"
#include "model/config_reader.h"

namespace plumb::model {
namespace {

using base::Json;

constexpr const char* kEmbedding = "token_embd.weight";

int64_t vocab_size(GgufKeys& keys) {
  const RawTensor& table = keys.tensor(kEmbedding);
  const int64_t rows = table.shape.size() == 2 ? table.shape.front() : 0;
  const int64_t stated = keys.integer("vocab_size", rows);
  if (stated != rows) {
    keys.refuse("vocab_size", "is " + std::to_string(stated),
                std::string(kEmbedding) + " has " + std::to_string(rows) + " rows");
  }
  return rows;
}

// A share of the head whose product with it, cut to an integer, is `dimensions`.
double share_of(int64_t dimensions, int64_t head_dim) {
  const double share = static_cast<double>(dimensions) / static_cast<double>(head_dim);
  const bool short_of_it = static_cast<int64_t>(static_cast<double>(head_dim) * share) < dimensions;
  return short_of_it ? std::nextafter(share, 2.0) : share;
}

double yarn_magnitude(double factor, double weight) {
  return factor <= 1.0 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

// Keys without effect on the logits of a causal model.
void touch_inert(GgufKeys& keys) {
  for (const char* key :
       {"tensor_data_layout", "rope.scaling.finetuned", "pooling_type", "use_parallel_residual",
        "embedding_length_out", "rope.dimension_sections"}) {
    keys.touch(key);
  }
  if (!keys.flag("attention.causal", true)) {
    keys.refuse("attention.causal", "is false", "models that see what follows are not supported");
  }
}

}  // namespace

int64_t layer_count(GgufKeys& keys) {
  const int64_t all = keys.integer("block_count");
  const int64_t further = keys.integer("nextn_predict_layers", 0);
  if (further >= all) keys.refuse("nextn_predict_layers", "leaves no layer of the model itself");
  return all - further;
}

Json common_config(GgufKeys& keys, const GgufCommon& common) {
  touch_inert(keys);
  const int64_t layers = layer_count(keys);
  const int64_t hidden = keys.integer("embedding_length");
  const int64_t heads = keys.uniform("attention.head_count", layers);
  if (heads == 0) keys.refuse("attention.head_count", "is 0");
  const int64_t head_dim = keys.integer("attention.key_length", hidden / heads);
  if (keys.integer("attention.value_length", hidden / heads) != head_dim) {
    keys.refuse("attention.value_length", "is not attention.key_length",
                "this architecture has one size of head here");
  }
  Json config = {{"model_type", common.model_type},
                 {"vocab_size", vocab_size(keys)},
                 {"hidden_size", hidden},
                 {"num_attention_heads", heads},
                 {"num_key_value_heads", keys.uniform("attention.head_count_kv", layers, heads)},
                 {"max_position_embeddings", keys.integer("context_length")},
                 {"tie_word_embeddings", !keys.has_tensor("output.weight")}};
  config[std::string(common.layers_key)] = layers;
  const char* eps =
      common.layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
  config[std::string(common.eps_key)] = keys.number(eps);
  keys.touch("attention.layer_norm_epsilon");
  keys.touch("attention.layer_norm_rms_epsilon");
  if (common.head_dim) {
    config["head_dim"] = head_dim;
  } else if (head_dim * heads != hidden) {
    keys.refuse("attention.key_length", "is " + std::to_string(head_dim),
                "this architecture's heads divide the embedding");
  }
  if (common.intermediate_size) {
    config["intermediate_size"] = keys.uniform("feed_forward_length", layers);
  } else {
    keys.touch("feed_forward_length");
  }
  if (!common.rope) return config;
  const int64_t rotary = keys.integer("rope.dimension_count", head_dim);
  if (common.partial_rotary) {
    if (rotary > head_dim) keys.refuse("rope.dimension_count", "is more than a head has");
    config["partial_rotary_factor"] = share_of(rotary, head_dim);
  } else {
    require_whole_heads(keys, head_dim);
  }
  config["rope_theta"] = keys.number("rope.freq_base", 10000.0);
  const Json scaling = rope_scaling(keys, rotary);
  if (!scaling.empty()) config["rope_scaling"] = scaling;
  return config;
}

void require_whole_heads(GgufKeys& keys, int64_t head_dim) {
  const int64_t rotary = keys.integer("rope.dimension_count", head_dim);
  if (rotary == head_dim) return;
  keys.refuse("rope.dimension_count", "is " + std::to_string(rotary),
              "this architecture rotates whole heads, of " + std::to_string(head_dim));
}

namespace {

// Frequencies divided by what a tensor holds: llama 3's, and the two sets of longrope.
Json divided(GgufKeys& keys, int64_t rotary_dim, double factor) {
  const bool one = keys.has_tensor("rope_freqs.weight");
  const char* brief = one ? "rope_freqs.weight" : "rope_factors_short.weight";
  const char* longer = one ? brief : "rope_factors_long.weight";
  Json scaling = {{"rope_type", "longrope"}};
  scaling["attention_factor"] = keys.number("rope.scaling.attn_factor", 1.0);
  scaling["original_max_position_embeddings"] =
      keys.integer("rope.scaling.original_context_length", keys.integer("context_length"));
  using Pair = std::pair<const char*, const char*>;
  for (const auto& [name, tensor] : {Pair("short_factor", brief), Pair("long_factor", longer)}) {
    std::vector<double> values = keys.values(tensor);
    // A file may hold more than are used.
    if (values.size() < static_cast<size_t>(rotary_dim / 2)) {
      throw base::InputError(keys.where(), tensor,
                             "holds " + std::to_string(values.size()) + " numbers",
                             std::to_string(rotary_dim / 2) + " frequencies rotate");
    }
    values.resize(static_cast<size_t>(rotary_dim / 2));
    for (double& value : values) value *= factor;
    scaling[name] = values;
  }
  return scaling;
}

Json yarn(GgufKeys& keys, double factor) {
  Json scaling = {{"rope_type", "yarn"}, {"factor", factor}};
  scaling["original_max_position_embeddings"] =
      keys.integer("rope.scaling.original_context_length", keys.integer("context_length"));
  scaling["beta_fast"] = keys.number("rope.scaling.yarn_beta_fast", 32.0);
  scaling["beta_slow"] = keys.number("rope.scaling.yarn_beta_slow", 1.0);
  const double weight = keys.number("rope.scaling.yarn_log_multiplier", 0.0);
  double magnitude = yarn_magnitude(factor, 1.0);
  if (weight != 0.0) magnitude /= yarn_magnitude(factor, weight);
  scaling["attention_factor"] = magnitude * keys.number("rope.scaling.attn_factor", 1.0);
  if (keys.number("rope.scaling.yarn_ext_factor", 1.0) != 1.0) {
    keys.refuse("rope.scaling.yarn_ext_factor", "is not 1", "no other mix of frequencies is read");
  }
  keys.touch("rope.scaling.yarn_attn_factor");
  keys.note("a GGUF cannot say yarn's `truncate`: the ramp's ends are whole dimensions");
  return scaling;
}

}  // namespace

Json rope_scaling(GgufKeys& keys, int64_t rotary_dim) {
  const std::string type = keys.text("rope.scaling.type", "linear");
  const double old = keys.number("rope.scale_linear", 0.0);
  double factor = keys.number("rope.scaling.factor", old);
  for (const char* key : {"rope.scaling.original_context_length", "rope.scaling.attn_factor",
                          "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
                          "rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor",
                          "rope.scaling.yarn_log_multiplier"}) {
    keys.touch(key);
  }
  if (factor == 0.0 || type == "none") factor = 1.0;
  if (factor < 0.0) keys.refuse("rope.scaling.factor", "is negative");
  if (type != "none" && type != "linear" && type != "yarn" && type != "longrope") {
    keys.refuse("rope.scaling.type", "is '" + type + "'", "known: none, linear, yarn, longrope");
  }
  const bool tensors =
      keys.has_tensor("rope_freqs.weight") ||
      (keys.has_tensor("rope_factors_short.weight") && keys.has_tensor("rope_factors_long.weight"));
  if (type == "yarn") {
    if (tensors) keys.refuse("rope.scaling.type", "is yarn beside a tensor of rope factors");
    return yarn(keys, factor);
  }
  if (tensors) return divided(keys, rotary_dim, factor);
  if (factor == 1.0) return Json::object();
  return {{"rope_type", "linear"}, {"factor", factor}};
}

std::vector<std::string> sliding_types(GgufKeys& keys, int64_t layers, int64_t pattern) {
  constexpr const char* kKey = "attention.sliding_window_pattern";
  std::vector<bool> slides;
  if (keys.is_list(kKey)) {
    slides = keys.flags(kKey, layers);
  } else {
    pattern = keys.integer(kKey, pattern);
    for (int64_t i = 0; i < layers; ++i) {
      slides.push_back(pattern == 0 || i % pattern < pattern - 1);
    }
  }
  std::vector<std::string> types;
  for (const bool slide : slides) types.emplace_back(slide ? kSlidingAttention : kFullAttention);
  return types;
}

int64_t expert_width(GgufKeys& keys) {
  const int64_t layers = layer_count(keys);
  if (keys.has("expert_feed_forward_length")) {
    return keys.uniform("expert_feed_forward_length", layers);
  }
  const RawTensor& down =
      keys.tensor("blk." + std::to_string(layers - 1) + ".ffn_down_exps.weight");
  return down.shape.back();
}

}  // namespace plumb::model
