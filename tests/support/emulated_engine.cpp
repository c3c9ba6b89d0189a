#include "tests/support/emulated_engine.h"

namespace plumb::tests {

EmulatedEngine::EmulatedEngine(const reference::Reference& reference,
                               const EmulatedEngineOptions& options)
    : reference_(reference),
      options_(options),
      producer_{"emulated " + std::string(options.contract->name), options.contract->storage} {}

std::unique_ptr<trace::Recording> EmulatedEngine::record(const trace::Prompt& prompt,
                                                         const trace::TapFilter&, int) {
  auto recording = std::make_unique<trace::MemoryRecording>();
  const trace::TapFilter filter(options_.taps);
  reference::Request request;
  request.sequences = {reference::Sequence{prompt.tokens}};
  request.emulation = reference::Emulation{options_.contract, options_.seed, options_.mode};
  request.wants = [&](const trace::Tap& tap) { return filter.matches(tap); };
  request.deviations = options_.deviations;
  request.take = [&](const trace::Tap& tap, const reference::Matrix& value) {
    recording->put(tap, reference::to_tensor(reference_.graph(), tap, value));
  };
  reference_.run(request);
  if (options_.lists_logprobs) return with_logprobs(*recording, options_.logprobs);
  return recording;
}

}  // namespace plumb::tests
