#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>

#include "base/errors.h"
#include "base/interrupts.h"
#include "cli/verbs.h"

namespace {

constexpr int kWrongInput = 2;
constexpr int kInternalFault = 3;

// What a verb cannot run on tells `git bisect run` nothing of the commit, whatever else is wrong
// with the call: so this option is looked for before any parsing.
int wrong_input_code(std::span<char*> arguments) {
  const bool bisecting = std::any_of(arguments.begin(), arguments.end(), [](const char* argument) {
    return std::string_view(argument) == "--git-bisect";
  });
  return bisecting ? plumb::cli::kSkipCommit : kWrongInput;
}

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
  plumb::cli::add_convert(app, action);
  plumb::cli::add_inspect(app, action);
  plumb::cli::add_graph(app, action);
  plumb::cli::add_run(app, action);
  plumb::cli::add_check(app, action);
  plumb::cli::add_op(app, action);
  plumb::cli::add_bisect(app, action);
  plumb::cli::add_certify(app, action);
  plumb::cli::add_gate(app, action);
  plumb::cli::add_report(app, action);
  plumb::cli::add_host_plugin(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    throw plumb::base::InputError(std::string(error.what()) + "; see plumb --help");
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  const int wrong_input = wrong_input_code({argv, static_cast<size_t>(argc)});
  try {
    return run(argc, argv);
  } catch (const plumb::base::InputError& error) {
    return complain(error.what(), wrong_input);
  } catch (const std::filesystem::filesystem_error& error) {
    return complain(error.what(), wrong_input);
  } catch (const plumb::base::Interrupted& interrupt) {
    ::raise(interrupt.signal());  // which ends this program as if it had not been caught
    return kInternalFault;
  } catch (const std::exception& error) {
    return complain(std::string("internal fault: ") + error.what(), kInternalFault);
  }
}
