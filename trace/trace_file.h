// A trace: one recording of a forward by anyone, in HDF5 or safetensors ("plumbline.trace/1").
//
//   attributes              schema, producer, model_type?, checkpoint_sha256?, others
//   prompts/<p>             int64 [T]
//   <dtype>/<p>/<tap>       the tap, position first
//   <dtype>/<p>/greedy, <dtype>/<p>/greedy_margin
//   <dtype>/<p>@<sizes>|batch|reset/<tap>   the same prompt in pieces, in a batch, after a reset
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "trace/container.h"
#include "trace/recording.h"

namespace plumb::trace {

inline constexpr std::string_view kTraceSchema = "plumbline.trace/1";

class TraceFile {
 public:
  // Chooses the reader by the name's ending (".safetensors", else HDF5), checks the schema and
  // lists what is there. Throws InputError.
  explicit TraceFile(const std::filesystem::path& path);

  std::string path() const { return container_->path().string(); }
  // One line of text; empty when the attribute is absent.
  std::string attribute(const std::string& name) const;
  const std::vector<Prompt>& prompts() const { return prompts_; }
  std::vector<base::DType> dtypes() const;
  // The runs of a prompt in a dtype otherwise than at once, in the order of their names.
  std::vector<Prompt> runs(base::DType dtype, const Prompt& prompt) const;
  // Datasets that are no part of the schema, and runs ("<dtype>/<p>/*") of no prompt, by name.
  const std::vector<std::string>& ignored() const { return ignored_; }

  bool has(base::DType dtype, const std::string& prompt) const;
  std::unique_ptr<Recording> recording(base::DType dtype, const std::string& prompt) const;

 private:
  // What the file holds of one prompt in one dtype.
  struct Contents {
    std::vector<Tap> taps;
    bool greedy = false;
    bool greedy_margin = false;
    bool logprobs = false;
    bool logprob_ids = false;
  };
  class FileRecording;

  void index(const std::string& name);
  void read_prompt(const std::string& name);
  const Prompt* prompt_of(const std::string& run) const;
  Prompt read_run(const Prompt& prompt, const std::string& name) const;

  std::unique_ptr<Container> container_;
  std::vector<Prompt> prompts_;
  std::map<base::DType, std::map<std::string, Contents>> runs_;
  std::vector<std::string> ignored_;
};

// A trace's recordings in one dtype, as a candidate or an oracle.
class FileSource : public Source {
 public:
  // Throws InputError when the file does not hold `dtype`; with none given, when it holds several.
  FileSource(std::shared_ptr<const TraceFile> file, std::optional<base::DType> dtype);

  const TraceFile& file() const { return *file_; }
  const Producer& producer() const override { return producer_; }
  std::vector<Prompt> prompts() const override { return file_->prompts(); }
  std::vector<Prompt> runs(const Prompt& prompt) const override {
    return file_->runs(producer_.dtype, prompt);
  }
  std::unique_ptr<Recording> record(const Prompt& prompt, const TapFilter& filter,
                                    int greedy_steps) override;

 private:
  std::shared_ptr<const TraceFile> file_;
  Producer producer_;
};

}  // namespace plumb::trace
