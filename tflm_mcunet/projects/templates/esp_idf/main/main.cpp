// Where ESP-IDF hands over: the loop of the component, in the main task.
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "loop.h"

extern "C" void app_main() {
  while (!device_loop::begin()) {
    vTaskDelay(pdMS_TO_TICKS(1000));
  }
  for (;;) {
    device_loop::turn();
    vTaskDelay(1);  // the idle task must run
  }
}
