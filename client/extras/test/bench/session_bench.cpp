// What a kept session saves a board: visits to a server in pairs, one with a whole handshake, one that goes on. Bytes and round
// trips of the handshake are counted at the socket; CPU is that of this thread in `open`. Prints one line of JSON.
//
//   otter-session-bench PORT PIN PAIRS

#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "net/tls_connection.h"
#include "unit/support/test_system.h"

namespace {

struct Traffic {
  size_t sentBytes = 0;
  size_t receivedBytes = 0;
  /** How often the board waits for the server after it said something. */
  size_t roundTrips = 0;
  bool hasSpoken = false;
};
Traffic traffic;

class System final : public otter_test::TestSystem {
 public:
  void* sleepMemory() override { return memory.data(); }
  alignas(4) std::array<uint8_t, otter::kSleepMemoryBytes> memory{};
};

double cpuUs() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

struct Visits {
  std::vector<double> cpu;
  Traffic one;
};

/** One request, so that the server speaks and the session is kept. */
void visit(System& system, uint16_t port, const otter::Pin& pin, Visits& visits) {
  otter::TlsConnection connection(system);
  connection.addPin(pin);
  traffic = {};
  const double startedUs = cpuUs();
  if (connection.open("127.0.0.1", port) != otter::Error::ok) {
    std::fprintf(stderr, "no connection\n");
    std::exit(1);
  }
  visits.cpu.push_back(cpuUs() - startedUs);
  visits.one = traffic;
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: otter\r\nConnection: close\r\n\r\n";
  connection.write(request.data(), request.size());
  uint8_t answer[1024];
  size_t received = 1;
  while (received > 0 && connection.read(answer, sizeof answer, received) == otter::Error::ok) {
  }
}

void print(const char* name, Visits& visits, const char* after) {
  std::sort(visits.cpu.begin(), visits.cpu.end());
  std::printf("\"%s\":{\"cpu_us\":%.0f,\"sent_bytes\":%zu,\"received_bytes\":%zu,\"round_trips\":%zu}%s", name,
              visits.cpu[visits.cpu.size() / 2], visits.one.sentBytes, visits.one.receivedBytes, visits.one.roundTrips,
              after);
}

}  // namespace

int main(int count, char** words) {
  otter::Pin pin{};
  if (count != 4 || !otter::parsePin(words[2], pin)) {
    std::fprintf(stderr, "otter-session-bench PORT PIN PAIRS\n");
    return 2;
  }
  const auto port = static_cast<uint16_t>(std::atoi(words[1]));
  System system;
  Visits whole;
  Visits resumed;
  for (int pair = 0; pair < std::atoi(words[3]); ++pair) {
    system.memory.fill(0);
    visit(system, port, pin, whole);
    visit(system, port, pin, resumed);
  }
  std::printf("{");
  print("whole", whole, ",");
  print("resumed", resumed, ",");
  size_t keptBytes = system.memory.size();
  while (keptBytes > 0 && system.memory[keptBytes - 1] == 0) --keptBytes;
  std::printf("\"kept_bytes\":%zu}\n", keptBytes);
  return 0;
}

extern "C" {

ssize_t __real_recv(int socket, void* bytes, size_t count, int flags);
ssize_t __real_send(int socket, const void* bytes, size_t count, int flags);

/** The linker puts these in the places of `recv` and `send` (`--wrap`). */
ssize_t __wrap_recv(int socket, void* bytes, size_t count, int flags);
ssize_t __wrap_recv(int socket, void* bytes, size_t count, int flags) {
  const ssize_t received = __real_recv(socket, bytes, count, flags);
  if (received > 0) {
    traffic.receivedBytes += static_cast<size_t>(received);
    if (traffic.hasSpoken) ++traffic.roundTrips;
    traffic.hasSpoken = false;
  }
  return received;
}

ssize_t __wrap_send(int socket, const void* bytes, size_t count, int flags);
ssize_t __wrap_send(int socket, const void* bytes, size_t count, int flags) {
  const ssize_t sent = __real_send(socket, bytes, count, flags);
  if (sent > 0) {
    traffic.sentBytes += static_cast<size_t>(sent);
    traffic.hasSpoken = true;
  }
  return sent;
}

}  // extern "C"
