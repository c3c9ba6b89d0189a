// Architectures with gated delta nets.
#include "model/families/gguf/architecture.h"
#include "model/families/gguf/parts.h"
#include "model/families/hybrid_parts.h"

namespace plumb::model {
namespace {

using base::Json;
using Layout = std::map<std::string, GgufLayout>;

struct Net {
  int64_t key_heads, value_heads, key_dim, value_dim;
};

Net read_net(GgufKeys& keys) {
  Net net{.key_heads = keys.integer("ssm.group_count"),
          .value_heads = keys.integer("ssm.time_step_rank"),
          .key_dim = keys.integer("ssm.state_size"),
          .value_dim = 0};
  const int64_t inner = keys.integer("ssm.inner_size");
  if (net.key_heads == 0 || net.value_heads == 0 || inner % net.value_heads != 0 ||
      net.value_heads % net.key_heads != 0) {
    keys.refuse("ssm.time_step_rank", "is at odds with ssm.inner_size or ssm.group_count");
  }
  net.value_dim = inner / net.value_heads;
  return net;
}

std::vector<std::string> layer_types(GgufKeys& keys, int64_t layers) {
  constexpr const char* kKey = "attention.recurrent_layers";
  const int64_t interval = keys.integer("full_attention_interval", 4);
  if (interval == 0) keys.refuse("full_attention_interval", "is 0");
  std::vector<std::string> types;
  const bool listed = keys.is_list(kKey);
  const std::vector<bool> linear = listed ? keys.flags(kKey, layers) : std::vector<bool>();
  for (int64_t i = 0; i < layers; ++i) {
    const bool recurrent = listed ? linear[static_cast<size_t>(i)] : (i + 1) % interval != 0;
    types.emplace_back(recurrent ? kLinearAttention : kFullAttention);
  }
  return types;
}

Json hybrid(GgufKeys& keys, std::string_view model_type, bool dense) {
  Json config = common_config(
      keys, {.model_type = model_type, .intermediate_size = dense, .partial_rotary = true});
  const Net net = read_net(keys);
  config["linear_num_key_heads"] = net.key_heads;
  config["linear_num_value_heads"] = net.value_heads;
  config["linear_key_head_dim"] = net.key_dim;
  config["linear_value_head_dim"] = net.value_dim;
  config["linear_conv_kernel_dim"] = keys.integer("ssm.conv_kernel");
  config["layer_types"] = layer_types(keys, layer_count(keys));
  return config;
}

Json qwen3next(GgufKeys& keys) {
  Json config = hybrid(keys, "qwen3_next", false);
  config["num_experts"] = keys.integer("expert_count");
  config["num_experts_per_tok"] = keys.uniform("expert_used_count", layer_count(keys));
  config["norm_topk_prob"] = true;
  config["moe_intermediate_size"] = expert_width(keys);
  const std::string last = std::to_string(layer_count(keys) - 1);
  config["shared_expert_intermediate_size"] =
      keys.integer("expert_shared_feed_forward_length",
                   keys.tensor("blk." + last + ".ffn_down_shexp.weight").shape.back());
  keys.touch("expert_gating_func");
  keys.note(
      "a GGUF cannot say norm_topk_prob: the architecture qwen3next divides the chosen "
      "weights by their sum");
  return config;
}

Json qwen35(GgufKeys& keys) {
  return hybrid(keys, "qwen3_5_text", true);
}

void name_mixers(NameTable& names, const Spec& spec) {
  for (const LayerSpec& layer : spec.layers) {
    const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    if (attention == nullptr) continue;
    names.drop("q_proj").pack("blk.{i}.attn_q", {"q_proj", "attn_gate_proj"},
                              attention->num_attention_heads);
    break;
  }
  names.pack("blk.{i}.attn_qkv", {"gdn.q_proj", "gdn.k_proj", "gdn.v_proj"})
      .name("gdn.z_proj", "blk.{i}.attn_gate")
      .name("gdn.conv", "blk.{i}.ssm_conv1d")
      .name("gdn.A_log", "blk.{i}.ssm_a")
      .name("gdn.dt_bias", "blk.{i}.ssm_dt.bias")
      .name("gdn.norm", "blk.{i}.ssm_norm")
      .name("gdn.o_proj", "blk.{i}.ssm_out")
      .name("gdn.b_proj", "blk.{i}.ssm_beta")
      .name("gdn.a_proj", "blk.{i}.ssm_alpha");
}

// The small inputs go by key head, as published; old files have the large ones so, too.
void name_packed_mixers(NameTable& names, const Spec& spec) {
  name_mixers(names, spec);
  const GatedDeltaNetSpec* net = find_delta_net(spec);
  if (net == nullptr) return;
  names.pack("blk.{i}.ssm_ba", {"gdn.b_proj", "gdn.a_proj"}, net->num_key_heads)
      .or_pack("blk.{i}.ssm_in", {"gdn.q_proj", "gdn.k_proj", "gdn.v_proj", "gdn.z_proj"},
               net->num_key_heads);
}

std::string block(size_t layer) {
  return "blk." + std::to_string(layer) + ".";
}

Layout decays(const Spec& spec) {
  Layout layout;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    layout[block(i) + "ssm_a"] = {.negative_exp = true};
  }
  return layout;
}

// The value heads of qwen35 go round the key heads: the first of each, then the second of each.
Layout tiled_heads(const Spec& spec) {
  Layout layout = decays(spec);
  const GatedDeltaNetSpec* net = find_delta_net(spec);
  if (net == nullptr) return layout;
  const auto tile = [&](int axis, int64_t begin, int64_t width) {
    return Tiling{.axis = axis,
                  .begin = begin,
                  .outer = net->num_key_heads,
                  .inner = net->num_value_heads / net->num_key_heads,
                  .width = width};
  };
  const int64_t before = int64_t{2} * net->num_key_heads * net->key_dim;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    // attn_qkv of a layer with attention is another thing.
    if (!std::holds_alternative<GatedDeltaNetSpec>(spec.layers[i].mixer)) continue;
    layout[block(i) + "attn_qkv.weight"].tiling = tile(0, before, net->value_dim);
    layout[block(i) + "ssm_conv1d.weight"].tiling = tile(0, before, net->value_dim);
    layout[block(i) + "attn_gate.weight"].tiling = tile(0, 0, net->value_dim);
    for (const char* name : {"ssm_beta.weight", "ssm_alpha.weight", "ssm_dt.bias", "ssm_a"}) {
      layout[block(i) + name].tiling = tile(0, 0, 1);
    }
    layout[block(i) + "ssm_out.weight"].tiling = tile(1, 0, net->value_dim);
  }
  return layout;
}

}  // namespace

constinit const GgufArchitecture kGgufQwen3Next{.name = "qwen3next",
                                                .rope = GgufRope::kHalves,
                                                .ffn_norm_renamed = true,
                                                .config = qwen3next,
                                                .names = name_packed_mixers,
                                                .layout = decays};
constinit const GgufArchitecture kGgufQwen35{.name = "qwen35",
                                             .rope = GgufRope::kHalves,
                                             .ffn_norm_renamed = true,
                                             .config = qwen35,
                                             .names = name_mixers,
                                             .layout = tiled_heads};

}  // namespace plumb::model
