#include "base/errors.h"
#include "reference/activation.h"
#include "reference/kernels.h"
#include "reference/product.h"

namespace plumb::reference {
namespace {

using graph::Experts;

// A row of x that an expert works on, and the weight of its answer.
struct Assignment {
  size_t row;
  double weight;
};

std::vector<std::vector<Assignment>> group_by_expert(size_t experts, const Matrix& ids,
                                                     const Matrix& weights) {
  std::vector<std::vector<Assignment>> groups(experts);
  for (size_t t = 0; t < ids.shape(0); ++t) {
    for (size_t i = 0; i < ids.shape(1); ++i) {
      const double id = ids(t, i);
      base::ensure(id >= 0.0 && id < static_cast<double>(experts), "an expert's id is in range");
      groups[static_cast<size_t>(id)].push_back({t, weights(t, i)});
    }
  }
  return groups;
}

Matrix gather(const Matrix& x, const std::vector<Assignment>& group) {
  Matrix rows = make_matrix(group.size(), x.shape(1));
  for (size_t i = 0; i < group.size(); ++i) {
    const auto from = row(x, group[i].row);
    std::copy(from.begin(), from.end(), row(rows, i).begin());
  }
  return rows;
}

// How many of the group's rows are of each sequence: they are multiplied apart.
std::vector<size_t> rows_by_sequence(const Context& context, const std::vector<Assignment>& group) {
  std::vector<size_t> counts;
  size_t i = 0;
  for_sequences(context, [&](const Sequence& sequence, size_t first) {
    const size_t before = i;
    while (i < group.size() && group[i].row < first + sequence.rows()) ++i;
    counts.push_back(i - before);
  });
  return counts;
}

// act(gate) * up, into `gate`
template <class A>
void combine(const A& a, const Experts& op, Matrix& gate, const Matrix& up) {
  const std::span<double> y(gate.data(), gate.size());
  const auto clamp = [&](double v) { return v > op.glu_limit ? op.glu_limit : v; };
  const bool clamped = op.activation == model::Activation::kClampedGlu;
  for (size_t i = 0; i < y.size(); ++i) {
    if (clamped) {
      const double x = clamp(y[i]);
      const double scaled = a.round(Experts::kActivated, a.compute(x * op.glu_alpha, i), i);
      const double sigmoid =
          a.round(Experts::kActivated, activate(a, model::Activation::kSigmoid, scaled, i), i);
      y[i] = x * sigmoid;
    } else {
      y[i] = activate(a, op.activation, y[i], i);
    }
  }
  a.round(Experts::kActivated, y, 0);
  for (size_t i = 0; i < y.size(); ++i) {
    const double u = up.data()[i];
    y[i] *= clamped ? a.round(Experts::kActivated, -clamp(-clamp(u)) + 1.0, i) : u;
  }
  a.round(Experts::kProduct, y, 0);
}

// The bias of expert e, where there is one, on products that were stored before: x @ W + b, no
// fused linear.
template <class A>
void add_bias(const A& a, const Context& context, size_t weight, size_t e, Matrix& y) {
  if (!context.has_weight(weight)) return;
  std::vector<double> bias(y.shape(1));
  context.weight(weight).widen(e, 1, bias);
  for (size_t t = 0; t < y.shape(0); ++t) {
    for (size_t j = 0; j < bias.size(); ++j) y(t, j) += bias[j];
  }
  a.round(Experts::kProjected, {y.data(), y.size()}, 0);
}

// down(act(gate x) * up x) of expert e
template <class A>
Matrix run_expert(const A& a, const Experts& op, const Context& context, size_t e, const Matrix& x,
                  const std::vector<size_t>& segments) {
  const size_t rows = x.shape(0);
  const auto inner = static_cast<size_t>(op.intermediate_size);
  const size_t outer = x.shape(1);
  const ProjectionSteps steps{Experts::kInput, Experts::kSum, Experts::kProjected};
  // The rows of an expert are no replicas of one another: each has its own size of noise.
  const Context apart{context.op, context.sequences, context.weights, context.threads};
  Matrix gate = make_matrix(rows, inner);
  Matrix up = make_matrix(rows, inner);
  Matrix down = make_matrix(rows, outer);
  project(a.stream(3 * e), steps, apart, x, segments, {context.weight(0), e * inner}, {}, gate);
  add_bias(a.stream(~(3 * e)), context, 3, e, gate);
  project(a.stream(3 * e + 1), steps, apart, x, segments, {context.weight(1), e * inner}, {}, up);
  add_bias(a.stream(~(3 * e + 1)), context, 4, e, up);
  combine(a.stream(3 * e), op, gate, up);
  project(a.stream(3 * e + 2), steps, apart, gate, segments, {context.weight(2), e * outer}, {},
          down);
  add_bias(a.stream(~(3 * e + 2)), context, 5, e, down);
  return down;
}

}  // namespace

template <class A>
void compute(const A& a, const Experts& op, const Context& context, Inputs in, Outputs out) {
  Matrix& y = out[0];
  y.fill(0.0);
  const auto groups = group_by_expert(static_cast<size_t>(op.experts), *in[1], *in[2]);
  for (size_t e = 0; e < groups.size(); ++e) {
    if (groups[e].empty()) continue;
    Matrix answer = run_expert(a, op, context, e, gather(*in[0], groups[e]),
                               rows_by_sequence(context, groups[e]));
    for (size_t i = 0; i < groups[e].size(); ++i) {
      const auto branch = row(answer, i);
      const auto sum = row(y, groups[e][i].row);
      const size_t element = groups[e][i].row * sum.size();
      for (double& v : branch) v *= groups[e][i].weight;
      a.round(Experts::kWeighted, branch, element);
      for (size_t j = 0; j < sum.size(); ++j) sum[j] += branch[j];
      a.round(Experts::kOutput, sum, element);
    }
  }
}

PLUMB_INSTANTIATE_KERNEL(Experts)

}  // namespace plumb::reference
