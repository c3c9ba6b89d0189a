// The grids of the IQ types: constants of the format, points of eight or four magnitudes.
//
// A point is packed into 16 bits, the first coordinate lowest: codes of 2 bits for eight
// coordinates, of 3 bits for four. Source: ggml 0.25, ggml-common.h.
#pragma once

#include <cstdint>
#include <span>

namespace plumb::base::gguf {

struct Grid {
  std::span<const uint16_t> points;
  int width;  // coordinates of a point
  int bits;   // of a code
  const int8_t* magnitudes;

  int at(uint32_t point, int coordinate) const {
    return magnitudes[points[point] >> bits * coordinate & ((1 << bits) - 1)];
  }
};

extern const Grid kIq1;     // 2048 points
extern const Grid kIq2Xxs;  // 256
extern const Grid kIq2Xs;   // 512
extern const Grid kIq2S;    // 1024
extern const Grid kIq3Xxs;  // 256
extern const Grid kIq3S;    // 512

}  // namespace plumb::base::gguf
