// Calls and traces that are wrong, met at the command line.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/cli/scene.h"
#include "tests/support/hdf5_builder.h"

namespace plumb::tests {
namespace {

// `plumb run` on the scene's checkpoint with further arguments.
std::vector<std::string> run_with(std::initializer_list<std::string> arguments) {
  std::vector<std::string> all = {"run", "ckpt", "--engine", "reference", "-o", "out.h5"};
  all.insert(all.end(), arguments);
  return all;
}

const std::vector<std::string> kPrompts = run_with({"--prompts", "trace.h5"});

// The tests below are worth what this notices.
TEST(CallMistakes, AreToldFromRightCalls) {
  EXPECT_GE(faults_of({"a right call", {"graph", "ckpt"}, {}}).size(), 3U);
  EXPECT_EQ(faults_of({"another name", {"graph", "nowhere"}, {"somewhere"}}).size(), 1U);
  const Mistake leaves{"a folder that changes", {"synth", "llama", "-o", "new"}, {}};
  const std::vector<std::string> faults = faults_of(leaves);
  EXPECT_NE(std::find(faults.begin(), faults.end(), "the folder has changed"), faults.end());
}

TEST(CallMistakes, InTheWords) {
  expect_refused({
      {"nothing", {}, {"--help"}},
      {"an unknown verb", {"inspekt", "ckpt"}, {"--help"}},
      {"an unknown option", {"inspect", "ckpt", "--jsn", "x"}, {"--jsn"}},
      {"no checkpoint", {"inspect"}, {"CHECKPOINT"}},
      {"two checkpoints", {"inspect", "ckpt", "ckpt"}, {"ckpt"}},
      {"a missing value", {"inspect", "ckpt", "--json"}, {"--json"}},
      {"an unknown format", {"graph", "ckpt", "--format", "svg"}, {"--format"}},
      {"an unknown engine",
       {"run", "ckpt", "--engine", "gpu", "--tokens", "1", "-o", "x"},
       {"--engine"}},
      {"no engine", {"run", "ckpt", "--tokens", "1", "-o", "x"}, {"--engine"}},
      {"no output", {"run", "ckpt", "--engine", "reference", "--tokens", "1"}, {"output"}},
      {"negative threads", {"inspect", "ckpt", "--threads", "-3"}, {"--threads"}},
      {"too many threads", {"inspect", "ckpt", "--threads", "100000"}, {"--threads"}},
      {"threads that are none", {"inspect", "ckpt", "--threads", "two"}, {"--threads"}},
      {"hostile bytes", {"inspect", "ckpt", "--\xff\n\x1b[31m"}, {"?"}},
  });
}

TEST(CallMistakes, InTokensAndTaps) {
  expect_refused({
      {"no prompt", run_with({}), {"--tokens"}},
      {"an empty list", run_with({"--tokens", ""}), {"--tokens"}},
      {"both", run_with({"--tokens", "1", "--prompts", "trace.h5"}), {"--tokens"}},
      {"a gap", run_with({"--tokens", "1,,2"}), {"--tokens", "1,,2"}},
      {"a comma at the end", run_with({"--tokens", "1,2,"}), {"--tokens"}},
      {"words", run_with({"--tokens", "one"}), {"--tokens"}},
      {"a float", run_with({"--tokens", "1.5"}), {"--tokens"}},
      {"a huge float", run_with({"--tokens", "1e30"}), {"--tokens"}},
      {"an overflow", run_with({"--tokens", "99999999999999999999"}), {"--tokens"}},
      {"a negative id", run_with({"--tokens=-1"}), {"-1", "0..130"}},
      {"an id outside the vocabulary", run_with({"--tokens", "1,131"}), {"131", "0..130"}},
      {"a misspelt tap", run_with({"--tokens", "1", "--taps", "coarze"}), {"--taps", "coarze"}},
      {"no tap", run_with({"--tokens", "1", "--taps", ""}), {"--taps"}},
      {"a tap of no layer",
       run_with({"--tokens", "1", "--taps", "all,layer.7.out"}),
       {"layer.7.out"}},
      {"negative greedy", run_with({"--tokens", "1", "--greedy", "-1"}), {"--greedy"}},
  });
}

TEST(CallMistakes, InSynth) {
  const auto synth = [](std::initializer_list<std::string> arguments) {
    std::vector<std::string> all = {"synth", "llama", "-o", "new"};
    all.insert(all.end(), arguments);
    return all;
  };
  const std::string deep = "a=" + std::string(50'000, '[') + std::string(50'000, ']');
  expect_refused({
      {"no family", {"synth", "-o", "new"}, {"FAMILY"}},
      {"an unknown family", {"synth", "lama", "-o", "new"}, {"lama", "known"}},
      {"an unknown preset", synth({"--preset", "vast"}), {"vast"}},
      {"a negative seed", synth({"--seed", "-1"}), {"--seed"}},
      {"a seed that is none", synth({"--seed", "x"}), {"--seed"}},
      {"a seed too large", synth({"--seed", "99999999999999999999"}), {"--seed"}},
      {"a seed that is no whole number", synth({"--seed", "1.5"}), {"--seed"}},
      {"a setting without a value", synth({"--set", "hidden_size"}), {"--set", "hidden_size"}},
      {"a setting without a key", synth({"--set", "=7"}), {"--set"}},
      {"a setting of another type", synth({"--set", "hidden_size=wide"}), {"hidden_size"}},
      {"a setting of an unknown key", synth({"--set", "unheard_of=1"}), {"unheard_of"}},
      {"a setting that is no text", synth({"--set", "hidden_act=\xff"}), {"--set"}},
      {"a setting nested too deeply", synth({"--set", deep}), {"--set a"}},
      {"a setting with a duplicate key",
       synth({"--set", R"(rope_scaling={"a": 1, "a": 2})"}),
       {"--set rope_scaling", "a"}},
      {"no config", synth({"--config", "nowhere.json"}), {"nowhere.json"}},
      {"a config of another family",
       {"synth", "qwen2", "-o", "new", "--config", "ckpt/config.json"},
       {"model_type", "llama"}},
      {"a folder with something else",
       {"synth", "llama", "-o", "full"},
       {"full", "notes.txt"},
       [](Scene& s) {
         std::filesystem::create_directory(s / "full");
         write_text(s / "full/notes.txt", "mine");
       }},
      {"a file for a folder", {"synth", "llama", "-o", "trace.h5"}, {"trace.h5"}},
      {"a folder below a file", {"synth", "llama", "-o", "trace.h5/new"}, {"trace.h5"}},
      {"more than a disk",
       synth({"--set", "hidden_size=1048576", "--set", "vocab_size=16777216"}),
       {"2^37"}},
  });
}

TEST(CallMistakes, InOutputs) {
  expect_refused({
      {"a folder that is not there", {"inspect", "ckpt", "--json", "nowhere/x.json"}, {"nowhere"}},
      {"a folder for a file", {"inspect", "ckpt", "--json", "ckpt"}, {"ckpt"}},
      {"a folder below a file", {"graph", "ckpt", "-o", "trace.h5/x"}, {"trace.h5"}},
      {"a device", {"graph", "ckpt", "-o", "/dev/null"}, {"/dev/null"}},
      {"a trace in no folder",
       {"run", "ckpt", "--engine", "reference", "--tokens", "1", "-o", "no/t.h5"},
       {"no/t.h5"}},
      {"a trace for a folder",
       {"run", "ckpt", "--engine", "reference", "--tokens", "1", "-o", "ckpt"},
       {"ckpt"}},
  });
}

TEST(CallMistakes, MakeGitBisectSkip) {
  const Scene scene;
  const std::vector<std::string> call = {"check", "ckpt", "--candidate", "trace:nowhere.h5"};
  EXPECT_EQ(run_plumb(call, scene.path()).exit_code, 2);
  for (const char* option : {"--git-bisect", "--unknown"}) {
    std::vector<std::string> bisecting = call;
    bisecting.insert(bisecting.end(), {"--git-bisect", option});
    EXPECT_EQ(run_plumb(bisecting, scene.path()).exit_code, 125) << option;
  }
}

TEST(CallMistakes, InTraces) {
  const auto hdf5 = [](const char* name, const std::function<void(Hdf5Builder&)>& fill,
                       std::vector<std::string> named, bool schema = true) {
    return Mistake{name, kPrompts, std::move(named), [=](Scene& s) {
                     Hdf5Builder builder(s / "trace.h5");
                     if (schema) builder.text_attribute("schema", "plumbline.trace/1", true);
                     fill(builder);
                   }};
  };
  const auto bytes = [](const char* name, const std::function<std::string(std::string)>& damage) {
    return Mistake{name, kPrompts, {"trace.h5"}, [=](Scene& s) {
                     write_text(s / "trace.h5", damage(read_text(s / "trace.h5")));
                   }};
  };
  expect_refused({
      {"no trace", run_with({"--prompts", "nowhere.h5"}), {"nowhere.h5"}},
      {"a folder", run_with({"--prompts", "ckpt"}), {"ckpt"}},
      {"a checkpoint", run_with({"--prompts", "ckpt/model.safetensors"}), {"schema"}},
      {"a pipe",
       run_with({"--prompts", "pipe"}),
       {"pipe"},
       [](Scene& s) { ::mkfifo((s / "pipe").c_str(), 0600); }},
      bytes("empty", [](const std::string&) { return ""; }),
      bytes("not HDF5", [](const std::string&) { return "hello"; }),
      bytes("cut at 100", [](const std::string& f) { return f.substr(0, 100); }),
      bytes("cut in half", [](const std::string& f) { return f.substr(0, f.size() / 2); }),
      bytes("cut by one", [](const std::string& f) { return f.substr(0, f.size() - 1); }),
      hdf5(
          "no schema", [](Hdf5Builder& b) { b.integers("prompts/p0", {1}); },
          {"trace.h5", "schema"}, false),
      hdf5(
          "another schema", [](Hdf5Builder& b) { b.text_attribute("schema", "other/1", true); },
          {"trace.h5", "schema", "other/1"}, false),
      hdf5("no prompt", [](Hdf5Builder&) {}, {"trace.h5", "prompts"}),
      hdf5("an empty prompt", [](Hdf5Builder& b) { b.integers("prompts/p0", {}); }, {"prompts/p0"}),
      hdf5("a prompt of floats", [](Hdf5Builder& b) { b.dataset("prompts/p0", {1}, {1}); },
           {"prompts/p0"}),
      hdf5("a prompt of texts", [](Hdf5Builder& b) { b.texts("prompts/p0"); }, {"prompts/p0"}),
      hdf5("a prompt of rank 2",
           [](Hdf5Builder& b) {
             b.dataset("prompts/p0", {1, 1}, {1}, {.type = H5T_STD_I64LE});
           },
           {"prompts/p0"}),
      hdf5("a prompt of 2^50",
           [](Hdf5Builder& b) {
             b.dataset("prompts/p0", {size_t{1} << 50}, {},
                       {.chunk = {1024}, .type = H5T_STD_I64LE, .write = false});
           },
           {"prompts/p0"}),
      hdf5("a negative id", [](Hdf5Builder& b) { b.integers("prompts/p0", {-1}); }, {"p0", "-1"}),
      hdf5("an id outside the vocabulary",
           [](Hdf5Builder& b) {
             b.integers("prompts/p7", {1, 131});
           },
           {"p7", "131"}),
      hdf5("an id beyond all integers",
           [](Hdf5Builder& b) { b.dataset("prompts/p0", {1}, {1e19}, {.type = H5T_STD_U64LE}); },
           {"p0"}),
      {"a contract that is none",
       {"check", "ckpt", "--candidate", "trace:trace.h5"},
       {"trace.h5", "contract", "bfloat17", "float32-bf16-matmul"},
       [](Scene& s) {
         Hdf5Builder builder(s / "trace.h5");
         builder.text_attribute("schema", "plumbline.trace/1", true);
         builder.text_attribute("contract", "bfloat17", true);
         builder.integers("prompts/p0", {1});
         builder.dataset("float32/p0/logits", {1, 131}, std::vector<double>(131, 1.0));
       }},
      {"floats for ids in safetensors",
       run_with({"--prompts", "trace.safetensors"}),
       {"prompts/p0"},
       [](Scene& s) {
         std::string file = read_text(s / "trace.safetensors");
         write_text(s / "trace.safetensors", file.replace(file.find("I64"), 3, "F64"));
       }},
      {"safetensors cut short",
       run_with({"--prompts", "trace.safetensors"}),
       {"trace.safetensors"},
       [](Scene& s) { std::filesystem::resize_file(s / "trace.safetensors", 100); }},
  });
}

}  // namespace
}  // namespace plumb::tests
