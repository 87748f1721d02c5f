// Copy this file to secrets.h beside it, and fill it in there: that one is yours, and git ignores it.

#pragma once

const char* const kWifiName = "your Wi-Fi";
const char* const kWifiPassword = "its password";
const char* const kServer = "https://192.168.1.10:8443";
const char* const kPin = "spki:...,spki:...";  // npx otter board: that of the server, and that of its backup key
const char* const kToken = "otf_...";  // data/tokens/fleet.token
