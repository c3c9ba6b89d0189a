#include "graph/graph.h"

#include <gtest/gtest.h>

#include <set>

#include "fixtures/presets.h"
#include "graph/builder.h"
#include "graph/op_table.h"
#include "graph/printer.h"
#include "tests/support/model.h"

namespace plumb::graph {
namespace {

model::Spec tiny_spec(std::string_view family) {
  return model::read_config(fixtures::preset_config(family, "tiny"), "config.json").spec;
}

model::AttentionSpec& attention(model::Spec& spec, size_t layer) {
  return std::get<model::AttentionSpec>(spec.layers.at(layer).mixer);
}

std::string print(const model::Spec& spec) {
  return to_text(build(spec));
}

// Calls visit(spec, graph) for each case of the catalogue.
template <class Visit>
void for_every_case(Visit&& visit) {
  for (const std::string& name : tests::case_names()) {
    SCOPED_TRACE(name);
    model::Spec spec = model::read_config(tests::read_case(name).config, name).spec;
    const Graph graph = build(spec);
    visit(spec, graph);
  }
}

TEST(EveryCase, WritesEachValueOnceBeforeItIsRead) {
  for_every_case([](model::Spec&, const Graph& graph) {
    std::set<ValueId> written;
    for (size_t i = 0; i < graph.ops.size(); ++i) {
      const Op& op = graph.ops[i];
      for (const ValueId id : op.inputs) EXPECT_TRUE(written.contains(id)) << "op " << i;
      EXPECT_FALSE(op.outputs.empty());
      for (const ValueId id : op.outputs) {
        EXPECT_TRUE(written.insert(id).second) << "value " << id;
        EXPECT_EQ(graph.value(id).producer, static_cast<int>(i));
        EXPECT_GT(graph.value(id).width(), 0);
      }
    }
    EXPECT_EQ(written.size(), graph.values.size());
  });
}

TEST(EveryCase, UsesEveryWeightItDeclares) {
  for_every_case([](model::Spec&, const Graph& graph) {
    std::set<model::WeightId> used;
    for (const Op& op : graph.ops) used.insert(op.weights.begin(), op.weights.end());
    std::set<model::WeightId> declared;
    for (const auto& weight : graph.weights) {
      EXPECT_TRUE(declared.insert(weight.id).second) << weight.id.name();
      EXPECT_GT(weight.elements(), 0);
    }
    EXPECT_EQ(used, declared);
  });
}

TEST(EveryCase, HasTheTapsOfItsLayersInOrder) {
  for_every_case([](model::Spec& spec, const Graph& graph) {
    const std::vector<trace::Tap> taps = graph.taps();
    EXPECT_EQ(std::set<trace::Tap>(taps.begin(), taps.end()).size(), taps.size());
    EXPECT_TRUE(std::is_sorted(taps.begin(), taps.end()));
    for (const trace::TapDefinition& tap : trace::kTaps) {
      if (!tap.coarse) continue;
      for (int layer = tap.in_layer ? 0 : -1; layer < (tap.in_layer ? graph.num_layers : 0);
           ++layer) {
        const bool absent = tap.id == trace::TapId::kFinalNorm && !spec.final_norm;
        EXPECT_NE(graph.find({tap.id, layer}).has_value(), absent) << tap.name << layer;
      }
    }
    EXPECT_EQ(graph.tap_shape({trace::TapId::kLogits, -1}, 5),
              (std::vector<size_t>{5, static_cast<size_t>(spec.vocab_size)}));
    if (!std::holds_alternative<model::AttentionSpec>(spec.layers[0].mixer)) return;
    EXPECT_EQ(graph.tap_shape({trace::TapId::kQRope, 0}, 5),
              (std::vector<size_t>{5, static_cast<size_t>(attention(spec, 0).num_attention_heads),
                                   static_cast<size_t>(attention(spec, 0).head_dim)}));
  });
}

TEST(EveryCase, PrintsTheSameBytesEachTime) {
  for_every_case([](model::Spec& spec, const Graph& graph) {
    const Graph again = build(spec);
    EXPECT_EQ(to_text(graph), to_text(again));
    EXPECT_EQ(to_dot(graph), to_dot(again));
    EXPECT_EQ(to_json(graph), to_json(again));
    const base::Json json = base::parse_json(to_json(graph), "json");
    EXPECT_EQ(json.at("ops").size(), graph.ops.size());
  });
}

// "Qwen2 is Llama with biases on q, k and v" is a test of equality.
TEST(Graph, OfQwen2WithoutItsBiasesIsLlamas) {
  model::Spec qwen2 = tiny_spec("qwen2");
  const std::string llama = print(tiny_spec("llama"));
  EXPECT_NE(print(qwen2), llama);
  for (size_t i = 0; i < qwen2.layers.size(); ++i) attention(qwen2, i).qkv_bias = false;
  EXPECT_EQ(print(qwen2), llama);
}

TEST(Graph, OfQwen3WithoutItsNormsOnQAndKIsLlamas) {
  model::Spec qwen3 = tiny_spec("qwen3");
  const std::string llama = print(tiny_spec("llama"));
  EXPECT_NE(print(qwen3), llama);
  for (size_t i = 0; i < qwen3.layers.size(); ++i) attention(qwen3, i).qk_norm.reset();
  EXPECT_EQ(print(qwen3), llama);
}

// Each field of a spec that changes the forward changes the text.
TEST(Graph, ShowsEveryFieldOfTheSpec) {
  const model::Spec plain = tiny_spec("gemma3_text");
  using Change = void (*)(model::Spec&);
  const Change changes[] = {
      [](model::Spec& s) { s.vocab_size += 1; },
      [](model::Spec& s) { s.hidden_size += 2; },
      [](model::Spec& s) { s.embedding_multiplier += 0.5; },
      [](model::Spec& s) { s.embedding_multiplier_rounded = false; },
      [](model::Spec& s) { s.layers.pop_back(); },
      [](model::Spec& s) { s.final_norm->eps *= 1.0 + 1e-15; },  // the last digit is printed
      [](model::Spec& s) { s.final_norm->unit_offset = false; },
      [](model::Spec& s) { s.final_norm->rounding = model::NormRounding::kBeforeWeight; },
      [](model::Spec& s) { s.tie_word_embeddings = false; },
      [](model::Spec& s) { s.final_soft_cap = 30.0; },
      [](model::Spec& s) { s.layers[1].mixer_norm.reset(); },
      [](model::Spec& s) { s.layers[1].mixer_post_norm.reset(); },
      [](model::Spec& s) { s.layers[1].ffn_norm.reset(); },
      [](model::Spec& s) { s.layers[1].ffn_post_norm.reset(); },
      [](model::Spec& s) { attention(s, 1).num_attention_heads = 2; },
      [](model::Spec& s) { attention(s, 1).num_key_value_heads = 4; },
      [](model::Spec& s) { attention(s, 1).head_dim = 8; },
      [](model::Spec& s) { attention(s, 1).scale *= 2.0; },
      [](model::Spec& s) { attention(s, 1).sliding_window += 1; },
      [](model::Spec& s) { attention(s, 1).soft_cap = 50.0; },
      [](model::Spec& s) { attention(s, 1).qkv_bias = true; },
      [](model::Spec& s) { attention(s, 1).o_bias = true; },
      [](model::Spec& s) { attention(s, 1).qk_norm.reset(); },
      [](model::Spec& s) { attention(s, 1).qk_norm->norm.eps = 1e-5; },
      [](model::Spec& s) { attention(s, 1).rope.reset(); },
      [](model::Spec& s) { attention(s, 1).rope->theta += 1.0; },
      [](model::Spec& s) { attention(s, 1).rope->rotary_dim = 8; },
      [](model::Spec& s) {
        attention(s, 2).rope->scaling.kind = model::RopeScaling::Kind::kDynamic;
      },
      [](model::Spec& s) { attention(s, 2).rope->scaling.factor += 1.0; },
      [](model::Spec& s) { attention(s, 2).rope->scaling.low_freq_factor += 1.0; },
      [](model::Spec& s) { attention(s, 2).rope->scaling.high_freq_factor += 1.0; },
      [](model::Spec& s) { attention(s, 2).rope->scaling.original_max_position_embeddings = 8; },
      [](model::Spec& s) { attention(s, 2).rope->scaling.max_position_embeddings = 8; },
      [](model::Spec& s) { std::get<model::MlpSpec>(s.layers[1].ffn).intermediate_size += 1; },
      [](model::Spec& s) {
        std::get<model::MlpSpec>(s.layers[1].ffn).activation = model::Activation::kGelu;
      },
      [](model::Spec& s) { std::get<model::MlpSpec>(s.layers[1].ffn).bias = true; },
      [](model::Spec& s) {
        s.layers[1].ffn = model::MoeSpec{{4, 2}, 8};
      },
  };
  for (size_t i = 0; i < std::size(changes); ++i) {
    model::Spec changed = plain;
    changes[i](changed);
    EXPECT_NE(print(changed), print(plain)) << "change " << i;
  }
}

TEST(OpTable, HasARowForEveryOpThatAppears) {
  for (const std::string& name : tests::case_names()) {
    const model::Spec spec = model::read_config(tests::read_case(name).config, name).spec;
    for (const Op& op : build(spec).ops) {
      const OpRow& row = op_row(op.name());
      EXPECT_EQ(row.name, op.name());
      EXPECT_FALSE(row.formula.empty());
      EXPECT_FALSE(row.source.empty());
      EXPECT_FALSE(row.mistakes.empty());
    }
  }
  std::set<std::string_view> names;
  for (const OpRow& row : op_table()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

}  // namespace
}  // namespace plumb::graph
