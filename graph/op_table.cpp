#include "graph/op_table.h"

#include "base/errors.h"
#include "graph/ops.h"

namespace plumb::graph {
namespace {

using Mistakes = std::string_view[];

constexpr Mistakes kEmbeddingMistakes = {"another token's row", "table rounded on loading"};
constexpr Mistakes kScaleMistakes = {"left out", "applied twice", "factor not rounded as trained"};
constexpr Mistakes kLinearMistakes = {"bias left out", "weight not transposed", "one element off",
                                      "accumulated in 16 bits", "fused parts in another order"};
constexpr Mistakes kRmsNormMistakes = {"left out", "another eps", "weight instead of 1 + weight",
                                       "1 + weight instead of weight", "mean taken off",
                                       "computed in 16 bits", "flat instead of per head"};
constexpr Mistakes kRopeMistakes = {"left out", "another theta", "interleaved pairs for halves",
                                    "positions shifted", "scaling left out",
                                    "global and local theta swapped", "table in 16 bits"};
constexpr Mistakes kAttentionMistakes = {
    "another scale",           "soft cap left out", "mask left out", "mask off by one",
    "window off by one",       "window ignored",    "heads tiled instead of repeated",
    "soft cap after the mask", "softmax in 16 bits"};
constexpr Mistakes kActivationMistakes = {"another activation", "gate and up swapped",
                                          "tanh form for the exact one"};
constexpr Mistakes kAddMistakes = {"residual left out", "added to the wrong stream"};
constexpr Mistakes kSoftCapMistakes = {"left out", "another cap"};
constexpr Mistakes kRouteMistakes = {"weights not renormalised", "softmax after the choice",
                                     "another k"};
constexpr Mistakes kExpertsMistakes = {"two experts swapped", "gate and up swapped",
                                       "weights ignored"};

constexpr OpRow kRows[] = {
    {"embedding", "y[t] = table[token[t]]", "transformers: nn.Embedding", "tokens [T]",
     "table [vocab_size, hidden_size]", kEmbeddingMistakes},
    {"scale", "y = factor x", "transformers: models/gemma, Gemma2TextScaledWordEmbedding", "x", "",
     kScaleMistakes},
    {"linear", "y = x W^T + b", "transformers: nn.Linear", "x [T, in]", "W [out, in], [b [out]]",
     kLinearMistakes},
    {"rms_norm", "y = x / sqrt(mean(x^2) + eps) * w, or * (1 + w)",
     "Zhang & Sennrich, arXiv 1910.07467; transformers: LlamaRMSNorm, Gemma3RMSNorm", "x", "w",
     kRmsNormMistakes},
    {"rope",
     "(x_i, x_j) -> (x_i cos a - x_j sin a, x_j cos a + x_i sin a), j = i + rotary_dim / 2, "
     "a = position * inverse_frequency_i",
     "Su et al., arXiv 2104.09864; transformers: apply_rotary_pos_emb, ROPE_INIT_FUNCTIONS",
     "x [T, heads, head_dim]", "", kRopeMistakes},
    {"attention",
     "o[t] = sum_s softmax_s(cap(scale q[t] . k[s])) v[s], s <= t, s > t - window if window > 0; "
     "query head h reads key head h / (heads / kv_heads)",
     "Vaswani et al., arXiv 1706.03762; Ainslie et al., arXiv 2305.13245; transformers: "
     "eager_attention_forward",
     "q [T, heads, head_dim], k, v [T, kv_heads, head_dim]", "", kAttentionMistakes},
    {"gated_activation", "y = act(gate) * up", "Shazeer, arXiv 2002.05202; transformers: LlamaMLP",
     "gate [T, F], up [T, F]", "", kActivationMistakes},
    {"add", "y = stream + branch", "transformers: LlamaDecoderLayer.forward", "stream, branch", "",
     kAddMistakes},
    {"soft_cap", "y = cap tanh(x / cap)",
     "Gemma 2, arXiv 2408.00118; transformers: Gemma2ForCausalLM.forward", "x", "",
     kSoftCapMistakes},
    {"route", "p = softmax(scores); the top_k of p, best first, over their sum if normalize",
     "Jiang et al., arXiv 2401.04088; transformers: MixtralTopKRouter", "scores [T, E]", "",
     kRouteMistakes},
    {"experts", "y = sum_e weight_e * down_e(act(gate_e x) * up_e x) over the chosen",
     "transformers: MixtralExperts.forward", "x [T, H], ids [T, K], weights [T, K]",
     "gate [E, F, H], up [E, F, H], down [E, H, F]", kExpertsMistakes},
};

static_assert(std::size(kRows) == std::variant_size_v<OpKind>, "every op kind has its row");

}  // namespace

std::span<const OpRow> op_table() { return kRows; }

const OpRow& op_row(std::string_view name) {
  for (const OpRow& row : kRows) {
    if (row.name == name) return row;
  }
  throw base::InternalError("every op kind has its row");
}

}  // namespace plumb::graph
