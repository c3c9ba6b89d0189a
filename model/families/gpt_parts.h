// The parts that GPT-2's relatives share: its spelling of sizes, LayerNorms with bias, an MLP
// without a gate, tables of positions, linear biases.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/families/decoder.h"

namespace plumb::model {

// n_embd, n_head, n_layer, n_positions and layer_norm_epsilon, or the usual names; every head of
// hidden_size / heads, and as many key heads.
struct GptDefaults {
  int vocab_size = 50257;
  int hidden_size = 768;
  int num_hidden_layers = 12;
  int num_attention_heads = 12;
  int64_t max_position_embeddings = 1024;
  bool tie_word_embeddings = true;
  double layer_norm_epsilon = 1e-5;
};
Dimensions read_gpt_dimensions(ConfigReader& config, const GptDefaults& defaults);

inline constexpr double kTorchEps = 1e-5;  // of a LayerNorm that states none
inline constexpr int kPositionOffset = 2;  // the first row of fairseq's positions

// A LayerNorm with bias, as torch rounds it.
NormSpec layer_norm(double eps);

// `key`: the width inside the MLP; 4 hidden_size where it is absent or null.
int read_inner_size(ConfigReader& config, std::string_view key, int hidden_size);

// down(act(up(x))) of that width; `activation_key` names act.
MlpSpec read_plain_mlp(ConfigReader& config, int inner_size, std::string_view activation_key,
                       std::string_view fallback);

// A learned row for each position of a context, from `offset` on.
PositionEmbeddingSpec learned_positions(int64_t max_position_embeddings, int offset = 0);

// [sin | cos] of position + offset, with width / 2 + short_of frequencies to the spread; `key`
// names the width.
PositionEmbeddingSpec sinusoids(const ConfigReader& config, int width, std::string_view key,
                                int short_of, int offset);

// Rotates rotary_dim dimensions of each head in interleaved pairs with base 10000 (GPT-J).
RopeSpec read_gptj_rope(ConfigReader& config, int head_dim, RopeRounding rounding);

// 2^(-8 (h + 1) / n) for n heads, a power of two; for another number of heads those of the
// next power, every second of them first. Source: Press et al., arXiv 2108.12409, get_slopes.
std::vector<double> alibi_slopes(int heads);

// transformer.wte, transformer.wpe, transformer.h.N.ln_1, ..., with the prefix or without.
NameTable gpt_names();

// embed_tokens, layers.N.self_attn_layer_norm, layers.N.fc1, ... after `prefix`, or without it.
NameTable fairseq_names(const std::string& prefix);

// Dropout, initialisation, summaries for other heads, and buffers of masks.
inline constexpr InertKey kGptInert[] = {
    {"activation_dropout"},
    {"attn_pdrop"},
    {"add_cross_attention", "false"},
    {"attention_softmax_in_fp32"},
    {"classifier_dropout"},
    {"dropout"},
    {"embed_dropout"},
    {"gradient_checkpointing"},
    {"init_std"},
    {"layerdrop"},
    {"reorder_and_upcast_attn"},
    {"resid_dropout"},
    {"scale_attention_softmax_in_fp32"},
    {"summary_activation"},
    {"summary_first_dropout"},
    {"summary_proj_to_labels"},
    {"summary_type"},
    {"summary_use_proj"},
};

}  // namespace plumb::model
