#include "compare/diagnose/contract_search.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "compare/measure/gates.h"

namespace plumb::diagnose {
namespace {

using evidence::Given;
using evidence::is_choice;
using evidence::Noise;
using graph::Contract;
using measure::kContractSampleLimit;
using measure::kDirectionSlack;
using measure::kLeastContractSize;
using measure::kLeastDirection;
using measure::kNextBest;
using measure::kTwoSampleLikeness;
using measure::measure_floor;
using measure::within;
using trace::Tap;

constexpr int kContractReplicas = 4;
constexpr int kFewReplicas = 2;         // of a large model: as few as agree or not
constexpr double kMostProducts = 3e11;  // in float64, of all contracts

// A contract that makes so many floors of the candidate's own at a tap is not kept there by one
// that makes nothing of the kind.
constexpr double kClearly = 3.0;

// Sums over the scenes, at one tap, in floors of the contract that is tried.
struct TapFit {
  Fit theirs;  // candidate against emulations
  Fit ours;    // emulation against emulation
  Fit own;     // emulations in floors of the candidate's contract

  void add(const TapFit& other) {
    theirs.add(other.theirs);
    ours.add(other.ours);
    own.add(other.own);
  }

  TwoSample sample() const {
    // Emulations of a narrow rounding may be alike to the bit: a tenth of a floor counts as
    // nothing.
    constexpr double kNothing = 0.01;
    const auto squares = [](const Fit& fit) { return fit.residual + kNothing * fit.count; };
    return {std::sqrt(squares(theirs) / squares(ours)), theirs.correlation(), ours.correlation()};
  }
  double size() const { return theirs.null_rms() / ours.effect_rms(); }
};

bool has_direction(const TwoSample& sample) {
  return within(kLeastDirection, sample.coherence);
}

bool is_aligned(const TwoSample& sample) {
  const double slack = std::min(kTwoSampleLikeness, kDirectionSlack * sample.coherence);
  return within(sample.coherence - slack, sample.likeness);
}

// The contract would show here, and the candidate does not.
bool refutes(const TapFit& fit) {
  return within(kClearly, fit.own.effect_rms()) && !within(kLeastContractSize, fit.size());
}

bool explains(const TapFit& fit) {
  const TwoSample sample = fit.sample();
  return within(kLeastContractSize, fit.size()) && within(sample.ratio, kContractSampleLimit) &&
         (!has_direction(sample) || is_aligned(sample));
}

class ContractSearch {
 public:
  ContractSearch(Truth& truth, const std::vector<Scene>& scenes, const std::set<Tap>& failing,
                 const Tap& first, const Fault* beside)
      : truth_(truth),
        scenes_(scenes),
        failing_(failing),
        first_(first),
        mutation_(beside != nullptr ? beside->mutate(truth.graph()) : Mutation(truth.graph())),
        mutant_(truth.reference(), mutation_) {
    for (const auto& [tap, value] : scenes.front().subject.recorded->values()) {
      if (!is_choice(tap)) taps_.push_back(tap);
    }
    if (beside == nullptr) return;
    for (const Scene& scene : scenes) {
      exact_.push_back(
          replay(mutant_.reference(), scene.subject.prompt->tokens, taps_, given(scene)));
    }
  }

  std::vector<ContractFit> run() {
    std::vector<ContractFit> found;
    for (const Contract* contract : contracts_to_try()) {
      if (auto fit = try_contract(*contract)) found.push_back(std::move(*fit));
    }
    if (found.empty()) return found;
    const auto closeness = [](const ContractFit& fit) {
      return std::pair(fit.unexplained, fit.sample.ratio);
    };
    const auto [left, ratio] = closeness(*std::ranges::min_element(found, {}, closeness));
    // Among those that come equally near, the one that makes least.
    const auto rest = std::ranges::stable_partition(found, [&](const ContractFit& fit) {
      return fit.unexplained == left && within(fit.sample.ratio, kNextBest * ratio);
    });
    std::ranges::stable_sort(rest, {}, closeness);
    return found;
  }

 private:
  // The least noise first; those that would round as another does are left out.
  std::vector<const Contract*> contracts_to_try() const {
    std::vector<const Contract*> known = {scenes_.front().subject.contract};
    for (const Contract* contract : graph::contracts_by_strictness()) {
      const bool is_new = std::ranges::none_of(known, [&](const Contract* other) {
        return std::ranges::all_of(scenes_, [&](const Scene& scene) {
          return round_alike(truth_.reference(), scene.subject.prompt->tokens.size(), *contract,
                             *other);
        });
      });
      if (is_new) known.push_back(contract);
    }
    known.erase(known.begin());
    const double each = Trials(truth_, scenes_).products_of_one() * replicas();
    const auto most = static_cast<size_t>(std::ceil(kMostProducts / each));
    if (known.size() > most) known.resize(most);
    return known;
  }

  int replicas() const {
    const double all = Trials(truth_, scenes_).products_of_one() * kContractReplicas *
                       static_cast<double>(graph::contracts().size());
    return within(all, kMostProducts) ? kContractReplicas : kFewReplicas;
  }

  // One emulation tells whether the size is out of question.
  bool may_explain(const Contract& contract) const {
    constexpr double kTimes = 4.0;
    const std::map<Tap, TapFit> fits = measure(contract, 1);
    return std::ranges::any_of(failing_, [&](const Tap& tap) {
      const auto fit = fits.find(tap);
      return fit != fits.end() && within(fit->second.size(), kTimes) &&
             within(1.0, kTimes * fit->second.size());
    });
  }

  std::optional<ContractFit> try_contract(const Contract& contract) const {
    if (!may_explain(contract)) return std::nullopt;
    const std::map<Tap, TapFit> fits = measure(contract, replicas());
    ContractFit result{.contract = &contract};
    TapFit sum;
    for (const auto& [tap, fit] : fits) {
      if (refutes(fit)) return std::nullopt;
      if (!failing_.contains(tap)) continue;
      if (!explains(fit)) {
        ++result.unexplained;
        continue;
      }
      sum.add(fit);
      result.taps.insert(tap);
    }
    result.at_first = result.taps.contains(first_);
    if (result.taps.empty()) return std::nullopt;
    if (!result.at_first && result.taps.size() <= result.unexplained) return std::nullopt;
    result.size = sum.size();
    result.sample = sum.sample();
    result.explained = 1.0 - sum.theirs.residual / sum.theirs.null;
    return result;
  }

  Given given(const Scene& scene) const {
    Given given = scene.evidence.given();
    if (!scene.subject.alone()) given.recorded = scene.subject.recorded;
    given.deviations = &mutant_.deviations();
    return given;
  }

  std::map<Tap, TapFit> measure(const Contract& contract, int replicas) const {
    std::map<Tap, TapFit> fits;
    for (size_t i = 0; i < scenes_.size(); ++i) {
      const Scene& scene = scenes_[i];
      Noise noise = scene.evidence.noise();
      noise.contract = &contract;
      noise.replicas = replicas;
      const Values made =
          emulate(mutant_.reference(), scene.subject.prompt->tokens, taps_, noise, given(scene));
      for (const Tap& tap : taps_) {
        const Matrix& truth = exact_.empty() ? scene.truth(tap) : exact_[i].at(tap);
        add(scene, tap, truth, made.at(tap), contract, fits[tap]);
      }
    }
    return fits;
  }

  static void add(const Scene& scene, const Tap& tap, const Matrix& truth, const Matrix& made,
                  const Contract& contract, TapFit& fit) {
    const Matrix& value = scene.subject.recorded->at(tap);
    const Floor floor = measure_floor(made, truth, base::unit_roundoff(contract.storage));
    const size_t rows = truth.shape(0);
    const size_t copies = made.shape(0) / rows;
    std::vector<Matrix> replicas;
    for (size_t k = 0; k < copies; ++k) {
      replicas.push_back(reference::rows_of(made, k * rows, (k + 1) * rows));
    }
    for (size_t k = 0; k < copies; ++k) {
      fit.theirs.add(value, truth, replicas[k], floor);
      fit.ours.add(replicas[(k + 1) % copies], truth, replicas[k], floor);
      fit.own.add(truth, truth, replicas[k], scene.floor(tap));
    }
  }

  Truth& truth_;
  const std::vector<Scene>& scenes_;
  const std::set<Tap>& failing_;
  Tap first_;
  std::vector<Tap> taps_;
  Mutation mutation_;
  Mutant mutant_;
  std::vector<Values> exact_;  // of each scene, where there is a mistake besides
};

}  // namespace

bool ContractFit::is_directed() const {
  return has_direction(sample) && is_aligned(sample);
}

bool round_alike(const reference::Reference& reference, size_t queries, const Contract& a,
                 const Contract& b) {
  return std::ranges::all_of(reference.graph().ops, [&](const graph::Op& op) {
    graph::Circumstances circumstances{.queries = queries, .weights = {}};
    if (!op.weights.empty()) {
      circumstances.weights =
          reference.weights().at(op.weights.front()).storage(0, 1).front().storage;
    }
    const auto steps = std::visit(
        [](const auto& kind) { return std::size(std::decay_t<decltype(kind)>::kSteps); }, op.kind);
    for (size_t step = 0; step < steps; ++step) {
      const auto at = static_cast<int>(step);
      if (graph::rounding(a, op.kind, at, circumstances) !=
          graph::rounding(b, op.kind, at, circumstances)) {
        return false;
      }
    }
    return true;
  });
}

std::vector<ContractFit> find_contracts(Truth& truth, const std::vector<Scene>& scenes,
                                        const std::set<Tap>& failing, const Tap& first,
                                        const Fault* beside) {
  return ContractSearch(truth, scenes, failing, first, beside).run();
}

}  // namespace plumb::diagnose
