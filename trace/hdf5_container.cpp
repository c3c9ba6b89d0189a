#include <algorithm>
#include <charconv>
#include <limits>

#include "base/errors.h"
#include "base/rehearsal.h"
#include "trace/container.h"
#include "trace/hdf5.h"
#include "trace/logprobs.h"

namespace plumb::trace {
namespace {

using base::InputError;

constexpr size_t kDatasetLimit = 200'000;
constexpr size_t kTextLimit = size_t{1} << 20;
// What deflate can at most make of a byte is 1032.
constexpr size_t kExpansionLimit = 1100;
constexpr const char* kMend = "record or fetch the trace again";

// a * b, or the largest number when it does not fit.
size_t product_or_most(size_t a, size_t b) {
  constexpr size_t kMost = std::numeric_limits<size_t>::max();
  return b != 0 && a > kMost / b ? kMost : a * b;
}

std::string to_text(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), number).ptr};
}

class Hdf5Container : public Container {
 public:
  explicit Hdf5Container(const std::filesystem::path& path)
      : Container(path), lock_(lock_hdf5()), file_(open(path)) {
    file_bytes_ = std::filesystem::file_size(path);
    read_attributes();
    visit();
    lock_.unlock();
  }
  ~Hdf5Container() override { lock_.lock(); }

  std::vector<double> read_reals(const std::string& name) const override {
    return read<double>(name, H5T_NATIVE_DOUBLE);
  }
  std::vector<int64_t> read_integers(const std::string& name) const override {
    return read<int64_t>(name, H5T_NATIVE_INT64);
  }
  // False where a read throws for another reason than damage.
  bool is_readable(const std::string& name) const {
    const auto lock = lock_hdf5();
    const Handle dataset = open_dataset(name);
    try {
      check_readable(name, dataset);
    } catch (const InputError&) {
      return false;
    }
    return true;
  }

 private:
  static Handle open(const std::filesystem::path& path) {
    if (!std::filesystem::is_regular_file(path)) {
      throw InputError(path.string(), "", "is no file", "name a trace");
    }
    Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    if (!file.valid()) {
      throw InputError(path.string(), "", "is not a readable HDF5 file: truncated or corrupt",
                       kMend);
    }
    return file;
  }

  [[noreturn]] void damaged(const std::string& name) const {
    throw InputError(path_.string(), name, "cannot be read: the file is corrupt", kMend);
  }

  // An attribute that cannot be read is damage, not absence: what a rehearsal, short of memory,
  // could not read must not be tried again without its limits.
  void read_attributes() {
    const Handle root(H5Gopen2(file_.get(), "/", H5P_DEFAULT), H5Gclose);
    if (!root.valid()) damaged("/");
    hsize_t index = 0;
    const auto each = [](hid_t location, const char* name, const H5A_info_t*,
                         void* self) -> herr_t {
      try {
        return static_cast<Hdf5Container*>(self)->read_attribute(location, name, "") ? 0 : -1;
      } catch (const std::exception&) {
        return -1;  // must not pass through C
      }
    };
    if (H5Aiterate2(root.get(), H5_INDEX_NAME, H5_ITER_NATIVE, &index, each, this) < 0) {
      throw InputError(path_.string(), "/", "has an attribute that cannot be read: corrupt", kMend);
    }
  }

  // Text attributes, of fixed or variable length, and single numbers; others carry nothing that is
  // read here. False where the attribute is damaged.
  bool read_attribute(hid_t location, const char* name, const std::string& group) {
    const Handle attribute(H5Aopen(location, name, H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (!attribute.valid() || !type.valid() || !space.valid()) return false;
    if (H5Sget_simple_extent_npoints(space.get()) != 1) return true;
    std::string& value = attributes_[group + name];
    const H5T_class_t kind = H5Tget_class(type.get());
    if (kind == H5T_FLOAT || kind == H5T_INTEGER) {
      double number = 0.0;
      if (H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &number) < 0) return false;
      value = to_text(number);
      return true;
    }
    if (kind == H5T_STRING) return read_text(attribute, type, space, value);
    attributes_.erase(group + name);
    return true;
  }

  static bool read_text(const Handle& attribute, const Handle& type, const Handle& space,
                        std::string& value) {
    if (H5Tis_variable_str(type.get()) > 0) {
      char* text = nullptr;
      if (H5Aread(attribute.get(), type.get(), &text) < 0) return false;
      value = text == nullptr ? "" : text;
      H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, &text);
      return true;
    }
    std::string text(std::min(H5Tget_size(type.get()), kTextLimit), '\0');
    if (H5Tget_size(type.get()) > kTextLimit) return true;
    if (H5Aread(attribute.get(), type.get(), text.data()) < 0) return false;
    value = text.substr(0, text.find('\0'));
    return true;
  }

  void visit() {
    const auto each = [](hid_t group, const char* name, const H5L_info_t* link,
                         void* self) -> herr_t {
      if (link->type != H5L_TYPE_HARD) return 0;
      try {
        return static_cast<Hdf5Container*>(self)->list(group, name) ? 0 : -1;
      } catch (const std::exception&) {
        return -1;  // must not pass through C
      }
    };
    const bool visited = H5Lvisit(file_.get(), H5_INDEX_NAME, H5_ITER_NATIVE, each, this) >= 0;
    if (!newer_.empty()) {
      throw InputError(
          path_.string(), newer_, "is stored in a newer form of HDF5 than version 1.10 reads",
          "write it with h5py.File(..., libver=('earliest', 'v110')), or as safetensors");
    }
    if (!visited) {
      throw InputError(path_.string(), "", "cannot be listed: the file is corrupt", kMend);
    }
  }

  // Did the last call find a message in a version that it does not know?
  static bool failed_by_version() {
    bool found = false;
    const auto each = [](unsigned, const H5E_error2_t* error, void* found_here) -> herr_t {
      const std::string_view text = error->desc == nullptr ? "" : error->desc;
      if (text.find("version") != std::string_view::npos) *static_cast<bool*>(found_here) = true;
      return 0;
    };
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, each, &found);
    return found;
  }

  bool list(hid_t group, const std::string& name) {
    if (datasets_.size() >= kDatasetLimit) return false;
    const Handle object(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object.valid()) {
      if (failed_by_version()) newer_ = name;
      return false;
    }
    if (H5Iget_type(object.get()) == H5I_GROUP && H5Aexists(object.get(), kLogprobStep) > 0 &&
        !read_attribute(object.get(), kLogprobStep, name + "/")) {
      return false;
    }
    if (H5Iget_type(object.get()) != H5I_DATASET) return true;
    const Handle type(H5Dget_type(object.get()), H5Tclose);
    const Handle space(H5Dget_space(object.get()), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space.get());
    if (rank < 0) return false;
    std::vector<hsize_t> extents(static_cast<size_t>(rank));
    H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
    datasets_[name] = {.shape = {extents.begin(), extents.end()},
                       .integers = H5Tget_class(type.get()) == H5T_INTEGER};
    return true;
  }

  // What must not reach H5Dread: data in other files, unknown filters, types that are no numbers,
  // more elements than the bytes of the file can stand for.
  void check_readable(const std::string& name, const Handle& dataset) const {
    const auto refuse = [&](const std::string& problem, const std::string& mend) {
      throw InputError(path_.string(), name, problem, mend);
    };
    const Handle type(H5Dget_type(dataset.get()), H5Tclose);
    const H5T_class_t kind = H5Tget_class(type.get());
    if (kind != H5T_FLOAT && kind != H5T_INTEGER) refuse("holds no numbers", "write float64");
    const Handle layout(H5Dget_create_plist(dataset.get()), H5Pclose);
    if (H5Pget_layout(layout.get()) == H5D_VIRTUAL || H5Pget_external_count(layout.get()) > 0) {
      refuse("lies outside the file", "write it into the trace");
    }
    for (int i = 0; i < H5Pget_nfilters(layout.get()); ++i) {
      unsigned flags = 0;
      size_t values = 0;
      const H5Z_filter_t filter = H5Pget_filter2(layout.get(), static_cast<unsigned>(i), &flags,
                                                 &values, nullptr, 0, nullptr, nullptr);
      if (H5Zfilter_avail(filter) <= 0) refuse("has an unknown compression", "use gzip or none");
    }
    const size_t stored = std::min<size_t>(H5Dget_storage_size(dataset.get()), file_bytes_);
    const size_t claimed = product_or_most(count(name), H5Tget_size(type.get()));
    if (claimed > product_or_most(stored, kExpansionLimit)) {
      refuse("claims " + std::to_string(claimed) + " bytes and holds " + std::to_string(stored),
             "write all of its data");
    }
  }

  Handle open_dataset(const std::string& name) const {
    Handle dataset(H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid()) damaged(name);
    return dataset;
  }

  size_t count(const std::string& name) const {
    size_t product = 1;
    for (const size_t extent : datasets_.at(name).shape) product = product_or_most(product, extent);
    return product;
  }

  template <typename T>
  std::vector<T> read(const std::string& name, hid_t memory_type) const {
    const auto lock = lock_hdf5();
    const Handle dataset = open_dataset(name);
    check_readable(name, dataset);
    std::vector<T> values(count(name));
    if (!values.empty() &&
        H5Dread(dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
      damaged(name);
    }
    return values;
  }

  std::unique_lock<std::mutex> lock_;
  Handle file_;
  std::string newer_;  // a dataset in a form that the library does not know
  size_t file_bytes_ = 0;
};

// libhdf5 1.10 crashes, loops or eats memory on some damaged files: what it survives in a child it
// may read here. The lock is held across the fork, so that no other thread is inside the library.
void rehearse_reading(const std::filesystem::path& path) {
  auto lock = lock_hdf5();
  const auto work = [&] {
    lock.unlock();
    const Hdf5Container container(path);
    for (const auto& [name, dataset] : container.datasets()) {
      if (container.is_readable(name)) container.read_reals(name);
    }
  };
  std::error_code error;
  const auto bytes = static_cast<double>(std::filesystem::file_size(path, error));
  if (error) throw InputError(path.string(), "", error.message(), "name a trace");
  base::rehearse(
      work,
      {.bytes = (size_t{128} << 20) + static_cast<size_t>(8.0 * bytes),
       .seconds = 1.0 + bytes / 1e7},
      InputError(path.string(), "", "is corrupt, or its datasets expand beyond all reason", kMend));
}

}  // namespace

std::unique_lock<std::mutex> lock_hdf5() {
  static std::mutex mutex;
  std::unique_lock lock(mutex);
  static const bool prepared = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0 &&
                               H5PLset_loading_state(0) >= 0;  // no code from plugin folders
  base::ensure(prepared, "libhdf5 can be set up");
  return lock;
}

std::unique_ptr<Container> open_hdf5(const std::filesystem::path& path) {
  rehearse_reading(path);
  return std::make_unique<Hdf5Container>(path);
}

}  // namespace plumb::trace
