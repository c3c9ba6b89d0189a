#include "tests/candidates/feature_models.h"

#include <cmath>

#include "graph/builder.h"

namespace plumb::candidates::testing {
namespace {

using model::Activation;
using model::AttentionSpec;
using model::GatedDeltaNetSpec;
using model::LatentAttentionSpec;
using model::LayerSpec;
using model::MlpSpec;
using model::MoeSpec;
using model::NormSpec;
using model::RopePairs;
using model::RopeSpec;
using model::RouterSpec;
using model::Spec;

constexpr int kHidden = 48;
constexpr int kHeadDim = 16;

AttentionSpec attention() {
  return {.num_attention_heads = 4,
          .num_key_value_heads = 2,
          .head_dim = kHeadDim,
          .scale = 0.25,
          .rope = RopeSpec{.rotary_dim = kHeadDim}};
}

LayerSpec layer(model::MixerSpec mixer, model::FeedForwardSpec ffn = MlpSpec{64}) {
  return {.mixer_norm = NormSpec{},
          .ffn_norm = NormSpec{},
          .mixer = std::move(mixer),
          .ffn = std::move(ffn)};
}

Spec spec_of(std::vector<LayerSpec> layers) {
  return {.vocab_size = 61, .hidden_size = kHidden, .layers = std::move(layers)};
}

Spec with_rope(const RopeSpec& first, const RopeSpec& second) {
  std::vector<LayerSpec> layers;
  for (const RopeSpec& rope : {first, second}) {
    AttentionSpec mixer = attention();
    mixer.rope = rope;
    layers.push_back(layer(mixer));
  }
  return spec_of(layers);
}

Spec layer_norms() {
  const NormSpec norm{.kind = NormSpec::Kind::kLayer, .eps = 1e-5, .bias = true};
  NormSpec offset = norm;
  offset.unit_offset = true;
  AttentionSpec mixer = attention();
  mixer.qkv_bias = mixer.o_bias = true;
  mixer.qk_norm = {.norm = norm, .weight_per_head = true};
  LayerSpec first = layer(mixer, MlpSpec{.intermediate_size = 64, .bias = true});
  first.mixer_norm = first.ffn_norm = norm;
  LayerSpec second = first;
  second.mixer_norm = second.ffn_norm = offset;
  second.parallel = true;
  Spec spec = spec_of({first, second});
  spec.final_norm = offset;
  spec.final_norm->bias = false;
  return spec;
}

Spec rms_norms() {
  AttentionSpec mixer = attention();
  mixer.qk_norm = {.norm = {.unit_offset = true},
                   .weight_per_head = true,
                   .after_rope = true,
                   .query_multiplier = 1.7};
  mixer.output_norm = NormSpec{};
  mixer.output_gate.emplace();
  LayerSpec first = layer(mixer);
  first.mixer_norm->input_scaled = true;
  first.ffn_norm->weight = false;
  mixer.qk_norm = {.norm = {}, .flat = true};
  LayerSpec second = layer(mixer);
  second.mixer_norm.reset();
  second.mixer_post_norm = second.ffn_post_norm = NormSpec{.unit_offset = true};
  Spec spec = spec_of({first, second});
  spec.embedding_norm = NormSpec{};
  return spec;
}

Spec partial_ropes() {
  return with_rope(
      {.rotary_dim = 6, .pairs = RopePairs::kInterleaved, .attention_factor = 1.2},
      {.rotary_dim = 10, .rotary_offset = 4, .pairs = RopePairs::kInterleavedToHalves});
}

Spec yarn() {
  return with_rope({.rotary_dim = kHeadDim,
                    .scaling = {.kind = model::RopeScaling::Kind::kYarn,
                                .factor = 4.0,
                                .truncate = false,
                                .original_max_position_embeddings = 16},
                    .attention_factor = 1.14},
                   {.rotary_dim = kHeadDim,
                    .scaling = {.kind = model::RopeScaling::Kind::kLlama3,
                                .factor = 8.0,
                                .original_max_position_embeddings = 16}});
}

Spec longrope() {
  model::RopeScaling factors{.kind = model::RopeScaling::Kind::kLongRope,
                             .original_max_position_embeddings = 16};
  for (int i = 0; i < kHeadDim / 2; ++i) {
    factors.short_factor.push_back(1.0 + 0.1 * i);
    factors.long_factor.push_back(1.5 + 0.7 * i);
  }
  const RopeSpec rope{.rotary_dim = kHeadDim, .scaling = factors, .attention_factor = 1.3};
  return with_rope(rope, {.rotary_dim = kHeadDim});
}

Spec dynamic_rope() {
  const RopeSpec rope{.rotary_dim = kHeadDim,
                      .scaling = {.kind = model::RopeScaling::Kind::kDynamic,
                                  .factor = 3.0,
                                  .max_position_embeddings = 16}};
  return with_rope(rope, {.rotary_dim = kHeadDim});
}

Spec scores() {
  AttentionSpec mixer = attention();
  mixer.query_temperature = {.beta = 0.3, .original_max_position_embeddings = 7};
  mixer.sinks = true;
  mixer.soft_cap = 3.0;
  AttentionSpec window = attention();
  window.sliding_window = 5;
  window.qkv_clip = 0.8;
  window.sinks = true;
  window.rope.reset();
  return spec_of({layer(mixer), layer(window)});
}

Spec residuals() {
  AttentionSpec mixer = attention();
  mixer.key_value_conv = true;
  LayerSpec first = layer(mixer);
  first.residual_multiplier = 0.22;
  LayerSpec second = layer(attention());
  second.residual_gate = true;
  Spec spec = spec_of({first, second});
  spec.embedding_multiplier = std::sqrt(48.0);
  spec.embedding_multiplier_rounded = true;
  spec.normalized_head = true;
  spec.logit_multiplier = 11.3;
  spec.final_soft_cap = 9.0;
  return spec;
}

Spec activations(bool gated) {
  std::vector<LayerSpec> layers;
  for (const Activation activation : {Activation::kXielu, Activation::kGelu, Activation::kGeluTanh,
                                      Activation::kRelu, Activation::kRelu2, Activation::kSilu}) {
    if (gated && activation == Activation::kXielu) continue;
    layers.push_back(layer(attention(), MlpSpec{64, activation, gated, true}));
  }
  return spec_of(layers);
}

Spec latent_attention() {
  LatentAttentionSpec mixer{.num_attention_heads = 3,
                            .q_lora_rank = 20,
                            .kv_lora_rank = 24,
                            .nope_dim = 10,
                            .rope_dim = 8,
                            .value_dim = 13,
                            .scale = 0.3,
                            .bias = true,
                            .rope = {.rotary_dim = 8, .pairs = RopePairs::kInterleavedToHalves}};
  LatentAttentionSpec direct = mixer;
  direct.q_lora_rank = 0;
  direct.bias = false;
  direct.value_dim = 22;
  return spec_of({layer(mixer), layer(direct)});
}

Spec delta_nets() {
  const GatedDeltaNetSpec mixer{.num_key_heads = 2,
                                .num_value_heads = 4,
                                .key_dim = 12,
                                .value_dim = 20,
                                .query_scale = 1.0 / std::sqrt(12.0)};
  GatedDeltaNetSpec equal = mixer;
  equal.num_value_heads = 2;
  equal.conv_kernel = 3;
  AttentionSpec full = attention();
  equal.beta_multiplier = 2.0;
  full.output_gate = model::OutputGateSpec{.head_bias = true};
  return spec_of({layer(mixer), layer(full), layer(equal)});
}

Spec short_convolutions() {
  AttentionSpec full = attention();
  full.output_gate = model::OutputGateSpec{.activation = Activation::kSoftplus, .per_head = true};
  full.value_dim = 11;
  full.value_multiplier = 0.7;
  full.sinks = true;
  AttentionSpec window = full;
  window.num_key_value_heads = 4;
  window.sliding_window = 5;
  window.output_gate->head_bias = true;
  window.query_temperature = {.beta = 0.4,
                              .original_max_position_embeddings = 9,
                              .growth = model::QueryTemperature::Growth::kPower,
                              .offset = 1};
  window.rope->scaling = {.kind = model::RopeScaling::Kind::kProportional, .turning_pairs = 3};
  std::vector<LayerSpec> layers = {layer(model::ShortConvSpec{.kernel = 3}), layer(full),
                                   layer(model::ShortConvSpec{.kernel = 5, .bias = true}),
                                   layer(window)};
  for (size_t i = 0; i < layers.size(); ++i) layers[i].first_sum = 2 * static_cast<int>(i + 1);
  Spec spec = spec_of(layers);
  spec.head_input_multiplier = 0.3;
  spec.head_bias = true;
  return spec;
}

MoeSpec experts(const RouterSpec& router) {
  return {.router = router, .intermediate_size = 40};
}

Spec mixtures() {
  MoeSpec first = experts({.num_experts = 6,
                           .top_k = 2,
                           .scores = RouterSpec::Scores::kSoftmax,
                           .normalize = false,
                           .weights_rounded = true});
  first.shared = model::SharedExpertSpec{.intermediate_size = 24, .gated = true};
  MoeSpec second = experts({.num_experts = 8,
                            .top_k = 3,
                            .scores = RouterSpec::Scores::kSigmoid,
                            .correction_bias = true,
                            .num_groups = 4,
                            .top_groups = 2,
                            .scaling = 2.5,
                            .in_float32 = true});
  second.shared = model::SharedExpertSpec{.intermediate_size = 24};
  MoeSpec third = experts({.num_experts = 5,
                           .top_k = 2,
                           .scores = RouterSpec::Scores::kSoftmaxOfChosen,
                           .logit_bias = true});
  third.activation = Activation::kClampedGlu;
  third.bias = true;
  third.glu_limit = 1.5;
  third.glu_alpha = 1.702;
  MoeSpec fourth = experts({.num_experts = 8,
                            .top_k = 3,
                            .scores = RouterSpec::Scores::kSigmoid,
                            .correction_bias = true,
                            .choice_on_logits = true,
                            .num_groups = 2,
                            .top_groups = 1,
                            .group_experts = 1,
                            .normalize_norm = 2.0});
  fourth.router_soft_cap = 2.5;
  fourth.output_multiplier = 1.7;
  fourth.shared = model::SharedExpertSpec{.intermediate_size = 24, .bias = true, .averaged = true};
  MoeSpec fifth = experts({.num_experts = 6,
                           .top_k = 2,
                           .scores = RouterSpec::Scores::kSoftmax,
                           .correction_bias = true,
                           .normalize_min = 0.7});
  std::vector<LayerSpec> layers;
  for (const MoeSpec& moe : {first, second, third, fourth, fifth}) {
    layers.push_back(layer(attention(), moe));
  }
  return spec_of(layers);
}

// Random values of a size that keeps the model lively.
Tensor draw(const model::WeightDeclaration& weight, uint64_t seed) {
  const std::string& role = weight.id.role;
  const bool is_norm = role.ends_with("norm.weight");
  const bool is_matrix = weight.shape.size() > 1 && !is_norm && !role.ends_with(".bias");
  const double scale = role == "embed.weight" ? 1.0
                       : is_matrix ? 1.4 / std::sqrt(static_cast<double>(weight.shape.back()))
                                   : 0.4;
  Tensor tensor = random_tensor(weight.shape, seed, scale, true);
  if (is_norm || role.starts_with("xielu.alpha")) {
    for (double& v : tensor.values) v = base::round_to(base::DType::kBF16, v + 1.0);
  }
  if (role == "xielu.eps") tensor.values = {base::round_to(base::DType::kBF16, -1e-6)};
  return tensor;
}

std::vector<WeightFolder::Entry> draw_all(const graph::Graph& graph) {
  std::vector<WeightFolder::Entry> entries;
  for (const model::WeightDeclaration& weight : graph.weights) {
    entries.push_back(
        {weight.id.role, draw(weight, entries.size() + 1), base::DType::kF32, weight.id.layer});
  }
  return entries;
}

}  // namespace

std::vector<Feature> features() {
  return {{"layer norms", layer_norms()},
          {"rms norms", rms_norms()},
          {"partial ropes", partial_ropes()},
          {"yarn", yarn()},
          {"longrope", longrope()},
          {"dynamic rope", dynamic_rope()},
          {"scores", scores()},
          {"residuals", residuals()},
          {"gated activations", activations(true)},
          {"activations", activations(false)},
          {"latent attention", latent_attention()},
          {"gated delta nets", delta_nets()},
          {"short convolutions", short_convolutions()},
          {"mixtures of experts", mixtures()}};
}

FeatureModel::FeatureModel(const Feature& feature)
    : graph_(graph::build(feature.spec)), folder_(draw_all(graph_)) {}

}  // namespace plumb::candidates::testing
