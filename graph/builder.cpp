#include "graph/builder.h"

#include "base/errors.h"

namespace plumb::graph {
namespace {

using model::AttentionSpec;
using model::LayerSpec;
using model::MlpSpec;
using model::MoeSpec;
using model::NormSpec;
using trace::Tap;
using trace::TapId;

class Builder {
 public:
  explicit Builder(const model::Spec& spec) : spec_(spec) {
    graph_.vocab_size = spec.vocab_size;
    graph_.hidden_size = spec.hidden_size;
    graph_.num_layers = static_cast<int>(spec.layers.size());
  }

  Graph build() {
    ValueId stream = embedding();
    tap(stream, TapId::kEmbed);
    for (const LayerSpec& layer : spec_.layers) {
      ++layer_;
      stream = block(layer, stream);
    }
    layer_ = -1;
    stream = norm(spec_.final_norm, stream, "final_norm");
    tap(stream, TapId::kFinalNorm);
    tap(head(stream), TapId::kLogits);
    return std::move(graph_);
  }

 private:
  ValueId embedding() {
    ValueId x = add(Embedding{}, {}, {spec_.hidden_size},
                    {weight("embed.weight", {spec_.vocab_size, spec_.hidden_size})});
    if (spec_.embedding_multiplier != 1.0) {
      x = add(Scale{.factor = spec_.embedding_multiplier,
                    .factor_rounded = spec_.embedding_multiplier_rounded},
              {x});
    }
    return x;
  }

  ValueId head(ValueId x) {
    const char* role = spec_.tie_word_embeddings ? "embed.weight" : "lm_head.weight";
    ValueId logits = add(Linear{}, {x}, {spec_.vocab_size},
                         {weight(role, {spec_.vocab_size, spec_.hidden_size})});
    if (spec_.final_soft_cap > 0) logits = add(SoftCap{.cap = spec_.final_soft_cap}, {logits});
    return logits;
  }

  // x + post(mixer(pre(x))), then the same with the feed-forward.
  ValueId block(const LayerSpec& layer, ValueId x) {
    ValueId in = x;
    if (layer.mixer_norm) in = norm(*layer.mixer_norm, x, "mixer_norm");
    tap(in, TapId::kMixerIn);
    ValueId branch = std::visit([&](const auto& spec) { return mixer(spec, in); }, layer.mixer);
    tap(branch, TapId::kMixerOut);
    if (layer.mixer_post_norm) branch = norm(*layer.mixer_post_norm, branch, "mixer_post_norm");
    x = add(Add{}, {x, branch});
    tap(x, TapId::kMid);

    in = x;
    if (layer.ffn_norm) in = norm(*layer.ffn_norm, x, "ffn_norm");
    tap(in, TapId::kFfnIn);
    branch = std::visit([&](const auto& spec) { return ffn(spec, in); }, layer.ffn);
    tap(branch, TapId::kFfnOut);
    if (layer.ffn_post_norm) branch = norm(*layer.ffn_post_norm, branch, "ffn_post_norm");
    x = add(Add{}, {x, branch});
    tap(x, TapId::kOut);
    return x;
  }

  ValueId mixer(const AttentionSpec& spec, ValueId in) {
    const int query_heads = spec.num_attention_heads;
    const int key_heads = spec.num_key_value_heads;
    ValueId q = heads(linear(in, "q_proj", query_heads * spec.head_dim, spec.qkv_bias), query_heads);
    ValueId k = heads(linear(in, "k_proj", key_heads * spec.head_dim, spec.qkv_bias), key_heads);
    const ValueId v =
        heads(linear(in, "v_proj", key_heads * spec.head_dim, spec.qkv_bias), key_heads);
    tap(q, TapId::kQ);
    tap(k, TapId::kK);
    tap(v, TapId::kV);
    if (spec.qk_norm) {
      q = head_norm(spec.qk_norm->norm, q, "q_norm", query_heads, spec.head_dim);
      k = head_norm(spec.qk_norm->norm, k, "k_norm", key_heads, spec.head_dim);
      tap(q, TapId::kQNorm);
      tap(k, TapId::kKNorm);
    }
    if (spec.rope) {
      q = add(Rope{.heads = query_heads, .head_dim = spec.head_dim, .rope = *spec.rope}, {q});
      k = add(Rope{.heads = key_heads, .head_dim = spec.head_dim, .rope = *spec.rope}, {k});
    }
    tap(q, TapId::kQRope);  // without a rope: what enters the scores all the same
    tap(k, TapId::kKRope);
    const ValueId context = add(Attention{.heads = query_heads,
                                          .kv_heads = key_heads,
                                          .head_dim = spec.head_dim,
                                          .scale = spec.scale,
                                          .window = spec.sliding_window,
                                          .soft_cap = spec.soft_cap},
                                {q, k, v}, {query_heads * spec.head_dim});
    tap(context, TapId::kAttn);
    return linear(context, "o_proj", spec_.hidden_size, spec.o_bias);
  }

  ValueId ffn(const MlpSpec& spec, ValueId in) {
    const ValueId gate = linear(in, "gate_proj", spec.intermediate_size, spec.bias);
    const ValueId up = linear(in, "up_proj", spec.intermediate_size, spec.bias);
    const ValueId product = add(GatedActivation{spec.activation}, {gate, up});
    tap(gate, TapId::kFfnGate);
    tap(up, TapId::kFfnUp);
    tap(product, TapId::kFfnAct);
    return linear(product, "down_proj", spec_.hidden_size, spec.bias);
  }

  ValueId ffn(const MoeSpec& spec, ValueId in) {
    const int experts = spec.router.num_experts;
    const ValueId scores = linear(in, "router", experts, false);
    tap(scores, TapId::kRouterLogits);
    const ValueId ids = add(Route{spec.router}, {scores}, {spec.router.top_k});
    const ValueId weights = second_output({spec.router.top_k});
    tap(ids, TapId::kRouterIds);
    tap(weights, TapId::kRouterWeights);
    const int64_t inner = spec.intermediate_size;
    const int64_t outer = spec_.hidden_size;
    return add(Experts{.experts = experts,
                       .intermediate_size = spec.intermediate_size,
                       .activation = spec.activation},
               {in, ids, weights}, {spec_.hidden_size},
               {weight("experts.gate_proj.weight", {experts, inner, outer}),
                weight("experts.up_proj.weight", {experts, inner, outer}),
                weight("experts.down_proj.weight", {experts, outer, inner})});
  }

  ValueId norm(const NormSpec& spec, ValueId x, const std::string& role) {
    return head_norm(spec, x, role, 1, graph_.value(x).width());
  }

  // A norm of each of `groups` parts of `width`, with one weight for all.
  ValueId head_norm(const NormSpec& spec, ValueId x, const std::string& role, int groups,
                    int width) {
    return add(RmsNorm{.eps = spec.eps,
                       .groups = groups,
                       .unit_offset = spec.unit_offset,
                       .rounding = spec.rounding},
               {x}, graph_.value(x).shape, {weight(role + ".weight", {width})});
  }

  ValueId linear(ValueId x, const std::string& role, int out, bool bias) {
    std::vector<model::WeightId> weights = {weight(role + ".weight", {out, graph_.value(x).width()})};
    if (bias) weights.push_back(weight(role + ".bias", {out}));
    return add(Linear{}, {x}, {out}, std::move(weights));
  }

  // Splits a row into heads.
  ValueId heads(ValueId x, int count) {
    Value& value = graph_.value(x);
    value.shape = {count, value.width() / count};
    return x;
  }

  ValueId add(OpKind kind, std::vector<ValueId> inputs) {
    const std::vector<int> shape = graph_.value(inputs.front()).shape;
    return add(std::move(kind), std::move(inputs), shape);
  }

  ValueId add(OpKind kind, std::vector<ValueId> inputs, std::vector<int> shape,
              std::vector<model::WeightId> weights = {}) {
    graph_.ops.push_back({.kind = std::move(kind),
                          .layer = layer_,
                          .inputs = std::move(inputs),
                          .weights = std::move(weights)});
    return second_output(std::move(shape));
  }

  // Another output of the last op.
  ValueId second_output(std::vector<int> shape) {
    const auto id = static_cast<ValueId>(graph_.values.size());
    graph_.values.push_back(
        {.shape = std::move(shape), .producer = static_cast<int>(graph_.ops.size()) - 1});
    graph_.ops.back().outputs.push_back(id);
    return id;
  }

  // Declares a weight of the current layer (or of the model), once.
  model::WeightId weight(const std::string& role, std::vector<int64_t> shape) {
    const bool shared = role == "embed.weight";
    const model::WeightId id{shared ? -1 : layer_, role};
    for (const model::WeightDeclaration& declared : graph_.weights) {
      if (shared && declared.id == id) return id;
    }
    graph_.weights.push_back({id, std::move(shape)});
    return id;
  }

  void tap(ValueId id, TapId which) {
    graph_.value(id).taps.push_back({which, trace::definition(which).in_layer ? layer_ : -1});
  }

  const model::Spec& spec_;
  Graph graph_;
  int layer_ = -1;
};

}  // namespace

Graph build(const model::Spec& spec) { return Builder(spec).build(); }

}  // namespace plumb::graph
