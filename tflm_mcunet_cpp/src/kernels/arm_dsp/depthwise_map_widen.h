// What the depthwise kernels of whole maps widen before they compute: the map, two or four channels at a
// time, and weights.
#ifndef TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_WIDEN_H_
#define TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_WIDEN_H_

#include <stdint.h>

namespace tflm_mcunet {
namespace arm_dsp {

// Channels of a map, to be widened to a plane for each, two columns to a word, less the zero point. The
// assembler knows the order of the fields.
struct MapWiden {
  const int8_t* source;
  int32_t step;   // bytes from column to column
  int32_t pairs;  // of columns, in a row
  uint32_t* plane;
  uint32_t offset;  // -zero point in both halves
  int32_t pitch;    // bytes from plane to plane
  int32_t rows;
  int32_t has_trail;  // whether a column follows the pairs
  uint32_t padding;   // four zero points
};

// Two and four channels. Each is linked only where a layer needs it.
using WidenMap = void(const MapWiden* columns);
WidenMap widen_map_2;
WidenMap widen_map_4;

// The weights of some channels times 256, two to a word, kernel row after kernel row, for kernels of 3, 5 and
// 7 and strides. With A0 for (w0 w1), A1 for (w2 w3) and so on, and B1 for (w1 w2), B2 for (w3 w4) and so on,
// a row is A0 B1 for 3; B1 B2 A0 A1 for 5 at stride 1, A0 A1 A2 at stride 2; B1 B2 B3 A0 A1 A2 A3 for 7 at
// stride 1, (w0 0) B1 B2 B3 at stride 2. The stream is that of DepthwiseMapDsp.
using ExpandMap = void(const int32_t* stream, uint32_t* weights, int32_t channels, int32_t stream_bytes);
ExpandMap expand_map_3;
ExpandMap expand_map_5_1;
ExpandMap expand_map_5_2;
ExpandMap expand_map_7_1;
ExpandMap expand_map_7_2;

}  // namespace arm_dsp
}  // namespace tflm_mcunet

#endif  // TFLM_MCUNET_KERNELS_ARM_DSP_DEPTHWISE_MAP_WIDEN_H_
