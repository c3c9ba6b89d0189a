// What was recorded of one prompt of a candidate, and what it is judged on.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "compare/diagnose/trial.h"
#include "compare/evidence/evidence.h"
#include "compare/verdict/prompt_judge.h"

namespace plumb::verdict {

using diagnose::Scene;
using evidence::Recorded;

struct Judged {
  trace::Prompt prompt;
  std::shared_ptr<const Recorded> recorded;  // shared by the contracts that it is judged under
  PromptSubject subject;
  std::unique_ptr<Evidence> evidence;
};

// Measures floors on `replicas` emulations, fewer of a large model.
void establish(Truth& truth, Judged& judged, int replicas);

// A failure stands only when floors measured on more replicas confirm it, and one by little only
// when many do.
PromptFindings judge_surely(Truth& truth, Judged& judged);

// Of prompts with a value that is not finite, what comes before it: a forward of the first
// positions by themselves.
std::deque<Judged> finite_parts(Truth& truth, const std::deque<Judged>& prompts);

// The prompts that hold the same taps as the first, without NaN.
std::vector<Scene> make_scenes(const std::deque<Judged>& prompts);

}  // namespace plumb::verdict
