#include "base/errors.h"
#include "cli/common.h"
#include "cli/judging.h"
#include "cli/repeat.h"
#include "cli/verbs.h"
#include "compare/kernel/check.h"
#include "compare/kernel/listing.h"
#include "reports/story.h"
#include "reports/table.h"

namespace plumb::cli {
namespace {

struct Options {
  CommonOptions common;
  bool list = false;
  std::string op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> attributes;
  std::string contract;
  OutputOptions output;
};

int list_ops(const Options& options) {
  if (!options.output.json.empty()) {
    write_text(options.output.json, kernel::listing_json().dump(2) + "\n");
  }
  if (options.output.json != "-") write_text("-", kernel::listing_text());
  return 0;
}

std::pair<std::string, std::string> parse_attribute(const std::string& text) {
  const size_t mark = text.find('=');
  if (mark == std::string::npos || mark == 0) {
    throw base::InputError("--set", text, "is no key=value", "write --set eps=1e-6");
  }
  return {text.substr(0, mark), text.substr(mark + 1)};
}

std::vector<kernel::Tensor> read_all(const std::vector<std::string>& arguments) {
  std::vector<kernel::Tensor> tensors;
  for (const std::string& argument : arguments) tensors.push_back(kernel::read_tensor(argument));
  return tensors;
}

std::string again(const Options& options) {
  std::string line = "plumb op " + options.op;
  for (const std::string& input : options.inputs) line += " " + quoted(input);
  for (const std::string& output : options.outputs) line += " --out " + quoted(output);
  for (const std::string& attribute : options.attributes) line += " --set " + quoted(attribute);
  if (!options.contract.empty()) line += " --contract " + quoted(options.contract);
  return line;
}

int run(const Options& options) {
  if (options.list) return list_ops(options);
  if (options.op.empty() || options.outputs.empty()) {
    throw base::InputError("op", options.op,
                           options.op.empty() ? "no op is named" : "no --out is given",
                           "plumb op NAME IN... --out FILE; plumb op --list tells the ops");
  }
  const auto baseline = options.output.read_baseline();
  kernel::Call call{
      .op = options.op, .inputs = read_all(options.inputs), .outputs = read_all(options.outputs)};
  for (const std::string& text : options.attributes)
    call.attributes.push_back(parse_attribute(text));
  for (const std::string& output : options.outputs) {
    call.candidate_name += (call.candidate_name.empty() ? "" : " ") + output;
  }
  call.best_contract = options.contract == kFindContract;
  if (!call.best_contract && !options.contract.empty())
    call.contract = &named_contract(options.contract);
  const result::Result result = kernel::check(call, base::Threads(options.common.threads));
  const std::string text = result.verdict == result::Verdict::kPassed
                               ? reports::table_text({result})
                               : reports::story_text(result, again(options));
  return options.output.finish({result}, baseline, result::to_json(result).dump(2), text);
}

}  // namespace

void add_op(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("op", "judge one op's output on given inputs");
  verb->footer(
      "Example: plumb op rms_norm x=x.npy w=w.npy --out y.npy --set eps=1e-6\n"
      "         plumb op attention qkv.safetensors#q qkv.safetensors#k qkv.safetensors#v "
      "--out out.safetensors#out\n"
      "         plumb op --list");
  auto options = std::make_shared<Options>();
  verb->add_flag("--list", options->list, "tell the ops, their inputs, weights and attributes");
  verb->add_option("NAME", options->op, "the op");
  verb->add_option("IN", options->inputs,
                   "what it was given: NAME=FILE.npy or FILE.safetensors#TENSOR");
  verb->add_option("--out", options->outputs, "what it gave; [NAME=] where it gives several")
      ->allow_extra_args(false);
  verb->add_option("--set", options->attributes, "an attribute: key=value")
      ->allow_extra_args(false);
  verb->add_option("--contract", options->contract,
                   "precision contract to hold it to, by name or as FILE.json; auto: the strictest "
                   "that it keeps (default: by the output's type)");
  options->common.add_threads(*verb);
  options->output.add(*verb);
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace plumb::cli
