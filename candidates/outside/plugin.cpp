#include "candidates/outside/plugin.h"

#include <filesystem>

#include "base/errors.h"
#include "candidates/outside/program.h"

namespace plumb::candidates {

std::unique_ptr<Outside> make_plugin(std::string_view text, double timeout) {
  const std::string who(text);
  std::string file(text.substr(kPluginPrefix.size()));
  std::string options;
  // A colon may be part of the file's name.
  for (size_t colon = file.find(':'); colon != std::string::npos;
       colon = file.find(':', colon + 1)) {
    if (!std::filesystem::is_regular_file(file.substr(0, colon))) continue;
    options = file.substr(colon + 1);
    file.resize(colon);
    break;
  }
  if (!std::filesystem::is_regular_file(file)) {
    throw base::InputError(who, file, "is no file", "write plugin:FILE.so[:OPTIONS]");
  }
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  // A colon before both, so that neither is empty or looks like an option.
  return make_program(
      who, {self, kHostVerb, ":" + std::filesystem::absolute(file).string(), ":" + options},
      timeout);
}

}  // namespace plumb::candidates
