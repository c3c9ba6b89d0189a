#include "tests/cli/scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/errors.h"
#include "base/parallel.h"
#include "fixtures/presets.h"
#include "fixtures/synth.h"
#include "trace/trace_writer.h"

namespace plumb::tests {
namespace {

constexpr double kSeconds = 2.0;
constexpr size_t kBytes = size_t{256} << 20;

void write_trace(const std::filesystem::path& file) {
  trace::TraceWriter writer(file, {{"producer", "a test"}});
  writer.add_prompt({"p0", {1, 2, 3}});
  writer.add_prompt({"p1", {4}});
  const auto sink = writer.run(base::DType::kF32, "p0");
  sink->put({trace::TapId::kLogits, -1},
            {.shape = {3, 131}, .values = std::vector<double>(393, 0.5)});
  writer.commit();
}

// Made once, copied often.
const std::filesystem::path& model_folder() {
  static const base::TemporaryFolder folder;
  static const bool made = [] {
    base::Json config = fixtures::preset_config("llama", "tiny");
    config["num_hidden_layers"] = 2;
    fixtures::synthesize({.config = config, .seed = 1}, folder.path() / "ckpt", base::Threads(1));
    write_trace(folder.path() / "trace.h5");
    std::string tokens(24, '\0');
    tokens[0] = 1;
    tokens[8] = 2;
    tokens[16] = 3;
    write_text(folder.path() / "trace.safetensors",
               safetensors_bytes(R"({"__metadata__": {"schema": "plumbline.trace/1"},
                   "prompts/p0": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]}})",
                                 tokens));
    return true;
  }();
  base::ensure(made, "the model of the scenes is made");
  return folder.path();
}

// Exactly one line of text, that begins with the program's name.
bool is_one_line(const std::string& text) {
  return text.starts_with("plumb: ") && text.ends_with("\n") &&
         base::one_line(text.substr(0, text.size() - 1), text.size()) ==
             text.substr(0, text.size() - 1);
}

}  // namespace

Scene::Scene() {
  std::filesystem::copy(model_folder(), path(), std::filesystem::copy_options::recursive);
}

void Scene::patch_config(const char* changes) {
  base::Json config = base::read_json_file(path() / "ckpt/config.json");
  config.merge_patch(base::Json::parse(changes));
  write_text(path() / "ckpt/config.json", config.dump());
}

void Scene::replace_in_config(const std::string& from, const std::string& to) {
  std::string text = read_text(path() / "ckpt/config.json");
  const size_t at = text.find(from);
  base::ensure(at != std::string::npos, "the text stands in the config");
  write_text(path() / "ckpt/config.json", text.replace(at, from.size(), to));
}

void Scene::edit_tensors(const std::function<void(std::vector<BuiltTensor>&)>& edit) {
  const std::filesystem::path file = path() / "ckpt/model.safetensors";
  std::vector<BuiltTensor> tensors = take_apart(file);
  edit(tensors);
  write_text(file, build_safetensors(tensors));
}

base::Json Scene::split_into_shards() {
  const std::filesystem::path file = path() / "ckpt/model.safetensors";
  const std::vector<BuiltTensor> tensors = take_apart(file);
  const auto middle = tensors.begin() + static_cast<ptrdiff_t>(tensors.size() / 2);
  base::Json map;
  const auto write = [&](const char* shard, const std::vector<BuiltTensor>& part) {
    write_text(path() / "ckpt" / shard, build_safetensors(part));
    for (const BuiltTensor& tensor : part) map[tensor.name] = shard;
  };
  write("a.safetensors", {tensors.begin(), middle});
  write("b.safetensors", {middle, tensors.end()});
  std::filesystem::remove(file);
  write_index(path() / "ckpt", map);
  return map;
}

std::vector<std::string> faults_of(const Mistake& mistake) {
  Scene scene;
  mistake.make(scene);
  const std::vector<std::string> before = list_files(scene.path());
  const Outcome outcome = run_plumb(mistake.arguments, scene.path());
  std::vector<std::string> faults;
  const auto expect = [&](bool holds, const std::string& fault) {
    if (!holds) faults.push_back(fault);
  };
  expect(outcome.exit_code == 2, "exit code " + std::to_string(outcome.exit_code));
  expect(outcome.out.empty(), "standard output: " + outcome.out);
  expect(is_one_line(outcome.err), "not one line: " + outcome.err);
  for (const std::string& name : mistake.named) {
    expect(outcome.err.find(name) != std::string::npos, name + " is not in: " + outcome.err);
  }
  expect(outcome.seconds < kSeconds, std::to_string(outcome.seconds) + " seconds");
  expect(is_sanitized() || outcome.peak_bytes < kBytes,
         std::to_string(outcome.peak_bytes >> 20) + " MiB");
  expect(list_files(scene.path()) == before, "the folder has changed");
  return faults;
}

void expect_refused(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    EXPECT_EQ(faults_of(mistake), std::vector<std::string>{}) << mistake.name;
  }
}

}  // namespace plumb::tests
