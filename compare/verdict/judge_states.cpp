#include "compare/verdict/judge_states.h"

#include <fmt/format.h>

#include <algorithm>

#include "compare/measure/gates.h"
#include "compare/measure/recognise.h"

namespace plumb::verdict {
namespace {

using evidence::Floors;
using evidence::measure_state_floors;
using evidence::state_values;
using evidence::Values;
using measure::Floor;
using measure::GateLimits;
using measure::measure;
using measure::Ratios;
using measure::within;
using reference::Matrix;

Floor last_rows(const Floor& floor, size_t count) {
  Floor part = floor;
  part.loudness = floor.loudness.last_rows(count, floor.columns.size());
  part.rows.assign(floor.rows.end() - static_cast<ptrdiff_t>(count), floor.rows.end());
  return part;
}

StateFinding judge_state(const graph::StateTensor& tensor, const Matrix& value, const Matrix& truth,
                         const Floor& floor, base::DType storage, size_t positions) {
  StateFinding finding{.tap = tensor.tap, .figures = {}, .failure = {}};
  const size_t needed = tensor.needed_rows(positions);
  if (value.shape(0) < needed) {
    finding.failure =
        fmt::format("keeps {} positions where the next call needs {}", value.shape(0), needed);
    return finding;
  }
  // Older rows than the reference keeps lie behind the window.
  const size_t rows = std::min(value.shape(0), truth.shape(0));
  if (rows == 0) return finding;
  const auto last = [&](const Matrix& m) {
    return reference::rows_of(m, m.shape(0) - rows, m.shape(0));
  };
  const Matrix mine = last(value);
  const Matrix right = last(truth);
  const Floor floor_here = last_rows(floor, rows);
  const Ratios ratios = over_floor(mine, right, floor_here);
  finding.figures.metrics = measure(mine, right);
  finding.figures.global.add(ratios.plain, floor_here.rms, mine.size());
  finding.figures.local.add(ratios.plain, floor_here.rms, mine.size());
  const GateLimits limits = global_limits(storage, floor_here);
  finding.figures.global_margin = margin_of(ratios, limits);
  if (!within(ratios, limits)) {
    const auto plain = recognise(mine, right, floor_here);
    finding.failure = (plain ? *plain + "; " : "") + describe_excess(ratios, limits, mine.shape(1));
  }
  return finding;
}

}  // namespace

std::vector<StateFinding> judge_states(const Truth& truth, const PromptSubject& subject,
                                       const Evidence& evidence) {
  std::vector<StateFinding> findings;
  const auto& recorded = subject.recorded->states();
  if (recorded.empty()) return findings;
  const auto& tokens = subject.prompt->tokens;
  const reference::Reference& reference = truth.reference();
  const Values values = state_values(reference, tokens, evidence.given());
  const Floors floors =
      measure_state_floors(reference, tokens, values, evidence.noise(), evidence.given());
  for (const auto& [tap, value] : recorded) {
    findings.push_back(judge_state(*truth.graph().find_state(tap), value, values.at(tap),
                                   floors.at(tap), subject.contract->storage,
                                   reference.positions_before() + tokens.size()));
  }
  return findings;
}

}  // namespace plumb::verdict
