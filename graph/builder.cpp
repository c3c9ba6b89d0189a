#include "graph/builder.h"

#include <cmath>

#include "graph/blocks.h"
#include "graph/draft.h"

namespace plumb::graph {
namespace {

using model::LayerSpec;
using model::Spec;
using trace::TapId;

ValueId embed(Draft& draft, const Spec& spec) {
  ValueId x = draft.add(Embedding{}, {}, {spec.hidden_size},
                        {draft.shared_weight("embed.weight", {spec.vocab_size, spec.hidden_size})});
  if (spec.embedding_multiplier != 1.0) {
    x = draft.add(Scale{.factor = spec.embedding_multiplier,
                        .factor_rounded = spec.embedding_multiplier_rounded},
                  {x});
  }
  if (spec.embedding_norm) x = draft.norm(*spec.embedding_norm, x, "embed_norm");
  return x;
}

ValueId head(Draft& draft, const Spec& spec, ValueId x) {
  const char* role = spec.tie_word_embeddings ? "embed.weight" : "lm_head.weight";
  std::vector<model::WeightId> weights = {
      draft.shared_weight(role, {spec.vocab_size, spec.hidden_size})};
  if (spec.head_bias) weights.push_back(draft.shared_weight("lm_head.bias", {spec.vocab_size}));
  ValueId logits = draft.add(Linear{.normalized_rows = spec.normalized_head}, {x},
                             {spec.vocab_size}, std::move(weights));
  if (spec.logit_multiplier != 1.0) {
    logits = draft.add(Scale{.factor = spec.logit_multiplier}, {logits});
  }
  if (spec.final_soft_cap > 0) logits = draft.add(SoftCap{.cap = spec.final_soft_cap}, {logits});
  return logits;
}

// What a branch returned joins the stream, after its own norm.
// sum: which of the model's sums it is, where those are scaled by depth.
ValueId join(Draft& draft, const LayerSpec& layer, ValueId stream, ValueId branch,
             const std::optional<model::NormSpec>& post_norm, const std::string& name, int sum) {
  if (post_norm) branch = draft.norm(*post_norm, branch, name + "_post_norm");
  if (sum > 0) {
    stream = draft.add(Scale{.factor = std::sqrt((sum - 1.0) / sum)}, {stream});
    return draft.add(Add{.multiplier = std::sqrt(1.0 / sum)}, {stream, branch});
  }
  if (!layer.residual_gate) {
    return draft.add(Add{.multiplier = layer.residual_multiplier}, {stream, branch});
  }
  return draft.add(GatedResidual{}, {stream, branch}, draft.shape(stream),
                   {draft.weight(name + "_residual_gate", {draft.width(stream)})});
}

// x + post(mixer(pre(x))), then the same with the feed-forward; or both branches at once.
ValueId block(Draft& draft, const LayerSpec& layer, ValueId x) {
  const int hidden_size = draft.width(x);
  ValueId in = x;
  if (layer.mixer_norm) in = draft.norm(*layer.mixer_norm, x, "mixer_norm");
  draft.tap(in, TapId::kMixerIn);
  ValueId branch = std::visit([&](const auto& spec) { return mixer(draft, spec, in, hidden_size); },
                              layer.mixer);
  draft.tap(branch, TapId::kMixerOut);
  const int first_sum = layer.first_sum;
  x = join(draft, layer, x, branch, layer.mixer_post_norm, "mixer", first_sum);
  if (!layer.parallel) {
    draft.tap(x, TapId::kMid);
    in = x;
    if (layer.ffn_norm) in = draft.norm(*layer.ffn_norm, x, "ffn_norm");
  }
  draft.tap(in, TapId::kFfnIn);
  branch = std::visit([&](const auto& spec) { return feed_forward(draft, spec, in, hidden_size); },
                      layer.ffn);
  draft.tap(branch, TapId::kFfnOut);
  const int next_sum = first_sum > 0 ? first_sum + 1 : 0;
  x = join(draft, layer, x, branch, layer.ffn_post_norm, "ffn", next_sum);
  draft.tap(x, TapId::kOut);
  return x;
}

}  // namespace

Graph build(const Spec& spec) {
  Draft draft(spec);
  ValueId stream = embed(draft, spec);
  draft.tap(stream, TapId::kEmbed);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    draft.enter_layer(static_cast<int>(i));
    stream = block(draft, spec.layers[i], stream);
  }
  draft.enter_layer(-1);
  stream = draft.norm(spec.final_norm, stream, "final_norm");
  draft.tap(stream, TapId::kFinalNorm);
  if (spec.head_input_multiplier != 1.0) {
    stream = draft.add(Scale{.factor = spec.head_input_multiplier}, {stream});
  }
  draft.tap(head(draft, spec, stream), TapId::kLogits);
  return draft.take();
}

}  // namespace plumb::graph
