// What a test finds: differences are printed where they are found, and decide how the program exits.
#ifndef TFLM_MCUNET_TESTS_CPP_CHECK_H_
#define TFLM_MCUNET_TESTS_CPP_CHECK_H_

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vector>

namespace check {

class Report {
 public:
  void is_true(const char* what, bool holds) {
    ++checks_;
    if (!holds) {
      fail(what);
    }
  }

  void is_equal(const char* what, int64_t expected, int64_t found) {
    ++checks_;
    if (expected != found) {
      fail(what);
      printf("  expected %lld, found %lld\n", static_cast<long long>(expected),
             static_cast<long long>(found));
    }
  }

  // Outputs of a kernel. What lies between the ends of int8 is counted: see `has_seen_values`.
  void is_equal(const char* what, const std::vector<int8_t>& expected, const std::vector<int8_t>& found) {
    ++checks_;
    if (expected.size() != found.size()) {
      fail(what);
      printf("  expected %zu values, found %zu\n", expected.size(), found.size());
      return;
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      between_ends_ += expected[i] != INT8_MIN && expected[i] != INT8_MAX ? 1 : 0;
      if (expected[i] != found[i]) {
        fail(what);
        printf("  value %zu of %zu: expected %d, found %d\n", i, expected.size(), expected[i], found[i]);
        return;
      }
    }
    values_ += expected.size();
  }

  // Outputs that are all saturated would be equal whatever the kernel: at least a third must not be.
  void has_seen_values(const char* what) {
    is_true(what, values_ > 0 && between_ends_ * 3 >= values_);
    values_ = between_ends_ = 0;
  }

  // What main returns.
  int status() const {
    printf("%llu checks, %llu failed\n", static_cast<unsigned long long>(checks_),
           static_cast<unsigned long long>(failures_));
    return failures_ == 0 && checks_ > 0 ? 0 : 1;
  }

 private:
  void fail(const char* what) {
    ++failures_;
    printf("FAILED: %s\n", what);
  }

  uint64_t checks_ = 0;
  uint64_t failures_ = 0;
  uint64_t values_ = 0;
  uint64_t between_ends_ = 0;
};

}  // namespace check

#endif  // TFLM_MCUNET_TESTS_CPP_CHECK_H_
