// plugin:FILE.so[:OPTIONS]: a library with the C interface of plumbline/engine.h, loaded by a
// second process of this program (plugin_host.h), so that its crash is a message.
#pragma once

#include <memory>
#include <string_view>

#include "candidates/outside/outside.h"

namespace plumb::candidates {

inline constexpr std::string_view kPluginPrefix = "plugin:";
// The verb by which this program plays the host.
inline constexpr const char* kHostVerb = "host-plugin";

// Throws InputError where there is no such file.
std::unique_ptr<Outside> make_plugin(std::string_view text, double timeout);

}  // namespace plumb::candidates
