#include "graph/op_table.h"

#include "base/errors.h"
#include "graph/ops.h"

namespace plumb::graph {
namespace {

using Mistakes = std::string_view[];

constexpr Mistakes kEmbeddingMistakes = {"another token's row", "table rounded on loading"};
constexpr Mistakes kLinearMistakes = {
    "bias left out",          "weight not transposed",        "one element off",
    "accumulated in 16 bits", "fused parts in another order", "rows of the head not normalised"};
constexpr Mistakes kRmsNormMistakes = {"left out",
                                       "another eps",
                                       "weight instead of 1 + weight",
                                       "1 + weight instead of weight",
                                       "mean taken off",
                                       "computed in 16 bits",
                                       "flat instead of per head",
                                       "weight after instead of before"};
constexpr Mistakes kLayerNormMistakes = {"left out", "another eps", "mean not taken off",
                                         "bias left out", "weight instead of 1 + weight"};
constexpr Mistakes kRopeMistakes = {"left out",
                                    "another theta",
                                    "interleaved pairs for halves",
                                    "positions shifted",
                                    "scaling left out",
                                    "global and local theta swapped",
                                    "table in 16 bits",
                                    "attention factor left out",
                                    "whole head instead of a part"};
constexpr Mistakes kPositionScaleMistakes = {"left out", "before the rope with another position"};
constexpr Mistakes kPositionEmbeddingMistakes = {"left out", "offset forgotten",
                                                 "sines and cosines in turn"};
constexpr Mistakes kAttentionMistakes = {"another scale",
                                         "soft cap left out",
                                         "mask left out",
                                         "mask off by one",
                                         "window off by one",
                                         "window ignored",
                                         "heads tiled instead of repeated",
                                         "soft cap after the mask",
                                         "softmax in 16 bits",
                                         "sinks dropped",
                                         "linear biases left out",
                                         "other slopes",
                                         "linear biases scaled, or not"};
constexpr Mistakes kScaleMistakes = {"left out", "applied twice", "factor not rounded as trained"};
constexpr Mistakes kAddMistakes = {"residual left out", "added to the wrong stream",
                                   "multiplier left out"};
constexpr Mistakes kGatedResidualMistakes = {"plain sum", "alpha = 1 - beta",
                                             "temperature left out"};
constexpr Mistakes kClampMistakes = {"left out", "on queries alone"};
constexpr Mistakes kSoftCapMistakes = {"left out", "another cap"};
constexpr Mistakes kActivationMistakes = {"another activation", "gate and up swapped",
                                          "tanh form for the exact one"};
constexpr Mistakes kGateMistakes = {"left out", "before the output norm", "not activated",
                                    "bias left out"};
constexpr Mistakes kConcatMistakes = {"parts in another order"};
constexpr Mistakes kRouteMistakes = {"weights not renormalised",
                                     "softmax after the choice",
                                     "another k",
                                     "biased scores as weights",
                                     "scaling left out",
                                     "groups ignored",
                                     "group worth its best alone",
                                     "correction on scores for logits",
                                     "sum for another norm"};
constexpr Mistakes kExpertsMistakes = {"two experts swapped", "gate and up swapped",
                                       "weights ignored", "shared expert left out"};
constexpr Mistakes kConvMistakes = {"shifted by one", "kernel reversed", "activation left out",
                                    "state not updated", "bias left out"};
constexpr Mistakes kDecayMistakes = {"sign lost", "bias left out", "exponential left out"};
constexpr Mistakes kDeltaMistakes = {
    "q and k not at unit length", "query scale left out",          "beta out of range",
    "decay applied twice",        "output read before the update", "heads tiled"};

constexpr OpRow kRows[] = {
    {"embedding", "y[t] = table[token[t]]", "transformers: nn.Embedding", "tokens [T]",
     "table [vocab_size, hidden_size]", kEmbeddingMistakes},
    {"linear", "y = x W^T + b", "transformers: nn.Linear", "x [T, in]", "W [out, in], [b [out]]",
     kLinearMistakes},
    {"rms_norm", "y = x / sqrt(mean(x^2) + eps) * w, or * (1 + w), or of w x",
     "Zhang & Sennrich, arXiv 1910.07467; transformers: LlamaRMSNorm, Gemma3RMSNorm; executorch: "
     "RMSNormWithInputScale",
     "x", "[w]", kRmsNormMistakes},
    {"layer_norm", "y = (x - mean(x)) / sqrt(var(x) + eps) * w + b",
     "Ba et al., arXiv 1607.06450; transformers: Cohere2LayerNorm, NemotronLayerNorm1P", "x",
     "w, [b]", kLayerNormMistakes},
    {"rope",
     "(x_i, x_j) -> (x_i cos a - x_j sin a, x_j cos a + x_i sin a), a = position * "
     "inverse_frequency, cos and sin times attention_factor",
     "Su et al., arXiv 2104.09864; Peng et al., arXiv 2309.00071; transformers: "
     "apply_rotary_pos_emb, ROPE_INIT_FUNCTIONS",
     "x [T, heads, head_dim]", "", kRopeMistakes},
    {"position_scale",
     "y = x (1 + beta ln(1 + floor(u))) or x (1 + u)^beta, u = (position + offset) / original",
     "transformers: models/ministral3, get_llama_4_attn_scale; models/beam, "
     "compute_attention_scaling",
     "x", "", kPositionScaleMistakes},
    {"position_embedding",
     "y[t] = table[p], or [sin(a) | cos(a)], a_i = p 10000^(-i / spread), p = position + offset",
     "Radford et al. 2019 (GPT-2); Vaswani et al., arXiv 1706.03762; transformers: GPT2Model, "
     "OPTLearnedPositionalEmbedding, XGLMSinusoidalPositionalEmbedding, models/ctrl",
     "positions [T]", "[table [rows, hidden_size]]", kPositionEmbeddingMistakes},
    {"attention",
     "o[t] = sum_s softmax_s(cap(scale q[t] . k[s] + slope s)) v[s], s <= t, s > t - window if "
     "window > 0; "
     "query head h reads key head h / (heads / kv_heads)",
     "Vaswani et al., arXiv 1706.03762; Ainslie et al., arXiv 2305.13245; Press et al., arXiv "
     "2108.12409; transformers: "
     "eager_attention_forward",
     "q [T, heads, head_dim], k [T, kv_heads, head_dim], v [T, kv_heads, value_dim]",
     "[sinks [heads]]", kAttentionMistakes},
    {"scale", "y = factor x", "transformers: models/gemma, Gemma2TextScaledWordEmbedding", "x", "",
     kScaleMistakes},
    {"add", "y = stream + multiplier branch",
     "transformers: LlamaDecoderLayer.forward, GraniteDecoderLayer.forward", "stream, branch", "",
     kAddMistakes},
    {"gated_residual",
     "y = alpha stream + beta branch, beta = sigmoid(w / 0.3), alpha = sqrt(max(sigmoid(-w / 0.3) "
     "(1 + beta), 1e-3))",
     "executorch: llama_transformer.py, NormPreservingResidualConnection", "stream, branch",
     "w [hidden_size]", kGatedResidualMistakes},
    {"clamp", "y = min(max(x, -limit), limit)", "transformers: OlmoeAttention.forward", "x", "",
     kClampMistakes},
    {"soft_cap", "y = cap tanh(x / cap)",
     "Gemma 2, arXiv 2408.00118; transformers: Gemma2ForCausalLM.forward", "x", "",
     kSoftCapMistakes},
    {"activation", "y = act(x)", "transformers: activations.py, ACT2FN", "x",
     "xielu: [alpha_p, alpha_n, beta, eps]", kActivationMistakes},
    {"gated_activation", "y = act(gate) * up", "Shazeer, arXiv 2002.05202; transformers: LlamaMLP",
     "gate [T, F], up [T, F]", "", kActivationMistakes},
    {"gate", "y = x * act(gate + b)",
     "transformers: Qwen3NextAttention.forward, Qwen3NextRMSNormGated.forward, LagunaAttention",
     "x [T, W], gate [T, W / n]", "[b]", kGateMistakes},
    {"concat", "y = [x_0 | x_1 | ...] within each group", "transformers: DeepseekV3Attention",
     "x_0, x_1, ...", "", kConcatMistakes},
    {"route",
     "s = softmax(logits) or sigmoid(logits); the top_k of s + correction (or of logits + "
     "correction) "
     "within the top groups; weights s, over their sum or p-norm if normalize, times scaling",
     "Jiang et al., arXiv 2401.04088; DeepSeek-V3, arXiv 2412.19437; transformers: "
     "MixtralTopKRouter, DeepseekV3TopkRouter, GptOssTopKRouter",
     "logits [T, E]", "[correction [E]]", kRouteMistakes},
    {"experts", "y = sum_e weight_e * down_e(act(gate_e x) * up_e x) over the chosen",
     "transformers: MixtralExperts.forward, GptOssExperts.forward",
     "x [T, H], ids [T, K], weights [T, K]",
     "gate [E, F, H], up [E, F, H], down [E, H, F], [their biases]", kExpertsMistakes},
    {"causal_conv", "y[t, c] = act(sum_k w[c, k] x[t - kernel + 1 + k, c] + b[c])",
     "transformers: Qwen3NextGatedDeltaNet, causal_conv1d_fn; Lfm2ShortConv", "x [T, C]",
     "w [filters, kernel], [b [C]]", kConvMistakes},
    {"delta_decay", "g = -exp(A_log) softplus(a + dt_bias)",
     "transformers: Qwen3NextGatedDeltaNet.forward", "a [T, value_heads]",
     "A_log [value_heads], dt_bias [value_heads]", kDecayMistakes},
    {"gated_delta_rule", "S <- exp(g) S; S <- S + k (beta (v - S^T k))^T; y = S^T q",
     "Yang et al., arXiv 2412.06464; transformers: torch_recurrent_gated_delta_rule",
     "[q | k | v] [T, 2 key_heads key_dim + value_heads value_dim], beta, g [T, value_heads]", "",
     kDeltaMistakes},
};

static_assert(std::size(kRows) == std::variant_size_v<OpKind>, "every op kind has its row");

}  // namespace

std::span<const OpRow> op_table() {
  return kRows;
}

const OpRow& op_row(std::string_view name) {
  for (const OpRow& row : kRows) {
    if (row.name == name) return row;
  }
  throw base::InternalError("every op kind has its row");
}

}  // namespace plumb::graph
