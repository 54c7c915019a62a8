// Answers a host on the serial line: who are you, run a seeded input, run this input.
//
// A message, in both directions, little endian: the bytes 0x16 0x6D, a letter, the payload's length as
// uint16, the payload, and the CRC-32 of letter, length and payload. Whatever else comes over the line is
// text for people. A device answers every request with one message: the same letter in lower case, or `e`
// with a uint32 from Trouble.
//
//   request                                          answer
//   I                                                i  Identity, then the model's name
//   T  uint32 seed                                   t  uint32 checksum of the outputs, uint64 ticks
//   W  uint32 input, uint32 first byte, bytes        w  (a model that holds its input)
//   R  uint32 row, its bytes                         r  int32 rows still wanted (a model that is fed by rows;
//   the
//                                                       rows are numbered through all passes, 0 begins anew)
//   G                                                g  uint32 checksum, uint64 ticks
//   O  uint32 output, uint32 first byte, uint32 n    o  n bytes
//   Z                                                z  (the model's state has its first values again)
//
// A model with state carries it from each T or G to the next; a host begins with Z, and sends no T or G
// twice.
#ifndef TFLM_MCUNET_PORTS_HOST_LINK_H_
#define TFLM_MCUNET_PORTS_HOST_LINK_H_

#include <stdint.h>

namespace host_link {

constexpr uint32_t kProtocol = 2;

enum Trouble : uint32_t {
  kUnknownRequest = 1,
  kBadLength = 2,
  kBadIndex = 3,     // no such input, output, row, or bytes of it
  kBadOrder = 4,     // rows must come in order, and all of them before the outputs are asked for
  kModelFailed = 5,  // the model returned an error
};

struct Identity {
  uint32_t protocol;
  uint32_t fingerprint;  // of the model, as the exporter computed it
  uint32_t inputs;
  uint32_t outputs;
  uint32_t arena_bytes;
  uint32_t macs;
  uint32_t rows;  // of the image, 0 for a model that holds its input
  uint32_t row_bytes;
  uint32_t passes;  // how often the image is read
  uint32_t ticks_per_second;
  uint32_t most_bytes;   // of a payload
  uint32_t state_bytes;  // what the model keeps from one inference to the next
};

// Waits that long for a request, and answers it. Whether there was one.
bool serve(uint32_t timeout_ms);

// Whether a host follows a sequence of inferences, which no other inference may interrupt: from its Z on,
// until it is silent for a minute. Then the state has its first values again.
bool owns_state();

}  // namespace host_link

#endif  // TFLM_MCUNET_PORTS_HOST_LINK_H_
