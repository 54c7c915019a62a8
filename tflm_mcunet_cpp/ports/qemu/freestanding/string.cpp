// The functions of string.h, where no C library brings them. They count as part of the program.
#include "string.h"

#include <stdint.h>

namespace {

constexpr uintptr_t kWordMask = sizeof(uint32_t) - 1;

inline bool are_aligned(const void* one, const void* other) {
  return ((reinterpret_cast<uintptr_t>(one) | reinterpret_cast<uintptr_t>(other)) & kWordMask) == 0;
}

}  // namespace

void* memcpy(void* target, const void* source, size_t count) {
  uint8_t* to = static_cast<uint8_t*>(target);
  const uint8_t* from = static_cast<const uint8_t*>(source);
  if (are_aligned(target, source)) {
    for (; count >= sizeof(uint32_t);
         count -= sizeof(uint32_t), to += sizeof(uint32_t), from += sizeof(uint32_t)) {
      *reinterpret_cast<uint32_t*>(to) = *reinterpret_cast<const uint32_t*>(from);
    }
  }
  for (; count != 0; --count) {
    *to++ = *from++;
  }
  return target;
}

void* memmove(void* target, const void* source, size_t count) {
  uint8_t* to = static_cast<uint8_t*>(target);
  const uint8_t* from = static_cast<const uint8_t*>(source);
  if (to <= from) {
    return memcpy(target, source, count);
  }
  while (count != 0) {
    --count;
    to[count] = from[count];
  }
  return target;
}

void* memset(void* target, int value, size_t count) {
  uint8_t* to = static_cast<uint8_t*>(target);
  for (; count != 0 && !are_aligned(to, to); --count) {
    *to++ = static_cast<uint8_t>(value);
  }
  const uint32_t word = static_cast<uint8_t>(value) * 0x01010101u;
  for (; count >= sizeof(uint32_t); count -= sizeof(uint32_t), to += sizeof(uint32_t)) {
    *reinterpret_cast<uint32_t*>(to) = word;
  }
  for (; count != 0; --count) {
    *to++ = static_cast<uint8_t>(value);
  }
  return target;
}

int memcmp(const void* one, const void* other, size_t count) {
  const uint8_t* a = static_cast<const uint8_t*>(one);
  const uint8_t* b = static_cast<const uint8_t*>(other);
  for (; count != 0; --count, ++a, ++b) {
    if (*a != *b) {
      return *a < *b ? -1 : 1;
    }
  }
  return 0;
}
