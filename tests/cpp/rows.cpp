#include "rows.h"

#include <string.h>

namespace {

// Memory that begins at a multiple of 16, with nothing behind its end.
class Memory {
 public:
  explicit Memory(size_t bytes) : bytes_(bytes), memory_(bytes + 16, 0x5A) {}
  uint8_t* begin() {
    const uintptr_t end = reinterpret_cast<uintptr_t>(memory_.data() + memory_.size());
    return reinterpret_cast<uint8_t*>((end - bytes_) & ~static_cast<uintptr_t>(15));
  }

 private:
  size_t bytes_;
  std::vector<uint8_t> memory_;
};

}  // namespace

std::vector<int8_t> run_rows(tflm_mcunet::RowKernel kernel, const void* params,
                             const std::vector<const Map*>& inputs, const Window& window,
                             int32_t scratch_bytes, int32_t behind) {
  const tflm_mcunet::Columns& columns = window.columns;
  std::vector<std::vector<int8_t>> operands;
  for (const Map* input : inputs) {
    operands.push_back(input->values);
    operands.back().resize(input->values.size() + static_cast<size_t>(behind), 0x33);
    operands.back().shrink_to_fit();
  }
  Memory scratch(static_cast<size_t>(scratch_bytes));
  const int32_t row_values = (columns.end - columns.begin) * window.output_channels;
  std::vector<int8_t> output(static_cast<size_t>(window.output_height * row_values));
  for (int32_t y = 0; y < window.output_height; y += window.output_rows) {
    std::vector<const void*> rows;
    for (size_t i = 0; i < inputs.size(); ++i) {
      for (int32_t k = 0; k < window.kernel_h; ++k) {
        const int32_t row = y * window.stride_h - window.pad_top + k * window.dilation_h;
        const bool is_inside = row >= 0 && row < inputs[i]->height;
        const int32_t first = row * inputs[i]->row_bytes() + columns.input_begin * inputs[i]->channels;
        rows.push_back(is_inside ? operands[i].data() + first : nullptr);
      }
    }
    kernel(params, rows.data(), output.data() + y * row_values, columns, scratch.begin());
  }
  return output;
}

std::vector<int8_t> run_sum(const tflm_mcunet::SumKernels& kernels, const void* params, const Map& input,
                            int32_t output_width, int32_t output_channels, int32_t behind) {
  std::vector<int8_t> values = input.values;
  values.resize(values.size() + static_cast<size_t>(behind), 0x33);
  values.shrink_to_fit();
  const int32_t count = output_width * output_channels;
  const tflm_mcunet::Columns columns = {0, output_width, 0};
  std::vector<int32_t> sums(static_cast<size_t>(count));
  for (int32_t y = 0; y < input.height; ++y) {
    kernels.add(params, values.data() + y * input.row_bytes(), sums.data(), columns);
  }
  std::vector<int8_t> output(static_cast<size_t>(count));
  kernels.finish(params, sums.data(), input.height, output.data(), columns);
  return output;
}
