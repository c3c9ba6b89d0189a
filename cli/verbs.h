// The verbs of `plumb`. Each file adds one to the command line; a verb's callback returns its exit
// code: 0 passed or nothing to judge, 1 judged and not passed. Wrong input throws (exit 2).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace plumb::cli {

// The exit code that makes `git bisect run` skip a commit.
inline constexpr int kSkipCommit = 125;

// Set by the verb that was called.
using Action = std::function<int()>;

void add_synth(CLI::App& app, Action& action);
void add_convert(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_graph(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_op(CLI::App& app, Action& action);
void add_bisect(CLI::App& app, Action& action);
void add_certify(CLI::App& app, Action& action);
void add_gate(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_host_plugin(CLI::App& app, Action& action);

}  // namespace plumb::cli
