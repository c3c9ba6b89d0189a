#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "base/errors.h"
#include "cli/verbs.h"

namespace {

constexpr int kWrongInput = 2;
constexpr int kInternalFault = 3;

int complain(const std::string& message, int code) {
  constexpr size_t kLimit = 8192;
  fmt::print(stderr, "plumb: {}\n", plumb::base::one_line(message, kLimit));
  return code;
}

int run(int argc, char** argv) {
  CLI::App app("Plumbline: is this LLM forward right, and if not, where and why?", "plumb");
  app.require_subcommand(1);
  app.set_version_flag("--version", "plumbline 0.1.0");
  plumb::cli::Action action;
  plumb::cli::add_synth(app, action);
  plumb::cli::add_inspect(app, action);
  plumb::cli::add_graph(app, action);
  plumb::cli::add_run(app, action);
  plumb::cli::add_check(app, action);
  plumb::cli::add_gate(app, action);
  plumb::cli::add_report(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return complain(std::string(error.what()) + "; see plumb --help", kWrongInput);
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const plumb::base::InputError& error) {
    return complain(error.what(), kWrongInput);
  } catch (const std::filesystem::filesystem_error& error) {
    return complain(error.what(), kWrongInput);
  } catch (const std::exception& error) {
    return complain(std::string("internal fault: ") + error.what(), kInternalFault);
  }
}
