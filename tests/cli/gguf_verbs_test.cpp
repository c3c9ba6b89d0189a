// The verbs on a .gguf file.
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/cli/scene.h"

namespace plumb::tests {
namespace {

class GgufVerbs : public testing::Test {
 protected:
  GgufVerbs() { expect({"synth", "llama", "--quantize", "gguf:Q4_K_M", "-o", "m.gguf"}, 0); }

  Outcome expect(const std::vector<std::string>& arguments, int exit_code) {
    const Outcome outcome = run_plumb(arguments, folder_.path());
    EXPECT_EQ(outcome.exit_code, exit_code) << arguments.front() << ": " << outcome.err;
    return outcome;
  }

  base::TemporaryFolder folder_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(GgufVerbs, TakeTheFileInPlaceOfAFolder) {
  const std::string told = expect({"inspect", "m.gguf"}, 0).out;
  EXPECT_TRUE(contains(told, "blk.0.attn_q.weight ")) << told;
  EXPECT_TRUE(contains(told, "token_embd.weight ")) << told;
  const base::Json json =
      base::parse_json(expect({"inspect", "m.gguf", "--json", "-"}, 0).out, "stdout");
  EXPECT_EQ(json.at("checkpoint_sha256").get<std::string>().size(), 64U);
  EXPECT_TRUE(json.at("notes").is_array());
  EXPECT_TRUE(contains(expect({"graph", "m.gguf"}, 0).out, "pairs=interleaved"));
  expect({"run", "m.gguf", "--engine", "reference", "--tokens", "3,4,5,6", "-o", "t.h5"}, 0);
  expect({"check", "m.gguf", "--candidate", "trace:t.h5"}, 0);
  expect({"check", "m.gguf", "--candidate", "cpu-f32"}, 0);
  expect({"bisect", "m.gguf", "--candidate", "cpu-f32"}, 0);
  expect({"certify", "m.gguf"}, 0);
}

TEST_F(GgufVerbs, ConvertWritesOneFromAFolderAndFromAnother) {
  expect({"synth", "qwen3", "-o", "ckpt"}, 0);
  expect({"convert", "ckpt", "--quantize", "gguf:Q8_0", "-o", "q.gguf"}, 0);
  expect({"inspect", "q.gguf"}, 0);
  expect({"convert", "m.gguf", "--quantize", "gguf:F32", "-o", "wide.gguf"}, 0);
  expect({"inspect", "wide.gguf"}, 0);
}

TEST_F(GgufVerbs, RefuseWhatCannotBe) {
  EXPECT_TRUE(contains(expect({"inspect", "none.gguf"}, 2).err, "none.gguf"));
  EXPECT_TRUE(contains(
      expect({"convert", "m.gguf", "--quantize", "gguf:Q9", "-o", "q.gguf"}, 2).err, "Q9"));
  EXPECT_TRUE(contains(
      expect({"convert", "m.gguf", "--quantize", "gguf:Q8_0", "-o", "folder"}, 2).err, ".gguf"));
  EXPECT_TRUE(
      contains(expect({"convert", "m.gguf", "--quantize", "gptq", "-o", "folder"}, 2).err, "GGUF"));
  std::string text = read_text(folder_.path() / "m.gguf");
  write_text(folder_.path() / "short.gguf", text.substr(0, text.size() / 2));
  const Outcome cut = expect({"inspect", "short.gguf"}, 2);
  EXPECT_TRUE(contains(cut.err, "short.gguf"));
  EXPECT_LT(cut.seconds, 2.0);
}

}  // namespace
}  // namespace plumb::tests
