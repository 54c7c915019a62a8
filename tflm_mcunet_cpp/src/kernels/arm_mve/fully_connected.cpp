// Whole blocks of four units go straight to the output, a part of a block by way of scratch.
#include "fully_connected.h"

namespace tflm_mcunet {
namespace {

inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

}  // namespace

void fully_connected_mve_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                             void* scratch) {
  const FullyConnectedMve& layer = *static_cast<const FullyConnectedMve*>(params);
  int8_t* const spare = static_cast<int8_t*>(scratch);
  const int32_t block = arm_mve::block_bytes(layer.chunks);
  arm_mve::DotJob job = {static_cast<const int8_t*>(rows[0]),
                         0,
                         nullptr,
                         nullptr,
                         layer.chunks,
                         static_cast<int8_t*>(out),
                         0,
                         0,
                         layer.output_zero_point,
                         layer.output_min,
                         layer.output_max};
  for (int32_t unit = columns.begin; unit < columns.end;) {
    const int32_t within = unit & 3;
    const int32_t whole = within == 0 ? (columns.end - unit) & ~3 : 0;
    job.stream = layer.stream + unit / 4 * block;
    if (whole > 0) {
      job.stream_end = job.stream + whole / 4 * block;
      layer.single(job);
      job.out += whole;
      unit += whole;
      continue;
    }
    int8_t* const output = job.out;
    const int32_t last = smaller(4, within + columns.end - unit);
    job.stream_end = job.stream + block;
    job.out = spare;
    layer.single(job);
    job.out = output + last - within;
    for (int32_t i = within; i < last; ++i) {
      output[i - within] = spare[i];
    }
    unit += last - within;
  }
}

}  // namespace tflm_mcunet
