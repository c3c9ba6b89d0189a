#include "trace/trace_writer.h"

#include "trace/container.h"
#include "trace/trace_file.h"
#include "trace/trace_output.h"

namespace plumb::trace {
namespace {

std::string group(base::DType dtype, const std::string& prompt) {
  return std::string(base::torch_name(dtype)) + "/" + prompt + "/";
}

class TapWriter : public Sink {
 public:
  TapWriter(TraceOutput& output, std::string prefix, bool doubles)
      : output_(output), prefix_(std::move(prefix)), doubles_(doubles) {}

  void put(const Tap& tap, Tensor tensor) override {
    output_.reals(prefix_ + tap.name(), tensor.shape, tensor.values, doubles_);
  }

 private:
  TraceOutput& output_;
  std::string prefix_;
  bool doubles_;
};

}  // namespace

std::unique_ptr<TraceOutput> open_output(const std::filesystem::path& path) {
  return path.extension() == kSafetensorsEnding ? open_safetensors_output(path)
                                                : open_hdf5_output(path);
}

TraceWriter::TraceWriter(const std::filesystem::path& path,
                         const std::map<std::string, std::string>& attributes)
    : output_(open_output(path)) {
  output_->attribute("schema", std::string(kTraceSchema));
  for (const auto& [name, text] : attributes) output_->attribute(name, text);
}

TraceWriter::~TraceWriter() = default;

void TraceWriter::add_prompt(const Prompt& prompt) {
  output_->integers("prompts/" + prompt.name, {prompt.tokens.size()}, prompt.tokens);
}

std::unique_ptr<Sink> TraceWriter::run(base::DType dtype, const std::string& prompt) {
  return std::make_unique<TapWriter>(*output_, group(dtype, prompt), dtype == base::DType::kF64);
}

void TraceWriter::add_logprobs(base::DType dtype, const std::string& prompt,
                               const Logprobs& logprobs) {
  const std::string prefix = group(dtype, prompt);
  const std::vector<int64_t> ids(logprobs.ids->values.begin(), logprobs.ids->values.end());
  output_->integers(prefix + kLogprobIds, logprobs.ids->shape, ids);
  output_->reals(prefix + kLogprobs, logprobs.values->shape, logprobs.values->values,
                 dtype == base::DType::kF64);
}

void TraceWriter::add_greedy(base::DType dtype, const std::string& prompt, const Greedy& greedy) {
  const std::string prefix = group(dtype, prompt);
  const std::vector<size_t> shape = {greedy.tokens.size()};
  output_->integers(prefix + "greedy", shape, greedy.tokens);
  output_->reals(prefix + "greedy_margin", shape, greedy.margins, true);
}

void TraceWriter::commit() {
  output_->commit();
}

}  // namespace plumb::trace
