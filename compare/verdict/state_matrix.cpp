#include "compare/verdict/state_matrix.h"

#include <algorithm>
#include <limits>

#include "compare/measure/gates.h"
#include "compare/verdict/state_cells.h"
#include "reference/engine.h"

namespace plumb::verdict {
namespace {

using evidence::kLogits;
using evidence::Recorded;
using evidence::replay;
using measure::Floor;
using measure::kConfirmingReplicas;
using measure::measure;
using measure::Ratios;
using measure::within;
using reference::Matrix;
using result::Verdict;
using trace::Prompt;

// Takes the logits of a run and nothing else.
class LogitsSink : public trace::Sink {
 public:
  void put(const trace::Tap& tap, trace::Tensor tensor) override {
    if (tap != kLogits) return;
    logits = reference::make_matrix(tensor.rows(), tensor.width());
    std::copy(tensor.values.begin(), tensor.values.end(), logits.data());
  }
  Matrix logits;
};

Matrix logits_at_once(const Prompt& prompt, trace::Engine& engine) {
  LogitsSink sink;
  trace::run(engine, *engine.open(), prompt.tokens, trace::TapFilter("logits"), sink);
  return std::move(sink.logits);
}

Matrix logits_of(const CellRun& run, trace::Engine& engine) {
  LogitsSink sink;
  run.play(engine, trace::TapFilter("logits"), sink);
  return std::move(sink.logits);
}

class MatrixJudge {
 public:
  MatrixJudge(Truth& truth, trace::Engine& engine, MatrixFindings& findings)
      : truth_(truth), engine_(engine), findings_(findings) {}

  void judge(const MatrixPrompt& prompt, const std::vector<Cell>& cells) {
    for (const Cell& cell : cells) judge(prompt, cell);
  }

 private:
  void judge(const MatrixPrompt& prompt, const Cell& cell) {
    StateCell found{.prompt = prompt.subject.prompt->name,
                    .run = cell.name,
                    .verdict = Verdict::kPassed,
                    .floor_ratio = 0.0};
    for (const CellRun& run : cell.runs) {
      const Matrix logits = logits_of(run, engine_);
      const Matrix truth = truth_of(prompt, run);
      const Floor& floor = prompt.evidence.floors().at(kLogits);
      const Ratios ratios = over_floor(logits, truth, floor);
      if (!(ratios.plain <= found.floor_ratio)) found.floor_ratio = ratios.plain;
      if (within(ratios, logit_limits(prompt.subject.contract->storage, floor))) continue;
      if (look_closer(prompt, run, found)) break;
    }
    findings_.cells.push_back(std::move(found));
  }

  Matrix truth_of(const MatrixPrompt& prompt, const CellRun& run) const {
    const auto& pieces = run.prompt.pieces;
    if (pieces.size() < 2 || !engine_.depends_on_length()) {
      return prompt.evidence.values().at(kLogits);
    }
    return replay(truth_.reference(), run.prompt.tokens, {kLogits}, {.pieces = &pieces})
        .at(kLogits);
  }

  // The run again, with all that can be recorded of it, and with choices of its own. True when it
  // fails for sure.
  bool look_closer(const MatrixPrompt& prompt, const CellRun& run, StateCell& cell) {
    trace::MemoryRecording recording;
    run.play(engine_, trace::TapFilter::all(), recording);
    const Recorded recorded(truth_.graph(), recording, run.prompt.tokens.size(), run.prompt.name);
    const PromptSubject subject{&run.prompt, &recorded, std::nullopt, prompt.subject.contract};
    const Evidence evidence(truth_, subject, kConfirmingReplicas, true);
    PromptFindings findings = judge_prompt(truth_, subject, evidence);
    if (findings.failures.empty()) return false;
    cell.verdict = Verdict::kFailed;
    if (findings.first_divergence) {
      cell.call = findings.first_divergence->call;
      cell.position = findings.first_divergence->position;
      cell.slots = findings.first_divergence->slots;
    }
    findings_.failures.push_back(std::move(findings));
    return true;
  }

  Truth& truth_;
  trace::Engine& engine_;
  MatrixFindings& findings_;
};

}  // namespace

MatrixFindings judge_state_matrix(Truth& truth, trace::Engine& engine,
                                  const std::vector<Prompt>& prompts,
                                  const std::vector<MatrixPrompt>& judged) {
  MatrixFindings findings;
  MatrixJudge judge(truth, engine, findings);
  for (size_t i = 0; i < prompts.size(); ++i) judge.judge(judged[i], state_cells(prompts, i));
  return findings;
}

double measure_reference_matrix(const reference::Reference& reference,
                                const std::vector<Prompt>& prompts) {
  reference::ReferenceEngine engine(reference);
  double worst = 0.0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Matrix whole = logits_at_once(prompts[i], engine);
    for (const Cell& cell : state_cells(prompts, i)) {
      for (const CellRun& run : cell.runs) {
        const bool in_pieces = run.prompt.pieces.size() > 1;
        if (in_pieces && engine.depends_on_length()) continue;  // another computation
        const Matrix logits = logits_of(run, engine);
        const bool mates_only = run.prompt.run == trace::kBatch && !in_pieces;
        if (mates_only && logits != whole) return std::numeric_limits<double>::infinity();
        worst = std::max(worst, measure(logits, whole).max_rel);
      }
    }
  }
  return worst;
}

}  // namespace plumb::verdict
