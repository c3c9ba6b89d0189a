// Writes a trace, tap by tap, under a temporary name until commit(): as safetensors where the name
// ends so, else as HDF5.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/dtype.h"
#include "trace/logprobs.h"

namespace plumb::trace {

class TraceOutput;

class TraceWriter {
 public:
  // `attributes` beside "schema": producer, model_type, checkpoint_sha256, setting, ...
  TraceWriter(const std::filesystem::path& path,
              const std::map<std::string, std::string>& attributes);
  ~TraceWriter();

  void add_prompt(const Prompt& prompt);
  // A sink for the taps of one prompt; valid as long as the writer.
  std::unique_ptr<Sink> run(base::DType dtype, const std::string& prompt);
  void add_logprobs(base::DType dtype, const std::string& prompt, const Logprobs& logprobs);
  void add_greedy(base::DType dtype, const std::string& prompt, const Greedy& greedy);
  void commit();

 private:
  std::unique_ptr<TraceOutput> output_;
};

}  // namespace plumb::trace
