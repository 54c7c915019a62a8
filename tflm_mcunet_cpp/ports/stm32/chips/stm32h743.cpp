// STM32H743 (RM0433, DS12110): 400 MHz, which every silicon revision reaches; USART3 on PD8 and PD9, the
// virtual COM port of the Nucleo board.
#include "../chip.h"
#include "../registers.h"

namespace chip {
namespace {

constexpr uint32_t kRcc = 0x58024400;  // RM0433 section 8.7
constexpr uint32_t kRccCr = kRcc + 0x00, kRccCfgr = kRcc + 0x10, kRccD1Cfgr = kRcc + 0x18;
constexpr uint32_t kRccD2Cfgr = kRcc + 0x1C, kRccD3Cfgr = kRcc + 0x20, kRccPllSelect = kRcc + 0x28;
constexpr uint32_t kRccPllCfgr = kRcc + 0x2C, kRccPll1Divr = kRcc + 0x30;
constexpr uint32_t kRccAhb4Enr = kRcc + 0xE0, kRccApb1LEnr = kRcc + 0xE8;
constexpr uint32_t kPwrCr3 = 0x5802480C, kPwrCsr1 = 0x58024804, kPwrD3Cr = 0x58024818;  // section 6.8
constexpr uint32_t kFlashAcr = 0x52002000;                                              // section 4.9.1
constexpr uint32_t kGpioD = 0x58020C00;
constexpr uint32_t kHsiHz = 64000000;

void connect_pin(uint32_t gpio, uint32_t pin, uint32_t function) {
  change_bits(gpio, 3u << (2 * pin), 2u << (2 * pin));
  change_bits(gpio + 0x20 + pin / 8 * 4, 0xFu << (pin % 8 * 4), function << (pin % 8 * 4));
}

}  // namespace

const uint32_t kSerialDivider = 4;  // APB1
const uint32_t kSerialBase = 0x40004800;
const bool kIsNewSerial = true;

uint32_t begin_clock() {
  // The supply is configured once after power-on, before anything else: the LDO (section 6.4.1).
  change_bits(kPwrCr3, 7, 2);
  wait_for(kPwrCsr1, 1u << 13);  // ACTVOSRDY
  reg(kPwrD3Cr) = 3u << 14;      // VOS: scale 1
  if (!wait_for(kPwrD3Cr, 1u << 13)) {
    return kHsiHz;
  }
  change_bits(kFlashAcr, 0x3F, 0x22);  // 2 wait states, programming delay 2: up to 210 MHz at scale 1
  // HSI / 4 = 16 MHz, * 50 = 800 MHz, / 2 = 400 MHz.
  change_bits(kRccPllSelect, 0x3F3, 4u << 4);
  change_bits(kRccPllCfgr, 0xF, 3u << 2);  // PLL1RGE: 8 to 16 MHz; wide VCO; no fraction
  set_bits(kRccPllCfgr, 1u << 16);         // DIVP1EN
  reg(kRccPll1Divr) = 49 | 1u << 9 | 1u << 16 | 1u << 24;
  set_bits(kRccCr, 1u << 24);  // PLL1ON
  if (!wait_for(kRccCr, 1u << 25)) {
    return kHsiHz;
  }
  reg(kRccD1Cfgr) = 8 | 4u << 4;        // AHB and APB3 at half
  reg(kRccD2Cfgr) = 4u << 4 | 4u << 8;  // APB1 and APB2 at half of AHB
  reg(kRccD3Cfgr) = 4u << 4;            // APB4 at half of AHB
  change_bits(kRccCfgr, 7, 3);          // the PLL
  for (uint32_t turns = 0; (reg(kRccCfgr) >> 3 & 7) != 3; ++turns) {
    if (turns == 100000) {
      return kHsiHz;
    }
  }
  return 400000000;
}

void begin_serial_pins() {
  set_bits(kRccAhb4Enr, 1u << 3);    // GPIOD
  set_bits(kRccApb1LEnr, 1u << 18);  // USART3
  connect_pin(kGpioD, 8, 7);
  connect_pin(kGpioD, 9, 7);
}

}  // namespace chip
