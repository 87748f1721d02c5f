// Ethernet of core 3.x, over a W5500 at SPI. For compiling only.

#pragma once

#include "Arduino.h"

typedef enum { SPI1_HOST = 0, SPI2_HOST = 1, SPI3_HOST = 2 } spi_host_device_t;
typedef enum { ETH_PHY_W5500, ETH_PHY_MAX } eth_phy_type_t;

class ETHClass {
 public:
  bool begin(eth_phy_type_t type, int32_t phyAddress, int cs, int irq, int rst, spi_host_device_t host, int sck = -1,
             int miso = -1, int mosi = -1, uint8_t mhz = 20);
  bool connected() const;
  bool hasIP() const;
};
extern ETHClass ETH;
