#include "reference/activation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reference/arithmetic.h"

namespace plumb::reference {
namespace {

using model::Activation;

double activate(Activation activation, double x) {
  return reference::activate(Exact(), activation, x, 0);
}

TEST(Activation, HasItsKnownValues) {
  // torch.nn.functional in float64, torch 2.13
  EXPECT_NEAR(activate(Activation::kSilu, 1.0), 0.7310585786300049, 1e-16);
  EXPECT_NEAR(activate(Activation::kSilu, -3.0), -0.14227761953270035, 1e-16);
  EXPECT_NEAR(activate(Activation::kGelu, 1.0), 0.8413447460685429, 1e-16);
  EXPECT_NEAR(activate(Activation::kGelu, -2.0), -0.04550026389635842, 1e-16);
  EXPECT_NEAR(activate(Activation::kGeluTanh, 1.0), 0.8411919906082768, 1e-15);
  EXPECT_NEAR(activate(Activation::kGeluTanh, -2.0), -0.04540230591222494, 1e-15);
  // transformers 5.23 in float64: FastGELUActivation, bloom_gelu_forward, QuickGELUActivation
  EXPECT_NEAR(activate(Activation::kGeluFast, 1.5), 1.3995715769793464, 1e-15);
  EXPECT_NEAR(activate(Activation::kGeluBloom, 1.5), 1.3995715767318297, 1e-15);
  EXPECT_NEAR(activate(Activation::kQuickGelu, 1.5), 1.3916621984470767, 1e-15);
  EXPECT_EQ(activate(Activation::kRelu, -2.0), 0.0);
  EXPECT_EQ(activate(Activation::kRelu, 2.0), 2.0);
  EXPECT_EQ(activate(Activation::kRelu2, 3.0), 9.0);
  EXPECT_EQ(activate(Activation::kRelu2, -3.0), 0.0);
}

TEST(Activation, KeepsNansAndFarTails) {
  for (const Activation a : {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh,
                             Activation::kRelu, Activation::kRelu2}) {
    EXPECT_TRUE(std::isnan(activate(a, std::nan(""))));
    EXPECT_EQ(activate(a, 0.0), 0.0);
    EXPECT_EQ(activate(a, -1e3), 0.0);
    EXPECT_EQ(activate(a, 1e3), a == Activation::kRelu2 ? 1e6 : 1e3);
  }
}

}  // namespace
}  // namespace plumb::reference
