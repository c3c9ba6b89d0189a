// Writes a trace as HDF5, tap by tap, under a temporary name until commit().
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/dtype.h"
#include "trace/recording.h"

namespace plumb::trace {

class TraceWriter {
 public:
  // `attributes` beside "schema": producer, model_type, checkpoint_sha256, setting, ...
  TraceWriter(const std::filesystem::path& path,
              const std::map<std::string, std::string>& attributes);
  ~TraceWriter();

  void add_prompt(const Prompt& prompt);
  // A sink for the taps of one prompt; valid as long as the writer.
  std::unique_ptr<Sink> run(base::DType dtype, const std::string& prompt);
  void add_greedy(base::DType dtype, const std::string& prompt, const Greedy& greedy);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plumb::trace
