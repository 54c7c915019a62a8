#include "host_link.h"

#include <string.h>

#include "board.h"
#include "checksum.h"
#include "inference.h"
#include "model.h"
#include "pattern.h"
#include "project.h"

namespace host_link {
namespace {

constexpr uint8_t kMark[] = {0x16, 0x6D};
constexpr uint32_t kHeadBytes = 3;         // letter and length
constexpr uint32_t kByteTimeoutMs = 2000;  // emulated clocks may run ten times as fast
constexpr uint32_t kOutputBytes[] = MODEL_OUTPUT_BYTES;
#ifdef MODEL_FED_ROWS
constexpr uint32_t kRowMessage = MODEL_FED_ROW_BYTES + 4;
#else
constexpr uint32_t kRowMessage = 0;
constexpr uint32_t kInputBytes[] = MODEL_INPUT_BYTES;
#endif
#ifdef MODEL_STATE_BYTES
constexpr uint32_t kStateBytes = MODEL_STATE_BYTES;
#else
constexpr uint32_t kStateBytes = 0;
#endif
constexpr uint32_t kMostPayload = kRowMessage > 520 ? kRowMessage : 520;

// Head and payload of the request, then of its answer.
alignas(16) uint8_t message[kHeadBytes + 1 + kMostPayload];
uint8_t* const head = message + 1;  // so that the payload is aligned to 4
uint8_t* const payload = message + 4;

pattern::Generator generator;

void read_pattern(int32_t index, void* values, uint32_t bytes) {
  pattern::fill(&generator, index, values, bytes);
}

uint32_t seed_of_rows;
void read_pattern_row(int32_t y, void* values, uint32_t bytes) {
  if (y == 0) {
    generator = pattern::begin(seed_of_rows);
  }
  pattern::fill(&generator, 0, values, bytes);
}

uint32_t word(uint32_t index) {
  uint32_t value;
  memcpy(&value, payload + 4 * index, sizeof(value));
  return value;
}

void put(uint32_t offset, const void* value, uint32_t bytes) { memcpy(payload + offset, value, bytes); }

void send(char letter, uint32_t bytes) {
  head[0] = static_cast<uint8_t>(letter);
  head[1] = static_cast<uint8_t>(bytes);
  head[2] = static_cast<uint8_t>(bytes >> 8);
  const uint32_t crc = crc32(0, head, kHeadBytes + bytes);
  board::write_bytes(kMark, sizeof(kMark));
  board::write_bytes(head, kHeadBytes + bytes);
  board::write_bytes(&crc, sizeof(crc));
}

void refuse(Trouble trouble) {
  const uint32_t value = trouble;
  put(0, &value, sizeof(value));
  send('e', sizeof(value));
}

bool receive(void* target, uint32_t bytes) {
  uint8_t* to = static_cast<uint8_t*>(target);
  for (; bytes != 0; --bytes) {
    const int32_t byte = board::read_byte(kByteTimeoutMs);
    if (byte < 0) {
      return false;
    }
    *to++ = static_cast<uint8_t>(byte);
  }
  return true;
}

// The payload's length of the request that follows, or -1: none, or one that was garbled, which the host
// repeats.
int32_t receive_request(uint32_t timeout_ms) {
  if (board::read_byte(timeout_ms) != kMark[0] || board::read_byte(kByteTimeoutMs) != kMark[1] ||
      !receive(head, kHeadBytes)) {
    return -1;
  }
  const uint32_t bytes = head[1] | static_cast<uint32_t>(head[2]) << 8;
  uint32_t crc = 0;
  if (bytes > kMostPayload || !receive(payload, bytes) || !receive(&crc, sizeof(crc)) ||
      crc != crc32(0, head, kHeadBytes + bytes)) {
    return -1;
  }
  return static_cast<int32_t>(bytes);
}

void identify() {
  const Identity identity = {
      kProtocol,
      PROJECT_FINGERPRINT,
      MODEL_INPUT_COUNT,
      MODEL_OUTPUT_COUNT,
      MODEL_ARENA_BYTES,
      MODEL_MACS,
#ifdef MODEL_FED_ROWS
      MODEL_FED_ROWS,
      MODEL_FED_ROW_BYTES,
      MODEL_FED_PASSES,
#else
      0,
      0,
      1,
#endif
      board::ticks_per_second(),
      kMostPayload,
      kStateBytes,
  };
  constexpr uint32_t kNameBytes = sizeof(PROJECT_NAME) - 1;
  static_assert(sizeof(identity) + kNameBytes <= kMostPayload, "the name is too long");
  put(0, &identity, sizeof(identity));
  put(sizeof(identity), PROJECT_NAME, kNameBytes);
  send('i', sizeof(identity) + kNameBytes);
}

void answer_result(char letter, int32_t status, uint64_t ticks) {
  if (status != 0) {
    refuse(kModelFailed);
    return;
  }
  const uint32_t crc = inference::outputs_checksum();
  put(0, &crc, sizeof(crc));
  put(sizeof(crc), &ticks, sizeof(ticks));
  send(letter, sizeof(crc) + sizeof(ticks));
}

#ifdef MODEL_FED_ROWS
int32_t fed_rows = 0;
uint64_t spent_ticks = 0;  // on them
void forget_rows() { fed_rows = 0; }
#else
void forget_rows() {}
#endif

void test_seeded() {
  seed_of_rows = word(0);
  generator = pattern::begin(seed_of_rows);
  forget_rows();
  const inference::Result result = inference::run({read_pattern, read_pattern_row});
  answer_result('t', result.status, result.ticks);
}

#ifdef MODEL_FED_ROWS
constexpr int32_t kAllRows = MODEL_FED_ROWS * MODEL_FED_PASSES;

void take_row(uint32_t bytes) {
  if (bytes != 4 + MODEL_FED_ROW_BYTES) {
    refuse(kBadLength);
    return;
  }
  const int32_t number = static_cast<int32_t>(word(0));
  if (number == 0) {
    fed_rows = 0;
    spent_ticks = 0;
    if (model_init() != 0) {
      refuse(kModelFailed);
      return;
    }
  }
  if (number != fed_rows || number >= kAllRows) {
    refuse(kBadOrder);
    return;
  }
  const uint64_t begin = board::ticks();
  const int32_t wanted = model_feed_rows(payload + 4, 1);
  spent_ticks += board::ticks() - begin;
  ++fed_rows;
  put(0, &wanted, sizeof(wanted));
  send('r', sizeof(wanted));
}

void run_input() {
  if (fed_rows != kAllRows) {
    refuse(kBadOrder);
    return;
  }
  answer_result('g', 0, spent_ticks);
}
#else
void take_bytes(uint32_t bytes) {
  const uint32_t index = word(0), first = word(1);
  if (bytes < 8) {
    refuse(kBadLength);
  } else if (index >= MODEL_INPUT_COUNT || first > kInputBytes[index] ||
             bytes - 8 > kInputBytes[index] - first) {
    refuse(kBadIndex);
  } else {
    memcpy(static_cast<uint8_t*>(model_input(static_cast<int32_t>(index))) + first, payload + 8, bytes - 8);
    send('w', 0);
  }
}

void run_input() {
  const uint64_t begin = board::ticks();
  const int32_t status = model_invoke();
  answer_result('g', status, board::ticks() - begin);
}
#endif

constexpr uint64_t kOwnedSeconds = 60;  // without a request
bool is_owned = false;
uint64_t last_request = 0;  // ticks, while it is owned

void begin_sequence() {
  forget_rows();
  is_owned = kStateBytes != 0;
  if (model_init() != 0) {
    refuse(kModelFailed);
    return;
  }
  send('z', 0);
}

void send_output(uint32_t bytes) {
  const uint32_t index = word(0), first = word(1), count = word(2);
  if (bytes != 12) {
    refuse(kBadLength);
  } else if (index >= MODEL_OUTPUT_COUNT || first > kOutputBytes[index] ||
             count > kOutputBytes[index] - first || count > kMostPayload) {
    refuse(kBadIndex);
  } else {
    put(0, static_cast<const uint8_t*>(model_output(static_cast<int32_t>(index))) + first, count);
    send('o', count);
  }
}

}  // namespace

bool serve(uint32_t timeout_ms) {
  const int32_t received = receive_request(timeout_ms);
  if (received < 0) {
    return false;
  }
  const uint32_t bytes = static_cast<uint32_t>(received);
  switch (head[0]) {
    case 'I':
      identify();
      break;
    case 'T':
      test_seeded();
      break;
#ifdef MODEL_FED_ROWS
    case 'R':
      take_row(bytes);
      break;
#else
    case 'W':
      take_bytes(bytes);
      break;
#endif
    case 'G':
      run_input();
      break;
    case 'O':
      send_output(bytes);
      break;
    case 'Z':
      begin_sequence();
      break;
    default:
      refuse(kUnknownRequest);
  }
  last_request = board::ticks();
  return true;
}

bool owns_state() {
  if (is_owned && board::ticks() - last_request > kOwnedSeconds * board::ticks_per_second()) {
    is_owned = false;
    model_init();
  }
  return is_owned;
}

}  // namespace host_link
