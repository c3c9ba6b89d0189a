#include <unordered_map>
#include <utility>

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

// act(gate) * up, into `gate`: one row, with the noise of elements from `first` on
template <class A>
void combine(const A& a, const Experts& op, double offset, size_t first, std::span<double> y,
             std::span<const double> up) {
  const auto clamp = [&](double v) { return v > op.glu_limit ? op.glu_limit : v; };
  const bool clamped = op.activation == model::Activation::kClampedGlu;
  for (size_t i = 0; i < y.size(); ++i) {
    if (clamped) {
      const double x = clamp(y[i]);
      const size_t at = first + i;
      const double scaled = a.round(Experts::kActivated, a.compute(x * op.glu_alpha, at), at);
      const double sigmoid =
          a.round(Experts::kActivated, activate(a, model::Activation::kSigmoid, scaled, at), at);
      y[i] = x * sigmoid;
    } else {
      y[i] = activate(a, op.activation, y[i], first + i);
    }
  }
  a.round(Experts::kActivated, y, first);
  for (size_t i = 0; i < y.size(); ++i) {
    const double u = up[i];
    y[i] *= clamped ? a.round(Experts::kActivated, -clamp(-clamp(u)) + offset, first + i) : u;
  }
  a.round(Experts::kProduct, y, first);
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
    a.round(Experts::kProjected, row(y, t), context.noise_row(t) * bias.size());
  }
}

// Of each row of the group, the first in it that has the same noise.
std::vector<size_t> find_alike(const Context& context, const std::vector<Assignment>& group) {
  std::vector<size_t> alike;
  std::unordered_map<size_t, size_t> first;
  for (size_t i = 0; i < group.size(); ++i) {
    alike.push_back(first.try_emplace(context.noise_row(group[i].row), i).first->second);
  }
  return alike;
}

void add_plainly(const model::WeightView& biases, size_t e, std::span<double> branch) {
  std::vector<double> bias(branch.size());
  biases.widen(e, 1, bias);
  for (size_t j = 0; j < bias.size(); ++j) branch[j] += bias[j];
}

// down(act(gate x) * up x) of expert e
template <class A>
Matrix run_expert(const A& a, const Experts& op, const Context& context,
                  std::span<const size_t> alike, size_t e, const Matrix& x,
                  const std::vector<size_t>& segments) {
  const size_t rows = x.shape(0);
  const auto inner = static_cast<size_t>(op.intermediate_size);
  const size_t outer = x.shape(1);
  const ProjectionSteps steps{Experts::kInput, Experts::kSum, Experts::kProjected,
                              Experts::kWeight};
  // The rows of an expert are no replicas of one another: each has its own size of noise.
  const Context apart{.op = context.op,
                      .sequences = context.sequences,
                      .weights = context.weights,
                      .threads = context.threads,
                      .alike = alike};
  Matrix gate = make_matrix(rows, inner);
  Matrix up = make_matrix(rows, inner);
  Matrix down = make_matrix(rows, outer);
  project(a.stream(3 * e), steps, apart, x, segments, {context.weight(0), e * inner}, {}, gate);
  add_bias(a.stream(~(3 * e)), apart, 3, e, gate);
  project(a.stream(3 * e + 1), steps, apart, x, segments, {context.weight(1), e * inner}, {}, up);
  add_bias(a.stream(~(3 * e + 1)), apart, 4, e, up);
  const double offset = context.deviation.glu_offset ? 1.0 : 0.0;
  for (size_t i = 0; i < rows; ++i) {
    combine(a.stream(3 * e), op, offset, alike[i] * inner, row(gate, i), row(std::as_const(up), i));
  }
  project(a.stream(3 * e + 2), steps, apart, gate, segments, {context.weight(2), e * outer}, {},
          down);
  if (!context.deviation.bias_unweighted) {
    add_bias(a.stream(~(3 * e + 2)), apart, 5, e, down);
  }
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
    const bool early = context.deviation.weighted_input;
    Matrix x = gather(*in[0], groups[e]);
    for (size_t i = 0; i < groups[e].size() && early; ++i) {
      for (double& v : row(x, i)) v *= groups[e][i].weight;
    }
    Matrix answer = run_expert(a, op, context, find_alike(context, groups[e]), e, x,
                               rows_by_sequence(context, groups[e]));
    for (size_t i = 0; i < groups[e].size(); ++i) {
      const auto branch = row(answer, i);
      const auto sum = row(y, groups[e][i].row);
      const size_t element = context.noise_row(groups[e][i].row) * sum.size();
      for (double& v : branch) v *= early ? 1.0 : groups[e][i].weight;
      a.round(Experts::kWeighted, branch, element);
      if (context.deviation.bias_unweighted) add_plainly(context.weight(5), e, branch);
      for (size_t j = 0; j < sum.size(); ++j) sum[j] += branch[j];
      a.round(Experts::kOutput, sum, element);
    }
  }
}

PLUMB_INSTANTIATE_KERNEL(Experts)

}  // namespace plumb::reference
