// The state matrix: an engine runs a prompt in every way that has to give what running it at once
// gives, and each way is held to the float64 truth.
#pragma once

#include <vector>

#include "compare/evidence/evidence.h"
#include "compare/verdict/prompt_judge.h"
#include "result/result.h"
#include "trace/engine.h"

namespace plumb::verdict {

using result::StateCell;

// One prompt as the engine ran it at once, and what that was judged on.
struct MatrixPrompt {
  const PromptSubject& subject;
  const Evidence& evidence;
};

struct MatrixFindings {
  std::vector<StateCell> cells;
  // Of runs that fail; a cell names the first of its own.
  std::vector<PromptFindings> failures;
};

// `prompts` are those that `judged` holds, in its order.
MatrixFindings judge_state_matrix(Truth& truth, trace::Engine& engine,
                                  const std::vector<trace::Prompt>& prompts,
                                  const std::vector<MatrixPrompt>& judged);

// The reference's own cells: the largest relative difference of logits to those of the prompt at
// once. Infinite where mates in a batch change a bit.
double measure_reference_matrix(const reference::Reference& reference,
                                const std::vector<trace::Prompt>& prompts);

}  // namespace plumb::verdict
