// Checkpoints that are damaged, met at the command line.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "tests/cli/scene.h"

namespace plumb::tests {
namespace {

const std::vector<std::string> kInspect = {"inspect", "ckpt"};
const std::vector<std::string> kRun = {"run",      "ckpt", "--engine", "reference",
                                       "--tokens", "1,2",  "-o",       "out.h5"};
constexpr const char* kWeights = "ckpt/model.safetensors";
constexpr const char* kConfig = "ckpt/config.json";
constexpr const char* kIndex = "ckpt/model.safetensors.index.json";
constexpr const char* kQ = "model.layers.1.self_attn.q_proj.weight";

BuiltTensor& find(std::vector<BuiltTensor>& tensors, const std::string& name) {
  return *std::find_if(tensors.begin(), tensors.end(),
                       [&](const BuiltTensor& tensor) { return tensor.name == name; });
}

Mistake config_mistake(const char* name, const char* changes, std::vector<std::string> named) {
  named.emplace_back(kConfig);
  return {name, kInspect, std::move(named), [=](Scene& s) { s.patch_config(changes); }};
}

Mistake config_text(const char* name, const std::string& text,
                    std::vector<std::string> named = {}) {
  named.emplace_back(kConfig);
  return {name, kInspect, std::move(named), [=](Scene& s) { write_text(s / kConfig, text); }};
}

Mistake tensor_mistake(const char* name, const std::function<void(std::vector<BuiltTensor>&)>& edit,
                       std::vector<std::string> named = {kQ}) {
  return {name, kRun, std::move(named), [=](Scene& s) { s.edit_tensors(edit); }};
}

TEST(CheckpointMistakes, InTheConfig) {
  expect_refused({
      config_mistake("unknown model_type", R"({"model_type": "lama"})", {"model_type", "lama"}),
      config_mistake("unknown rope_type", R"({"rope_scaling": {"rope_type": "x", "factor": 2}})",
                     {"rope_scaling.rope_type"}),
      config_mistake("unknown hidden_act", R"({"hidden_act": "sliu"})", {"hidden_act", "sliu"}),
      config_mistake("unknown key", R"({"alibi": true})", {"alibi", "--allow-key"}),
      config_mistake("quantised", R"({"quantization_config": {"bits": 4}})",
                     {"quantization_config"}),
      config_mistake("zero", R"({"hidden_size": 0})", {"hidden_size"}),
      config_mistake("negative", R"({"num_hidden_layers": -1})", {"num_hidden_layers"}),
      config_mistake("huge", R"({"vocab_size": 1000000000000})", {"vocab_size"}),
      config_mistake("huge heads", R"({"num_attention_heads": 65536, "head_dim": 1048576})",
                     {"head_dim"}),
      config_mistake("a text for a number", R"({"hidden_size": "48"})", {"hidden_size"}),
      config_mistake("a list for a number", R"({"vocab_size": [131]})", {"vocab_size"}),
      config_mistake("heads that do not divide", R"({"num_key_value_heads": 3})",
                     {"num_key_value_heads"}),
      config_mistake("a key with escapes", R"({"a\nb\u0000\u001b[31m\u2028": 1})", {"a?b??[31m"}),
      {"a duplicate key",
       kInspect,
       {kConfig, "hidden_size"},
       [](Scene& s) {
         s.replace_in_config("\"hidden_size\"", "\"hidden_size\": 48, \"hidden_size\"");
       }},
      {"a NaN", kInspect, {kConfig}, [](Scene& s) { s.replace_in_config("1e-06", "NaN"); }},
      {"an infinity", kInspect, {kConfig}, [](Scene& s) { s.replace_in_config("1e-06", "1e999"); }},
      config_text("empty", ""),
      config_text("an array", "[]"),
      config_text("a number", "7"),
      config_text("no model_type", "{}", {"model_type"}),
      config_text("cut short", "{\"model_type\": \"llama\", "),
      config_text("two documents", "{} {}"),
      config_text("no UTF-8", "{\"model_type\": \"\xff\xfe\"}"),
      config_text("deep", std::string(100'000, '[')),
      config_text("deep objects",
                  [] {
                    std::string text;
                    for (int i = 0; i < 100'000; ++i) text += "{\"a\":";
                    return text;
                  }()),
      config_text("many values",
                  [] {
                    std::string text = "{\"model_type\": [";
                    for (int i = 0; i < 2'000'000; ++i) text += "{},";
                    return text + "0]}";
                  }()),
      config_text("large", std::string(17 << 20, ' ')),
  });
}

TEST(CheckpointMistakes, InTheFolder) {
  expect_refused({
      {"no folder", {"inspect", "nowhere"}, {"nowhere"}},
      {"a file for a folder", {"inspect", "trace.h5"}, {"trace.h5"}},
      {"a file for a folder, read by its config", {"graph", "trace.h5"}, {"trace.h5"}},
      {"no config", kInspect, {kConfig}, [](Scene& s) { std::filesystem::remove(s / kConfig); }},
      {"no weights",
       {"run", "ckpt", "--engine", "cpu-f32", "-o", "x.h5"},
       {"model.safetensors"},
       [](Scene& s) { std::filesystem::remove(s / kWeights); }},
      {"a folder for the config",
       kInspect,
       {kConfig},
       [](Scene& s) {
         std::filesystem::remove(s / kConfig);
         std::filesystem::create_directory(s / kConfig);
       }},
      {"a pipe for the config",
       kInspect,
       {kConfig},
       [](Scene& s) {
         std::filesystem::remove(s / kConfig);
         ::mkfifo((s / kConfig).c_str(), 0600);
       }},
      {"a pipe for the weights",
       kInspect,
       {kWeights},
       [](Scene& s) {
         std::filesystem::remove(s / kWeights);
         ::mkfifo((s / kWeights).c_str(), 0600);
       }},
      {"a link to nowhere",
       kInspect,
       {"model.safetensors"},
       [](Scene& s) {
         std::filesystem::remove(s / kWeights);
         std::filesystem::create_symlink("nowhere", s / kWeights);
       }},
      {"a name too long", {"inspect", std::string(5000, 'n')}, {"nnn"}},
      {"a name that is no text", {"inspect", "a\nb\xff"}, {"a?b?"}},
  });
}

TEST(CheckpointMistakes, InTheTensors) {
  expect_refused({
      tensor_mistake("missing",
                     [](auto& t) { std::erase_if(t, [](auto& x) { return x.name == kQ; }); }),
      tensor_mistake("extra", [](auto& t) { t.push_back(bf16_tensor("model.extra.weight", {3})); },
                     {"model.extra.weight"}),
      tensor_mistake("misshapen",
                     [](auto& t) {
                       find(t, kQ).shape = {48, 64};
                     },
                     {kQ, "[48, 64]"}),
      tensor_mistake("of rank 1", [](auto& t) { find(t, kQ).shape = {64 * 48}; }),
      tensor_mistake("of integers", [](auto& t) { find(t, kQ).dtype = "I16"; }, {kQ, "I16"}),
      tensor_mistake("NaN", [](auto& t) { find(t, kQ).bytes.replace(100, 2, "\xc0\x7f"); },
                     {kWeights, kQ}),
      tensor_mistake("infinite", [](auto& t) { find(t, kQ).bytes.replace(100, 2, "\x80\xff"); },
                     {kWeights, kQ}),
      tensor_mistake("under another name", [](auto& t) { find(t, kQ).name = "x\ny"; },
                     {kWeights, "x?y"}),
      tensor_mistake("none", [](auto& t) { t.clear(); }, {"model.embed_tokens.weight"}),
  });
}

// What the config claims is looked for before anything is allocated for it.
TEST(CheckpointMistakes, InSizesThatTheWeightsDoNotHave) {
  const auto claim = [](const char* name, const char* changes) {
    return Mistake{name, kRun, {"model."}, [=](Scene& s) { s.patch_config(changes); }};
  };
  expect_refused({
      claim("layers", R"({"num_hidden_layers": 4096})"),
      claim("vocabulary", R"({"vocab_size": 16777216})"),
      claim("width", R"({"hidden_size": 1048576})"),
      claim("everything", R"({"hidden_size": 1048576, "vocab_size": 16777216,
          "intermediate_size": 1048576, "num_hidden_layers": 4096, "head_dim": 16384})"),
      claim("experts", R"({"model_type": "mixtral", "num_local_experts": 4096,
          "num_hidden_layers": 4096})"),
  });
}

TEST(CheckpointMistakes, InTheContainer) {
  const auto bytes = [](const char* name, const std::function<std::string(std::string)>& damage,
                        std::vector<std::string> named = {kWeights}) {
    return Mistake{name, kInspect, std::move(named),
                   [=](Scene& s) { write_text(s / kWeights, damage(read_text(s / kWeights))); }};
  };
  const auto with_length = [](uint64_t length) {
    return [=](std::string file) {
      std::memcpy(file.data(), &length, sizeof(length));
      return file;
    };
  };
  const auto header = [&](const char* name, const std::string& text) {
    return bytes(name, [=](const std::string&) { return safetensors_bytes(text, "12345678"); });
  };
  const auto replaced = [&](const char* name, const std::string& from, const std::string& to) {
    return bytes(name, [=](std::string file) {
      const size_t at = file.find(from);
      return file.replace(at, from.size(), to);
    });
  };
  expect_refused({
      bytes("empty", [](const std::string&) { return ""; }),
      bytes("seven bytes", [](const std::string& f) { return f.substr(0, 7); }),
      bytes("cut in the header", [](const std::string& f) { return f.substr(0, 500); }),
      bytes("cut in the data", [](const std::string& f) { return f.substr(0, f.size() - 1); }),
      bytes("cut in half", [](const std::string& f) { return f.substr(0, f.size() / 2); }),
      bytes("trailing bytes", [](const std::string& f) { return f + "x"; }),
      bytes("header-length bomb", with_length(~uint64_t{0})),
      bytes("header-length bomb of 1 TiB", with_length(uint64_t{1} << 40)),
      bytes("header of no length", with_length(0)),
      bytes("not safetensors", [](const std::string&) { return std::string(4096, 'x'); }),
      bytes("a pickle", [](const std::string&) { return "PK\x03\x04" + std::string(4096, '\0'); }),
      header("no object", "[]"),
      header("not JSON", "{'t': 1}"),
      header("unknown dtype", R"({"t": {"dtype": "F7", "shape": [8], "data_offsets": [0, 8]}})"),
      header(
          "rank 100", R"({"t": {"dtype": "U8", "shape": [8)" +
                          [] {
                            std::string ones;
                            for (int i = 0; i < 99; ++i) ones += ",1";
                            return ones;
                          }() +
                          R"(], "data_offsets": [0, 8]}})"),
      header("metadata of another type", R"({"__metadata__": 7})"),
      header("deep", std::string(100'000, '[')),
      replaced("overlapping", "\"data_offsets\":[12576,", "\"data_offsets\":[12574,"),
      replaced("a duplicate name", "model.layers.0.input_layernorm",
               "model.layers.1.input_layernorm"),
  });
}

TEST(CheckpointMistakes, InTheIndex) {
  const auto index = [](const char* name, const std::function<void(base::Json&)>& edit,
                        std::vector<std::string> named = {kIndex, kQ}) {
    return Mistake{name, kInspect, std::move(named), [=](Scene& s) {
                     base::Json map = s.split_into_shards();
                     edit(map);
                     write_index(s / "ckpt", map);
                   }};
  };
  expect_refused({
      index("missing shard", [](auto& map) { map[kQ] = "gone.safetensors"; },
            {kIndex, "gone.safetensors"}),
      index("parent folder", [](auto& map) { map[kQ] = "../ckpt/b.safetensors"; }),
      index("absolute path", [](auto& map) { map[kQ] = "/etc/passwd"; }),
      index("the folder", [](auto& map) { map[kQ] = "."; }),
      index("a number", [](auto& map) { map[kQ] = 7; }),
      index("the wrong shard", [](auto& map) { map[kQ] = "a.safetensors"; }),
      index("a tensor that is nowhere", [](auto& map) { map["ghost"] = "a.safetensors"; },
            {kIndex, "ghost"}),
      index("a tensor left out", [](auto& map) { map.erase(kQ); }, {"b.safetensors", kQ}),
      {"no weight_map",
       kInspect,
       {kIndex, "weight_map"},
       [=](Scene& s) {
         s.split_into_shards();
         write_text(s / kIndex, "{}");
       }},
      {"a tensor in two shards",
       kInspect,
       {kQ},
       [](Scene& s) {
         s.split_into_shards();
         std::vector<BuiltTensor> tensors = take_apart(s / "ckpt/a.safetensors");
         std::vector<BuiltTensor> others = take_apart(s / "ckpt/b.safetensors");
         tensors.push_back(find(others, kQ));
         write_text(s / "ckpt/a.safetensors", build_safetensors(tensors));
       }},
      {"both forms",
       kInspect,
       {kWeights},
       [](Scene& s) {
         const std::string whole = read_text(s / kWeights);
         s.split_into_shards();
         write_text(s / kWeights, whole);
       }},
      {"a shard that is a folder",
       kInspect,
       {"b.safetensors"},
       [](Scene& s) {
         s.split_into_shards();
         std::filesystem::remove(s / "ckpt/b.safetensors");
         std::filesystem::create_directory(s / "ckpt/b.safetensors");
       }},
  });
}

// A config that nobody can hold in memory, in a checkpoint of a few hundred bytes.
TEST(CheckpointMistakes, AreFoundByEveryVerb) {
  const auto make = [](Scene& s) { s.patch_config(R"({"hidden_size": -1})"); };
  const std::vector<std::string> named = {"config.json", "hidden_size"};
  expect_refused({
      {"inspect", kInspect, named, make},
      {"inspect as JSON", {"inspect", "ckpt", "--json", "-"}, named, make},
      {"inspect into a file", {"inspect", "ckpt", "--json", "out.json"}, named, make},
      {"graph", {"graph", "ckpt"}, named, make},
      {"graph into a file", {"graph", "ckpt", "-o", "out.dot", "--format", "dot"}, named, make},
      {"run", kRun, named, make},
      {"synth", {"synth", "llama", "--config", kConfig, "-o", "new"}, {"hidden_size"}, make},
  });
}

}  // namespace
}  // namespace plumb::tests
