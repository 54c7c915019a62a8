// board.h for ESP-IDF: a UART of the driver, and the high-resolution timer.
#include "board.h"

#include "driver/uart.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "sdkconfig.h"

namespace board {
namespace {

constexpr uart_port_t kPort = static_cast<uart_port_t>(CONFIG_TFLM_MCUNET_UART);
constexpr int kReceiveBytes = 2048;

}  // namespace

// The pins stay those of the console where the port is the console's.
void begin() {
  uart_config_t config = {};
  config.baud_rate = CONFIG_TFLM_MCUNET_BAUD;
  config.data_bits = UART_DATA_8_BITS;
  config.parity = UART_PARITY_DISABLE;
  config.stop_bits = UART_STOP_BITS_1;
  config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
  config.source_clk = UART_SCLK_DEFAULT;
  ESP_ERROR_CHECK(uart_param_config(kPort, &config));
  if (!uart_is_driver_installed(kPort)) {
    ESP_ERROR_CHECK(uart_driver_install(kPort, kReceiveBytes, 0, 0, nullptr, 0));
  }
}

// Waits in the scheduler, so that the idle task runs, too.
int32_t read_byte(uint32_t timeout_ms) {
  uint8_t byte = 0;
  return uart_read_bytes(kPort, &byte, 1, pdMS_TO_TICKS(timeout_ms)) == 1 ? byte : -1;
}

void write_bytes(const void* bytes, uint32_t count) { uart_write_bytes(kPort, bytes, count); }

uint64_t ticks() { return static_cast<uint64_t>(esp_timer_get_time()); }

uint32_t ticks_per_second() { return 1000000; }

}  // namespace board
