#!/bin/sh
# Writes build/@NAME@.bin to the board's flash, with the first of these tools that is installed.
set -e
cd "$(dirname "$0")"
image=build/@NAME@
[ -f "$image.bin" ] || { echo "error: build it first: cmake -B build && cmake --build build" >&2; exit 1; }
if command -v st-flash >/dev/null; then
  exec st-flash --reset write "$image.bin" @FLASH_ORIGIN@
elif command -v openocd >/dev/null; then
  exec openocd -f interface/stlink.cfg -f target/@OPENOCD@.cfg -c "program $image.elf verify reset exit"
elif command -v pyocd >/dev/null; then
  exec pyocd flash "$image.elf"
fi
echo "error: no flash tool is installed" >&2
echo "hint: apt-get install stlink-tools, or openocd, or pip install pyocd" >&2
exit 1
