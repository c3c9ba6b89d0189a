#include <numeric>

#include "base/errors.h"
#include "trace/container.h"
#include "trace/hdf5.h"

namespace plumb::trace {
namespace {

using base::InputError;

constexpr size_t kDatasetLimit = 200'000;
constexpr size_t kTextLimit = size_t{1} << 20;

class Hdf5Container : public Container {
 public:
  explicit Hdf5Container(const std::filesystem::path& path)
      : Container(path), lock_(lock_hdf5()), file_(open(path)) {
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

 private:
  static Handle open(const std::filesystem::path& path) {
    if (!std::filesystem::is_regular_file(path)) {
      throw InputError(path.string(), "", "no such trace file");
    }
    Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    if (!file.valid()) {
      throw InputError(path.string(), "", "is not a readable HDF5 file; truncated or corrupt");
    }
    return file;
  }

  [[noreturn]] void damaged(const std::string& name) const {
    throw InputError(path_.string(), name, "the dataset cannot be read; the file is corrupt");
  }

  void read_attributes() {
    const Handle root(H5Gopen2(file_.get(), "/", H5P_DEFAULT), H5Gclose);
    if (!root.valid()) damaged("/");
    hsize_t index = 0;
    const auto each = [](hid_t location, const char* name, const H5A_info_t*,
                         void* self) -> herr_t {
      static_cast<Hdf5Container*>(self)->read_attribute(location, name);
      return 0;
    };
    H5Aiterate2(root.get(), H5_INDEX_NAME, H5_ITER_NATIVE, &index, each, this);
  }

  // Text attributes, of fixed or variable length; others carry nothing that is read here.
  void read_attribute(hid_t location, const char* name) {
    const Handle attribute(H5Aopen(location, name, H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (!type.valid() || H5Tget_class(type.get()) != H5T_STRING ||
        H5Sget_simple_extent_npoints(space.get()) != 1) {
      return;
    }
    if (H5Tis_variable_str(type.get()) > 0) {
      char* text = nullptr;
      if (H5Aread(attribute.get(), type.get(), &text) >= 0 && text != nullptr) {
        attributes_[name] = text;
        H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, &text);
      }
    } else if (H5Tget_size(type.get()) <= kTextLimit) {
      std::string text(H5Tget_size(type.get()), '\0');
      if (H5Aread(attribute.get(), type.get(), text.data()) >= 0) {
        attributes_[name] = text.substr(0, text.find('\0'));
      }
    }
  }

  void visit() {
    const auto each = [](hid_t group, const char* name, const H5L_info_t* link,
                         void* self) -> herr_t {
      if (link->type != H5L_TYPE_HARD) return 0;
      return static_cast<Hdf5Container*>(self)->list(group, name) ? 0 : -1;
    };
    if (H5Lvisit(file_.get(), H5_INDEX_NAME, H5_ITER_NATIVE, each, this) < 0) {
      throw InputError(path_.string(), "", "its groups cannot be listed; the file is corrupt");
    }
  }

  bool list(hid_t group, const std::string& name) {
    if (datasets_.size() >= kDatasetLimit) return false;
    const Handle object(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object.valid()) return false;
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

  template <typename T>
  std::vector<T> read(const std::string& name, hid_t memory_type) const {
    const auto lock = lock_hdf5();
    const Handle dataset(H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid()) damaged(name);
    const Handle type(H5Dget_type(dataset.get()), H5Tclose);
    const H5T_class_t kind = H5Tget_class(type.get());
    if (kind != H5T_FLOAT && kind != H5T_INTEGER) {
      throw InputError(path_.string(), name, "the dataset holds no numbers");
    }
    const std::vector<size_t>& shape = datasets_.at(name).shape;
    const size_t count =
        std::accumulate(shape.begin(), shape.end(), size_t{1}, std::multiplies<>());
    std::vector<T> values(count);
    if (count > 0 &&
        H5Dread(dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
      damaged(name);
    }
    return values;
  }

  std::unique_lock<std::mutex> lock_;
  Handle file_;
};

}  // namespace

std::unique_lock<std::mutex> lock_hdf5() {
  static std::mutex mutex;
  std::unique_lock lock(mutex);
  static const herr_t silenced = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  (void)silenced;
  return lock;
}

std::unique_ptr<Container> open_hdf5(const std::filesystem::path& path) {
  return std::make_unique<Hdf5Container>(path);
}

}  // namespace plumb::trace
