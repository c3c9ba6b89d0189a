// An engine in C++ that hands on to another one and changes what that gives: a planted mistake.
//
//   c++ -std=c++17 -shared -fPIC -I . -o wrapper.so examples/wrapper.cpp -ldl
//   plumb check /tmp/llama --candidate plugin:./wrapper.so:./llama.so:1.001
//
// OPTIONS are the other library and the factor by which its logits are multiplied. Exceptions end
// at the border: C knows none.
#include <dlfcn.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "plumbline/engine.h"

namespace {

class Wrapper {
 public:
  Wrapper(const char* checkpoint, const char* dtype, const std::string& options, int threads) {
    const size_t colon = options.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("options are FILE.so:FACTOR");
    factor_ = std::stof(options.substr(colon + 1));
    void* const library = ::dlopen(options.substr(0, colon).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(::dlerror());
    auto* const entry =
        reinterpret_cast<decltype(&plumbline_engine)>(::dlsym(library, "plumbline_engine"));
    if (entry == nullptr) throw std::runtime_error("the other library is no engine");
    inner_ = entry();
    char error[512] = "";
    engine_ = inner_->open(checkpoint, dtype, "", threads, error, sizeof(error));
    if (engine_ == nullptr) throw std::runtime_error(error);
  }
  ~Wrapper() { inner_->close(engine_); }
  Wrapper(const Wrapper&) = delete;
  Wrapper& operator=(const Wrapper&) = delete;

  const char* describe(const char* key) const { return inner_->describe(engine_, key); }

  int run(const int64_t* tokens, size_t count, const plumbline_sink& sink, char* error,
          size_t size) const {
    Scaling scaling{sink, factor_};
    const plumbline_sink mine = {
        &scaling,
        [](void* self, const char* tap) {
          const auto& to = static_cast<Scaling*>(self)->sink;
          return to.wants(to.context, tap);
        },
        [](void* self, const char* tap, const float* values, const int64_t* shape, int rank) {
          static_cast<Scaling*>(self)->put(tap, values, shape, rank);
        }};
    return inner_->run(engine_, tokens, count, &mine, error, size);
  }

  int reset(char* error, size_t size) const { return inner_->reset(engine_, error, size); }

 private:
  struct Scaling {
    const plumbline_sink& sink;
    float factor;

    void put(const std::string& tap, const float* values, const int64_t* shape, int rank) {
      size_t count = 1;
      for (int axis = 0; axis < rank; ++axis) count *= static_cast<size_t>(shape[axis]);
      std::vector<float> changed(values, values + count);
      if (tap == "logits") {
        for (float& value : changed) value *= factor;
      }
      sink.put(sink.context, tap.c_str(), changed.data(), shape, rank);
    }
  };

  const plumbline_engine_table* inner_ = nullptr;
  void* engine_ = nullptr;
  float factor_ = 1.0F;
};

}  // namespace

extern "C" const plumbline_engine_table* plumbline_engine() {
  static const plumbline_engine_table table = {
      PLUMBLINE_ENGINE_VERSION,
      [](const char* checkpoint, const char* dtype, const char* options, int threads, char* error,
         size_t size) -> void* {
        try {
          return std::make_unique<Wrapper>(checkpoint, dtype, options, threads).release();
        } catch (const std::exception& failure) {
          std::snprintf(error, size, "%s", failure.what());
          return nullptr;
        }
      },
      [](void* engine, const char* key) { return static_cast<Wrapper*>(engine)->describe(key); },
      [](void* engine, const int64_t* tokens, size_t count, const plumbline_sink* sink, char* error,
         size_t size) {
        return static_cast<Wrapper*>(engine)->run(tokens, count, *sink, error, size);
      },
      [](void* engine, char* error, size_t size) {
        return static_cast<Wrapper*>(engine)->reset(error, size);
      },
      [](void* engine) { delete static_cast<Wrapper*>(engine); }};
  return &table;
}
