#include "compare/evidence/truth.h"

#include <algorithm>

#include "base/errors.h"
#include "compare/measure/gates.h"
#include "reference/pieces.h"

namespace plumb::evidence {
namespace {

using measure::noise_of_rows;
using reference::Reference;
using reference::Request;
using trace::Tap;
using trace::TapId;
using Tokens = std::vector<int64_t>;

Matrix repeat(const Matrix& value, size_t times) {
  Matrix stacked = reference::make_matrix(value.shape(0) * times, value.shape(1));
  for (size_t k = 0; k < times; ++k) {
    std::copy(value.data(), value.data() + value.size(), stacked.data() + k * value.size());
  }
  return stacked;
}

// Experts in the order in which Recorded gives them.
void order_experts(Matrix& ids, Matrix& weights) {
  for (size_t t = 0; t < ids.shape(0); ++t) {
    for (size_t i = 1; i < ids.shape(1); ++i) {
      for (size_t j = i; j > 0 && ids(t, j) < ids(t, j - 1); --j) {
        std::swap(ids(t, j), ids(t, j - 1));
        std::swap(weights(t, j), weights(t, j - 1));
      }
    }
  }
}

Request make_request(std::span<const int64_t> tokens, size_t copies, const std::vector<Tap>& taps,
                     const Given& given) {
  Request request;
  request.sequences.assign(copies, reference::Sequence{tokens});
  request.replicas = copies > 1;
  request.wants = [&taps](const Tap& tap) {
    return std::find(taps.begin(), taps.end(), tap) != taps.end();
  };
  if (given.recorded != nullptr) {
    request.forces = [recorded = given.recorded](const Tap& tap) { return recorded->has(tap); };
    request.forced = [recorded = given.recorded, copies](const Tap& tap) {
      return std::optional(repeat(recorded->usable(tap), copies));
    };
  }
  request.deviations = given.deviations;
  if (given.choices != nullptr) {
    request.choices = [choices = given.choices](int layer) {
      const auto found = choices->find(layer);
      return found == choices->end() ? nullptr : &found->second;
    };
  }
  return request;
}

Request make_emulation(std::span<const int64_t> tokens, const std::vector<Tap>& taps,
                       const Noise& noise, const Given& given) {
  Request request = make_request(tokens, static_cast<size_t>(noise.replicas), taps, given);
  request.emulation = reference::Emulation{noise.contract, noise.seed, noise.mode};
  return request;
}

// Hands out the taps of a run as they come; the weights of experts in the order of their ids, which
// come first.
template <class Take>
void run(const Reference& reference, Request request, const Given& given, Take&& take,
         const reference::Between& between = nullptr) {
  Matrix ids;
  request.take = [&](const Tap& tap, const Matrix& value) {
    if (tap.id == TapId::kRouterIds) {
      ids = value;
      Matrix mine = value;
      Matrix unused = value;
      order_experts(mine, unused);
      take(tap, mine);
    } else if (tap.id == TapId::kRouterWeights && ids.shape() == value.shape()) {
      Matrix mine = value;
      order_experts(ids, mine);
      ids = Matrix();
      take(tap, mine);
    } else {
      take(tap, value);
    }
  };
  if (given.pieces == nullptr) return reference.run(request);
  std::vector<reference::State> states;
  reference::run_in_pieces(reference, request, *given.pieces, states, between,
                           given.rebuilt_beyond);
}

// tokens + continuation without its last token, after which nothing is decided.
Tokens join(const Tokens& tokens, const Tokens& continuation) {
  Tokens all = tokens;
  if (!continuation.empty()) {
    all.insert(all.end(), continuation.begin(), continuation.end() - 1);
  }
  return all;
}

// The logits of the last positions: `steps` of each copy, from one run where prefixes of a run are
// runs of the prefix, else from one run a step.
Matrix decide(const Reference& reference, const Tokens& tokens, const Tokens& continuation,
              const Noise* noise) {
  const Tokens all = join(tokens, continuation);
  const size_t steps = continuation.size();
  const size_t copies = noise != nullptr ? static_cast<size_t>(noise->replicas) : 1;
  Matrix result =
      reference::make_matrix(steps * copies, static_cast<size_t>(reference.graph().vocab_size));
  // Runs the first `length` tokens and keeps the last `rows` of each copy from step `first` on.
  const auto keep = [&](size_t length, size_t rows, size_t first) {
    const auto part = std::span(all).first(length);
    const std::vector<Tap> taps = {kLogits};
    run(reference,
        noise != nullptr ? make_emulation(part, taps, *noise, {}) : make_request(part, 1, taps, {}),
        {}, [&](const Tap&, const Matrix& logits) {
          for (size_t k = 0; k < copies; ++k) {
            const Matrix last =
                reference::rows_of(logits, (k + 1) * length - rows, (k + 1) * length);
            std::copy(last.data(), last.data() + last.size(), &result(k * steps + first, 0));
          }
        });
  };
  if (!graph::depends_on_length(reference.graph())) {
    keep(all.size(), steps, 0);
  } else {
    for (size_t i = 0; i < steps; ++i) keep(tokens.size() + i, 1, i);
  }
  return result;
}

}  // namespace

const Values& Truth::values(const Tokens& tokens, const std::vector<Tap>& taps,
                            const Tokens& continuation) {
  Values& known = values_[tokens];
  std::vector<Tap> missing;
  for (const Tap& tap : taps) {
    if (!known.contains(tap)) missing.push_back(tap);
  }
  if (missing.empty()) return known;
  const bool both = !continuation.empty() && !graph::depends_on_length(graph());
  const Tokens all = both ? join(tokens, continuation) : tokens;
  run(reference_, make_request(all, 1, missing, {}), {}, [&](const Tap& tap, const Matrix& value) {
    if (both && tap == kLogits) {
      continuations_[{tokens, continuation}] =
          reference::rows_of(value, tokens.size() - 1, value.shape(0));
    }
    known[tap] = both ? reference::rows_of(value, 0, tokens.size()) : value;
  });
  return known;
}

const Matrix& Truth::continuation(const Tokens& tokens, const Tokens& continuation) {
  const auto found = continuations_.find({tokens, continuation});
  if (found != continuations_.end()) return found->second;
  return continuations_[{tokens, continuation}] = decide(reference_, tokens, continuation, nullptr);
}

Values replay(const Reference& reference, std::span<const int64_t> tokens,
              const std::vector<Tap>& taps, const Given& given) {
  Values values;
  run(reference, make_request(tokens, 1, taps, given), given,
      [&](const Tap& tap, const Matrix& value) { values[tap] = value; });
  return values;
}

Values replay_in_pieces(const Reference& reference, std::span<const int64_t> tokens,
                        const std::vector<Tap>& taps, const Given& given,
                        const std::vector<size_t>& pieces, const reference::Between& between) {
  Given in_pieces = given;
  in_pieces.pieces = &pieces;
  Values values;
  run(
      reference, make_request(tokens, 1, taps, given), in_pieces,
      [&](const Tap& tap, const Matrix& value) { values[tap] = value; }, between);
  return values;
}

Values emulate(const Reference& reference, std::span<const int64_t> tokens,
               const std::vector<Tap>& taps, const Noise& noise, const Given& given) {
  Values values;
  run(reference, make_emulation(tokens, taps, noise, given), given,
      [&](const Tap& tap, const Matrix& value) { values[tap] = value; });
  return values;
}

namespace {

// What failures in 16 bits are confirmed with besides.
std::optional<Noise> dithered_noise(const Noise& noise) {
  const bool in_16_bits =
      graph::coarsest_roundoff(*noise.contract) > base::unit_roundoff(base::DType::kF32);
  if (!noise.confirms || !in_16_bits) return std::nullopt;
  Noise other = noise;
  other.mode = reference::RoundingMode::kDithered;
  return other;
}

// Rounding up or down by chance has twice the variance of rounding to nearest.
std::vector<double> independent_noise(const Matrix& dithered, const Matrix& truth) {
  constexpr double kHalf = 0.5;
  std::vector<double> noise = noise_of_rows(dithered, truth);
  for (double& square : noise) square *= kHalf;
  return noise;
}

}  // namespace

Floors measure_floors(const Reference& reference, std::span<const int64_t> tokens,
                      const std::vector<Tap>& taps, const Values& truth, const Noise& noise,
                      const Given& given, Look look) {
  std::map<Tap, std::vector<double>> dithered;
  if (const auto other = dithered_noise(noise)) {
    run(reference, make_emulation(tokens, taps, *other, given), given,
        [&](const Tap& tap, const Matrix& replicas) {
          dithered[tap] = independent_noise(replicas, truth.at(tap));
        });
  }
  Floors floors;
  const double u = base::unit_roundoff(noise.contract->storage);
  run(reference, make_emulation(tokens, taps, noise, given), given,
      [&](const Tap& tap, const Matrix& replicas) {
        floors[tap] = measure_floor(replicas, truth.at(tap), u, dithered[tap], noise.confirms);
        look(tap, replicas);
      });
  return floors;
}

Floors measure_floors(const Reference& reference, std::span<const int64_t> tokens,
                      const std::vector<Tap>& taps, const Values& truth, const Noise& noise,
                      const Given& given) {
  return measure_floors(reference, tokens, taps, truth, noise, given,
                        [](const Tap&, const Matrix&) {});
}

namespace {

const std::vector<Tap> kNoTaps;

// The state tensors of all copies after `request`, one copy under another.
Values run_for_state(const Reference& reference, Request request, const Given& given) {
  request.wants = [](const Tap&) { return false; };
  std::vector<reference::State> states;
  const std::vector<size_t> whole = {request.sequences.front().rows()};
  reference::run_in_pieces(reference, request, given.pieces != nullptr ? *given.pieces : whole,
                           states, nullptr, given.rebuilt_beyond);
  Values values;
  for (const graph::Slot& slot : reference.graph().slots) {
    for (const graph::StateTensor& tensor : slot.tensors) {
      std::vector<Matrix> copies;
      for (const reference::State& state : states) {
        copies.push_back(reference::state_rows(tensor, state.at(reference.graph(), tensor.tap)));
      }
      Matrix& all = values[tensor.tap];
      const size_t rows = copies.front().shape(0);
      all = reference::make_matrix(rows * copies.size(), copies.front().shape(1));
      for (size_t k = 0; k < copies.size(); ++k) {
        std::copy(copies[k].begin(), copies[k].end(), all.data() + k * copies[k].size());
      }
    }
  }
  return values;
}

}  // namespace

Values state_values(const Reference& reference, std::span<const int64_t> tokens,
                    const Given& given) {
  return run_for_state(reference, make_request(tokens, 1, kNoTaps, given), given);
}

Floors measure_state_floors(const Reference& reference, std::span<const int64_t> tokens,
                            const Values& truth, const Noise& noise, const Given& given) {
  std::map<Tap, std::vector<double>> dithered;
  if (const auto other = dithered_noise(noise)) {
    for (const auto& [tap, replicas] :
         run_for_state(reference, make_emulation(tokens, kNoTaps, *other, given), given)) {
      dithered[tap] = independent_noise(replicas, truth.at(tap));
    }
  }
  Floors floors;
  const double u = base::unit_roundoff(noise.contract->storage);
  for (const auto& [tap, replicas] :
       run_for_state(reference, make_emulation(tokens, kNoTaps, noise, given), given)) {
    floors[tap] = measure_floor(replicas, truth.at(tap), u, dithered[tap], noise.confirms);
  }
  return floors;
}

Floor measure_floor(const Reference& reference, const Tokens& tokens, const Tokens& continuation,
                    const Matrix& truth, const Noise& noise) {
  return measure_floor(emulate_continuation(reference, tokens, continuation, noise), truth,
                       base::unit_roundoff(noise.contract->storage));
}

Matrix emulate_continuation(const Reference& reference, const Tokens& tokens,
                            const Tokens& continuation, const Noise& noise) {
  return decide(reference, tokens, continuation, &noise);
}

}  // namespace plumb::evidence
