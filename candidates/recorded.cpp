#include "candidates/recorded.h"

#include <filesystem>
#include <optional>
#include <string>

#include "base/dtype.h"
#include "base/errors.h"

namespace plumb::candidates {

using base::InputError;

std::unique_ptr<trace::FileSource> open_recorded(std::string_view text) {
  std::string file(text.substr(kTracePrefix.size()));
  std::optional<base::DType> dtype;
  const size_t hash = file.rfind('#');
  if (hash != std::string::npos && !std::filesystem::exists(file)) {
    const std::string name = file.substr(hash + 1);
    file.resize(hash);
    dtype = base::dtype_from_torch_name(name);
    if (!dtype) {
      throw InputError(file, "#" + name, "is no dtype of a trace",
                       "known: float64, float32, bfloat16, float16");
    }
  }
  if (file.empty()) {
    throw InputError("--candidate", std::string(text), "names no file", "write trace:FILE[#dtype]");
  }
  return std::make_unique<trace::FileSource>(std::make_shared<trace::TraceFile>(file), dtype);
}

}  // namespace plumb::candidates
