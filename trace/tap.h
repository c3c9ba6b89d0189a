// Taps: the names of the places in a forward at which a tensor can be recorded.
//
// This table is the one place where taps are defined. A tap stands either outside the layers
// ("embed") or inside one ("layer.3.q_rope"). The first axis of a tensor is the position, but for
// what a layer keeps from one call to the next ("layer.3.state.k").
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plumb::trace {

enum class TapId : uint8_t {
  kEmbed,
  kMixerIn,
  kQ,
  kK,
  kV,
  kQNorm,
  kKNorm,
  kQRope,
  kKRope,
  kAttn,
  kAttnGated,
  kGdnConv,
  kGdnBeta,
  kGdnDecay,
  kGdnCore,
  kGdnNorm,
  kMixerOut,
  kMid,
  kFfnIn,
  kFfnGate,
  kFfnUp,
  kFfnAct,
  kRouterLogits,
  kRouterIds,
  kRouterWeights,
  kFfnOut,
  kOut,
  kStateK,
  kStateV,
  kStateLatent,
  kStateLatentRope,
  kStateKConv,
  kStateVConv,
  kStateConv,
  kStateRecurrent,
  kFinalNorm,
  kLogits,
};

struct TapDefinition {
  TapId id;
  std::string_view name;
  bool in_layer;
  bool coarse;  // recorded under "--taps coarse": where blocks meet, which any engine can give
  std::string_view axes;
  std::string_view meaning;
  bool state = false;  // as it stands after the last call; its first axis is not the position
};

// In the order in which a forward produces them.
inline constexpr std::array<TapDefinition, 37> kTaps = {{
    {TapId::kEmbed, "embed", false, true, "T,H", "the residual stream entering layer 0"},
    {TapId::kMixerIn, "mixer_in", true, false, "T,H", "after the mixer's pre-norm"},
    {TapId::kQ, "q", true, false, "T,heads,head_dim", "queries, after projection and bias"},
    {TapId::kK, "k", true, false, "T,heads,head_dim", "keys, after projection and bias"},
    {TapId::kV, "v", true, false, "T,heads,head_dim", "values, after projection and bias"},
    {TapId::kQNorm, "q_norm", true, false, "T,heads,head_dim", "queries after QK norm"},
    {TapId::kKNorm, "k_norm", true, false, "T,heads,head_dim", "keys after QK norm"},
    {TapId::kQRope, "q_rope", true, false, "T,heads,head_dim", "queries as they enter the scores"},
    {TapId::kKRope, "k_rope", true, false, "T,heads,head_dim", "keys as they enter the scores"},
    {TapId::kAttn, "attn", true, false, "T,heads*value_dim",
     "per-head context, before gate, output norm and output projection"},
    {TapId::kAttnGated, "attn_gated", true, false, "T,heads*value_dim",
     "the context after output norm and gate"},
    {TapId::kGdnConv, "gdn_conv", true, false, "T,channels",
     "gated delta net: after convolution and activation"},
    {TapId::kGdnBeta, "gdn_beta", true, false, "T,value_heads", "gated delta net: beta"},
    {TapId::kGdnDecay, "gdn_decay", true, false, "T,value_heads", "gated delta net: log-decay g"},
    {TapId::kGdnCore, "gdn_core", true, false, "T,value_heads,value_dim",
     "gated delta net: output of the delta rule"},
    {TapId::kGdnNorm, "gdn_norm", true, false, "T,value_heads*value_dim",
     "gated delta net: after the gated norm"},
    {TapId::kMixerOut, "mixer_out", true, true, "T,H",
     "what the mixer returns, before a post-norm and the residual"},
    {TapId::kMid, "mid", true, false, "T,H", "the residual stream after the mixer"},
    {TapId::kFfnIn, "ffn_in", true, false, "T,H", "after the feed-forward's pre-norm"},
    {TapId::kFfnGate, "ffn_gate", true, false, "T,F", "gate projection"},
    {TapId::kFfnUp, "ffn_up", true, false, "T,F", "up projection"},
    {TapId::kFfnAct, "ffn_act", true, false, "T,F", "act(gate) * up"},
    {TapId::kRouterLogits, "router_logits", true, false, "T,E", "scores of the experts"},
    {TapId::kRouterIds, "router_ids", true, false, "T,K", "the chosen experts"},
    {TapId::kRouterWeights, "router_weights", true, false, "T,K", "their weights as applied"},
    {TapId::kFfnOut, "ffn_out", true, true, "T,H",
     "what the feed-forward returns, before a post-norm and the residual"},
    {TapId::kOut, "out", true, true, "T,H", "the residual stream leaving the layer"},
    {TapId::kStateK, "state.k", true, false, "kept,kv_heads,head_dim",
     "cache: keys as they enter the scores, oldest first", true},
    {TapId::kStateV, "state.v", true, false, "kept,kv_heads,head_dim",
     "cache: values, oldest first", true},
    {TapId::kStateLatent, "state.latent", true, false, "kept,1,kv_lora_rank",
     "latent attention: the latents that keys and values come from, as a latent cache's state.k",
     true},
    {TapId::kStateLatentRope, "state.latent_rope", true, false, "kept,1,rope_dim",
     "latent attention: the rotated part of the keys, as a latent cache's state.v", true},
    {TapId::kStateKConv, "state.k_conv", true, false, "channels,kernel",
     "the last inputs of the convolution over keys, oldest first", true},
    {TapId::kStateVConv, "state.v_conv", true, false, "channels,kernel",
     "the last inputs of the convolution over values, oldest first", true},
    {TapId::kStateConv, "state.conv", true, false, "channels,kernel",
     "delta net, short convolution: the last inputs of the convolution, oldest first", true},
    {TapId::kStateRecurrent, "state.recurrent", true, false, "value_heads,key_dim,value_dim",
     "gated delta net: the recurrent state", true},
    {TapId::kFinalNorm, "final_norm", false, true, "T,H", "after the last norm"},
    {TapId::kLogits, "logits", false, true, "T,V", "the logits"},
}};

constexpr const TapDefinition& definition(TapId id) {
  return kTaps[static_cast<size_t>(id)];
}

// One tap of one forward. Ordered as a forward produces them.
struct Tap {
  TapId id = TapId::kLogits;
  int layer = -1;  // -1 outside the layers

  std::string name() const;
  bool operator==(const Tap&) const = default;
  std::strong_ordering operator<=>(const Tap& other) const;
};

std::optional<Tap> parse_tap(std::string_view name);

// Which taps a run records: "all", "coarse", "logits", or comma-separated globs over tap names
// ('*' and '?'). "logits" is always recorded.
class TapFilter {
 public:
  explicit TapFilter(std::string_view expression);
  static TapFilter all() { return TapFilter("all"); }

  bool matches(const Tap& tap) const;
  // The first pattern that matches none of `taps`: a misspelt one.
  std::optional<std::string> idle_pattern(std::span<const Tap> taps) const;

 private:
  std::vector<std::string> patterns_;
};

}  // namespace plumb::trace
