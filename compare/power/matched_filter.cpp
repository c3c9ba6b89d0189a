#include "compare/power/matched_filter.h"

#include <algorithm>
#include <cmath>

#include "compare/measure/gates.h"
#include "compare/power/power.h"

namespace plumb::power {
namespace {

using evidence::kLogits;
using evidence::Noise;
using library::applicable_faults;
using library::FaultClass;
using measure::Floor;
using measure::kDoubtfulMatch;
using measure::within;

constexpr int kDithered = 24;
constexpr int kConfirming = 128;
constexpr size_t kConfirmed = 16;  // mistakes

// What the candidate and each replica have of a mistake's effect, in units of the noise.
struct Overlap {
  double candidate = 0.0;
  double effect = 0.0;  // of the effect itself
  std::vector<double> noise;
};

void add(const Scene& scene, const Matrix& made, const Matrix& noise, Overlap& overlap) {
  const Matrix& truth = scene.truth(kLogits);
  const Floor& floor = scene.floor(kLogits);
  const Matrix& value = scene.subject.recorded->at(kLogits);
  const size_t columns = truth.shape(1);
  for (size_t t = 0; t < truth.shape(0); ++t) {
    const double unit = floor.rows[t] > 0.0 ? 1.0 / floor.rows[t] : 0.0;
    for (size_t j = 0; j < columns; ++j) {
      const double effect = (made(t, j) - truth(t, j)) * unit;
      overlap.effect += effect * effect;
      overlap.candidate += effect * (value(t, j) - truth(t, j)) * unit;
      for (size_t k = 0; k < overlap.noise.size(); ++k) {
        overlap.noise[k] += effect * noise(k * truth.shape(0) + t, j);
      }
    }
  }
}

}  // namespace

bool MatchedFilter::is_affordable(Truth& truth, const std::vector<Scene>& scenes) {
  constexpr size_t kMost = size_t{1} << 25;  // numbers, of the confirming replicas
  size_t numbers = 0;
  for (const Scene& scene : scenes) numbers += scene.truth(kLogits).size() * kConfirming;
  return numbers <= kMost && can_afford_power(truth, scenes);
}

MatchedFilter::MatchedFilter(Truth& truth, const std::vector<Scene>& scenes, int replicas)
    : trials_(truth, scenes), replicas_(replicas) {
  for (const Scene& scene : scenes) {
    Noise noise = scene.evidence.noise();
    noise.replicas = replicas;
    noise.mode = reference::RoundingMode::kDithered;
    Matrix all = std::move(emulate(truth.reference(), scene.subject.prompt->tokens, {kLogits},
                                   noise, scene.evidence.given())
                               .at(kLogits));
    const Matrix& right = scene.truth(kLogits);
    for (size_t t = 0; t < all.shape(0); ++t) {
      const size_t row = t % right.shape(0);
      const double floor = scene.floor(kLogits).rows[row];
      for (size_t j = 0; j < all.shape(1); ++j) {
        all(t, j) = floor > 0.0 ? (all(t, j) - right(row, j)) / floor : 0.0;
      }
    }
    noise_.push_back(std::move(all));
  }
}

std::vector<Match> MatchedFilter::match(const std::vector<Fault>& faults) const {
  std::vector<Match> matches;
  for (const Fault& fault : faults) {
    Overlap overlap{.noise = std::vector<double>(static_cast<size_t>(replicas_), 0.0)};
    size_t scene_index = 0;
    trials_.visit(fault, [&](const Scene& scene, const trace::Tap&, const Matrix& made) {
      add(scene, made, noise_[scene_index++], overlap);
      return true;
    });
    double squares = 0.0;
    for (const double v : overlap.noise) squares += v * v;
    const double sigma = std::sqrt(squares / static_cast<double>(replicas_)) / overlap.effect;
    if (!(sigma > 0.0) || !std::isfinite(sigma)) continue;
    matches.push_back({fault, overlap.candidate / overlap.effect, sigma});
  }
  std::ranges::stable_sort(matches, std::greater{}, &Match::deviations);
  return matches;
}

std::vector<Match> match_all(Truth& truth, const std::vector<Scene>& scenes,
                             const std::vector<std::string>& unknown_causes) {
  std::vector<Fault> faults = applicable_faults(truth.graph(), unknown_causes);
  std::erase_if(faults, [&](const Fault& fault) {
    return fault.row->severity == FaultClass::kRounding &&
           fault.mutate(truth.graph()).weights().empty();
  });
  std::vector<Match> matches = MatchedFilter(truth, scenes, kDithered).match(faults);
  if (matches.empty() || within(matches.front().deviations(), kDoubtfulMatch)) return matches;
  faults.clear();
  for (size_t i = 0; i < std::min(kConfirmed, matches.size()); ++i) {
    faults.push_back(matches[i].fault);
  }
  return MatchedFilter(truth, scenes, kConfirming).match(faults);
}

}  // namespace plumb::power
