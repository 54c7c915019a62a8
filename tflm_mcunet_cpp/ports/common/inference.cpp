#include "inference.h"

#include "board.h"
#include "checksum.h"
#include "model.h"

namespace inference {
namespace {

constexpr uint32_t kOutputBytes[] = MODEL_OUTPUT_BYTES;

#ifdef MODEL_FED_ROWS
// The caller's line buffer: the program keeps what it needs of a row before it returns.
alignas(16) uint8_t row[MODEL_FED_ROW_BYTES];
#else
constexpr uint32_t kInputBytes[] = MODEL_INPUT_BYTES;
#endif

}  // namespace

#ifdef MODEL_FED_ROWS
Result run(const Source& source) {
  Result result = {model_init(), 0};  // forgets rows that were fed before
  for (int32_t pass = 0; pass < MODEL_FED_PASSES; ++pass) {
    for (int32_t y = 0; y < MODEL_FED_ROWS; ++y) {
      source.read_row(y, row, sizeof(row));
      const uint64_t begin = board::ticks();
      result.status = model_feed_rows(row, 1);
      result.ticks += board::ticks() - begin;
    }
  }
  return result;
}
#else
Result run(const Source& source) {
  for (int32_t i = 0; i < MODEL_INPUT_COUNT; ++i) {
    source.read(i, model_input(i), kInputBytes[i]);
  }
  const uint64_t begin = board::ticks();
  const int32_t status = model_invoke();
  return {status, board::ticks() - begin};
}
#endif

uint32_t outputs_checksum() {
  uint32_t crc = 0;
  for (int32_t i = 0; i < MODEL_OUTPUT_COUNT; ++i) {
    crc = crc32(crc, model_output(i), kOutputBytes[i]);
  }
  return crc;
}

}  // namespace inference
