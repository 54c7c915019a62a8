// A few words to people on the serial line, without the C library's printf.
#ifndef TFLM_MCUNET_PORTS_TEXT_H_
#define TFLM_MCUNET_PORTS_TEXT_H_

#include <stdint.h>

namespace text {

void print(const char* words);
void print_number(int32_t value);
void print_hexadecimal(uint32_t value);  // eight digits

}  // namespace text

#endif  // TFLM_MCUNET_PORTS_TEXT_H_
