// What Qwen3-Next and Qwen3.5 share: layers of gated delta net and of gated attention in turn,
// (1 + weight) norms, partial rotation.
#pragma once

#include "model/families/decoder.h"

namespace plumb::model {

// A Spec whose layers have their mixers by layer_types, else full attention in every
// full_attention_interval-th; each with the feed-forward `ffn`.
Spec read_hybrid(ConfigReader& config, Dimensions dimensions, const FeedForwardSpec& ffn);

// The activation of the feed-forwards, which is also that of the convolution: silu alone.
Activation read_hybrid_activation(ConfigReader& config);

// Adds the mixers' names: queries packed with the gate by head, and a delta net whose inputs are
// split as Qwen3.5 has them.
NameTable& name_hybrid_mixers(NameTable& names, const Spec& spec);

// The delta net of `spec`, null where all layers are attention.
const GatedDeltaNetSpec* find_delta_net(const Spec& spec);

inline constexpr std::string_view kDeltaNetInputs = "model.layers.{i}.linear_attn.in_proj_";

}  // namespace plumb::model
