#include "model/checkpoint.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/refusal.h"

namespace plumb::model {
namespace {

using base::Json;
using tests::bf16_tensor;
using tests::write_text;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { write_text(folder_ / "config.json", "{}"); }

  void shard(const char* name, const std::vector<tests::BuiltTensor>& tensors) {
    write_text(folder_ / name, tests::build_safetensors(tensors));
  }
  void refuses(const char* named) {
    const std::string line = tests::refusal([&] { Checkpoint unused(folder_); });
    EXPECT_NE(line.find(named), std::string::npos) << "'" << line << "' names " << named;
  }

  base::TemporaryFolder owned_;
  std::filesystem::path folder_ = owned_.path();
};

TEST_F(CheckpointTest, ReadsOneFileOrItsShards) {
  shard("model.safetensors", {bf16_tensor("a", {2}), bf16_tensor("b", {3, 1})});
  EXPECT_EQ(Checkpoint(folder_).tensors().size(), 2U);
  std::filesystem::remove(folder_ / "model.safetensors");
  shard("x.safetensors", {bf16_tensor("a", {2})});
  shard("y.safetensors", {bf16_tensor("b", {3, 1})});
  tests::write_index(folder_, {{"a", "x.safetensors"}, {"b", "y.safetensors"}});
  const Checkpoint sharded(folder_);
  EXPECT_EQ(sharded.tensors().at("b").main().file, (folder_ / "y.safetensors").string());
  EXPECT_EQ(sharded.tensors().at("b").main().shape, (std::vector<int64_t>{3, 1}));
}

// sha256 over name, NUL, the file's digest in hex, newline; by another implementation (Python).
TEST_F(CheckpointTest, HasTheFingerprintOfTheFormat) {
  write_text(folder_ / "config.json", "{\"model_type\": \"llama\"}\n");
  write_text(
      folder_ / "model.safetensors",
      tests::safetensors_bytes(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "abcd"));
  write_text(folder_ / "tokenizer.json", "not part of it");
  const std::string expected = "f43aa4f04f2d799e89bed7105a13565db7e9bd7114ebe8500f4c71b630fafef1";
  EXPECT_EQ(Checkpoint(folder_).sha256(), expected);
  write_text(folder_ / "tokenizer.json", "changed");
  EXPECT_EQ(Checkpoint(folder_).sha256(), expected);
  write_text(folder_ / "config.json", "{\"model_type\": \"llama\"}");
  EXPECT_NE(Checkpoint(folder_).sha256(), expected);
}

TEST_F(CheckpointTest, RefusesAFolderThatHoldsNone) {
  refuses("model.safetensors");
  std::filesystem::remove(folder_ / "config.json");
  shard("model.safetensors", {});
  refuses("config.json");
  EXPECT_NE(tests::refusal([&] { Checkpoint unused(folder_ / "missing"); }), "");
  EXPECT_NE(tests::refusal([&] { Checkpoint unused(folder_ / "model.safetensors"); }), "");
}

TEST_F(CheckpointTest, RefusesAnIndexThatReachesOutOfItsFolder) {
  shard("x.safetensors", {bf16_tensor("a", {2})});
  for (const char* name :
       {"../x.safetensors", "/etc/passwd", "sub/x.safetensors", "..", ".", "", "a\\b"}) {
    tests::write_index(folder_, {{"a", name}});
    refuses(": a: ");
  }
  tests::write_index(folder_, {{"a", std::string("x.safetensors\0", 14)}});
  refuses(": a: ");
}

TEST_F(CheckpointTest, RefusesAnIndexThatIsNone) {
  shard("x.safetensors", {bf16_tensor("a", {2})});
  const std::filesystem::path index = folder_ / "model.safetensors.index.json";
  for (const char* text :
       {"", "[]", "{}", "null", R"({"weight_map": null})", R"({"weight_map": []})",
        R"({"weight_map": {"a": 7}})", R"({"weight_map": {"a": null}})",
        R"({"weight_map": {"a": ["x.safetensors"]}})",
        R"({"weight_map": {"a": "x.safetensors", "a": "x.safetensors"}})"}) {
    write_text(index, text);
    refuses("model.safetensors.index.json");
  }
  std::filesystem::remove(index);
  std::filesystem::create_directory(index);
  refuses("model.safetensors.index.json");
}

TEST_F(CheckpointTest, RefusesAnIndexAndShardsThatDisagree) {
  shard("x.safetensors", {bf16_tensor("a", {2}), bf16_tensor("b", {2})});
  shard("y.safetensors", {bf16_tensor("c", {2})});
  tests::write_index(folder_, {{"a", "x.safetensors"}, {"b", "gone.safetensors"}});
  refuses("gone.safetensors");
  tests::write_index(folder_,
                     {{"a", "x.safetensors"}, {"b", "x.safetensors"}, {"d", "x.safetensors"}});
  refuses(": d: ");
  tests::write_index(folder_,
                     {{"a", "x.safetensors"}, {"b", "x.safetensors"}, {"c", "x.safetensors"}});
  refuses(": c: ");
  tests::write_index(folder_, {{"a", "x.safetensors"}, {"c", "y.safetensors"}});
  refuses(": b: ");
  shard("y.safetensors", {bf16_tensor("a", {2}), bf16_tensor("c", {2})});
  tests::write_index(folder_,
                     {{"a", "x.safetensors"}, {"b", "x.safetensors"}, {"c", "y.safetensors"}});
  refuses(": a: ");  // it stands in both
}

// transformers would take the one file, others the shards.
TEST_F(CheckpointTest, RefusesTwoFormsSideBySide) {
  shard("x.safetensors", {bf16_tensor("a", {2})});
  shard("model.safetensors", {bf16_tensor("a", {2})});
  tests::write_index(folder_, {{"a", "x.safetensors"}});
  refuses("model.safetensors: ");
  tests::write_index(folder_, {{"a", "model.safetensors"}});
  EXPECT_EQ(Checkpoint(folder_).tensors().size(), 1U);
}

// As a download cache lays a checkpoint out.
TEST_F(CheckpointTest, FollowsFilesThatAreLinks) {
  shard("blob", {bf16_tensor("a", {2})});
  std::filesystem::create_symlink("blob", folder_ / "model.safetensors");
  EXPECT_EQ(Checkpoint(folder_).tensors().size(), 1U);
}

}  // namespace
}  // namespace plumb::model
