#include "advice.h"

namespace otter {

const char* adviceOn(Error error) {
  switch (error) {
    case Error::ok:
      return "";
    case Error::no_network:
      return "Look at the name and the password of the Wi-Fi, and whether the board is in its reach.";
    case Error::dns:
      return "Is the name in the address right, and does the network of the board know it?";
    case Error::connect:
      return "Is Otter running, and are the address and the port in the sketch right?";
    case Error::tls:
      return "Is this the HTTPS port of Otter? What stands between must pass TLS through.";
    case Error::pin_mismatch:
      return "Put the pin into the sketch that npx otter cert show prints on the server. Is it the same already, then "
             "another server answers at this address.";
    case Error::timeout:
    case Error::stalled:
    case Error::connection_lost:
      return "The board comes again. When it stays so, look at the Wi-Fi signal and at the server's load.";
    case Error::http_status:
      return "Is this an Otter server? Its log has the request.";
    case Error::http_protocol:
    case Error::json:
      return "Is this an Otter server, and does nothing between change its answers?";
    case Error::too_large:
    case Error::range_ignored:
    case Error::range_invalid:
    case Error::length:
      return "Does anything between board and server change its answers, such as a proxy?";
    case Error::auth:
      return "Put the token into the sketch that is in data/tokens/fleet.token on the server.";
    case Error::redirect_refused:
      return "Put the address into the sketch that it redirects to, or take the redirect away.";
    case Error::manifest_syntax:
    case Error::version_invalid:
      return "Server and library do not understand each other: update the older one.";
    case Error::downgrade:
      return "Give the build a higher version. To go back on purpose, halt its rollout and revert it.";
    case Error::label:
      return "Change the labels of the board, or labelRule in the sketch.";
    case Error::chip:
      return "Build it for the chip of this board and its revision, and upload that image too.";
    case Error::size:
      return "Make the build smaller, or flash the board by cable with a partition scheme of larger slots.";
    case Error::known_bad:
      return "Repair the build and give it a higher version. npx otter device clear-known-bad lets the board try this "
             "one once more.";
    case Error::product:
      return "OTTER_FIRMWARE of that build names another product than the one of this board.";
    case Error::security_version:
      return "Build it with a security version that this board takes.";
    case Error::no_ota_slot:
      return "Choose a partition scheme with two OTA slots, and flash the board by cable.";
    case Error::busy:
      return "Wait until the other update is over, such as that of ArduinoOTA.";
    case Error::flash_erase:
    case Error::flash_write:
    case Error::flash_read:
    case Error::flash_hash:
      return "Look at the supply of the board. When it stays so, its flash is at its end.";
    case Error::hash:
      return "The board comes again. When it stays so, something between changes bytes.";
    case Error::image:
      return "Upload the .bin of the sketch, without merged in its name.";
    case Error::activate:
    case Error::boot_rejected:
      return "Was it built for this chip, its revision and its flash size?";
    case Error::low_memory:
      return "Leave more heap free: TLS takes 50 KB. Bluetooth beside it often does not fit.";
    case Error::nvs:
      return "NVS is full or damaged: erase it by cable, or take keys out of it.";
    case Error::deferred:
      return "The sketch wants it so: canUpdate gave a reason.";
    case Error::low_power:
      return "Charge the battery.";
    case Error::settings:
      return "Change what is named here in the sketch.";
    case Error::self_test:
      return "Look at what healthCheck of that build asks for.";
    case Error::trial_timeout:
      return "Can that build reach the Wi-Fi and the server? Look at what it prints.";
    case Error::crash:
      return "Run that build at a cable, and look at what it prints before it crashes.";
    case Error::watchdog:
      return "That build waits too long somewhere: in setup(), or in an interrupt.";
    case Error::power:
    case Error::brownout:
      return "Look at the supply of the board. It tries that build again.";
    case Error::rollback_impossible:
      return "Flash the board by cable once: its bootloader is older than core 2.0.4.";
    case Error::signature:
      return "Sign the release with the key whose public half is in the sketch.";
    case Error::expired:
      return "Is the clock of the server right?";
    case Error::configuration:
      return "Server and library do not understand each other: update the older one.";
    case Error::sequence:
      return "Sign a new one: npx otter cert rotate start.";
  }
  return "";
}

}  // namespace otter
