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
    for (size_t k = 0; k < copies_; ++k) {
      base::ensure(whole.sequences[k].rows() == length_, "the sequences are equally long");
    }
    begin();
  }

  void begin() {
    states_.clear();
    for (const Sequence& sequence : whole_.sequences) {
      states_.push_back(reference_.fresh_state(sequence));
    }
  }

  // Runs the rows from `first` on, and hands those from `kept` on out.
  void call(size_t index, size_t first, size_t rows, const Between& between, size_t kept) {
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
        Matrix& mine = choices[layer] = slice(*all, all->shape(0) / length_, first, rows);
        free_rows(mine, rows, kept - first);
        return &mine;
      };
    }
    if (whole_.forced) {
      request.forced = [&](const Tap& tap) -> std::optional<Matrix> {
        const std::optional<Matrix> all = whole_.forced(tap);
        if (!all) return std::nullopt;
        return slice(*all, copies_, first, rows);
      };
    }
    request.take = [&](const Tap& tap, const Matrix& value) {
      if (kept == first) return take(tap, value, first);
      take(tap, slice(value, copies_, kept - first, rows - (kept - first)), kept);
    };
    if (between) between(index, request);
    reference_.run(request);
  }

  void hand_out() const {
    for (const Tap& tap : order_) whole_.take(tap, taken_.at(tap));
  }

 private:
  // The first `count` rows of each sequence take the best experts.
  static void free_rows(Matrix& choices, size_t rows, size_t count) {
    for (size_t t = 0; t < choices.shape(0); ++t) {
      if (t % rows < count) row(choices, t).front() = kFreeChoice;
    }
  }

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
                   std::vector<State>& states, const Between& between, size_t rebuilt_beyond) {
  PiecewiseRun run(reference, whole, states);
  size_t first = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const size_t end = first + pieces[i];
    const bool rebuilds = rebuilt_beyond > 0 && first <= rebuilt_beyond && end > rebuilt_beyond;
    if (rebuilds) run.begin();
    const size_t from = rebuilds ? 0 : first;
    run.call(i, from, end - from, between, first);
    first = end;
  }
  run.hand_out();
}

}  // namespace plumb::reference
