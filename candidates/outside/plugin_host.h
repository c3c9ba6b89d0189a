// The other side of plugin: it loads the library, runs what a request asks for and writes the
// trace.
#pragma once

#include <filesystem>
#include <string>

namespace plumb::candidates {

// Throws InputError where the library is none, fails, or hands over what is no tap; CannotDo where
// it cannot run a prompt at all. Runs that it cannot do are left out.
void host_plugin(const std::string& library, const std::string& options,
                 const std::filesystem::path& request, const std::filesystem::path& trace);

}  // namespace plumb::candidates
