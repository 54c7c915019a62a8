// The part of <string.h> that programs use, for a compiler that comes without a C library.
#ifndef TFLM_MCUNET_CPP_PORTS_QEMU_FREESTANDING_STRING_H_
#define TFLM_MCUNET_CPP_PORTS_QEMU_FREESTANDING_STRING_H_

#include <stddef.h>

extern "C" {
void* memcpy(void* target, const void* source, size_t count);
void* memmove(void* target, const void* source, size_t count);
void* memset(void* target, int value, size_t count);
int memcmp(const void* one, const void* other, size_t count);
}

#endif  // TFLM_MCUNET_CPP_PORTS_QEMU_FREESTANDING_STRING_H_
