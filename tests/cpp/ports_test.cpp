// What every board's program shares, on a board that is a queue of bytes: text, checksum, and a host's
// requests.
#include <string.h>

#include <string>

#include "board.h"
#include "check.h"
#include "checksum.h"
#include "host_link.h"
#include "loop.h"
#include "model.h"
#include "pattern.h"
#include "text.h"

namespace {

std::string to_board;  // what the host has sent and the board not yet read
std::string to_host;   // what the board has written
uint64_t clock_ticks = 0;

uint8_t inputs[2][8];
uint8_t output[8];
int model_status = 0;

std::string taken() {
  std::string all;
  all.swap(to_host);
  return all;
}

std::string word(uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), sizeof(value)); }

uint32_t word_at(const std::string& bytes, size_t index) {
  uint32_t value = 0;
  if (bytes.size() >= 4 * index + sizeof(value)) {
    memcpy(&value, bytes.data() + 4 * index, sizeof(value));
  }
  return value;
}

// A message as host_link.h describes it.
std::string message(char letter, const std::string& payload) {
  const uint16_t length = static_cast<uint16_t>(payload.size());
  std::string body(1, letter);
  body.append(reinterpret_cast<const char*>(&length), sizeof(length));
  body += payload;
  return std::string("\x16\x6D") + body + word(crc32(0, body.data(), static_cast<uint32_t>(body.size())));
}

// The payload of the one message that answers a request, or what is no such message.
std::string asked(char letter, const std::string& payload, char answered) {
  to_board = message(letter, payload);
  if (!host_link::serve(20)) {
    return "no request was seen";
  }
  const std::string answer = taken();
  const std::string payload_of_answer = answer.size() < 9 ? "" : answer.substr(5, answer.size() - 9);
  return answer == message(answered, payload_of_answer) ? payload_of_answer : "not the message expected";
}

void test_checksum(check::Report& report) {
  report.is_equal("the CRC-32 of the nine digits", 0xCBF43926u, crc32(0, "123456789", 9));
  report.is_equal("in two parts", 0xCBF43926u, crc32(crc32(0, "1234", 4), "56789", 5));
}

void test_text(check::Report& report) {
  text::print("at ");
  for (const int32_t value : {0, -7, INT32_MAX, INT32_MIN}) {
    text::print_number(value);
    text::print(" ");
  }
  text::print_hexadecimal(0x00C0FFEEu);
  report.is_true("numbers", taken() == "at 0 -7 2147483647 -2147483648 00c0ffee");
}

void test_pattern(check::Report& report) {
  uint8_t values[4];
  pattern::Generator generator = pattern::begin(1);
  pattern::fill(&generator, 0, values, sizeof(values));
  // Marsaglia's generator from 1: 270369, 67634689, 2647435461, 307599695; a byte is the uppermost of each.
  const uint8_t expected[] = {0x00, 0x04, 0x9D, 0x12};
  report.is_true("the first bytes of seed 1", memcmp(values, expected, sizeof(values)) == 0);
  report.is_equal("a seed of 0 is 1", 1, pattern::begin(0).state);
}

void test_identity(check::Report& report) {
  const std::string answer = asked('I', "", 'i');
  const uint32_t expected[] = {
      host_link::kProtocol, 0x12345678u, 2, 1, MODEL_ARENA_BYTES, MODEL_MACS, 0, 0, 1, 1000, 520, 0};
  for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); ++i) {
    report.is_equal("a word of the identity", expected[i], word_at(answer, i));
  }
  report.is_true("and the name", answer.size() > sizeof(host_link::Identity) &&
                                     answer.substr(sizeof(host_link::Identity)) == "adder");
}

void test_inference(check::Report& report) {
  const std::string first("\x01\x02\x03\x04\x05\x06\x07\x08", 8),
      second("\x10\x20\x30\x40\x50\x60\x70\x7F", 8);
  report.is_true("a first input is taken", asked('W', word(0) + word(0) + first, 'w').empty());
  report.is_true("half of a second", asked('W', word(1) + word(0) + second.substr(0, 4), 'w').empty());
  report.is_true("and its rest", asked('W', word(1) + word(4) + second.substr(4), 'w').empty());
  const std::string result = asked('G', "", 'g');
  const std::string sums("\x11\x22\x33\x44\x55\x66\x77\x87", 8);
  report.is_equal("the outputs' checksum", crc32(0, sums.data(), 8), word_at(result, 0));
  report.is_equal("the ticks of the inference", 5, word_at(result, 1));
  report.is_true("the outputs", asked('O', word(0) + word(0) + word(8), 'o') == sums);
  report.is_true("a part of them", asked('O', word(0) + word(6) + word(2), 'o') == sums.substr(6));
}

void test_seeded_inference(check::Report& report) {
  const std::string once = asked('T', word(42), 't'), again = asked('T', word(42), 't');
  pattern::Generator generator = pattern::begin(42);
  uint8_t expected[2][8];
  pattern::fill(&generator, 0, expected[0], 8);
  pattern::fill(&generator, 1, expected[1], 8);
  for (size_t i = 0; i < 8; ++i) {
    expected[0][i] = static_cast<uint8_t>(expected[0][i] + expected[1][i]);
  }
  report.is_equal("the host computes the same", crc32(0, expected[0], 8), word_at(once, 0));
  report.is_true("every time", once == again);
  report.is_true("another seed is another input", word_at(asked('T', word(43), 't'), 0) != word_at(once, 0));
}

void test_refusals(check::Report& report) {
  const struct {
    char letter;
    std::string payload;
    host_link::Trouble trouble;
  } requests[] = {{'?', "", host_link::kUnknownRequest},
                  {'W', word(0), host_link::kBadLength},
                  {'W', word(2) + word(0) + "x", host_link::kBadIndex},
                  {'W', word(0) + word(8) + "x", host_link::kBadIndex},
                  {'W', word(0) + word(0xFFFFFFFFu) + "x", host_link::kBadIndex},
                  {'O', word(0), host_link::kBadLength},
                  {'O', word(1) + word(0) + word(1), host_link::kBadIndex},
                  {'O', word(0) + word(4) + word(5), host_link::kBadIndex},
                  {'O', word(0) + word(4) + word(0xFFFFFFFFu), host_link::kBadIndex}};
  for (const auto& request : requests) {
    const std::string answer = asked(request.letter, request.payload, 'e');
    report.is_equal("a refusal", request.trouble, word_at(answer, 0));
  }
  model_status = 1;
  report.is_equal("a model that fails", host_link::kModelFailed, word_at(asked('G', "", 'e'), 0));
  model_status = 0;
}

void test_noise(check::Report& report) {
  std::string garbled = message('I', "");
  garbled[garbled.size() - 1] ^= 1;
  for (const std::string& noise : {garbled, std::string("hello"), std::string("\x16"),
                                   message('I', "").substr(0, 6), message('I', std::string(600, 'x'))}) {
    to_board = noise;
    while (!to_board.empty()) {
      report.is_true("noise is no request", !host_link::serve(20));
    }
    report.is_true("and has no answer", taken().empty());
  }
  report.is_true("a request after it is answered", asked('I', "", 'i').size() > sizeof(host_link::Identity));
}

void test_loop(check::Report& report) {
  report.is_true("the program starts", device_loop::begin());
  report.is_true("and says who it is", taken() == "\r\nadder on a desk\r\n");
  device_loop::turn();
  const std::string said = taken();
  report.is_true("the sample's outputs are printed", said.find("output 0: ") == 0);
  report.is_true("with the time and the checksum",
                 said.find("time 5000 us, outputs' CRC-32 ") != std::string::npos);
  to_board = message('I', "");
  device_loop::turn();
  report.is_true("there is one sample, and the host is answered", taken().substr(0, 3) == "\x16\x6Di");
}

}  // namespace

namespace board {

void begin() {}

int32_t read_byte(uint32_t) {
  if (to_board.empty()) {
    return -1;
  }
  const uint8_t byte = static_cast<uint8_t>(to_board[0]);
  to_board.erase(0, 1);
  return byte;
}

void write_bytes(const void* bytes, uint32_t count) {
  to_host.append(static_cast<const char*>(bytes), count);
}

uint64_t ticks() { return clock_ticks; }

uint32_t ticks_per_second() { return 1000; }

}  // namespace board

int model_init() { return 0; }

int model_invoke() {
  clock_ticks += 5;
  for (size_t i = 0; i < 8; ++i) {
    output[i] = static_cast<uint8_t>(inputs[0][i] + inputs[1][i]);
  }
  return model_status;
}

void* model_input(int index) { return inputs[index]; }

void* model_output(int) { return output; }

int main() {
  check::Report report;
  test_checksum(report);
  test_text(report);
  test_pattern(report);
  test_identity(report);
  test_inference(report);
  test_seeded_inference(report);
  test_refusals(report);
  test_noise(report);
  test_loop(report);
  return report.status();
}
