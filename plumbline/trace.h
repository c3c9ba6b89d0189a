// Writes a trace, a recording of a forward that Plumbline judges (docs/formats.md, "Trace"), as
// safetensors. Needs the standard library (C++17) and nothing else; links nothing.
//
//   plumbline::TraceWriter trace("my engine 1.0");
//   trace.prompt("p0", {3, 4, 5});
//   trace.record("float32", "p0", "logits", logits, {3, vocab_size});
//   trace.write("mine.safetensors");          // plumb check CHECKPOINT --candidate trace:...
#ifndef PLUMBLINE_TRACE_H
#define PLUMBLINE_TRACE_H

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace plumbline {

class TraceWriter {
 public:
  // `producer` is the engine's name and version.
  explicit TraceWriter(const std::string& producer) {
    attribute("schema", "plumbline.trace/1");
    attribute("producer", producer);
  }

  // model_type, checkpoint_sha256, contract (a precision contract's name), or any other.
  void attribute(const std::string& name, const std::string& text) { attributes_[name] = text; }

  // Token ids, [T].
  void prompt(const std::string& name, const std::vector<int64_t>& tokens) {
    add("prompts/" + name, "I64", tokens, {tokens.size()});
  }

  // A tap of one run, row-major, the position first. `dtype` is the precision in which it was
  // computed: float32, bfloat16 or float16; `run` a prompt's name, or one with its pieces
  // ("p0@7+1x30"). Throws std::invalid_argument where the shape is not that of the values.
  void record(const std::string& dtype, const std::string& run, const std::string& tap,
              const std::vector<float>& values, const std::vector<size_t>& shape) {
    add(dtype + "/" + run + "/" + tap, "F32", values, shape);
  }

  // What is counted rather than measured: greedy [N], logprob_ids [T, K], router_ids [T, K].
  void record(const std::string& dtype, const std::string& run, const std::string& tap,
              const std::vector<int64_t>& values, const std::vector<size_t>& shape) {
    add(dtype + "/" + run + "/" + tap, "I64", values, shape);
  }

  // The file is there whole or not at all; throws std::runtime_error where it cannot be written.
  void write(const std::filesystem::path& file) const {
    const std::filesystem::path draft = file.string() + ".part";
    std::ofstream out(draft, std::ios::binary);
    const std::string header = this->header();
    for (size_t byte = 0; byte < 8; ++byte) {
      out.put(static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * byte) & 255));
    }
    out << header;
    for (const Entry* entry : by_width()) out.write(entry->bytes.data(), length(*entry));
    out.close();
    std::error_code failed;
    if (out) std::filesystem::rename(draft, file, failed);
    if (!out || failed) {
      std::filesystem::remove(draft, failed);
      throw std::runtime_error(file.string() + ": cannot be written");
    }
  }

 private:
  struct Entry {
    std::string name;
    std::string dtype;
    std::vector<size_t> shape;
    std::vector<char> bytes;
  };

  static std::streamsize length(const Entry& entry) {
    return static_cast<std::streamsize>(entry.bytes.size());
  }

  template <typename Number>
  void add(const std::string& name, const char* dtype, const std::vector<Number>& values,
           const std::vector<size_t>& shape) {
    const size_t size =
        std::accumulate(shape.begin(), shape.end(), size_t{1}, std::multiplies<size_t>());
    if (size != values.size()) {
      throw std::invalid_argument(name + ": " + std::to_string(values.size()) +
                                  " values for a shape of " + std::to_string(size));
    }
    const char* first = reinterpret_cast<const char*>(values.data());
    entries_.push_back({name, dtype, shape, {first, first + values.size() * sizeof(Number)}});
  }

  // Numbers of eight bytes, then those of four, so that all are aligned.
  std::vector<const Entry*> by_width() const {
    std::vector<const Entry*> order;
    for (const Entry& entry : entries_) order.push_back(&entry);
    std::stable_sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
      return (a->dtype == "I64") > (b->dtype == "I64");
    });
    return order;
  }

  static std::string quoted(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
        quoted += escaped;
      } else {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
      }
    }
    return quoted + "\"";
  }

  static std::string listed(const std::vector<size_t>& numbers) {
    std::string text;
    for (const size_t number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
    return "[" + text + "]";
  }

  std::string header() const {
    std::string text = "{\"__metadata__\":{";
    for (const auto& [name, value] : attributes_) {
      if (text.back() != '{') text += ',';
      text += quoted(name) + ":" + quoted(value);
    }
    text += '}';
    size_t begin = 0;
    for (const Entry* entry : by_width()) {
      const size_t end = begin + entry->bytes.size();
      text += "," + quoted(entry->name) + ":{\"dtype\":" + quoted(entry->dtype) +
              ",\"shape\":" + listed(entry->shape) + ",\"data_offsets\":" + listed({begin, end}) +
              "}";
      begin = end;
    }
    text += '}';
    return text.append((8 - text.size() % 8) % 8, ' ');
  }

  std::map<std::string, std::string> attributes_;
  std::vector<Entry> entries_;
};

}  // namespace plumbline

#endif
