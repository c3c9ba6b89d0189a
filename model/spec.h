// What varies between model families, as orthogonal fields.
//
// A Spec is all that the graph builder reads; past it nothing asks which family a model is of.
// Every feature is off unless a field turns it on. Layers differ freely from one another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plumb::model {

// Where a run in 16 bits rounds inside a norm; float64 does not see it.
enum class NormRounding : uint8_t {
  kBeforeWeight,  // normalised in float32, rounded to the model's dtype, then times weight (llama)
  kAfterWeight,   // all in float32, rounded once (gemma, olmo2, torch's layer_norm)
};

struct NormSpec {
  enum class Kind : uint8_t { kRms, kLayer };
  Kind kind = Kind::kRms;
  double eps = 1e-6;
  bool weight = true;
  bool bias = false;
  bool unit_offset = false;   // times (1 + weight)
  bool input_scaled = false;  // rms_norm(weight * x) instead of weight * rms_norm(x)
  NormRounding rounding = NormRounding::kBeforeWeight;
};

// How the rotation's inverse frequencies are derived from theta.
struct RopeScaling {
  enum class Kind : uint8_t {
    kDefault,
    kLinear,
    kDynamic,
    kLlama3,
    kYarn,
    kLongRope,
    kProportional,  // the pairs from `turning_pairs` on stand still
  };
  Kind kind = Kind::kDefault;
  double factor = 1.0;
  double low_freq_factor = 1.0;                 // llama3
  double high_freq_factor = 4.0;                // llama3
  double beta_fast = 32.0;                      // yarn
  double beta_slow = 1.0;                       // yarn
  bool truncate = true;                         // yarn
  std::vector<double> short_factor;             // longrope
  std::vector<double> long_factor;              // longrope
  double original_max_position_embeddings = 0;  // llama3, yarn, longrope
  double max_position_embeddings = 0;           // dynamic
  int turning_pairs = 0;                        // proportional

  bool operator==(const RopeScaling&) const = default;
};

// Which dimensions of a head turn together.
enum class RopePairs : uint8_t {
  kHalves,               // (i, i + rotary_dim / 2)
  kInterleaved,          // (2i, 2i + 1)
  kInterleavedToHalves,  // (2i, 2i + 1), written to (i, i + rotary_dim / 2)
};

// Where a run in 16 bits rounds in a rope.
enum class RopeRounding : uint8_t {
  kEveryStep,  // cos and sin, products and sum each in the model's dtype (llama)
  kTableOnly,  // cos and sin rounded, the rotation in float32 (cohere2)
  kOutput,     // all in float32, rounded once (olmo2, ernie4_5)
};

struct RopeSpec {
  double theta = 10000.0;
  int rotary_dim = 0;     // so many dimensions of a head rotate, the rest pass
  int rotary_offset = 0;  // the first that does
  RopePairs pairs = RopePairs::kHalves;
  RopeScaling scaling;
  double attention_factor = 1.0;  // on cos and sin (yarn, longrope)
  bool clockwise = false;         // turns by -position * inverse_frequency
  RopeRounding rounding = RopeRounding::kEveryStep;

  bool operator==(const RopeSpec&) const = default;
};

enum class Activation : uint8_t {
  kSilu,
  kGelu,
  kGeluTanh,
  kGeluFast,   // kGeluTanh with sqrt(2 / pi) cut to 0.7978845608 (gpt-neox-20b)
  kGeluBloom,  // and to 0.79788456 (bloom)
  kQuickGelu,  // x sigmoid(1.702 x)
  kRelu,
  kRelu2,
  kSigmoid,
  kXielu,       // with four scalar weights (arXiv 2411.13010)
  kClampedGlu,  // gpt_oss: gate sigmoid(alpha gate) (up + 1), both clamped
  kSoftplus,
  kIdentity,
};

struct QkNormSpec {
  NormSpec norm;
  bool flat = false;             // over all heads at once instead of each by itself
  bool weight_per_head = false;  // every head has its own weight
  bool after_rope = false;
  double query_multiplier = 1.0;  // on q, right after its norm
};

// Linear biases in place of a rope (Press et al., arXiv 2108.12409): a key's position, times the
// slope of the head, joins its score.
struct AlibiSpec {
  std::vector<double> slopes;  // of each head
  bool before_scale = false;   // the scale of the scores is on it, too
  bool in_bfloat16 = false;    // the product of slope and position, whatever the model's dtype

  bool operator==(const AlibiSpec&) const = default;
};

// What a query is multiplied by: 1 + beta ln(1 + floor(turns)), or (1 + turns)^beta, with
// turns = (position + offset) / original_max_position_embeddings.
struct QueryTemperature {
  enum class Growth : uint8_t { kLogOfTurns, kPower };
  double beta = 0.0;
  double original_max_position_embeddings = 1.0;
  Growth growth = Growth::kLogOfTurns;
  int offset = 0;

  double factor(double position) const;
  bool operator==(const QueryTemperature&) const = default;
};

// context * act(gate_proj(input)), a gate for each element or for each head
struct OutputGateSpec {
  Activation activation = Activation::kSigmoid;
  bool per_head = false;
  bool bias = false;       // of the projection
  bool head_bias = false;  // one number for all gates of a head
};

struct AttentionSpec {
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int value_dim = 0;              // of a head's values; 0: head_dim
  double value_multiplier = 1.0;  // on v
  double scale = 1.0;             // of the scores
  int sliding_window = 0;         // keys a query sees, itself included; 0: all before it
  double soft_cap = 0.0;          // c tanh(s / c) on the scaled scores; 0: none
  bool qkv_bias = false;
  bool o_bias = false;
  bool sinks = false;     // a learned logit per head joins every softmax and is dropped after it
  double qkv_clip = 0.0;  // clamps q, k, v before the rope; 0: none
  bool key_value_conv = false;  // a causal convolution over k and v, two taps per head, before all
  std::optional<QkNormSpec> qk_norm;
  std::optional<RopeSpec> rope;  // none: q and k are not rotated in this layer
  std::optional<AlibiSpec> alibi;
  std::optional<QueryTemperature> query_temperature;
  std::optional<NormSpec> output_norm;  // on the context, per head
  bool output_norm_flat = false;        // or on all heads at once
  std::optional<OutputGateSpec> output_gate;

  int value_width() const { return value_dim > 0 ? value_dim : head_dim; }
};

// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434).
struct LatentAttentionSpec {
  int num_attention_heads = 0;
  int q_lora_rank = 0;  // 0: queries straight from the input
  int kv_lora_rank = 0;
  int nope_dim = 0;
  int rope_dim = 0;
  int value_dim = 0;
  double scale = 1.0;
  bool bias = false;  // on q_a, kv_a and o projections
  NormSpec latent_norm;
  RopeSpec rope;
};

// Gated delta net (arXiv 2412.06464), as Qwen3-Next has it.
struct GatedDeltaNetSpec {
  int num_key_heads = 0;
  int num_value_heads = 0;
  int key_dim = 0;
  int value_dim = 0;
  int conv_kernel = 4;
  double query_scale = 1.0;      // on q at unit length: key_dim^-0.5
  double beta_multiplier = 1.0;  // 2 lets the state turn over (arXiv 2411.12537)
  NormSpec output_norm;          // gated by silu(z)
};

// A short convolution between two gates (LFM2, arXiv 2511.23404): out(c * conv(b * x)), with b, c
// and x linear in the input.
struct ShortConvSpec {
  int kernel = 3;
  bool bias = false;  // of the projections and of the convolution
};

using MixerSpec =
    std::variant<AttentionSpec, LatentAttentionSpec, GatedDeltaNetSpec, ShortConvSpec>;

// down(act(gate) * up), or down(act(up)) without a gate.
struct MlpSpec {
  int intermediate_size = 0;
  Activation activation = Activation::kSilu;
  bool gated = true;
  bool bias = false;
  std::optional<NormSpec> inner_norm;  // on what enters the down projection
};

struct RouterSpec {
  enum class Scores : uint8_t {
    kSoftmax,          // over all experts, then the choice
    kSoftmaxOfChosen,  // the choice on logits, then over the chosen
    kSigmoid,
  };
  int num_experts = 0;
  int top_k = 0;
  Scores scores = Scores::kSoftmax;
  bool logit_bias = false;        // on the router's projection
  bool correction_bias = false;   // on the scores, for the choice alone
  bool choice_on_logits = false;  // the choice, and its correction, before the scores' function
  int num_groups = 1;             // the choice is among the experts of the best groups
  int top_groups = 1;
  int group_experts = 2;         // a group is worth so many of its best
  bool normalize = true;         // divide the chosen weights by their sum
  double normalize_eps = 0.0;    // added to the sum
  double normalize_min = 0.0;    // the sum counts as this at least
  double normalize_norm = 1.0;   // p: by (sum w^p)^(1/p) instead
  double scaling = 1.0;          // on the weights
  bool scores_rounded = false;   // to the model's dtype
  bool weights_rounded = false;  // to the model's dtype, before they multiply
  bool in_float32 = false;       // the projection too

  bool operator==(const RouterSpec&) const = default;
};

struct SharedExpertSpec {
  int intermediate_size = 0;
  bool gated = false;  // times sigmoid of a projection to one number
  bool bias = false;
  std::optional<Activation> activation;  // none: as the routed experts
  bool averaged = false;                 // the mean of it and of the routed sum, not their sum
};

struct MoeSpec {
  RouterSpec router;
  double router_soft_cap = 0.0;  // on the router's logits; 0: none
  int intermediate_size = 0;
  Activation activation = Activation::kSilu;
  bool bias = false;
  double glu_limit = 0.0;          // kClampedGlu
  double glu_alpha = 0.0;          // kClampedGlu
  double output_multiplier = 1.0;  // on the routed sum
  std::optional<SharedExpertSpec> shared;
};

using FeedForwardSpec = std::variant<MlpSpec, MoeSpec>;

struct LayerSpec {
  std::optional<NormSpec> mixer_norm;       // before the mixer
  std::optional<NormSpec> mixer_post_norm;  // on what the mixer returns
  std::optional<NormSpec> ffn_norm;
  std::optional<NormSpec> ffn_post_norm;
  MixerSpec mixer;
  FeedForwardSpec ffn;
  std::optional<NormSpec> mixer_sum_norm;  // on the sum of stream and branch
  std::optional<NormSpec> ffn_sum_norm;
  // The feed-forward reads what the mixer reads, or its own norm of what the layer reads.
  bool parallel = false;
  bool residual_normed = false;      // branches join the output of the norm that they read
  double residual_multiplier = 1.0;  // on what a branch adds
  bool residual_gate = false;        // learned norm-preserving mix instead of a sum
  // n > 0: the mixer's sum is the n-th of the model and the feed-forward's the next, and the n-th
  // is sqrt(1 - 1 / n) stream + sqrt(1 / n) branch.
  int first_sum = 0;
};

// A row for each position, added to the embedding of the token there.
struct PositionEmbeddingSpec {
  int rows = 0;         // of a learned table; 0: [sin(a_i) | cos(a_i)], a_i = p 10000^(-i / spread)
  int offset = 0;       // the row of position 0; p = position + offset
  double spread = 0.0;  // of the sinusoids' frequencies
};

// Between the last norm and the head: norm(act(dense(x))).
struct HeadTransformSpec {
  Activation activation = Activation::kGelu;
  bool bias = false;
  NormSpec norm;
};

struct Spec {
  std::string model_type;  // for reports; nothing computes from it
  int vocab_size = 0;
  int hidden_size = 0;
  int embedding_size = 0;  // of a table of another width, led in and out; 0: hidden_size
  double embedding_multiplier = 1.0;
  bool embedding_multiplier_rounded = false;  // to the weights' dtype before it multiplies
  std::optional<PositionEmbeddingSpec> positions;
  std::optional<NormSpec> embedding_norm;
  std::vector<LayerSpec> layers;
  std::optional<NormSpec> final_norm;
  std::optional<HeadTransformSpec> head_transform;
  bool tie_word_embeddings = false;
  bool normalized_head = false;  // the head's rows at unit length
  bool head_bias = false;
  double head_input_multiplier = 1.0;
  double logit_multiplier = 1.0;
  double final_soft_cap = 0.0;
  // Positions beyond which the model was not made to run; 0: unknown.
  int64_t max_position_embeddings = 0;
  // Layers after the last that predict further tokens and have no part in this forward.
  int num_nextn_predict_layers = 0;
};

// The names that configs, graphs and reports use.
std::string_view to_text(NormRounding rounding);
std::string_view to_text(RopeScaling::Kind kind);
std::string_view to_text(RopePairs pairs);
std::string_view to_text(RopeRounding rounding);
std::string_view to_text(Activation activation);
std::string_view to_text(QueryTemperature::Growth growth);
std::string_view to_text(RouterSpec::Scores scores);

}  // namespace plumb::model
