#include "depthwise_conv_2d.h"

#include "depthwise_planes.h"

namespace tflm_mcunet {
namespace {

// Of a channel in the stream: bias and multiplier.
constexpr int32_t kOwnWords = 2;

// Words of a channel's weights and its shift.
inline int32_t packed_words(const DepthwiseDsp2D& conv) { return (conv.kernel * conv.kernel + 3) / 4; }

// What the core reads of a channel besides its weights.
inline void put_head(const DepthwiseDsp2D& conv, const int32_t* stream, int32_t* head) {
  const int32_t words = packed_words(conv);
  const int32_t shift = reinterpret_cast<const int8_t*>(stream)[(kOwnWords + words) * 4 - 1];
  head[0] = stream[0];
  head[1] = stream[1];
  head[2] = static_cast<int32_t>(static_cast<uint32_t>(conv.constant) << shift) + 32;
  head[3] = shift + 1;
}

struct PackedShape {
  const DepthwiseDsp2D& conv;

  arm_dsp::DepthwiseCore core() const { return conv.core; }
  int32_t input_width() const { return conv.input_width; }
  int32_t channels() const { return conv.channels; }
  int32_t kernel() const { return conv.kernel; }
  int32_t kernel_h() const { return conv.kernel; }
  int32_t stride() const { return conv.stride; }
  int32_t stride_h() const { return conv.stride; }
  int32_t output_rows() const { return conv.output_rows; }
  int32_t pad_left() const { return conv.pad_left; }
  int32_t input_zero_point() const { return conv.input_zero_point; }
  int32_t output_min() const { return conv.output_min; }
  int32_t output_max() const { return conv.output_max; }
};

}  // namespace

void depthwise_conv_2d_dsp_row(const void* params, const void* const* rows, void* out, const Columns& columns,
                               void* scratch) {
  const DepthwiseDsp2D& conv = *static_cast<const DepthwiseDsp2D*>(params);
  const int32_t stream_words = kOwnWords + packed_words(conv);
  const auto fill = [&](int32_t channel, int32_t count, int32_t* heads, uint32_t* weights,
                        int32_t weights_words) {
    const int32_t* stream = conv.stream + channel * stream_words;
    for (int32_t i = 0; i < count; ++i, stream += stream_words) {
      put_head(conv, stream, heads + i * arm_dsp::kPlanesHeadWords);
      const int8_t* packed = reinterpret_cast<const int8_t*>(stream + kOwnWords);
      arm_dsp::widen_weights(packed, weights + i * weights_words, conv.kernel, conv.stride);
    }
  };
  arm_dsp::depthwise_planes(PackedShape{conv}, rows, out, columns, scratch, false, fill);
}

}  // namespace tflm_mcunet
