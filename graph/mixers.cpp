#include <utility>

#include "graph/blocks.h"

namespace plumb::graph {
namespace {

using model::AttentionSpec;
using model::GatedDeltaNetSpec;
using model::LatentAttentionSpec;
using trace::TapId;

struct QueryKeyValue {
  ValueId q;
  ValueId k;
  ValueId v;
};

QueryKeyValue project(Draft& draft, const AttentionSpec& spec, ValueId in) {
  const auto heads_of = [&](const char* role, int heads, int dim) {
    return draft.heads(draft.linear(in, role, heads * dim, spec.qkv_bias), heads);
  };
  QueryKeyValue x{heads_of("q_proj", spec.num_attention_heads, spec.head_dim),
                  heads_of("k_proj", spec.num_key_value_heads, spec.head_dim),
                  heads_of("v_proj", spec.num_key_value_heads, spec.value_width())};
  draft.tap(x.q, TapId::kQ);
  draft.tap(x.k, TapId::kK);
  draft.tap(x.v, TapId::kV);
  if (spec.value_multiplier != 1.0) {
    x.v = draft.add(Scale{.factor = spec.value_multiplier}, {x.v});
  }
  if (spec.key_value_conv) {
    constexpr int kKernel = 2;
    const int heads = spec.num_key_value_heads;
    const auto conv = [&](ValueId value, const char* role, TapId state) {
      const ValueId y =
          draft.add(CausalConv{.filters = heads, .kernel = kKernel, .products_stored = true},
                    {value}, draft.shape(value), {draft.weight(role, {heads, kKernel})});
      draft.keep({state});
      return y;
    };
    x.k = conv(x.k, "k_conv", TapId::kStateKConv);
    x.v = conv(x.v, "v_conv", TapId::kStateVConv);
  }
  return x;
}

void normalize(Draft& draft, const AttentionSpec& spec, QueryKeyValue& x) {
  const model::QkNormSpec& norm = *spec.qk_norm;
  const auto apply = [&](ValueId value, const char* role, int heads) {
    return draft.norm(norm.norm, value, role, norm.flat ? 1 : heads, norm.weight_per_head);
  };
  x.q = apply(x.q, "q_norm", spec.num_attention_heads);
  if (norm.query_multiplier != 1.0) x.q = draft.add(Scale{.factor = norm.query_multiplier}, {x.q});
  x.k = apply(x.k, "k_norm", spec.num_key_value_heads);
  draft.tap(x.q, TapId::kQNorm);
  draft.tap(x.k, TapId::kKNorm);
}

// Norm, clip, rope and temperature, in the order that the spec gives.
void place(Draft& draft, const AttentionSpec& spec, QueryKeyValue& x) {
  if (spec.qk_norm && !spec.qk_norm->after_rope) normalize(draft, spec, x);
  if (spec.qkv_clip > 0.0) {
    for (ValueId* value : {&x.q, &x.k, &x.v}) {
      *value = draft.add(Clamp{.limit = spec.qkv_clip}, {*value});
    }
  }
  if (spec.rope) {
    const auto turn = [&](ValueId value, int heads) {
      return draft.add(Rope{.heads = heads, .head_dim = spec.head_dim, .rope = *spec.rope},
                       {value});
    };
    x.q = turn(x.q, spec.num_attention_heads);
    x.k = turn(x.k, spec.num_key_value_heads);
  }
  if (spec.query_temperature) {
    x.q = draft.add(PositionScale{*spec.query_temperature}, {x.q});
  }
  if (spec.qk_norm && spec.qk_norm->after_rope) normalize(draft, spec, x);
  draft.tap(x.q, TapId::kQRope);  // what enters the scores, with a rope before it or none
  draft.tap(x.k, TapId::kKRope);
}

ValueId gate(Draft& draft, const model::OutputGateSpec& spec, ValueId in, ValueId context,
             int heads) {
  const int width = spec.per_head ? heads : draft.width(context);
  const ValueId gates = draft.linear(in, "attn_gate_proj", width, spec.bias);
  std::vector<model::WeightId> bias;
  if (spec.head_bias) bias.push_back(draft.weight("attn_gate_bias", {heads}));
  return draft.add(Gate{.activation = spec.activation}, {context, gates}, draft.shape(context),
                   std::move(bias));
}

}  // namespace

ValueId mixer(Draft& draft, const AttentionSpec& spec, ValueId in, int hidden_size) {
  const int heads = spec.num_attention_heads;
  QueryKeyValue x = project(draft, spec, in);
  place(draft, spec, x);
  std::vector<model::WeightId> sinks;
  if (spec.sinks) sinks.push_back(draft.weight("sinks", {heads}));
  ValueId context = draft.add(Attention{.heads = heads,
                                        .kv_heads = spec.num_key_value_heads,
                                        .head_dim = spec.head_dim,
                                        .value_dim = spec.value_width(),
                                        .scale = spec.scale,
                                        .window = spec.sliding_window,
                                        .soft_cap = spec.soft_cap,
                                        .alibi = spec.alibi.value_or(model::AlibiSpec{})},
                              {x.q, x.k, x.v}, {heads * spec.value_width()}, std::move(sinks));
  draft.keep({TapId::kStateK, TapId::kStateV});
  draft.tap(context, TapId::kAttn);
  if (spec.output_norm) {
    context =
        draft.norm(*spec.output_norm, context, "attn_norm", spec.output_norm_flat ? 1 : heads);
  }
  if (spec.output_gate) context = gate(draft, *spec.output_gate, in, context, heads);
  if (spec.output_norm || spec.output_gate) draft.tap(context, TapId::kAttnGated);
  return draft.linear(context, "o_proj", hidden_size, spec.o_bias);
}

// Keys and values come from one latent row; the rotated part of the key is shared by all heads.
ValueId mixer(Draft& draft, const LatentAttentionSpec& spec, ValueId in, int hidden_size) {
  const int heads = spec.num_attention_heads;
  const int head_dim = spec.nope_dim + spec.rope_dim;
  const auto turn = [&](ValueId value, int count, int dim) {
    Rope rope{.heads = count, .head_dim = dim, .rope = spec.rope};
    rope.rope.rotary_offset = dim - spec.rope_dim;
    return draft.add(rope, {value});
  };
  ValueId q = in;
  if (spec.q_lora_rank > 0) {
    q = draft.linear(in, "q_a_proj", spec.q_lora_rank, spec.bias);
    q = draft.norm(spec.latent_norm, q, "q_a_norm");
    q = draft.linear(q, "q_b_proj", heads * head_dim, false);
  } else {
    q = draft.linear(in, "q_proj", heads * head_dim, false);
  }
  draft.heads(q, heads);
  draft.tap(q, TapId::kQ);
  q = turn(q, heads, head_dim);
  draft.tap(q, TapId::kQRope);

  ValueId latent = draft.linear(in, "kv_a_proj", spec.kv_lora_rank, spec.bias);
  ValueId k_rope = draft.linear(in, "k_rope_proj", spec.rope_dim, spec.bias);
  latent = draft.norm(spec.latent_norm, latent, "kv_a_norm");
  k_rope = turn(draft.heads(k_rope, 1), 1, spec.rope_dim);
  draft.keep_value(latent, TapId::kStateLatent);
  draft.keep_value(k_rope, TapId::kStateLatentRope);
  const ValueId k_nope = draft.linear(latent, "k_b_proj", heads * spec.nope_dim, false);
  const ValueId v =
      draft.heads(draft.linear(latent, "v_b_proj", heads * spec.value_dim, false), heads);
  draft.tap(v, TapId::kV);
  const ValueId k = draft.add(Concat{.groups = heads, .broadcast_last = true}, {k_nope, k_rope},
                              {heads, head_dim});
  draft.tap(k, TapId::kKRope);
  const ValueId context = draft.add(Attention{.heads = heads,
                                              .kv_heads = heads,
                                              .head_dim = head_dim,
                                              .value_dim = spec.value_dim,
                                              .scale = spec.scale},
                                    {q, k, v}, {heads * spec.value_dim});
  draft.keep({TapId::kStateK, TapId::kStateV});
  draft.tap(context, TapId::kAttn);
  return draft.linear(context, "o_proj", hidden_size, spec.bias);
}

ValueId mixer(Draft& draft, const GatedDeltaNetSpec& spec, ValueId in, int hidden_size) {
  const int keys = spec.num_key_heads * spec.key_dim;
  const int values = spec.num_value_heads * spec.value_dim;
  const int channels = 2 * keys + values;
  const ValueId q = draft.linear(in, "gdn.q_proj", keys, false);
  const ValueId k = draft.linear(in, "gdn.k_proj", keys, false);
  const ValueId v = draft.linear(in, "gdn.v_proj", values, false);
  const ValueId z = draft.linear(in, "gdn.z_proj", values, false);
  const ValueId b = draft.linear(in, "gdn.b_proj", spec.num_value_heads, false);
  const ValueId a = draft.linear(in, "gdn.a_proj", spec.num_value_heads, false);
  const ValueId qkv = draft.add(Concat{}, {q, k, v}, {channels});
  const ValueId mixed =
      draft.add(CausalConv{.filters = channels, .kernel = spec.conv_kernel, .silu = true}, {qkv},
                {channels}, {draft.weight("gdn.conv.weight", {channels, spec.conv_kernel})});
  draft.keep({TapId::kStateConv});
  draft.tap(mixed, TapId::kGdnConv);
  ValueId beta = draft.add(Activate{model::Activation::kSigmoid}, {b});
  if (spec.beta_multiplier != 1.0) beta = draft.add(Scale{.factor = spec.beta_multiplier}, {beta});
  draft.tap(beta, TapId::kGdnBeta);
  const ValueId decay = draft.add(DeltaDecay{}, {a}, draft.shape(a),
                                  {draft.weight("gdn.A_log", {spec.num_value_heads}),
                                   draft.weight("gdn.dt_bias", {spec.num_value_heads})});
  draft.tap(decay, TapId::kGdnDecay);
  ValueId y = draft.add(GatedDeltaRule{.key_heads = spec.num_key_heads,
                                       .value_heads = spec.num_value_heads,
                                       .key_dim = spec.key_dim,
                                       .value_dim = spec.value_dim,
                                       .query_scale = spec.query_scale},
                        {mixed, beta, decay}, {spec.num_value_heads, spec.value_dim});
  draft.keep({TapId::kStateRecurrent});
  draft.tap(y, TapId::kGdnCore);
  y = draft.norm(spec.output_norm, y, "gdn.norm", spec.num_value_heads);
  y = draft.add(Gate{.activation = model::Activation::kSilu, .in_float32 = true}, {y, z}, {values});
  draft.tap(y, TapId::kGdnNorm);
  return draft.linear(y, "gdn.o_proj", hidden_size, false);
}

ValueId mixer(Draft& draft, const model::ShortConvSpec& spec, ValueId in, int hidden_size) {
  constexpr Gate kProduct{.activation = model::Activation::kIdentity};
  const ValueId b = draft.linear(in, "conv.b_proj", hidden_size, spec.bias);
  const ValueId c = draft.linear(in, "conv.c_proj", hidden_size, spec.bias);
  ValueId x = draft.linear(in, "conv.x_proj", hidden_size, spec.bias);
  x = draft.add(kProduct, {x, b});
  std::vector<model::WeightId> filters = {draft.weight("conv.weight", {hidden_size, spec.kernel})};
  if (spec.bias) filters.push_back(draft.weight("conv.bias", {hidden_size}));
  x = draft.add(CausalConv{.filters = hidden_size, .kernel = spec.kernel}, {x}, {hidden_size},
                std::move(filters));
  draft.keep({TapId::kStateConv});
  x = draft.add(kProduct, {x, c});
  return draft.linear(x, "conv.o_proj", hidden_size, spec.bias);
}

}  // namespace plumb::graph
