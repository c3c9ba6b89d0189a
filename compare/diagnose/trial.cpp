#include "compare/diagnose/trial.h"

#include <algorithm>
#include <cmath>

#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using evidence::Choices;
using evidence::Given;
using evidence::is_choice;
using evidence::Noise;
using evidence::Recorded;
using evidence::replay;
using graph::Graph;
using graph::ValueId;
using library::FaultClass;
using measure::within;
using trace::Tap;
using trace::TapId;

constexpr int kTwoSampleReplicas = 4;

// Of each position where the value is off by more than its noise.
void add_correlations(const Matrix& value, const Matrix& truth, const Matrix& made,
                      const Floor& floor, std::vector<double>& correlations) {
  constexpr double kNoise = 2.0;
  for (size_t t = 0; t < truth.shape(0); ++t) {
    double dd = 0.0;
    double dh = 0.0;
    double hh = 0.0;
    for (size_t j = 0; j < truth.shape(1); ++j) {
      const double d = value(t, j) - truth(t, j);
      const double h = made(t, j) - truth(t, j);
      dd += d * d;
      dh += d * h;
      hh += h * h;
    }
    const double rms = std::sqrt(dd / static_cast<double>(truth.shape(1)));
    if (rms > kNoise * floor.rows[t])
      correlations.push_back(hh > 0.0 ? dh / std::sqrt(dd * hh) : 0.0);
  }
}

Matrix copy_of(const Matrix& replicas, size_t rows, size_t which) {
  Matrix one = reference::make_matrix(rows, replicas.shape(1));
  const double* from = replicas.data() + which * one.size();
  std::copy(from, from + one.size(), one.data());
  return one;
}

}  // namespace

const Matrix& Scene::truth(const Tap& tap) const {
  return subject.alone() ? evidence.values().at(tap) : evidence.local_values().at(tap);
}

const Floor& Scene::floor(const Tap& tap) const {
  return subject.alone() ? evidence.floors().at(tap) : evidence.local_floors().at(tap);
}

Fit Trial::fit(const std::set<Tap>& taps) const {
  Fit sum;
  for (const auto& [tap, fit] : fits_) {
    if (taps.contains(tap)) sum.add(fit);
  }
  return sum;
}

double Trial::middle_correlation(const std::set<Tap>& taps) const {
  std::vector<double> all;
  for (const auto& [tap, correlations] : correlations_) {
    if (taps.contains(tap)) all.insert(all.end(), correlations.begin(), correlations.end());
  }
  if (all.empty()) return 0.0;
  const auto middle = all.begin() + static_cast<ptrdiff_t>(all.size() / 2);
  std::ranges::nth_element(all, middle);
  return *middle;
}

double Trials::products_of_one() const {
  double tokens = 0.0;
  for (const Scene& scene : scenes_) {
    tokens += static_cast<double>(scene.subject.prompt->tokens.size());
  }
  // A replay runs one layer where the next one's input was recorded.
  const bool whole = scenes_.front().subject.alone() || truth_.graph().num_layers == 0;
  double weights = 0.0;
  for (const auto& weight : truth_.graph().weights) {
    if (whole || weight.id.layer >= 0) weights += static_cast<double>(weight.elements());
  }
  return tokens * (whole ? weights : weights / truth_.graph().num_layers);
}

std::optional<Tap> Trials::reshaped_by(const Fault& fault) const {
  const Mutation mutation = fault.mutate(truth_.graph());
  for (const auto& [id, value] : mutation.values()) {
    if (value.shape == truth_.graph().value(id).shape) continue;
    for (const Tap& tap : value.taps) {
      if (scenes_.front().subject.recorded->has(tap)) return tap;
    }
  }
  return std::nullopt;
}

// Forward from the ops, up to the first recorded taps.
std::vector<Tap> Trials::touched_by(const Mutation& mutation) const {
  const Graph& graph = mutation.graph();
  const Recorded& recorded = *scenes_.front().subject.recorded;
  std::vector<bool> reached(graph.values.size(), false);
  std::set<Tap> touched;
  const std::vector<size_t> ops = mutation.changed_ops();
  for (size_t i = ops.empty() ? graph.ops.size() : ops.front(); i < graph.ops.size(); ++i) {
    const graph::Op& op = graph.ops[i];
    const bool reads = std::any_of(op.inputs.begin(), op.inputs.end(),
                                   [&](ValueId id) { return reached[static_cast<size_t>(id)]; });
    if (!reads && !std::binary_search(ops.begin(), ops.end(), i)) continue;
    for (const ValueId id : op.outputs) {
      bool stops = false;
      const auto wrong = mutation.deviations().find(i);
      const bool turned = wrong != mutation.deviations().end() && wrong->second.turned.has_value();
      for (const Tap& tap : graph.value(id).taps) {
        if (!recorded.has(tap)) continue;
        // What is rotated although nothing should be has both names: before, and after.
        if (turned && (tap.id == TapId::kQ || tap.id == TapId::kK)) continue;
        stops = true;
        if (!is_choice(tap)) touched.insert(tap);
      }
      reached[static_cast<size_t>(id)] = !stops;
    }
  }
  return {touched.begin(), touched.end()};
}

Values Trials::values(const Scene& scene, const Mutant& mutant, const Mutation& mutation,
                      const std::vector<Tap>& taps, int replicas) const {
  // A mistake chooses its own experts, unless the candidate's choice was recorded after it.
  Choices choices;
  for (const auto& [tap, ids] : scene.subject.recorded->values()) {
    const auto producer = mutation.graph().value(*mutation.graph().find(tap)).producer;
    if (is_choice(tap) && !mutation.ops().contains(static_cast<size_t>(producer))) {
      choices[tap.layer] = ids;
    }
  }
  const Given given{.recorded = scene.subject.alone() ? nullptr : scene.subject.recorded,
                    .choices = &choices,
                    .deviations = &mutant.deviations(),
                    .pieces = scene.evidence.given().pieces,
                    .readout = &scene.subject.recorded->readout()};
  const auto& tokens = scene.subject.prompt->tokens;
  // Weights of experts come in the order of their ids.
  std::vector<Tap> wanted = taps;
  for (const Tap& tap : taps) {
    if (tap.id == TapId::kRouterWeights) wanted.push_back({TapId::kRouterIds, tap.layer});
  }
  if (replicas == 0) return replay(mutant.reference(), tokens, wanted, given);
  Noise noise = scene.evidence.noise();
  noise.replicas = replicas;
  return emulate(mutant.reference(), tokens, wanted, noise, given);
}

Trial Trials::run(const Fault& fault) const {
  const Mutation mutation = fault.mutate(truth_.graph());
  Trial trial(fault, touched_by(mutation));
  const Mutant mutant(truth_.reference(), mutation);
  const int replicas = fault.row->severity == FaultClass::kRounding ? 1 : 0;
  for (const Scene& scene : scenes_) {
    const Values made = values(scene, mutant, mutation, trial.touched_, replicas);
    for (const Tap& tap : trial.touched_) {
      const Matrix& value = scene.subject.recorded->at(tap);
      const Matrix& truth = scene.truth(tap);
      trial.fits_[tap].add(value, truth, made.at(tap), scene.floor(tap));
      add_correlations(value, truth, made.at(tap), scene.floor(tap), trial.correlations_[tap]);
      if (scene.subject.alone()) sample(scene, made.at(tap), trial.effect_);
    }
  }
  return trial;
}

void Trials::sample(const Scene& scene, const Matrix& value, std::vector<float>& kept) const {
  constexpr size_t kMost = 1 << 12;
  const Tap tap = scene.subject.recorded->values().begin()->first;
  size_t all = 0;
  for (const Scene& other : scenes_) all += other.truth(tap).size();
  const size_t stride = all / kMost + 1;
  const Matrix& truth = scene.truth(tap);
  for (size_t i = 0; i < truth.size(); i += stride) {
    const double unit = 1.0 / scene.floor(tap).rows[i / truth.shape(1)];
    kept.push_back(static_cast<float>((value.data()[i] - truth.data()[i]) * unit));
  }
}

std::vector<float> Trials::difference() const {
  std::vector<float> kept;
  for (const Scene& scene : scenes_) {
    sample(scene, scene.subject.recorded->values().begin()->second, kept);
  }
  return kept;
}

void Trials::visit(const Fault& fault,
                   base::FunctionRef<bool(const Scene&, const Tap&, const Matrix&)> look) const {
  const Mutation mutation = fault.mutate(truth_.graph());
  const Mutant mutant(truth_.reference(), mutation);
  const std::vector<Tap> touched = touched_by(mutation);
  for (const Scene& scene : scenes_) {
    // Most mistakes show at the first tap: what lies before the others is not run until then.
    auto next = touched.begin();
    for (ptrdiff_t count = 1; next != touched.end(); count *= 2) {
      const auto end = next + std::min(count, touched.end() - next);
      const Values made = values(scene, mutant, mutation, {next, end}, 0);
      for (; next != end; ++next) {
        if (!look(scene, *next, made.at(*next))) return;
      }
    }
  }
}

std::map<Tap, Bits> Trials::count_bits(const Fault& fault) const {
  const Mutation mutation = fault.mutate(truth_.graph());
  const Mutant mutant(truth_.reference(), mutation);
  const std::vector<Tap> touched = touched_by(mutation);
  std::map<Tap, Bits> bits;
  for (const Scene& scene : scenes_) {
    const Values made = values(scene, mutant, mutation, touched, 1);
    for (const Tap& tap : touched) bits[tap].add(scene.subject.recorded->at(tap), made.at(tap));
  }
  return bits;
}

TwoSample Trials::compare(const Fault& fault, const std::set<Tap>& taps) const {
  const Mutation mutation = fault.mutate(truth_.graph());
  const Mutant mutant(truth_.reference(), mutation);
  std::vector<Tap> wanted;
  for (const Tap& tap : touched_by(mutation)) {
    if (taps.contains(tap)) wanted.push_back(tap);
  }
  Fit theirs;  // candidate against replicas
  Fit ours;    // replica against replica
  for (const Scene& scene : scenes_) {
    const Values made = values(scene, mutant, mutation, wanted, kTwoSampleReplicas);
    for (const Tap& tap : wanted) {
      const Matrix& value = scene.subject.recorded->at(tap);
      const Matrix& truth = scene.truth(tap);
      for (size_t i = 0; i < kTwoSampleReplicas; ++i) {
        const Matrix one = copy_of(made.at(tap), truth.shape(0), i);
        const Matrix next = copy_of(made.at(tap), truth.shape(0), (i + 1) % kTwoSampleReplicas);
        theirs.add(value, truth, one, scene.floor(tap));
        ours.add(next, truth, one, scene.floor(tap));
      }
    }
  }
  // Replicas of a narrow rounding may be alike to the bit: a tenth of a floor counts as nothing.
  constexpr double kNothing = 0.01;
  const auto squares = [](const Fit& fit) { return fit.residual + kNothing * fit.count; };
  return {std::sqrt(squares(theirs) / squares(ours)), theirs.correlation(), ours.correlation()};
}

Fit Trials::contrast(const Fault& a, const Fault& b, const std::set<Tap>& taps) const {
  const Mutation one = a.mutate(truth_.graph());
  const Mutation other = b.mutate(truth_.graph());
  const Mutant first(truth_.reference(), one);
  const Mutant second(truth_.reference(), other);
  std::vector<Tap> wanted;
  for (const Tap& tap : touched_by(one)) {
    if (taps.contains(tap)) wanted.push_back(tap);
  }
  Fit fit;
  for (const Scene& scene : scenes_) {
    const Values x = values(scene, first, one, wanted, 0);
    const Values y = values(scene, second, other, wanted, 0);
    for (const Tap& tap : wanted) {
      fit.add(scene.subject.recorded->at(tap), x.at(tap), y.at(tap), scene.floor(tap));
    }
  }
  return fit;
}

std::optional<Tap> Trials::telling_tap(const Fault& a, const Fault& b) const {
  constexpr double kDiffers = 1e-6;  // of the values themselves
  const Scene& scene = scenes_.front();
  std::vector<Tap> taps;
  for (const Tap& tap : truth_.graph().taps()) {
    if (!scene.subject.recorded->has(tap) && !is_choice(tap)) taps.push_back(tap);
  }
  const Mutation one = a.mutate(truth_.graph());
  const Mutation other = b.mutate(truth_.graph());
  const Mutant first(truth_.reference(), one);
  const Mutant second(truth_.reference(), other);
  const Values x = values(scene, first, one, taps, 0);
  const Values y = values(scene, second, other, taps, 0);
  for (const Tap& tap : taps) {
    const auto left = x.find(tap);
    const auto right = y.find(tap);
    if (left == x.end() || right == y.end()) continue;
    if (left->second.shape() != right->second.shape()) return tap;
    double difference = 0.0;
    double size = 0.0;
    for (size_t i = 0; i < left->second.size(); ++i) {
      const double d = left->second.data()[i] - right->second.data()[i];
      difference += d * d;
      size += right->second.data()[i] * right->second.data()[i];
    }
    if (!within(difference, kDiffers * kDiffers * size)) return tap;
  }
  return std::nullopt;
}

}  // namespace plumb::diagnose
