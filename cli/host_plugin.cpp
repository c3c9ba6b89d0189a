#include <fmt/format.h>

#include <cstdio>

#include "candidates/outside/plugin.h"
#include "candidates/outside/plugin_host.h"
#include "candidates/outside/program.h"
#include "cli/verbs.h"

namespace plumb::cli {
namespace {

struct Options {
  std::string library;
  std::string options;
  std::string request;
  std::string trace;
};

int run(const Options& options) {
  try {
    candidates::host_plugin(options.library.substr(1), options.options.substr(1), options.request,
                            options.trace);
    return 0;
  } catch (const candidates::CannotDo& refusal) {
    fmt::print(stderr, "{}\n", refusal.what());
    return candidates::kCannotDoCode;
  }
}

}  // namespace

void add_host_plugin(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(candidates::kHostVerb, "the process that a plugin runs in");
  verb->group("");  // no verb for people
  auto options = std::make_shared<Options>();
  verb->add_option("LIBRARY", options->library)->required();
  verb->add_option("OPTIONS", options->options)->required();
  verb->add_option("REQUEST", options->request)->required();
  verb->add_option("TRACE", options->trace)->required();
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
