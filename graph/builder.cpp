#include "graph/builder.h"

#include <cmath>

#include "graph/blocks.h"
#include "graph/draft.h"

namespace plumb::graph {
namespace {

using model::LayerSpec;
using model::Spec;
using trace::TapId;

int embedding_size(const Spec& spec) {
  return spec.embedding_size > 0 ? spec.embedding_size : spec.hidden_size;
}

ValueId positions(Draft& draft, const model::PositionEmbeddingSpec& spec, int hidden_size) {
  std::vector<model::WeightId> table;
  if (spec.rows > 0) table.push_back(draft.weight("positions.weight", {spec.rows, hidden_size}));
  return draft.add(PositionEmbedding{.offset = spec.offset, .spread = spec.spread}, {},
                   {hidden_size}, std::move(table));
}

ValueId embed(Draft& draft, const Spec& spec) {
  const int width = embedding_size(spec);
  ValueId x = draft.add(Embedding{}, {}, {width},
                        {draft.shared_weight("embed.weight", {spec.vocab_size, width})});
  if (spec.embedding_multiplier != 1.0) {
    x = draft.add(Scale{.factor = spec.embedding_multiplier,
                        .factor_rounded = spec.embedding_multiplier_rounded},
                  {x});
  }
  if (width != spec.hidden_size) x = draft.linear(x, "embed_in", spec.hidden_size, false);
  if (spec.positions) {
    x = draft.add(Add{}, {x, positions(draft, *spec.positions, spec.hidden_size)});
  }
  if (spec.embedding_norm) x = draft.norm(*spec.embedding_norm, x, "embed_norm");
  return x;
}

ValueId head(Draft& draft, const Spec& spec, ValueId x) {
  if (spec.head_transform) {
    x = draft.linear(x, "head.dense", spec.hidden_size, spec.head_transform->bias);
    x = draft.add(Activate{spec.head_transform->activation}, {x});
    x = draft.norm(spec.head_transform->norm, x, "head.norm");
  }
  const int width = embedding_size(spec);
  if (width != spec.hidden_size) x = draft.linear(x, "embed_out", width, false);
  const char* role = spec.tie_word_embeddings ? "embed.weight" : "lm_head.weight";
  std::vector<model::WeightId> weights = {draft.shared_weight(role, {spec.vocab_size, width})};
  if (spec.head_bias) weights.push_back(draft.shared_weight("lm_head.bias", {spec.vocab_size}));
  ValueId logits = draft.add(Linear{.normalized_rows = spec.normalized_head}, {x},
                             {spec.vocab_size}, std::move(weights));
  if (spec.logit_multiplier != 1.0) {
    logits = draft.add(Scale{.factor = spec.logit_multiplier}, {logits});
  }
  if (spec.final_soft_cap > 0) logits = draft.add(SoftCap{.cap = spec.final_soft_cap}, {logits});
  return logits;
}

// The norms around a branch.
struct Around {
  const std::optional<model::NormSpec>& post_norm;
  const std::optional<model::NormSpec>& sum_norm;
  const char* name;
};

// What a branch returned joins the stream, after its own norm.
// sum_number: which of the model's sums it is, where those are scaled by depth.
ValueId join(Draft& draft, const LayerSpec& layer, ValueId stream, ValueId branch,
             const Around& around, int sum_number) {
  const std::string name = around.name;
  if (around.post_norm) branch = draft.norm(*around.post_norm, branch, name + "_post_norm");
  ValueId sum = 0;
  if (sum_number > 0) {
    stream = draft.add(Scale{.factor = std::sqrt((sum_number - 1.0) / sum_number)}, {stream});
    sum = draft.add(Add{.multiplier = std::sqrt(1.0 / sum_number)}, {stream, branch});
  } else if (layer.residual_gate) {
    sum = draft.add(GatedResidual{}, {stream, branch}, draft.shape(stream),
                    {draft.weight(name + "_residual_gate", {draft.width(stream)})});
  } else {
    sum = draft.add(Add{.multiplier = layer.residual_multiplier}, {stream, branch});
  }
  return around.sum_norm ? draft.norm(*around.sum_norm, sum, name + "_sum_norm") : sum;
}

// x + post(mixer(pre(x))), then the same with the feed-forward; or both branches at once.
ValueId block(Draft& draft, const LayerSpec& layer, ValueId x) {
  const int hidden_size = draft.width(x);
  const ValueId entered = x;
  ValueId in = x;
  if (layer.mixer_norm) in = draft.norm(*layer.mixer_norm, x, "mixer_norm");
  draft.tap(in, TapId::kMixerIn);
  ValueId branch = std::visit([&](const auto& spec) { return mixer(draft, spec, in, hidden_size); },
                              layer.mixer);
  draft.tap(branch, TapId::kMixerOut);
  const int first_sum = layer.first_sum;
  x = join(draft, layer, layer.residual_normed ? in : x, branch,
           {layer.mixer_post_norm, layer.mixer_sum_norm, "mixer"}, first_sum);
  if (!layer.parallel) draft.tap(in = x, TapId::kMid);
  if (layer.ffn_norm) in = draft.norm(*layer.ffn_norm, layer.parallel ? entered : x, "ffn_norm");
  draft.tap(in, TapId::kFfnIn);
  branch = std::visit([&](const auto& spec) { return feed_forward(draft, spec, in, hidden_size); },
                      layer.ffn);
  draft.tap(branch, TapId::kFfnOut);
  x = join(draft, layer, layer.residual_normed && !layer.parallel ? in : x, branch,
           {layer.ffn_post_norm, layer.ffn_sum_norm, "ffn"}, first_sum > 0 ? first_sum + 1 : 0);
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
  if (spec.final_norm) {
    stream = draft.norm(*spec.final_norm, stream, "final_norm");
    draft.tap(stream, TapId::kFinalNorm);
  }
  if (spec.head_input_multiplier != 1.0) {
    stream = draft.add(Scale{.factor = spec.head_input_multiplier}, {stream});
  }
  draft.tap(head(draft, spec, stream), TapId::kLogits);
  return draft.take();
}

}  // namespace plumb::graph
