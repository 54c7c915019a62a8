// CRC-32 as zlib and PNG have it, without a table.
#ifndef TFLM_MCUNET_PORTS_CHECKSUM_H_
#define TFLM_MCUNET_PORTS_CHECKSUM_H_

#include <stdint.h>

// Of `count` bytes that follow those of which `crc` is the checksum; 0 to begin with.
inline uint32_t crc32(uint32_t crc, const void* bytes, uint32_t count) {
  const uint8_t* next = static_cast<const uint8_t*>(bytes);
  crc = ~crc;
  for (; count != 0; --count) {
    crc ^= *next++;
    for (int32_t bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
  }
  return ~crc;
}

#endif  // TFLM_MCUNET_PORTS_CHECKSUM_H_
