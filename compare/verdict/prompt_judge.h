// Judges what a candidate recorded of one prompt: every tap by itself and against the whole
// forward, the logits' tokens, the greedy continuation.
#pragma once

#include "compare/evidence/evidence.h"
#include "compare/evidence/truth.h"
#include "compare/verdict/prompt_findings.h"

namespace plumb::verdict {

using evidence::Evidence;
using evidence::PromptSubject;
using evidence::Truth;
PromptFindings judge_prompt(Truth& truth, const PromptSubject& subject, const Evidence& evidence);

}  // namespace plumb::verdict
