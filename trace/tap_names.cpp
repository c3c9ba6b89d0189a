#include "trace/tap_names.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "trace/tap.h"

namespace plumb::trace {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// Outside the layers: Hugging Face's modules, llama.cpp's tensors, and what comes to mind.
constexpr Pair kOutside[] = {
    {"embed_tokens", "embed"},     {"wte", "embed"},       {"tok_embeddings", "embed"},
    {"embeddings", "embed"},       {"inp_embd", "embed"},  {"embedding", "embed"},
    {"norm", "final_norm"},        {"ln_f", "final_norm"}, {"final_layernorm", "final_norm"},
    {"result_norm", "final_norm"}, {"lm_head", "logits"},  {"output", "logits"},
    {"result_output", "logits"},   {"scores", "logits"},
};

// Inside a layer; the layer itself is its output.
constexpr Pair kInside[] = {
    {"", "out"},
    {"output", "out"},
    {"hidden_states", "out"},
    {"l_out", "out"},
    {"input_layernorm", "mixer_in"},
    {"attn_norm", "mixer_in"},
    {"attention_norm", "mixer_in"},
    {"ln_1", "mixer_in"},
    {"self_attn", "mixer_out"},
    {"attention", "mixer_out"},
    {"linear_attn", "mixer_out"},
    {"attn_out", "mixer_out"},
    {"attention_out", "mixer_out"},
    {"self_attn.o_proj", "mixer_out"},
    {"self_attn.out_proj", "mixer_out"},
    {"linear_attn.out_proj", "mixer_out"},
    {"self_attn.q_proj", "q"},
    {"self_attn.k_proj", "k"},
    {"self_attn.v_proj", "v"},
    {"q_proj", "q"},
    {"k_proj", "k"},
    {"v_proj", "v"},
    {"qcur", "q"},
    {"kcur", "k"},
    {"vcur", "v"},
    {"self_attn.q_norm", "q_norm"},
    {"self_attn.k_norm", "k_norm"},
    {"qcur_normed", "q_norm"},
    {"kcur_normed", "k_norm"},
    {"kqv_out", "attn"},
    {"context", "attn"},
    {"ffn_inp", "mid"},
    {"residual", "mid"},
    {"post_attention_layernorm", "ffn_in"},
    {"pre_feedforward_layernorm", "ffn_in"},
    {"ffn_norm", "ffn_in"},
    {"ln_2", "ffn_in"},
    {"mlp_in", "ffn_in"},
    {"mlp", "ffn_out"},
    {"mlp_out", "ffn_out"},
    {"feed_forward", "ffn_out"},
    {"block_sparse_moe", "ffn_out"},
    {"moe", "ffn_out"},
    {"moe_out", "ffn_out"},
    {"ffn_moe_out", "ffn_out"},
    {"mlp.down_proj", "ffn_out"},
    {"down_proj", "ffn_out"},
    {"mlp.gate_proj", "ffn_gate"},
    {"gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"up_proj", "ffn_up"},
    {"mlp.act_fn", "ffn_act"},
    {"ffn_swiglu", "ffn_act"},
    {"mlp.gate", "router_logits"},
    {"mlp.router", "router_logits"},
    {"block_sparse_moe.gate", "router_logits"},
    {"ffn_moe_logits", "router_logits"},
};

constexpr Pair kDtypes[] = {
    {"fp64", "float64"}, {"f64", "float64"},   {"double", "float64"}, {"fp32", "float32"},
    {"f32", "float32"},  {"float", "float32"}, {"single", "float32"}, {"fp16", "float16"},
    {"f16", "float16"},  {"half", "float16"},  {"bf16", "bfloat16"},  {"brain", "bfloat16"},
};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return result;
}

std::optional<std::string_view> find(std::span<const Pair> pairs, std::string_view name) {
  const auto found = std::ranges::find(pairs, name, &Pair::first);
  return found == pairs.end() ? std::nullopt : std::optional(found->second);
}

// How many letters have to be added, left out or changed.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t corner = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// The tap of that name but for a slip of the pen.
std::optional<std::string_view> find_near(std::string_view name, bool in_layer) {
  constexpr size_t kMost = 2;
  std::optional<std::string_view> nearest;
  size_t least = std::min(kMost, name.size() / 2) + 1;
  for (const TapDefinition& tap : kTaps) {
    const size_t d = distance(name, tap.name);
    if (tap.in_layer != in_layer || d >= least) continue;
    least = d;
    nearest = tap.name;
  }
  return nearest;
}

std::optional<std::string_view> find_tap(std::string_view name, bool in_layer) {
  for (const TapDefinition& tap : kTaps) {
    if (tap.in_layer == in_layer && tap.name == name) return tap.name;
  }
  const auto other = in_layer ? find(kInside, name) : find(kOutside, name);
  return other ? other : find_near(name, in_layer);
}

struct Place {
  std::string layer;  // digits; empty outside the layers
  std::string rest;
};

std::string digits_of(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, [](char c) { return c >= '0' && c <= '9'; });
  std::string digits(text.begin(), end);
  const size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
  return digits.empty() ? digits : digits.substr(first);
}

// "model.layers.3.mlp", "blk.3.ffn_out", "h.3", "l_out-3", "layer_3_out".
Place read(std::string name) {
  constexpr std::string_view kMarks[] = {"layers", "layer", "blocks", "block", "blk", "h"};
  constexpr std::string_view kSeparators = "._-/";
  const size_t dash = name.rfind('-');
  if (dash != std::string::npos &&
      digits_of(name.substr(dash + 1)).size() + dash + 1 == name.size()) {
    return {digits_of(name.substr(dash + 1)), name.substr(0, dash)};
  }
  for (const std::string_view mark : kMarks) {
    for (size_t at = name.find(mark); at != std::string::npos; at = name.find(mark, at + 1)) {
      const bool begins = at == 0 || kSeparators.find(name[at - 1]) != std::string_view::npos;
      size_t next = at + mark.size();
      if (next < name.size() && kSeparators.find(name[next]) != std::string_view::npos) ++next;
      const size_t end = std::min(name.find_first_not_of("0123456789", next), name.size());
      if (!begins || end == next) continue;
      const size_t rest = end < name.size() ? end + 1 : end;
      return {digits_of(std::string_view(name).substr(next)), name.substr(rest)};
    }
  }
  return {"", std::move(name)};
}

}  // namespace

std::optional<std::string> meant_tap(std::string_view name) {
  const Place place = read(lower(name));
  if (!place.layer.empty()) {
    const auto tap = find_tap(place.rest, true);
    if (!tap) return std::nullopt;
    return "layer." + place.layer + "." + std::string(*tap);
  }
  std::string_view rest = place.rest;
  for (const std::string_view prefix : {"model.", "transformer.", "language_model.", "decoder."}) {
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  }
  const auto tap = find_tap(rest, false);
  return tap ? std::optional(std::string(*tap)) : std::nullopt;
}

std::optional<std::string> meant_dtype(std::string_view name) {
  std::string text = lower(name);
  if (text.starts_with("torch.")) text.erase(0, 6);
  if (base::dtype_from_torch_name(text)) return text;
  const auto other = find(kDtypes, text);
  return other ? std::optional(std::string(*other)) : std::nullopt;
}

}  // namespace plumb::trace
