#include "unpacked_depthwise_3x3.h"

#include "depthwise_3x3.h"
#include "depthwise_3x3_core.h"

namespace tflm_mcunet {
namespace {

using arm_dsp::kStreamWords3x3;

// Of four channels: the stream, and behind it constants and shifts.
constexpr int32_t kRecordWords = 4 * (kStreamWords3x3 + 2);

// The record of one channel, as DepthwiseDsp3x3 has them where a layer is not regular.
void put_record(const DepthwiseConv2D& conv, int32_t channel, int32_t* record, int32_t* own) {
  const int32_t channels = conv.input_channels;
  const int8_t* weights = conv.weights + channel;
  int32_t sum = 0;
  for (int32_t ky = 0; ky < 3; ++ky, weights += 3 * channels) {
    const int32_t one = weights[0];
    const int32_t two = weights[channels];
    const int32_t three = weights[2 * channels];
    sum += one + two + three;
    const uint32_t middle = static_cast<uint32_t>(two) & 0xFFu;
    record[2 + ky] = static_cast<int32_t>((static_cast<uint32_t>(one) & 0xFFu) | middle << 8 | middle << 16 |
                                          static_cast<uint32_t>(three) << 24);
  }
  const int32_t bias = conv.bias != nullptr ? conv.bias[channel] : 0;
  const int32_t shift = 7 - conv.shift[channel];
  record[0] = static_cast<int32_t>(static_cast<uint32_t>(bias - conv.input_zero_point * sum) << 8);
  record[1] = conv.multiplier[channel];
  own[0] = (2 * conv.output_zero_point + 1) * (1 << (shift - 1)) + 64;
  own[1] = shift;
}

inline int32_t window_of(const DepthwiseUnpacked& params) {
  return 3 + (params.output_rows - 1) * params.stride_h;
}

}  // namespace

bool depthwise_3x3_unpacked_takes(const DepthwiseConv2D& conv, int32_t stride_h, int32_t dilation_h) {
  const bool is_plain = conv.output_zero_point == -128 && conv.output_min == -128 && conv.output_max == 127;
  return is_plain && conv.kernel_h == 3 && conv.kernel_w == 3 && conv.depth_multiplier == 1 &&
         conv.stride_w == stride_h && stride_h <= 2 && conv.dilation_w == 1 && dilation_h == 1 &&
         conv.input_channels >= 4;
}

int32_t depthwise_3x3_unpacked_scratch(const DepthwiseUnpacked& params, int32_t output_width) {
  const int32_t units = arm_dsp::units_of_3x3(output_width, params.stride_h);
  const int32_t pointers = window_of(params) * static_cast<int32_t>(sizeof(void*));
  return pointers + kRecordWords * 4 + 240 + 48 * units + 16 * output_width;
}

void depthwise_3x3_unpacked_row(const void* params, const void* const* rows, void* out,
                                const Columns& columns, void* scratch) {
  const DepthwiseUnpacked& unpacked = *static_cast<const DepthwiseUnpacked*>(params);
  const DepthwiseConv2D& conv = unpacked.conv;
  const int32_t channels = conv.input_channels;
  const int32_t width = columns.end - columns.begin;
  const int32_t window = window_of(unpacked);
  const void** const four = static_cast<const void**>(scratch);
  int32_t* const records = reinterpret_cast<int32_t*>(four + window);
  DepthwiseDsp3x3 part = {};
  part.core = unpacked.stride_h == 1 ? &arm_dsp::kSums3x3Stride1 : &arm_dsp::kSums3x3Stride2;
  part.stream = records;
  part.input_width = conv.input_width;
  part.channels = 4;
  part.stride = unpacked.stride_h;
  part.output_rows = unpacked.output_rows;
  part.input_step = channels;
  part.output_step = channels;
  part.output_pitch = width * channels;
  part.pad_left = conv.pad_left;
  part.input_zero_point = conv.input_zero_point;
  part.finish = arm_dsp::kSaturate;
  part.output_min = conv.output_min;
  part.output_max = conv.output_max;
  for (int32_t next = 0; next < channels; next += 4) {
    // The last four may overlap those before: they are computed again.
    const int32_t channel = next + 4 <= channels ? next : channels - 4;
    for (int32_t i = 0; i < window; ++i) {
      four[i] = rows[i] != nullptr ? static_cast<const int8_t*>(rows[i]) + channel : nullptr;
    }
    for (int32_t i = 0; i < 4; ++i) {
      put_record(conv, channel + i, records + i * kStreamWords3x3, records + 4 * kStreamWords3x3 + 2 * i);
    }
    depthwise_3x3_dsp_row(&part, four, static_cast<int8_t*>(out) + channel, columns, records + kRecordWords);
  }
}

}  // namespace tflm_mcunet
