// What a server gave, as a source of recordings.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "candidates/server/dialect.h"
#include "trace/logprobs.h"

namespace plumb::candidates {

class ServerRecordings : public trace::Source {
 public:
  explicit ServerRecordings(trace::Producer producer) : producer_(std::move(producer)) {}

  // `rows`: of each position, empty where it was not given. Numbers above 0 are raw logits: they
  // are taken as such where every token of the vocabulary has one. Throws InputError naming `where`
  // where some have none.
  void add(const trace::Prompt& prompt, const std::vector<Row>& rows, size_t vocab_size,
           const std::string& where);
  void add_greedy(const std::string& prompt, std::vector<int64_t> tokens);

  const trace::Producer& producer() const override { return producer_; }
  std::vector<trace::Prompt> prompts() const override { return prompts_; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt, const trace::TapFilter&,
                                           int) override;

 private:
  trace::Producer producer_;
  std::vector<trace::Prompt> prompts_;
  std::map<std::string, trace::MemoryLogprobs> recordings_;
};

}  // namespace plumb::candidates
