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
enum class NormRounding {
  kBeforeWeight,  // normalised in float32, rounded to the model's dtype, then times weight (llama)
  kAfterWeight,   // all in float32, rounded once (gemma, olmo2)
};

struct NormSpec {
  enum class Kind { kRms, kLayer };
  Kind kind = Kind::kRms;
  double eps = 1e-6;
  bool weight = true;
  bool bias = false;
  bool unit_offset = false;  // times (1 + weight)
  NormRounding rounding = NormRounding::kBeforeWeight;
};

// How the rotation's inverse frequencies are derived from theta.
struct RopeScaling {
  enum class Kind { kDefault, kLinear, kDynamic, kLlama3 };
  Kind kind = Kind::kDefault;
  double factor = 1.0;
  double low_freq_factor = 1.0;                 // llama3
  double high_freq_factor = 4.0;                // llama3
  double original_max_position_embeddings = 0;  // llama3
  double max_position_embeddings = 0;           // dynamic

  bool operator==(const RopeScaling&) const = default;
};

struct RopeSpec {
  double theta = 10000.0;
  int rotary_dim = 0;  // the first rotary_dim dimensions of a head rotate, the rest pass
  RopeScaling scaling;

  bool operator==(const RopeSpec&) const = default;
};

struct QkNormSpec {
  NormSpec norm;
};

struct AttentionSpec {
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  double scale = 1.0;      // of the scores
  int sliding_window = 0;  // keys a query sees, itself included; 0: all before it
  double soft_cap = 0.0;   // c tanh(s / c) on the scaled scores; 0: none
  bool qkv_bias = false;
  bool o_bias = false;
  std::optional<QkNormSpec> qk_norm;
  std::optional<RopeSpec> rope;  // none: no positional encoding in this layer
};

using MixerSpec = std::variant<AttentionSpec>;

enum class Activation { kSilu, kGelu, kGeluTanh, kRelu, kRelu2 };

// act(gate) * up, then down.
struct MlpSpec {
  int intermediate_size = 0;
  Activation activation = Activation::kSilu;
  bool bias = false;
};

struct RouterSpec {
  int num_experts = 0;
  int top_k = 0;
  bool normalize = true;  // divide the chosen weights by their sum

  bool operator==(const RouterSpec&) const = default;
};

struct MoeSpec {
  RouterSpec router;
  int intermediate_size = 0;
  Activation activation = Activation::kSilu;
};

using FeedForwardSpec = std::variant<MlpSpec, MoeSpec>;

struct LayerSpec {
  std::optional<NormSpec> mixer_norm;       // before the mixer
  std::optional<NormSpec> mixer_post_norm;  // on what the mixer returns
  std::optional<NormSpec> ffn_norm;
  std::optional<NormSpec> ffn_post_norm;
  MixerSpec mixer;
  FeedForwardSpec ffn;
};

struct Spec {
  std::string model_type;  // for reports; nothing computes from it
  int vocab_size = 0;
  int hidden_size = 0;
  double embedding_multiplier = 1.0;
  bool embedding_multiplier_rounded = false;  // to the weights' dtype before it multiplies
  std::vector<LayerSpec> layers;
  NormSpec final_norm;
  bool tie_word_embeddings = false;
  double final_soft_cap = 0.0;
  // Positions beyond which the model was not made to run; 0: unknown.
  int64_t max_position_embeddings = 0;
};

// The names that configs, graphs and reports use.
std::string_view to_text(NormRounding rounding);
std::string_view to_text(RopeScaling::Kind kind);
std::string_view to_text(Activation activation);

}  // namespace plumb::model
