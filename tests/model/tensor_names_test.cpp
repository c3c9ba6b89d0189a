#include "model/tensor_names.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace plumb::model {
namespace {

const auto kNone = [](const std::string&) { return false; };

// Which element of which weight stands at each place of a tensor, read off its placements.
std::vector<std::string> contents(const FileTensor& tensor) {
  int64_t size = 1;
  for (const int64_t extent : tensor.shape) size *= extent;
  std::vector<std::string> at(static_cast<size_t>(size));
  for (const Placement& part : tensor.parts) {
    part.for_runs(0, part.elements(),
                  [&](int64_t first, int64_t length, int64_t to, int64_t stride) {
                    for (int64_t k = 0; k < length; ++k) {
                      std::string& place = at.at(static_cast<size_t>(to + k * stride));
                      EXPECT_TRUE(place.empty()) << "covered twice";
                      place = part.weight.role.substr(0, 1) + std::to_string(first + k);
                    }
                  });
  }
  return at;
}

TEST(LayOut, GivesEachWeightItsTensor) {
  NameTable names;
  names.name("embed", "model.embed").name("q_proj", "layers.{i}.q");
  const auto tensors =
      lay_out({{{-1, "embed.weight"}, {3, 2}}, {{4, "q_proj.bias"}, {5}}}, names, kNone);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].name, "model.embed.weight");
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(tensors[1].name, "layers.4.q.bias");
  EXPECT_EQ(contents(tensors[1]), (std::vector<std::string>{"q0", "q1", "q2", "q3", "q4"}));
}

TEST(LayOut, StacksTheRowsOfAPackedTensor) {
  NameTable names;
  names.pack("qkv", {"q", "k", "v"});
  const auto tensors =
      lay_out({{{0, "q.weight"}, {2, 2}}, {{0, "k.weight"}, {1, 2}}, {{0, "v.weight"}, {1, 2}}},
              names, kNone);
  ASSERT_EQ(tensors.size(), 1U);
  EXPECT_EQ(tensors[0].name, "qkv.weight");
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(contents(tensors[0]),
            (std::vector<std::string>{"q0", "q1", "q2", "q3", "k0", "k1", "v0", "v1"}));
}

// InternLM2's wqkv: per key head its queries, its key, its value.
TEST(LayOut, RepeatsTheRolesOfAPackedTensorByGroup) {
  NameTable names;
  names.pack("wqkv", {"q", "k", "v"}, 2);
  const auto tensors =
      lay_out({{{0, "q.weight"}, {4, 1}}, {{0, "k.weight"}, {2, 1}}, {{0, "v.weight"}, {2, 1}}},
              names, kNone);
  EXPECT_EQ(contents(tensors.at(0)),
            (std::vector<std::string>{"q0", "q1", "k0", "v0", "q2", "q3", "k1", "v1"}));
}

TEST(LayOut, PacksBiasesAsItPacksWeights) {
  NameTable names;
  names.pack("kv", {"k", "v"});
  const auto tensors = lay_out({{{0, "k.weight"}, {1, 2}},
                                {{0, "v.weight"}, {1, 2}},
                                {{0, "k.bias"}, {1}},
                                {{0, "v.bias"}, {1}}},
                               names, kNone);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[1].name, "kv.bias");
  EXPECT_EQ(contents(tensors[1]), (std::vector<std::string>{"k0", "v0"}));
}

// GPT-2's Conv1D: [in, out of all roles].
TEST(LayOut, StandsAPackedMatrixOnItsSide) {
  NameTable names;
  names.pack_transposed("c_attn", {"q", "k"});
  const auto tensors = lay_out({{{0, "q.weight"}, {2, 3}},
                                {{0, "k.weight"}, {1, 3}},
                                {{0, "q.bias"}, {2}},
                                {{0, "k.bias"}, {1}}},
                               names, kNone);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(contents(tensors[0]),
            (std::vector<std::string>{"q0", "q3", "k0", "q1", "q4", "k1", "q2", "q5", "k2"}));
  EXPECT_EQ(contents(tensors[1]), (std::vector<std::string>{"q0", "q1", "k0"}));
}

TEST(LayOut, SpreadsAStackOverTensors) {
  NameTable names;
  names.name("experts.up", "layers.{i}.experts.{e}.w3");
  const auto tensors = lay_out({{{1, "experts.up.weight"}, {3, 2, 2}}}, names, kNone);
  ASSERT_EQ(tensors.size(), 3U);
  EXPECT_EQ(tensors[2].name, "layers.1.experts.2.w3.weight");
  EXPECT_EQ(tensors[2].shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(tensors[2].parts.at(0).first, 8);
  EXPECT_EQ(
      outer_tensors({{1, "experts.up.weight"}, {3, 2, 2}}, names, kNone),
      (std::vector<std::string>{"layers.1.experts.0.w3.weight", "layers.1.experts.2.w3.weight"}));
}

TEST(LayOut, PacksTheMatricesOfAStackOneByOne) {
  NameTable names;
  names.pack("gate_up", {"gate.weight", "up.weight"});
  const auto tensors =
      lay_out({{{0, "gate.weight"}, {2, 1, 2}}, {{0, "up.weight"}, {2, 1, 2}}}, names, kNone);
  ASSERT_EQ(tensors.size(), 1U);
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{2, 2, 2}));
  EXPECT_EQ(contents(tensors[0]),
            (std::vector<std::string>{"g0", "g1", "u0", "u1", "g2", "g3", "u2", "u3"}));
}

// Aria's fc1: [experts, in, gates and then ups].
TEST(LayOut, StandsAStackOnItsSideInBlocks) {
  NameTable names;
  names.pack_column_blocks("fc1", {"gate.weight", "up.weight"});
  const auto tensors =
      lay_out({{{0, "gate.weight"}, {1, 2, 2}}, {{0, "up.weight"}, {1, 2, 2}}}, names, kNone);
  ASSERT_EQ(tensors.size(), 1U);
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{1, 2, 4}));
  EXPECT_EQ(contents(tensors[0]),
            (std::vector<std::string>{"g0", "g2", "u0", "u2", "g1", "g3", "u1", "u3"}));
}

// DBRX: the experts' rows in one matrix.
TEST(LayOut, JoinsTheFirstTwoAxesOfAStack) {
  NameTable names;
  names.name_flat("gate.weight", "w1").pack_column_blocks("w2", {"down.weight"}, true);
  const auto tensors =
      lay_out({{{0, "gate.weight"}, {2, 2, 1}}, {{0, "down.weight"}, {2, 1, 2}}}, names, kNone);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{4, 1}));
  EXPECT_EQ(contents(tensors[0]), (std::vector<std::string>{"g0", "g1", "g2", "g3"}));
  EXPECT_EQ(tensors[1].shape, (std::vector<int64_t>{4, 1}));
  EXPECT_EQ(contents(tensors[1]), (std::vector<std::string>{"d0", "d1", "d2", "d3"}));
}

TEST(LayOut, CutsTheRowsOfAWeightIntoSections) {
  NameTable names;
  names.or_sections("conv.weight", {{"q.{i}", 1}, {"v.{i}", 2}}, {0, -1, 1});
  const auto tensors = lay_out({{{3, "conv.weight"}, {3, 2}}}, names, kNone);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[1].name, "v.3");
  EXPECT_EQ(tensors[1].shape, (std::vector<int64_t>{2, 1, 2}));
  EXPECT_EQ(tensors[1].parts.at(0).first, 2);
  EXPECT_EQ(outer_tensors({{3, "conv.weight"}, {3, 2}}, names, kNone),
            (std::vector<std::string>{"q.3", "v.3"}));
}

TEST(LayOut, ChoosesTheRuleWhoseTensorExists) {
  NameTable names;
  names.pack("packed.qk", {"q", "k"}).name("q", "single.q").name("k", "single.k");
  const std::vector<WeightDeclaration> weights = {{{0, "q.weight"}, {1, 1}},
                                                  {{0, "k.weight"}, {1, 1}}};
  EXPECT_EQ(lay_out(weights, names, kNone).at(0).name, "packed.qk.weight");
  const auto single = [](const std::string& name) { return name.starts_with("single."); };
  const auto tensors = lay_out(weights, names, single);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].name, "single.q.weight");
}

TEST(NameTable, PacksInPlaceOfSingleTensors) {
  NameTable names;
  names.name("q", "single.q").name("k", "single.k").pack("packed.qk", {"q", "k"});
  ASSERT_EQ(names.rules().size(), 1U);
  EXPECT_EQ(names.rules()[0].tensor, "packed.qk");
}

TEST(NameTable, ReplacesASingleRuleOfTheSameRole) {
  NameTable names;
  names.name("q", "old").name("q", "new");
  ASSERT_EQ(names.rules().size(), 1U);
  EXPECT_EQ(names.rules()[0].tensor, "new");
}

TEST(LayOut, RefusesATableThatDoesNotFit) {
  NameTable names;
  names.name("q", "q");
  EXPECT_THROW(lay_out({{{0, "k.weight"}, {1}}}, names, kNone), base::InternalError);
  // A stem stands for whole words: "q" is not the start of "q_norm".
  EXPECT_THROW(lay_out({{{0, "q_norm.weight"}, {1}}}, names, kNone), base::InternalError);
}

// Any stretch of a placement is made of the runs of the whole.
TEST(Placement, GivesTheSameElementsInPieces) {
  const Placement part{
      .weight = {0, "w"}, .offset = 5, .extents = {3, 2, 4}, .strides = {20, 4, 1}};
  std::vector<int64_t> whole(static_cast<size_t>(part.elements()));
  const auto collect = [&](std::vector<int64_t>& into) {
    return [&into](int64_t at, int64_t length, int64_t from, int64_t stride) {
      for (int64_t k = 0; k < length; ++k) into.at(static_cast<size_t>(at + k)) = from + k * stride;
    };
  };
  part.for_runs(0, part.elements(), collect(whole));
  EXPECT_EQ(whole[0], 5);
  EXPECT_EQ(whole[8], 25);
  for (int64_t begin = 0; begin < part.elements(); ++begin) {
    for (int64_t count = 0; begin + count <= part.elements(); ++count) {
      std::vector<int64_t> piece(whole.size(), -1);
      part.for_runs(begin, count, collect(piece));
      for (int64_t i = 0; i < part.elements(); ++i) {
        const bool inside = i >= begin && i < begin + count;
        ASSERT_EQ(piece[static_cast<size_t>(i)], inside ? whole[static_cast<size_t>(i)] : -1);
      }
    }
  }
}

}  // namespace
}  // namespace plumb::model
