// The tokens of one prompt: the best of each position and those of a continuation, beside what the
// truth has and how far the precision's noise may turn it.
#pragma once

#include "compare/evidence/evidence.h"
#include "compare/evidence/truth.h"
#include "compare/verdict/prompt_findings.h"

namespace plumb::verdict {

// Counts tokens, ties and flips in `findings`, with the odds of a flip and the divergence of the
// distributions; the first flip of all is a failure.
void judge_tokens(evidence::Truth& truth, const evidence::PromptSubject& subject,
                  const evidence::Evidence& evidence, PromptFindings& findings);

}  // namespace plumb::verdict
