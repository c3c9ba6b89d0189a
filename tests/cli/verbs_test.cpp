// What the verbs do when all is well.
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/cli/scene.h"
#include "trace/trace_file.h"

namespace plumb::tests {
namespace {

Outcome expect_done(const std::vector<std::string>& arguments, const Scene& scene) {
  const Outcome outcome = run_plumb(arguments, scene.path());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return outcome;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Verbs, HelpThemselves) {
  const Scene scene;
  EXPECT_TRUE(contains(expect_done({"--version"}, scene).out, "plumbline"));
  EXPECT_TRUE(contains(expect_done({"--help"}, scene).out, "synth"));
  for (const char* verb : {"synth", "inspect", "graph", "run"}) {
    EXPECT_TRUE(contains(expect_done({verb, "--help"}, scene).out, "Example: plumb ")) << verb;
  }
}

TEST(Verbs, InspectTellsEveryTensor) {
  const Scene scene;
  const Outcome outcome = expect_done({"inspect", "ckpt"}, scene);
  EXPECT_TRUE(contains(outcome.out, "llama: 2 layers"));
  EXPECT_TRUE(contains(outcome.out, "model.layers.1.mlp.up_proj.weight BF16 [88,48] used: "));
  const base::Json json =
      base::parse_json(expect_done({"inspect", "ckpt", "--json", "-"}, scene).out, "stdout");
  EXPECT_EQ(json.at("tensors").size(), 21U);
  EXPECT_EQ(json.at("graph").at("layers"), 2);
}

TEST(Verbs, InspectDescribesAConfigWithoutWeights) {
  const Scene scene;
  const Outcome whole = expect_done({"inspect", "ckpt"}, scene);
  std::filesystem::remove(scene / "ckpt/model.safetensors");
  const Outcome outcome = expect_done({"inspect", "ckpt"}, scene);
  EXPECT_EQ(outcome.out.substr(0, outcome.out.find("weights are missing: ckpt")),
            whole.out.substr(0, whole.out.find("tensors:")));
  EXPECT_TRUE(contains(outcome.out, "model.layers.1.mlp.up_proj.weight [88,48] missing\n"));
  const base::Json json =
      base::parse_json(expect_done({"inspect", "ckpt", "--json", "-"}, scene).out, "stdout");
  EXPECT_TRUE(json.at("weights_missing").get<bool>());
  EXPECT_EQ(json.at("tensors").size(), 21U);
  EXPECT_EQ(run_plumb({"check", "ckpt", "--candidate", "cpu-f32"}, scene.path()).exit_code, 2);
}

TEST(Verbs, KeysThatNoModelReadsAreNoted) {
  Scene scene;
  scene.patch_config(R"({"unheard_of": 1})");
  EXPECT_TRUE(contains(expect_done({"inspect", "ckpt"}, scene).out,
                       "without effect in the config: unheard_of\n"));
  EXPECT_TRUE(
      contains(expect_done({"check", "ckpt", "--candidate", "cpu-f32", "--json", "-"}, scene).out,
               "config keys without effect: unheard_of"));
}

TEST(Verbs, SynthTakesAllowKeyToo) {
  const Scene scene;
  write_text(scene / "odd.json", R"({"hidden_size": 48, "num_hidden_layers": 1, "vocab_size": 32,
      "num_attention_heads": 4, "intermediate_size": 32, "clip_qkv": 2.0})");
  const std::vector<std::string> synth = {"synth", "llama", "--config", "odd.json", "-o", "odd"};
  const Outcome refused = run_plumb(synth, scene.path());
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(contains(refused.err, "odd.json: clip_qkv: ")) << refused.err;
  std::vector<std::string> allowing = synth;
  allowing.insert(allowing.end(), {"--allow-key", "clip_qkv"});
  expect_done(allowing, scene);
  expect_done({"check", "odd", "--candidate", "cpu-f32", "--allow-key", "clip_qkv"}, scene);
}

TEST(Verbs, AllowKeyLetsAKeyPassAndSaysSo) {
  Scene scene;
  scene.patch_config(R"({"clip_qkv": 1, "rope_scaling": {"rope_type": "default", "alibi": true}})");
  const Outcome outcome = expect_done(
      {"inspect", "--allow-key", "clip_qkv", "--allow-key", "rope_scaling.alibi", "ckpt"}, scene);
  EXPECT_TRUE(contains(outcome.out, "allowed without being read: clip_qkv\n"));
  EXPECT_TRUE(contains(outcome.out, "allowed without being read: rope_scaling.alibi\n"));
  const Outcome json = expect_done(
      {"inspect", "ckpt", "--json", "-", "--allow-key=clip_qkv", "--allow-key=rope_scaling.alibi"},
      scene);
  EXPECT_EQ(base::parse_json(json.out, "stdout").at("allowed_keys").size(), 2U);
  EXPECT_EQ(run_plumb({"inspect", "ckpt", "--allow-key", "clip_qkv"}, scene.path()).exit_code, 2);
}

TEST(Verbs, GraphNeedsNoWeights) {
  const Scene scene;
  const std::string whole = expect_done({"graph", "ckpt"}, scene).out;
  std::filesystem::remove(scene / "ckpt/model.safetensors");
  const Outcome outcome = run_plumb({"graph", "ckpt"}, scene.path());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, whole);
  EXPECT_EQ(outcome.err, "ckpt: weights are missing; the graph is what its config describes\n");
  EXPECT_TRUE(
      run_plumb({"graph", "ckpt", "--format", "dot"}, scene.path()).out.starts_with("digraph"));
  run_plumb({"graph", "ckpt", "--format", "json", "-o", "graph.json"}, scene.path());
  EXPECT_EQ(base::read_json_file(scene / "graph.json").at("layers"), 2);
}

TEST(Verbs, RunRecordsPromptsFromTokensAndTraces) {
  const Scene scene;
  expect_done({"run", "ckpt", "--engine", "reference", "--tokens", "1,2,3", "-o", "a.h5",
               "--greedy", "4", "--threads", "2"},
              scene);
  expect_done({"run", "ckpt", "--engine", "reference", "--prompts", "trace.h5", "-o", "b.h5",
               "--taps", "coarse"},
              scene);
  expect_done({"run", "ckpt", "--engine", "reference", "--prompts", "trace.safetensors", "-o",
               "c.h5", "--taps", "logits"},
              scene);
  const trace::Tap logits{trace::TapId::kLogits, -1};
  const trace::TraceFile a(scene / "a.h5");
  EXPECT_EQ(a.attribute("model_type"), "llama");
  const auto recording = a.recording(base::DType::kF64, "p0");
  EXPECT_EQ(recording->greedy()->tokens.size(), 4U);
  const std::vector<double> values = recording->read(logits).values;
  for (const char* file : {"b.h5", "c.h5"}) {
    const trace::TraceFile other(scene / file);
    EXPECT_EQ(other.recording(base::DType::kF64, "p0")->read(logits).values, values) << file;
  }
  EXPECT_TRUE(trace::TraceFile(scene / "b.h5").has(base::DType::kF64, "p1"));
}

TEST(Verbs, RunWritesTheSameBytesAtAnyThreadCount) {
  const Scene scene;
  const auto record = [&](const char* threads) {
    expect_done({"run", "ckpt", "--engine", "reference", "--prompts", "trace.h5", "-o", "out.h5",
                 "--greedy", "3", "--threads", threads},
                scene);
    return read_text(scene / "out.h5");
  };
  EXPECT_EQ(record("1"), record("2"));
}

TEST(Verbs, SynthWritesWhatItIsAskedFor) {
  const Scene scene;
  expect_done({"synth", "qwen3", "--set", "num_hidden_layers=3", "--set", "attention_bias=true",
               "--seed", "007", "-o", "one"},
              scene);
  expect_done({"synth", "--seed", "7", "qwen3", "--config", "one/config.json", "-o", "two"}, scene);
  EXPECT_EQ(read_text(scene / "one/model.safetensors"), read_text(scene / "two/model.safetensors"));
  EXPECT_TRUE(contains(expect_done({"inspect", "one"}, scene).out, "qwen3: 3 layers"));
}

TEST(Verbs, RunWritesRunsInPiecesInABatchAndAfterAReset) {
  const Scene scene;
  const Outcome outcome =
      run_plumb({"run", "ckpt", "--engine", "cpu-f32", "--prompts", "trace.h5", "-o", "out.h5",
                 "--split", "2+1", "--batch", "--reset", "--taps", "*.state.*"},
                scene.path());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "plumb: --split covers 3 tokens, p1 has 1: run whole alone\n");
  const trace::TraceFile trace(scene / "out.h5");
  std::set<std::string> runs;
  for (const trace::Prompt& prompt : trace.prompts()) {
    for (const trace::Prompt& run : trace.runs(base::DType::kF32, prompt)) runs.insert(run.name);
  }
  EXPECT_TRUE(runs.contains("p0@batch"));
  EXPECT_TRUE(runs.contains("p1@reset"));
  EXPECT_TRUE(std::any_of(runs.begin(), runs.end(),
                          [](const std::string& run) { return run.ends_with("@2+1"); }));
  EXPECT_TRUE(trace.recording(base::DType::kF32, "p0")->has({trace::TapId::kStateK, 0}));
  expect_done({"check", "ckpt", "--candidate", "trace:out.h5"}, scene);
}

// What an engine declares travels with its trace.
TEST(Verbs, RunRecordsTheContractThatTheEngineDeclares) {
  const Scene scene;
  expect_done({"run", "ckpt", "--engine", "cpu-bf16", "--tokens", "1,2,3", "-o", "out.h5"}, scene);
  expect_done({"check", "ckpt", "--candidate", "trace:out.h5", "--json", "out.json"}, scene);
  const base::Json result = base::read_json_file((scene / "out.json").string());
  EXPECT_EQ(result["candidate"]["dtype"], "bfloat16");
  EXPECT_EQ(result["candidate"]["contract"], "float32-bf16-matmul");
}

// No engine in float32 computes in float64: held to that, it fails, down to a single token.
TEST(Verbs, BisectShrinksAFailureToTheLinesThatRepeatIt) {
  const Scene scene;
  const auto outcome = run_plumb({"bisect", "ckpt", "--candidate", "cpu-f32", "--contract",
                                  "float64", "--shrink", "small.json"},
                                 scene.path());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(contains(outcome.out, "shrink: 1 tokens, small.json")) << outcome.out;
  const base::Json small = base::read_json_file((scene / "small.json").string());
  EXPECT_EQ(small["num_hidden_layers"], 1);
  expect_done({"synth", small["model_type"].get<std::string>(), "--config", "small.json", "--seed",
               "1", "-o", "small"},
              scene);
}

TEST(Verbs, CheckTellsTheStoryAndTheLineThatRepeatsIt) {
  const Scene scene;
  const std::vector<std::string> call = {
      "check",      "ckpt",    "--candidate", "cpu-f32",
      "--contract", "float64", "--taps",      "layer.*.out,logits"};
  const Outcome outcome = run_plumb(call, scene.path());
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "FAILED"));
  EXPECT_TRUE(contains(outcome.out, "cause: ")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "judged by")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out,
                       "repeat: plumb check ckpt --candidate cpu-f32 --contract float64 --taps "
                       "'layer.*.out,logits'\n"))
      << outcome.out;
  expect_done({"check", "ckpt", "--candidate", "cpu-f32"}, scene);
}

// What a gate asked stands in the result, as it was asked.
TEST(Verbs, CheckGivesEachTapTheLimitThatItWasJudgedBy) {
  const Scene scene;
  const base::Json result = base::parse_json(
      expect_done({"check", "ckpt", "--candidate", "cpu-f32", "--json", "-"}, scene).out, "stdout");
  ASSERT_FALSE(result["taps"].empty());
  for (const base::Json& row : result["taps"]) {
    const bool state = row["tap"].get<std::string>().find(".state.") != std::string::npos;
    for (const char* side : {"global", "local"}) {
      if (state && side == std::string_view("local")) continue;  // nothing stands before it
      ASSERT_TRUE(row.contains(side)) << row.dump();
      EXPECT_LE(row[side]["value"].get<double>(), row[side]["limit"].get<double>()) << row.dump();
    }
  }
}

TEST(Verbs, GateJudgesOneCandidateOfOneCase) {
  const Scene scene;
  const std::string out = expect_done({"gate", "llama-gqa", "--candidate", "cpu-bf16"}, scene).out;
  EXPECT_TRUE(contains(out, "1 of 1 passed")) << out;
  EXPECT_TRUE(contains(out, "cpu-bf16"));
  EXPECT_FALSE(contains(out, "cpu-f32"));
  const Outcome unknown = run_plumb({"gate", "--candidate", "cpu-f64"}, scene.path());
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_TRUE(contains(unknown.err, "--candidate")) << unknown.err;
}

TEST(Verbs, SayWhenStandardOutputIsFull) {
  if (!std::filesystem::exists("/dev/full")) return;
  const Scene scene;
  const std::string command = std::string("cd '") + scene.path().string() + "' && '" +
                              plumb_binary() + "' graph ckpt 2>err >/dev/full";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_TRUE(contains(read_text(scene / "err"), "standard output"));
}

}  // namespace
}  // namespace plumb::tests
