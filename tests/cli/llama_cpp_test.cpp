// What llama.cpp computed on a CPU from files that plumb wrote: the very files are made again.
// Recorded with llama.cpp b11739, one thread, its defaults.
#include <gtest/gtest.h>

#include "base/files.h"
#include "tests/support/process.h"

namespace plumb::tests {
namespace {

class LlamaCpp : public testing::TestWithParam<const char*> {
 protected:
  Outcome plumb(const std::vector<std::string>& arguments) {
    return run_plumb(arguments, folder_.path());
  }
  Outcome check(const std::string& contract) {
    const std::string trace =
        std::string(PLUMB_ROOT) + "/tests/cli/llama_cpp/" + GetParam() + ".safetensors";
    return plumb({"check", "m.gguf", "--candidate", "trace:" + trace, "--contract", contract});
  }

  base::TemporaryFolder folder_;
};

TEST_P(LlamaCpp, PassesUnderItsContract) {
  const Outcome made =
      plumb({"synth", "qwen3", "--seed", "5", "--set", "hidden_size=256", "--set",
             "intermediate_size=256", "--set", "num_hidden_layers=2", "--set", "vocab_size=96",
             "--quantize", std::string("gguf:") + GetParam(), "-o", "m.gguf"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Outcome own = check("llama.cpp");
  EXPECT_EQ(own.exit_code, 0) << own.out << own.err;
  const Outcome plain = check("float32-f16-kv");
  EXPECT_EQ(plain.exit_code, 1) << plain.out << plain.err;
}

INSTANTIATE_TEST_SUITE_P(Types, LlamaCpp, testing::Values("Q4_0", "Q4_K", "Q5_1"));

}  // namespace
}  // namespace plumb::tests
