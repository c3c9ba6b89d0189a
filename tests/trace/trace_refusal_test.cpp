#include <sys/stat.h>

#include <filesystem>
#include <functional>

#include "tests/support/files.h"
#include "tests/trace/trace_fixture.h"

namespace plumb::trace {
namespace {

using base::DType;
using tests::Hdf5Builder;
using tests::refusal;

using TraceRefusalTest = TraceFileTest;

TEST_F(TraceRefusalTest, RefusesWhatIsNoTrace) {
  for (const char* text : {"", "not HDF5", "\x89HDF\r\n\x1a\n"}) {
    tests::write_text(file_, text);
    EXPECT_NE(refusal([&] { TraceFile unused(file_); }), "") << text;
  }
  EXPECT_NE(refusal([&] { TraceFile unused(folder_.path()); }), "");
  EXPECT_NE(refusal([&] { TraceFile unused(folder_.path() / "missing.h5"); }), "");
  ASSERT_EQ(::mkfifo((folder_.path() / "fifo").c_str(), 0600), 0);
  EXPECT_NE(refusal([&] { TraceFile unused(folder_.path() / "fifo"); }), "");
}

TEST_F(TraceRefusalTest, RefusesAnotherSchema) {
  const auto with_schema = [&](auto&& put) {
    { put(Hdf5Builder(file_)); }
    return refusal([&] { TraceFile unused(file_); });
  };
  EXPECT_NE(with_schema([](Hdf5Builder&&) {}).find("schema: the attribute is missing"),
            std::string::npos);
  EXPECT_NE(with_schema([](Hdf5Builder&& b) {
              b.text_attribute("schema", "plumbline.trace/2", true);
            }).find("schema: is 'plumbline.trace/2'"),
            std::string::npos);
  EXPECT_NE(with_schema([](Hdf5Builder&& b) { b.number_attribute("schema", 1); }).find("schema"),
            std::string::npos);
}

// A source needs taps under names that it knows, and what was run.
TEST_F(TraceRefusalTest, SaysWhichNameWasMeant) {
  const auto refusal_of = [&](const std::string& dataset, bool with_prompt) {
    {
      Hdf5Builder builder(file_);
      builder.text_attribute("schema", "plumbline.trace/1", true);
      if (with_prompt) builder.integers("prompts/p0", {1, 2});
      builder.dataset(dataset, {2, 3}, {1, 2, 3, 4, 5, 6});
    }
    return refusal([&] { FileSource unused(std::make_shared<TraceFile>(file_), std::nullopt); });
  };
  EXPECT_NE(refusal_of("fp32/p0/logits", true).find("name the group float32"), std::string::npos);
  EXPECT_NE(refusal_of("int4/p0/logits", true).find("is the name of no dtype"), std::string::npos);
  EXPECT_NE(refusal_of("float32/p0/lm_head", true).find("name it logits"), std::string::npos);
  EXPECT_NE(refusal_of("float32/p0/logits", false).find("prompts: the trace does not say what"),
            std::string::npos);
}

// Written by h5py 3.16 with HDF5 2.0: h5py.File(name, "w", libver="latest"), compression="gzip".
TEST_F(TraceRefusalTest, SaysHowToWriteForThisLibrary) {
  const auto file = std::filesystem::path(PLUMB_ROOT) / "tests/trace/files/hdf5-2.0.h5";
  const std::string line = refusal([&] { TraceFile unused(file); });
  EXPECT_NE(line.find("float32/p0/logits: is stored in a newer form of HDF5"), std::string::npos)
      << line;
  EXPECT_NE(line.find("libver=('earliest', 'v110')"), std::string::npos) << line;
}

// The length in a text attribute's reference to the heap, 2 GiB: libhdf5 1.10 makes room for it and
// fills that. A child that may not have so much calls it unreadable, and so must the parent.
TEST_F(TraceRefusalTest, RefusesAnAttributeOfAbsurdLength) {
  read([](Hdf5Builder& b) { b.text_attribute("producer", "somebody", true); });
  std::string bytes = tests::read_text(file_);
  const auto little_endian = [](uint32_t value) {
    return std::string{static_cast<char>(value), static_cast<char>(value >> 8),
                       static_cast<char>(value >> 16), static_cast<char>(value >> 24)};
  };
  const std::string heap =
      little_endian(static_cast<uint32_t>(bytes.find("GCOL"))) + little_endian(0);
  const size_t length = bytes.find(little_endian(8) + heap);
  ASSERT_NE(length, std::string::npos);
  bytes.replace(length, 4, little_endian(0x7fffffff));
  tests::write_text(file_, bytes);
  const std::string line = refusal([&] { TraceFile unused(file_); });
  EXPECT_NE(line.find("attribute that cannot be read"), std::string::npos) << line;
}

TEST_F(TraceRefusalTest, RefusesPromptsThatAreNoTokenIds) {
  const auto fills = std::vector<std::function<void(Hdf5Builder&)>>{
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {2}, {1, 2});
      },  // floats
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {1, 2}, {1, 2}, {.type = H5T_STD_I64LE});
      },
      [](Hdf5Builder& b) { b.dataset("prompts/p0", {}, {1}, {.type = H5T_STD_I64LE}); },
      [](Hdf5Builder& b) { b.integers("prompts/p0", {}); },
      [](Hdf5Builder& b) { b.texts("prompts/p0"); },
      [](Hdf5Builder& b) { b.null_dataset("prompts/p0"); },
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {size_t{1} << 40}, {}, {.type = H5T_STD_I64LE, .write = false});
      },
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {1 << 19}, {}, {.type = H5T_STD_I64LE, .write = false});
      },
  };
  for (size_t i = 0; i < fills.size(); ++i) {
    EXPECT_NE(refusal_of(fills[i]).find("prompts/p0"), std::string::npos) << i;
  }
}

TEST_F(TraceRefusalTest, RefusesTapsThatCannotBeRead) {
  const auto refused = [&](const char* because, auto&& fill) {
    const std::string line = refusal_to_read(fill);
    EXPECT_NE(line.find("float64/p0/logits"), std::string::npos) << line;
    EXPECT_NE(line.find(because), std::string::npos) << line;
  };
  constexpr const char* kName = "float64/p0/logits";
  refused("no numbers", [](Hdf5Builder& b) { b.texts(kName); });
  refused("holds 0", [](Hdf5Builder& b) { b.null_dataset(kName); });
  refused("holds 0", [](Hdf5Builder& b) { b.dataset(kName, {4, 4}, {}, {.write = false}); });
  // Extents whose product wraps, and sizes that no byte of the file stands for.
  constexpr size_t kHuge = size_t{1} << 62;
  refused("claims", [](Hdf5Builder& b) {
    b.dataset(kName, {kHuge, 8}, {}, {.chunk = {8, 8}, .write = false});
  });
  refused("claims", [](Hdf5Builder& b) {
    b.dataset(kName, {1 << 20, 1 << 20}, {}, {.chunk = {1 << 10, 8}, .write = false});
  });
  refused("compression",
          [](Hdf5Builder& b) { b.dataset(kName, {4}, ramp(4), {.chunk = {4}, .filter = 40'001}); });
  const std::filesystem::path secret = folder_.path() / "secret";
  tests::write_text(secret, std::string(32, 'x'));
  refused("outside the file",
          [&](Hdf5Builder& b) { b.dataset(kName, {4}, ramp(4), {.external = secret}); });
}

// A dataset whose damage shows only when it is read makes the whole file suspect.
TEST_F(TraceRefusalTest, RefusesDamagedCompressedData) {
  read([](Hdf5Builder& b) {
    b.dataset("float64/p0/logits", {64, 64}, ramp(4096), {.chunk = {64, 64}, .gzip = 9});
  });
  std::string bytes = tests::read_text(file_);
  for (size_t i = bytes.size() - 2000; i < bytes.size() - 1000; ++i) bytes[i] = 'x';
  tests::write_text(file_, bytes);
  EXPECT_NE(refusal([&] { TraceFile unused(file_); }).find("float64/p0/logits: cannot be read"),
            std::string::npos);
}

TEST_F(TraceRefusalTest, FollowsNoLinks) {
  {
    Hdf5Builder other(folder_.path() / "other.h5");
    other.dataset("logits", {1}, {1});
  }
  const TraceFile trace = read([&](Hdf5Builder& b) {
    b.dataset("float64/p0/layer.1.out", {1}, {1});
    b.soft_link("/float64/p0/layer.1.out", "float64/p0/embed");
    b.external_link(folder_.path() / "other.h5", "/logits", "float64/p0/logits");
  });
  EXPECT_EQ(trace.recording(DType::kF64, "p0")->taps(), std::vector<Tap>{kOut});
}

TEST_F(TraceRefusalTest, RefusesAGreedyContinuationThatIsNone) {
  const auto greedy_refusal = [&](auto&& fill) {
    return refusal([&] { read(fill).recording(DType::kF64, "p0")->greedy(); });
  };
  EXPECT_NE(greedy_refusal([](Hdf5Builder& b) {
              b.dataset("float64/p0/greedy", {2}, {1.5, 2});
            }).find("float64/p0/greedy"),
            std::string::npos);
  EXPECT_NE(greedy_refusal([](Hdf5Builder& b) {
              b.integers("float64/p0/greedy", {1, 2});
              b.dataset("float64/p0/greedy_margin", {3}, {1, 2, 3});
            }).find("greedy_margin"),
            std::string::npos);
  const auto greedy = read([](Hdf5Builder& b) {
                        b.integers("float64/p0/greedy", {1, 2});
                      })
                          .recording(DType::kF64, "p0")
                          ->greedy();
  EXPECT_TRUE(std::isnan(greedy->margins.at(1)));
}

TEST_F(TraceRefusalTest, RefusesNamesThatAreNoText) {
  EXPECT_NE(refusal_of([](Hdf5Builder& b) { b.integers("prompts/\xff", {1}); }), "");
  EXPECT_NE(refusal_of([](Hdf5Builder& b) { b.integers("prompts/a\nb", {1}); }), "");
  const TraceFile trace =
      read([](Hdf5Builder& b) { b.text_attribute("producer", "a\n\xff", true); });
  EXPECT_EQ(trace.attribute("producer"), "a??");
}

// Cut short anywhere, or with random bytes changed: read whole, or refused.
TEST_F(TraceRefusalTest, SurvivesRandomDamage) {
  read([](Hdf5Builder& b) {
    b.text_attribute("producer", "somebody", true);
    b.integers("prompts/p0", {1, 2, 3});
    for (const char* tap : {"embed", "layer.0.out", "layer.1.out", "logits"}) {
      b.dataset(std::string("float64/p0/") + tap, {3, 16}, ramp(48), {.chunk = {2, 16}, .gzip = 4});
    }
    b.integers("float64/p0/greedy", {1, 2, 3});
  });
  const std::string whole = tests::read_text(file_);
  int refused = 0;
  for (uint64_t seed = 0; seed < 250; ++seed) {
    tests::write_text(file_, tests::mutate(whole, seed, whole.size()));
    const std::string line = refusal([&] {
      const TraceFile trace(file_);
      const auto recording = trace.recording(DType::kF64, "p0");
      for (const Tap& tap : recording->taps()) recording->read(tap);
      recording->greedy();
    });
    EXPECT_TRUE(line.empty() || line.starts_with(file_.string())) << line;
    refused += line.empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace plumb::trace
