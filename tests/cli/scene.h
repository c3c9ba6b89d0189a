// A folder with a small valid checkpoint, traces and the like, for one thing in it to go wrong.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace plumb::tests {

// What stands in it: ckpt/ (config.json, model.safetensors), trace.h5 (prompts p0 and p1 and some
// taps) and trace.safetensors (the same prompts).
class Scene {
 public:
  Scene();

  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path operator/(const std::string& name) const { return path() / name; }

  // Rewrites the config with `changes` merged in (RFC 7396: null takes a key out).
  void patch_config(const char* changes);
  // Rewrites the config's text with `from` replaced.
  void replace_in_config(const std::string& from, const std::string& to);
  void edit_tensors(const std::function<void(std::vector<BuiltTensor>&)>& edit);
  // Moves the tensors into two shards, and gives their names by shard.
  base::Json split_into_shards();

 private:
  base::TemporaryFolder folder_;
};

// One mistake, and the call that meets it.
struct Mistake {
  std::string name;
  std::vector<std::string> arguments;
  std::vector<std::string> named;  // what the one line must name
  std::function<void(Scene&)> make = [](Scene&) {};
};

// Makes the mistake in a fresh scene, calls plumb, and tells what of this does not hold: it ends
// with 2 and one line that names what is asked for, within two seconds and 256 MiB, and leaves the
// folder as it was.
std::vector<std::string> faults_of(const Mistake& mistake);

// Each without a fault.
void expect_refused(const std::vector<Mistake>& mistakes);

}  // namespace plumb::tests
