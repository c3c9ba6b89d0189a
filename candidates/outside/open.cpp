#include "candidates/outside/open.h"

#include "candidates/outside/plugin.h"
#include "candidates/outside/program.h"
#include "candidates/server/server.h"

namespace plumb::candidates {

std::unique_ptr<Outside> make_outside(std::string_view text, const OutsideOptions& options) {
  if (text.starts_with(kExecPrefix) || text.starts_with(kPythonPrefix)) {
    return make_program(text, options.timeout);
  }
  if (is_server(text)) return make_server(text, options);
  if (text.starts_with(kPluginPrefix)) return make_plugin(text, options.timeout);
  return nullptr;
}

}  // namespace plumb::candidates
