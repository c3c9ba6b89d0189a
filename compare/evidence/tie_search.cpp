#include "compare/evidence/tie_search.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace plumb::evidence {
namespace {

using trace::Tap;
using trace::TapId;

// A position this many floors off may have taken the other side of a tie.
constexpr double kUnsettled = 2.0;
// Other choices must leave this share of the squared difference at most: the effect of an expert is
// plain, and no excuse for anything else.
constexpr double kMuch = 0.5;
// The likeliest choices that are followed from layer to layer.
constexpr size_t kBeam = 24;
// Where no tie helps so many positions, it is not ties.
constexpr int kMostFailures = 8;

// The experts of one position, by layer, and how unlikely it is that noise chose them.
struct Path {
  std::map<int, std::vector<double>> ids;
  double surprise = 0.0;
};

class Settler {
 public:
  Settler(const TieSearch& search, Choices choices)
      : s_(search),
        choices_(std::move(choices)),
        by_prefix_(!graph::depends_on_length(search.reference.graph())) {
    update();
  }

  Choices run() {
    int failures = 0;
    for (size_t t = 0; t < s_.value.shape(0) && failures < kMostFailures; ++t) {
      if (is_unsettled(t)) failures += !settle(t);
    }
    return std::move(choices_);
  }

 private:
  void update() {
    now_ = replay(s_.reference, s_.tokens, {s_.tap}, {nullptr, &choices_}).at(s_.tap);
  }

  double squares(std::span<const double> made, size_t t) const {
    double sum = 0.0;
    for (size_t j = 0; j < made.size(); ++j) {
      const double d = s_.value(t, j) - made[j];
      sum += d * d;
    }
    return sum;
  }

  bool is_unsettled(size_t t) const {
    const double mean =
        squares(reference::row(now_, t), t) / static_cast<double>(s_.value.shape(1));
    return !(std::sqrt(mean) <= kUnsettled * s_.floors.at(s_.tap).rows[t]);
  }

  // Position t under each path, the layers that it does not name choosing by themselves: rows of
  // `tap`.
  std::vector<std::vector<double>> follow(const std::vector<Path>& paths, size_t t,
                                          const Tap& tap) const {
    const size_t length = by_prefix_ ? t + 1 : s_.tokens.size();
    std::vector<Choices> tried(paths.size(), choices_);
    for (size_t i = 0; i < paths.size(); ++i) {
      for (auto& [layer, ids] : tried[i]) {
        const auto given = paths[i].ids.find(layer);
        const auto at = reference::row(ids, t);
        if (given == paths[i].ids.end()) {
          at.front() = reference::kFreeChoice;
        } else {
          std::ranges::copy(given->second, at.begin());
        }
      }
    }
    const auto tokens = std::span(s_.tokens).first(length);
    const Matrix made = replay_each(s_.reference, tokens, tap, tried);
    std::vector<std::vector<double>> rows;
    for (size_t i = 0; i < paths.size(); ++i) {
      const auto at = reference::row(made, i * length + t);
      rows.emplace_back(at.begin(), at.end());
    }
    return rows;
  }

  // Every path that ties allow, layer by layer, since a choice decides what later layers see.
  std::vector<Path> find_paths(size_t t) const {
    std::vector<Path> paths(1);
    for (const auto& [layer, ids] : choices_) {
      const Tap scores{TapId::kRouterLogits, layer};
      const double sigma = s_.floors.at(scores).rows[t];
      const auto logits = follow(paths, t, scores);
      std::vector<Path> longer;
      for (size_t i = 0; i < paths.size(); ++i) {
        for (auto& choice : s_.routing.ties(layer, logits[i], sigma)) {
          const double deviations = choice.margin / sigma;
          Path path = paths[i];
          path.ids[layer] = std::move(choice.ids);
          path.surprise += deviations * deviations;
          longer.push_back(std::move(path));
        }
      }
      std::ranges::stable_sort(longer, {}, &Path::surprise);
      if (longer.size() > kBeam) longer.resize(kBeam);
      paths = std::move(longer);
    }
    return paths;
  }

  // Takes the path that brings position t nearest; false where there are several, and none helps.
  bool settle(size_t t) {
    const std::vector<Path> paths = find_paths(t);
    const auto made = follow(paths, t, s_.tap);
    double least = kMuch * squares(reference::row(now_, t), t);
    const Path* best = nullptr;
    for (size_t i = 0; i < paths.size(); ++i) {
      const double left = squares(made[i], t);
      if (!(left < least)) continue;
      least = left;
      best = &paths[i];
    }
    if (best == nullptr) return paths.size() == 1;
    for (const auto& [layer, ids] : best->ids) {
      std::ranges::copy(ids, reference::row(choices_.at(layer), t).begin());
    }
    update();
    return true;
  }

  const TieSearch& s_;
  Choices choices_;
  bool by_prefix_;  // a position is the same without those after it
  Matrix now_;      // the tap under the choices so far
};

}  // namespace

Choices settle_ties(const TieSearch& search, Choices choices) {
  return Settler(search, std::move(choices)).run();
}

}  // namespace plumb::evidence
