#include "compare/evidence/tie_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "compare/evidence/stepper.h"

namespace plumb::evidence {
namespace {

using trace::Tap;
using trace::TapId;

// A position this many floors off may have taken the other side of a tie.
constexpr double kUnsettled = 2.0;
// Other choices must leave this share of the squared difference at most: the effect of an expert is
// plain, and no excuse for anything else.
constexpr double kMuch = 0.5;
// Choices that are followed from layer to layer: half of them the likeliest, half those that bring
// the position nearest.
constexpr size_t kMostPaths = 24;
// Of those beyond, how many of the likeliest are looked at for the second half.
constexpr size_t kMostLooked = 64;
// Where no tie helps so many positions, it is not ties.
constexpr int kMostFailures = 8;

// The experts of one position, and how unlikely it is that noise chose them.
struct Path {
  Experts experts;
  double surprise = 0.0;
};

std::vector<Experts> experts_of(std::span<const Path> paths) {
  std::vector<Experts> all;
  for (const Path& path : paths) all.push_back(path.experts);
  return all;
}

class Settler {
 public:
  Settler(const TieSearch& search, Choices choices)
      : s_(search), choices_(std::move(choices)), stepper_(search.reference, search.tokens) {}

  Choices run() {
    update();
    int failures = 0;
    for (size_t row = 0; row < s_.value.shape(0) && failures < kMostFailures; ++row) {
      if (is_unsettled(row)) failures += !settle(row);
    }
    return std::move(choices_);
  }

 private:
  void update() {
    const Given given{.choices = &choices_, .readout = &s_.readout};
    now_ = replay(s_.reference, s_.tokens, {s_.tap}, given).at(s_.tap);
  }

  double squares(std::span<const double> made, size_t row) const {
    double sum = 0.0;
    for (size_t j = 0; j < made.size(); ++j) {
      const double d = s_.value(row, j) - made[j];
      sum += d * d;
    }
    return sum;
  }

  bool is_unsettled(size_t row) const {
    const double mean =
        squares(reference::row(now_, row), row) / static_cast<double>(s_.value.shape(1));
    return !(std::sqrt(mean) <= kUnsettled * s_.floors.at(s_.tap).rows[row]);
  }

  // Of the candidate's rows.
  size_t position(size_t row) const { return s_.tap == kLogits ? s_.readout.position(row) : row; }

  Experts chosen(size_t t) const {
    Experts experts;
    for (const auto& [layer, ids] : choices_) {
      const auto row = reference::row(ids, t);
      experts[layer] = {row.begin(), row.end()};
    }
    return experts;
  }

  void go_to(size_t t) {
    std::vector<Experts> choices;
    for (size_t i = stepper_.position(); i < t; ++i) choices.push_back(chosen(i));
    stepper_.go(choices);
  }

  // What each path leaves between the candidate and the exact forward at position t.
  std::vector<double> squares_of(std::span<const Path> paths, size_t t) const {
    std::vector<double> all;
    const std::vector<Experts> experts = experts_of(paths);
    const size_t row = s_.tap == kLogits ? *s_.readout.row_of(t) : t;
    for (auto& made : stepper_.look(s_.tap, experts)) {
      if (s_.tap == kLogits) made = s_.readout.row(std::move(made), row);
      all.push_back(squares(made, row));
    }
    return all;
  }

  // Each path with each choice of `layer` that ties allow.
  std::vector<Path> extend(const std::vector<Path>& paths, int layer, size_t t) const {
    const Tap scores{TapId::kRouterLogits, layer};
    const double sigma = s_.floors.at(scores).rows[t];
    const std::vector<Experts> experts = experts_of(paths);
    const auto logits = stepper_.look(scores, experts);
    std::vector<Path> longer;
    for (size_t i = 0; i < paths.size(); ++i) {
      for (auto& choice : s_.routing.ties(layer, logits[i], sigma)) {
        const double deviations = choice.margin / sigma;
        Path path = paths[i];
        path.experts[layer] = std::move(choice.ids);
        path.surprise += deviations * deviations;
        longer.push_back(std::move(path));
      }
    }
    return longer;
  }

  // Where several layers tie, the likeliest choices are too many: what the candidate gave tells
  // which of the others to follow.
  std::vector<Path> trim(std::vector<Path> paths, size_t t) const {
    std::ranges::stable_sort(paths, {}, &Path::surprise);
    if (paths.size() <= kMostPaths) return paths;
    constexpr size_t kHalf = kMostPaths / 2;
    const auto others =
        std::span(paths).subspan(kHalf, std::min(kMostLooked, paths.size() - kHalf));
    const std::vector<double> left = squares_of(others, t);
    std::vector<size_t> order(others.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, {}, [&](size_t i) { return left[i]; });
    std::vector<Path> kept(paths.begin(), paths.begin() + kHalf);
    for (size_t i = 0; i < kHalf; ++i) kept.push_back(others[order[i]]);
    return kept;
  }

  // Every path that ties allow, layer by layer, since a choice decides what later layers see.
  std::vector<Path> find_paths(size_t t) const {
    std::vector<Path> paths(1);
    for (const auto& [layer, ids] : choices_) paths = trim(extend(paths, layer, t), t);
    return paths;
  }

  // Takes the path that brings a row nearest; false where there are several, and none helps.
  bool settle(size_t row) {
    const size_t t = position(row);
    go_to(t);
    const std::vector<Path> paths = find_paths(t);
    const std::vector<double> left = squares_of(paths, t);
    const auto best = std::ranges::min_element(left);
    if (!(*best < kMuch * squares(reference::row(now_, row), row))) return paths.size() == 1;
    for (const auto& [layer, ids] : paths[static_cast<size_t>(best - left.begin())].experts) {
      std::ranges::copy(ids, reference::row(choices_.at(layer), t).begin());
    }
    update();
    return true;
  }

  const TieSearch& s_;
  Choices choices_;
  Matrix now_;       // the tap under the choices so far
  Stepper stepper_;  // stands at the position that is being settled
};

}  // namespace

Choices settle_ties(const TieSearch& search, Choices choices) {
  return Settler(search, std::move(choices)).run();
}

}  // namespace plumb::evidence
