#include "cli/recorder.h"

#include "trace/pieces.h"

namespace plumb::cli {

void Recorder::whole(const trace::Prompt& prompt, int greedy_steps) {
  const auto session = engine_.open();
  const auto sink = sink_of(prompt.name);
  trace::LastLogits logits(sink.get());
  trace::run(engine_, *session, prompt.tokens, filter_, logits);
  session->record_state(filter_, *sink);
  if (greedy_steps == 0) return;
  writer_.add_greedy(
      engine_.producer().dtype, prompt.name,
      trace::continue_greedily(engine_, *session, logits, prompt.tokens, greedy_steps));
}

void Recorder::in_pieces(const trace::Prompt& prompt, const Pieces& pieces) {
  const auto session = engine_.open();
  const auto sink = sink_of(prompt.name, pieces.text);
  trace::run_in_pieces(engine_, *session, prompt.tokens, pieces.sizes, filter_, *sink);
  session->record_state(filter_, *sink);
}

void Recorder::batch(const std::vector<trace::Prompt>& prompts) {
  std::vector<std::unique_ptr<trace::Session>> sessions;
  std::vector<std::unique_ptr<trace::Sink>> sinks;
  std::vector<trace::Call> calls;
  for (const trace::Prompt& prompt : prompts) {
    sessions.push_back(engine_.open());
    sinks.push_back(sink_of(prompt.name, std::string(trace::kBatch)));
    calls.push_back({sessions.back().get(), prompt.tokens, sinks.back().get()});
  }
  engine_.run(calls, filter_);
  for (size_t i = 0; i < calls.size(); ++i) sessions[i]->record_state(filter_, *sinks[i]);
}

void Recorder::after_reset(const std::vector<trace::Prompt>& prompts) {
  const auto session = engine_.open();
  trace::LastLogits unused;
  trace::run(engine_, *session, prompts.back().tokens, trace::TapFilter("logits"), unused);
  for (const trace::Prompt& prompt : prompts) {
    session->reset();
    const auto sink = sink_of(prompt.name, std::string(trace::kReset));
    trace::run(engine_, *session, prompt.tokens, filter_, *sink);
    session->record_state(filter_, *sink);
  }
}

std::unique_ptr<trace::Sink> Recorder::sink_of(const std::string& prompt, const std::string& run) {
  return writer_.run(engine_.producer().dtype, trace::run_name(prompt, run));
}

}  // namespace plumb::cli
