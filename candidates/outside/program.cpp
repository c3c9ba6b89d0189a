#include "candidates/outside/program.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/files.h"
#include "base/program.h"
#include "candidates/outside/words.h"
#include "trace/trace_file.h"

namespace plumb::candidates {
namespace {

using base::InputError;

// Finds NAME among the engines that come with the package first, then as a module of its own.
constexpr const char* kStartModule =
    "import importlib.util as u, runpy, sys\n"
    "name = sys.argv.pop(1)\n"
    "try:\n"
    "    ours = u.find_spec('plumbline.engines.' + name)\n"
    "except ImportError:\n"
    "    ours = None\n"
    "runpy.run_module('plumbline.engines.' + name if ours else name, run_name='__main__',\n"
    "                 alter_sys=True)\n";

class Program : public Outside {
 public:
  Program(std::string who, std::vector<std::string> words, double timeout)
      : who_(std::move(who)), words_(std::move(words)), timeout_(timeout) {}

  std::unique_ptr<trace::Source> ask(const Request& request) override {
    const base::TemporaryFolder folder;
    const std::filesystem::path asked = folder.path() / "request.json";
    const std::filesystem::path answer = folder.path() / "trace.safetensors";
    base::write_file(asked, to_json(request).dump(1) + "\n");
    std::vector<std::string> words = words_;
    words.push_back(asked.string());
    words.push_back(answer.string());
    const base::ProgramEnd end = base::run_program(words, timeout_, who_);
    check(end, std::filesystem::exists(answer));
    try {
      // The open file outlives its name.
      return std::make_unique<trace::FileSource>(std::make_shared<trace::TraceFile>(answer),
                                                 request.dtype);
    } catch (const InputError& error) {
      throw InputError(who_, "", "wrote a trace that cannot be read", error.what());
    }
  }

 private:
  void check(const base::ProgramEnd& end, bool answered) const {
    const std::string words =
        end.last_words.empty() ? "it printed nothing" : "its last lines: " + end.last_words;
    if (end.late) {
      throw InputError(who_, "", fmt::format("took longer than {:g} s and was ended", timeout_),
                       "give it more with --timeout; " + words);
    }
    if (end.signal == 0 && end.exit_code == kCannotDoCode) {
      throw CannotDo(fmt::format("{} cannot do what it was asked (exit code {}); {}", who_,
                                 kCannotDoCode, words));
    }
    if (end.signal != 0 || end.exit_code != 0) throw InputError(who_, "", describe(end), words);
    if (!answered) throw InputError(who_, "", "ended well and wrote no trace", words);
  }

  std::string who_;
  std::vector<std::string> words_;
  double timeout_;
};

}  // namespace

std::unique_ptr<Outside> make_program(std::string who, std::vector<std::string> words,
                                      double timeout) {
  return std::make_unique<Program>(std::move(who), std::move(words), timeout);
}

std::unique_ptr<Outside> make_program(std::string_view text, double timeout) {
  const std::string who(text);
  if (text.starts_with(kExecPrefix)) {
    return make_program(who, split_words(text.substr(kExecPrefix.size()), who), timeout);
  }
  std::vector<std::string> words = split_words(text.substr(kPythonPrefix.size()), who);
  const bool is_name = words.front().find('.') == std::string::npos;
  const std::vector<std::string> start =
      is_name ? std::vector<std::string>{"-c", kStartModule} : std::vector<std::string>{"-m"};
  words.insert(words.begin(), start.begin(), start.end());
  words.insert(words.begin(), "python3");
  return make_program(who, std::move(words), timeout);
}

}  // namespace plumb::candidates
