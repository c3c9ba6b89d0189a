// Every stored form against recorded files of its owner's library (oracles/stored_forms.py), and
// what is wrong with a quantised checkpoint, told by name.
#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "base/json.h"
#include "model/checkpoint.h"
#include "model/weights/stored_form.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;
using tests::BuiltTensor;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// A recorded case: a checkpoint of one weight, to be written as it was or damaged first.
struct Recorded {
  explicit Recorded(const Json& json)
      : name(json.at("name").get<std::string>()),
        key(json.at("key").get<std::string>()),
        declaration(json.at("declaration")),
        shape(json.at("shape").get<std::vector<int64_t>>()),
        every(json.at("every").get<size_t>()),
        exact(json.at("exact").get<std::vector<double>>()) {
    for (const auto& [tensor, row] : json.at("tensors").items()) {
      tensors.push_back({.name = tensor,
                         .dtype = row.at("dtype").get<std::string>(),
                         .shape = row.at("shape").get<std::vector<int64_t>>(),
                         .bytes = from_hex(row.at("hex").get<std::string>())});
    }
    if (json.contains("metadata")) {
      metadata = json.at("metadata").get<std::map<std::string, std::string>>();
    }
  }

  void write(const std::filesystem::path& folder) const {
    const bool beside = key.ends_with(".json");
    tests::write_text(folder / "config.json", beside ? "{}" : Json{{key, declaration}}.dump());
    if (beside) tests::write_text(folder / key, declaration.dump());
    tests::write_text(folder / "model.safetensors", tests::build_safetensors(tensors, metadata));
  }

  BuiltTensor& tensor(const std::string& ending) {
    for (BuiltTensor& t : tensors) {
      if (t.name.ends_with(ending)) return t;
    }
    throw base::InternalError("the case has " + ending);
  }

  std::string name;
  std::string key;
  Json declaration;
  std::vector<int64_t> shape;
  size_t every;               // of the elements is recorded
  std::vector<double> exact;  // those
  std::vector<BuiltTensor> tensors;
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
};

const std::vector<Recorded>& recorded() {
  static const std::vector<Recorded> cases = [] {
    std::vector<Recorded> all;
    const std::filesystem::path file = std::string(PLUMB_ROOT) + "/oracles/stored_forms.json";
    for (const Json& json : base::read_json_file(file)) all.emplace_back(json);
    return all;
  }();
  return cases;
}

// The tensor that holds the codes: without it there is no weight, and it states the weight's shape.
bool is_main(const std::string& name) {
  for (const std::string ending : {"m.weight", "_packed", "qweight", "_blocks", "_qdata"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

Recorded copy_of(const std::string& name) {
  for (const Recorded& one : recorded()) {
    if (one.name == name) return one;
  }
  throw base::InternalError("a case is called " + name);
}

// Opens and checks every weight of what `one` writes.
std::string refusal_of(const Recorded& one) {
  const base::TemporaryFolder folder;
  one.write(folder.path());
  return tests::refusal([&] {
    const Checkpoint checkpoint(folder.path());
    for (const auto& [name, stored] : checkpoint.tensors()) {
      if (stored.runtime.empty()) stored.open()->check();
    }
  });
}

TEST(StoredForms, DecodeAsTheirOwnersDo) {
  ASSERT_GE(recorded().size(), 35U);
  for (const Recorded& one : recorded()) {
    SCOPED_TRACE(one.name);
    const base::TemporaryFolder folder;
    one.write(folder.path());
    const Checkpoint checkpoint(folder.path());
    ASSERT_EQ(checkpoint.tensors().size(), 1U);  // every companion is used with its weight
    const StoredTensor& stored = checkpoint.tensors().at("m.weight");
    EXPECT_EQ(stored.parts.size(), one.tensors.size());
    const auto form = stored.open();
    ASSERT_EQ(form->shape(), one.shape);
    form->check();
    std::vector<double> values(static_cast<size_t>(form->elements()));
    form->decode(0, 1, values);
    ASSERT_EQ(one.exact.size(), (values.size() + one.every - 1) / one.every);
    for (size_t i = 0; i < one.exact.size(); ++i) ASSERT_EQ(values[i * one.every], one.exact[i]);
    // Any stretch, across rows and blocks, and down a column.
    for (const int64_t begin : {1, 17, 63, 100}) {
      std::vector<double> some(std::min<size_t>(91, values.size() - static_cast<size_t>(begin)));
      form->decode(begin, 1, some);
      for (size_t i = 0; i < some.size(); ++i)
        ASSERT_EQ(some[i], values[static_cast<size_t>(begin) + i]);
    }
    const int64_t columns = form->shape().back();
    std::vector<double> column(static_cast<size_t>(form->elements() / columns));
    form->decode(columns - 1, columns, column);
    for (size_t i = 0; i < column.size(); ++i) {
      ASSERT_EQ(column[i], values[(i + 1) * static_cast<size_t>(columns) - 1]);
    }
    std::vector<float> narrow(values.size());
    form->to_float(0, 1, narrow);
    for (size_t i = 0; i < narrow.size(); ++i) ASSERT_EQ(narrow[i], static_cast<float>(values[i]));
  }
}

// Without any one of its companions a weight is refused; those that only an engine's run needs, and
// an order that may be left out, are not missed.
TEST(StoredForms, MissTheirCompanions) {
  for (const Recorded& one : recorded()) {
    for (size_t out = 0; out < one.tensors.size(); ++out) {
      Recorded rest = one;
      const std::string name = one.tensors[out].name;
      rest.tensors.erase(rest.tensors.begin() + static_cast<ptrdiff_t>(out));
      const bool optional = name.ends_with("input_scale") || name.ends_with("weight_format") ||
                            name.ends_with("g_idx");
      if (is_main(name) || optional) continue;
      SCOPED_TRACE(one.name + " without " + name);
      EXPECT_NE(refusal_of(rest).find("m."), std::string::npos) << refusal_of(rest);
    }
  }
}

TEST(StoredForms, RefuseMisshapenCompanions) {
  for (const Recorded& one : recorded()) {
    for (size_t i = 0; i < one.tensors.size(); ++i) {
      const BuiltTensor& tensor = one.tensors[i];
      const bool text = tensor.name.find("quant_state") != std::string::npos;
      if (tensor.shape.empty() || is_main(tensor.name) || text) continue;
      Recorded cut = one;
      const size_t row = tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
      cut.tensors[i].shape[0] += 1;
      cut.tensors[i].bytes.append(row, '\1');
      SCOPED_TRACE(one.name + " with a longer " + tensor.name);
      EXPECT_NE(refusal_of(cut).find("m."), std::string::npos);
    }
  }
}

TEST(StoredForms, RefuseScalesThatAreNotFinite) {
  const std::map<std::string, std::string> nan = {{"F32", std::string("\0\0\xc0\x7f", 4)},
                                                  {"F16", std::string("\0\x7e", 2)},
                                                  {"BF16", std::string("\xc0\x7f", 2)},
                                                  {"F8_E4M3", "\x7f"}};
  for (const Recorded& one : recorded()) {
    for (size_t i = 0; i < one.tensors.size(); ++i) {
      const BuiltTensor& tensor = one.tensors[i];
      if (!nan.contains(tensor.dtype) || tensor.name.ends_with("input_scale")) continue;
      Recorded damaged = one;
      const std::string& code = nan.at(tensor.dtype);
      damaged.tensors[i].bytes.replace(tensor.bytes.size() - code.size(), code.size(), code);
      SCOPED_TRACE(one.name + ": " + tensor.name);
      EXPECT_NE(refusal_of(damaged).find(tensor.name + ": holds NaN or infinity"),
                std::string::npos)
          << refusal_of(damaged);
    }
  }
}

// Byte 255 of E8M0 is NaN.
TEST(StoredForms, RefuseTheNaNOfE8M0) {
  for (const std::string name : {"mxfp4 of gpt-oss", "mlx mxfp8", "mxfp4 of compressed-tensors"}) {
    Recorded one = copy_of(name);
    for (BuiltTensor& tensor : one.tensors) {
      if (tensor.name.find("scale") != std::string::npos) tensor.bytes.back() = '\xff';
    }
    EXPECT_NE(refusal_of(one).find("holds NaN or infinity"), std::string::npos) << name;
  }
}

// Stored as 2^b - 1 a zero of version 1 has two readings; in version 2 it has one.
TEST(Gptq, RefusesTheZeroOfTwoReadings) {
  Recorded one = copy_of("gptq v1, 4 bits");
  one.tensor("qzeros").bytes[0] |= '\x0f';
  EXPECT_NE(refusal_of(one).find("m.qzeros: stores the zero 15, which loaders of version 1 read"),
            std::string::npos)
      << refusal_of(one);
  one.declaration["checkpoint_format"] = "gptq_v2";
  EXPECT_EQ(refusal_of(one), "");
}

// A file of version 2 that says it is of version 1 (vllm#38966) is told by its symmetry.
TEST(Gptq, RefusesASymmetricFileWithOtherZeros) {
  Recorded one = copy_of("gptq v1, 4 bits");
  one.declaration["sym"] = true;
  std::string& zeros = one.tensor("qzeros").bytes;
  zeros.assign(zeros.size(), '\x77');
  EXPECT_EQ(refusal_of(one), "");
  zeros.assign(zeros.size(), '\x88');
  EXPECT_NE(refusal_of(one).find("stores the zero 8, not 7, in a file that says sym"),
            std::string::npos)
      << refusal_of(one);
  one.declaration["checkpoint_format"] = "gptq_v2";
  EXPECT_EQ(refusal_of(one), "");
}

// An order names groups, which are addresses.
TEST(Gptq, RefusesGroupsThatThereAreNot) {
  Recorded one = copy_of("gptq v2, 4 bits, act order");
  std::string& index = one.tensor("g_idx").bytes;
  for (const std::string& bad : {std::string("\2\0\0\0", 4), std::string("\xff\xff\xff\xff", 4)}) {
    index.replace(8, 4, bad);
    EXPECT_NE(refusal_of(one).find("m.g_idx: names group"), std::string::npos);
  }
}

// The declaration is read strictly: what it may say of weights and is not known changes them.
TEST(Declarations, AreReadStrictly) {
  Recorded one = copy_of("awq gemm");
  one.declaration["surprise"] = 1;
  EXPECT_NE(refusal_of(one).find("quantization_config.surprise"), std::string::npos);
  one = copy_of("awq gemm");
  one.declaration["version"] = "gemv";
  EXPECT_NE(refusal_of(one).find("quantization_config.version: is 'gemv'"), std::string::npos);
  one = copy_of("awq gemm");
  for (const std::string method : {"hqq", "aqlm", "exl2", "quanto", "vptq", "spqr", "bitnet"}) {
    one.declaration["quant_method"] = method;
    const std::string line = refusal_of(one);
    EXPECT_NE(line.find("quant_method: '" + method + "' is not supported"), std::string::npos)
        << line;
  }
  one = copy_of("float8 a channel");
  one.declaration["sparsity_config"] = {{"format", "sparse-24-bitmask"}};
  EXPECT_NE(refusal_of(one).find("sparsity_config"), std::string::npos);
  one.declaration["sparsity_config"] = Json::object();
  EXPECT_EQ(refusal_of(one), "");
  one.declaration["transform_config"] = {{"config_groups", {{"R1", {{"type", "hadamard"}}}}}};
  EXPECT_NE(refusal_of(one).find("transform_config"), std::string::npos);
}

// Which modules a group means matters where there are several.
TEST(Declarations, LookIntoTargetsWhereGroupsDiffer) {
  Recorded one = copy_of("packed int4, symmetric");
  base::Json& groups = one.declaration["config_groups"];
  groups["group_0"]["targets"] = {"re:^(?!lm_head).*"};
  EXPECT_EQ(refusal_of(one), "");
  groups["group_1"] = groups["group_0"];
  EXPECT_NE(refusal_of(one).find("targets: holds the expression"), std::string::npos);
  groups["group_0"]["targets"] = {"re:.*other"};
  groups["group_1"]["targets"] = {"re:m$"};
  EXPECT_EQ(refusal_of(one), "");
  groups["group_1"]["targets"] = {"re:x.*"};
  EXPECT_NE(refusal_of(one).find("no group of config_groups targets its module"),
            std::string::npos);
}

// The block is the declared one, not what the grid suggests: 40 rows under a grid of 3 are blocks
// of 16 (16, 16, 8), not of 14.
TEST(Fp8, TakesTheDeclaredBlock) {
  Recorded one = copy_of("fp8 ragged blocks, scales torch.float32");
  one.declaration["weight_block_size"] = {14, 12};
  EXPECT_EQ(refusal_of(one), "");  // as many blocks, other ones
  one.declaration["weight_block_size"] = {8, 16};
  EXPECT_NE(refusal_of(one).find("m.weight_scale_inv: has shape [3, 2]"), std::string::npos);
  one.declaration["weight_block_size"] = {0, 16};
  EXPECT_NE(refusal_of(one).find("weight_block_size"), std::string::npos);
}

}  // namespace
}  // namespace plumb::model
