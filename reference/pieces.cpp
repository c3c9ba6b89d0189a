#include "reference/pieces.h"

#include <map>

#include "base/errors.h"

namespace plumb::reference {
namespace {

using trace::Tap;

// Rows [first, first + rows) of each of `copies` sequences that stand one under another in `all`.
Matrix slice(const Matrix& all, size_t copies, size_t first, size_t rows) {
  const size_t length = all.shape(0) / copies;
  Matrix part = make_matrix(copies * rows, all.shape(1));
  double* to = part.data();
  for (size_t k = 0; k < copies; ++k) {
    const double* from = all.data() + (k * length + first) * all.shape(1);
    to = std::copy(from, from + rows * all.shape(1), to);
  }
  return part;
}

void put(const Matrix& part, size_t copies, size_t first, Matrix& all) {
  const size_t length = all.shape(0) / copies;
  const size_t size = part.size() / copies;
  for (size_t k = 0; k < copies; ++k) {
    std::copy(part.data() + k * size, part.data() + (k + 1) * size,
              all.data() + (k * length + first) * all.shape(1));
  }
}

class PiecewiseRun {
 public:
  PiecewiseRun(const Reference& reference, const Request& whole, std::vector<State>& states)
      : reference_(reference),
        whole_(whole),
        states_(states),
        copies_(whole.sequences.size()),
        length_(whole.sequences.front().rows()) {
    states_.assign(copies_, State(reference.graph()));
    for (size_t k = 0; k < copies_; ++k) {
      states_[k].position = whole.sequences[k].first_position;
      base::ensure(whole.sequences[k].rows() == length_, "the sequences are equally long");
    }
  }

  void call(size_t index, size_t first, size_t rows, const Between& between) {
    Request request = whole_;
    for (size_t k = 0; k < copies_; ++k) {
      Sequence& sequence = request.sequences[k];
      sequence.tokens = sequence.tokens.subspan(first, rows);
      sequence.first_position = states_[k].position;
      sequence.state = &states_[k];
    }
    std::map<int, Matrix> choices;
    if (whole_.choices) {
      request.choices = [&](int layer) -> const Matrix* {
        const Matrix* const all = whole_.choices(layer);
        if (all == nullptr) return nullptr;
        return &(choices[layer] = slice(*all, all->shape(0) / length_, first, rows));
      };
    }
    if (whole_.forced) {
      request.forced = [&](const Tap& tap) -> std::optional<Matrix> {
        const std::optional<Matrix> all = whole_.forced(tap);
        if (!all) return std::nullopt;
        return slice(*all, copies_, first, rows);
      };
    }
    request.take = [&](const Tap& tap, const Matrix& value) { take(tap, value, first); };
    if (between) between(index, request);
    reference_.run(request);
  }

  void hand_out() const {
    for (const Tap& tap : order_) whole_.take(tap, taken_.at(tap));
  }

 private:
  void take(const Tap& tap, const Matrix& part, size_t first) {
    if (!taken_.contains(tap)) {
      order_.push_back(tap);
      taken_[tap] = make_matrix(copies_ * length_, part.shape(1));
    }
    put(part, copies_, first, taken_.at(tap));
  }

  const Reference& reference_;
  const Request& whole_;
  std::vector<State>& states_;
  size_t copies_;
  size_t length_;
  std::vector<Tap> order_;
  std::map<Tap, Matrix> taken_;
};

}  // namespace

void run_in_pieces(const Reference& reference, const Request& whole, std::span<const size_t> pieces,
                   std::vector<State>& states, const Between& between) {
  PiecewiseRun run(reference, whole, states);
  size_t first = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    run.call(i, first, pieces[i], between);
    first += pieces[i];
  }
  run.hand_out();
}

}  // namespace plumb::reference
