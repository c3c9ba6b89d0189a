// One model of a study: clean runs and planted faults, put before the judge and before the gates in
// common use.
#pragma once

#include <string>
#include <vector>

#include "studies/judge/models.h"
#include "studies/judge/report.h"

namespace plumb::studies {

struct ExperimentOptions {
  std::string fault = "*";  // glob over causes
  std::vector<std::string> taps = {"all", "coarse", "logits"};
  std::vector<std::string> dtypes = {"float32", "bfloat16"};
  size_t every = 1;  // plant every n-th fault; 0: none
  size_t offset = 0;
  int clean = 1;
  bool holdout = false;  // diagnose again, with the fault taken out of the library
  bool verbose = false;
};

Report run_experiment(const StudyModel& model, const ExperimentOptions& options);

}  // namespace plumb::studies
