#!/usr/bin/env bash
# The core as real 32-bit RISC-V, under QEMU: `run.sh BUILD_FOLDER`. Debian packages: gcc-riscv64-unknown-elf,
# picolibc-riscv64-unknown-elf, qemu-system-misc. There is no C++ standard library for this target, which is the point: what
# compiles here needs none.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source=$here/../../../src
vectors=$here/../../../../protocol/vectors
build=${1:?usage: run.sh BUILD_FOLDER}
mkdir -p "$build"

picolibc=/usr/lib/picolibc/riscv64-unknown-elf
lib=$picolibc/lib/release/rv32imac/ilp32
arch=(-march=rv32imac -mabi=ilp32)
compiler=riscv64-unknown-elf-g++

# What needs mbedTLS is not for this machine; the engine is run with it on the computer itself.
mapfile -t core < <(find "$source/core" -name "*.cpp" | sort | grep -v -e engine -e server_link -e download -e release_signature -e configured_pins)

"$compiler" "${arch[@]}" -std=gnu++17 -Os -Wall -Wextra -fno-exceptions -fno-rtti -fno-threadsafe-statics -ffreestanding \
  -nostdlib -isystem "$picolibc/include" -I"$source" -DVECTORS="\"$vectors\"" "${core[@]}" "$here/core_test.cpp" \
  -T "$picolibc/lib/release/picolibc.ld" -Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x200000 \
  -Wl,--defsym=__ram=0x80200000,--defsym=__ram_size=0x200000,--defsym=__stack_size=0x4000 \
  "$lib/crt0-semihost.o" -Wl,--start-group "$lib/libc.a" "$lib/libsemihost.a" \
  "$($compiler "${arch[@]}" -print-libgcc-file-name)" -Wl,--end-group -o "$build/core-test.elf"

timeout 120 qemu-system-riscv32 -M virt -bios none -nographic -semihosting-config enable=on,target=native \
  -kernel "$build/core-test.elf"
