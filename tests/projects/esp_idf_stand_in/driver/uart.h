// What our ESP-IDF component uses of the UART driver, with the names and types of its documentation.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef int esp_err_t;
typedef enum { UART_NUM_0 = 0, UART_NUM_1 = 1, UART_NUM_MAX } uart_port_t;
typedef enum { UART_DATA_8_BITS = 3 } uart_word_length_t;
typedef enum { UART_PARITY_DISABLE = 0 } uart_parity_t;
typedef enum { UART_STOP_BITS_1 = 1 } uart_stop_bits_t;
typedef enum { UART_HW_FLOWCTRL_DISABLE = 0 } uart_hw_flowcontrol_t;
typedef int uart_sclk_t;
#define UART_SCLK_DEFAULT 4

typedef struct {
  int baud_rate;
  uart_word_length_t data_bits;
  uart_parity_t parity;
  uart_stop_bits_t stop_bits;
  uart_hw_flowcontrol_t flow_ctrl;
  uint8_t rx_flow_ctrl_thresh;
  uart_sclk_t source_clk;
} uart_config_t;
typedef void* QueueHandle_t;
typedef uint32_t TickType_t;

extern "C" {
esp_err_t uart_param_config(uart_port_t port, const uart_config_t* config);
bool uart_is_driver_installed(uart_port_t port);
esp_err_t uart_driver_install(uart_port_t port, int rx, int tx, int queue_size, QueueHandle_t* queue,
                              int flags);
int uart_read_bytes(uart_port_t port, void* buffer, uint32_t length, TickType_t wait);
int uart_write_bytes(uart_port_t port, const void* source, size_t size);
void esp_error_check_failed(esp_err_t code);
}
#define ESP_ERROR_CHECK(x)                         \
  do {                                             \
    const esp_err_t code_ = (x);                   \
    if (code_ != 0) esp_error_check_failed(code_); \
  } while (0)
