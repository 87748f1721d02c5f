// The other side of a connection in tests: a real `openssl s_server` with certificates made on the spot, a socket that
// says what the test wants, and a relay that breaks the connection between two others. All of it ends with its scope.

#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/trust/pin.h"

namespace doctest {
template <>
struct StringMaker<otter::Error> {
  static String convert(otter::Error error) { return otter::nameOf(error); }
};
}  // namespace doctest

namespace peers {

inline otter::Pin pinOf(const std::string& text) {
  otter::Pin pin = {};
  REQUIRE(otter::parsePin(text.c_str(), pin));
  return pin;
}

inline std::string readFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

/** Asks again and again for up to 10 seconds. */
inline bool isSoon(const std::function<bool()>& question) {
  for (int i = 0; i < 1000; ++i) {
    if (question()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/** A folder that is gone at the end of the program. */
inline const std::filesystem::path& folder() {
  struct Folder {
    std::filesystem::path path;
    Folder() {
      std::string name = (std::filesystem::temp_directory_path() / "otter-tls-XXXXXX").string();
      REQUIRE(mkdtemp(name.data()) != nullptr);
      path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
  };
  static const Folder made;
  return made.path;
}

/** Runs a command in the folder and gives what it prints. */
inline std::string run(const std::string& command) {
  const std::string whole = "cd '" + folder().string() + "' && { " + command + "; } 2>errors.txt";
  FILE* output = popen(whole.c_str(), "r");
  REQUIRE(output != nullptr);
  std::string text;
  char piece[256];
  for (size_t count = 0; (count = fread(piece, 1, sizeof piece, output)) > 0;) text.append(piece, count);
  const int result = pclose(output);
  REQUIRE_MESSAGE(result == 0, command, ": ", readFile(folder() / "errors.txt"));
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

/** A self-signed certificate `name.pem` with its key `name.key`; the same name is the same certificate. */
struct Certificate {
  std::string name;

  explicit Certificate(const std::string& name_, const std::string& newKey = "ec -pkeyopt ec_paramgen_curve:prime256v1")
      : name(name_) {
    if (std::filesystem::exists(folder() / (name + ".pem"))) return;
    run("openssl req -x509 -newkey " + newKey + " -nodes -days 2 -subj /CN=otter-" + name + " -keyout " + name +
        ".key -out " + name + ".pem");
  }

  std::string spkiPin() const {
    return "spki:" + run("openssl x509 -in " + name +
                         ".pem -pubkey -noout | openssl pkey -pubin -outform der | "
                         "openssl dgst -sha256 -r | cut -c1-64");
  }
  std::string certificatePin() const {
    return "cert:" + run("openssl x509 -in " + name + ".pem -outform der | openssl dgst -sha256 -r | cut -c1-64");
  }
};

/** `openssl s_server`, killed at the end of its scope or with this program. */
class TlsServer {
 public:
  /** Listens at a free port of 127.0.0.1, or at the one given. */
  TlsServer(const Certificate& certificate, const std::vector<std::string>& options,
            const std::string& address = "127.0.0.1:0") {
    static int number = 0;
    output_ = folder() / ("server-" + std::to_string(++number) + ".txt");
    std::vector<std::string> words = {"openssl", "s_server",
                                      "-accept", address,
                                      "-cert",   certificate.name + ".pem",
                                      "-key",    certificate.name + ".key"};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string home = folder().string();
    int input[2];
    REQUIRE(pipe2(input, O_CLOEXEC) == 0);
    input_ = input[1];  // never written to; at its end the server would stop
    const pid_t parent = getpid();
    process_ = fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int output = open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (getppid() != parent || chdir(home.c_str()) != 0) _exit(126);
      dup2(input[0], 0);
      dup2(output, 1);
      dup2(output, 2);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(input[0]);
    REQUIRE_MESSAGE(isSoon([this] { return isListening(); }), output());
    // With port 0 it says which one it got.
    const std::string said = output();
    const size_t line = said.find("ACCEPT");
    const std::string where = said[line + 6] == ' ' ? said.substr(line, said.find('\n', line) - line) : address;
    port = static_cast<uint16_t>(std::stoi(where.substr(where.rfind(':') + 1)));
  }
  ~TlsServer() { stop(); }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  void stop() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    close(input_);
    process_ = 0;
  }

  /** All that it printed: what clients sent, and with `-msg` each message of the handshake. */
  std::string output() const { return readFile(output_); }

  uint16_t port = 0;

 private:
  bool isListening() const {
    const std::string said = output();
    const size_t line = said.find("ACCEPT");
    return line != std::string::npos && said.find('\n', line) != std::string::npos;
  }

  pid_t process_ = 0;
  int input_ = -1;
  std::filesystem::path output_;
};

/** A listening socket of 127.0.0.1 that nobody accepts from. */
class Listener {
 public:
  explicit Listener(int backlog = 8) {
    socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(socket, backlog) == 0);
    REQUIRE(getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~Listener() { ::close(socket); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  bool hasGuest() const {
    pollfd guest = {socket, POLLIN, 0};
    return poll(&guest, 1, 0) == 1;
  }

  int socket = -1;
  uint16_t port = 0;
};

/** Accepts one connection after the other and does with each what the test says, in a thread of its own. */
class PlainServer {
 public:
  explicit PlainServer(std::function<void(int socket, const std::atomic<bool>& isOver)> behave)
      : port(listener_.port), thread_([this, behave] {
          for (;;) {
            while (!isOver_ && !listener_.hasGuest()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            if (isOver_) return;
            const int guest = accept4(listener_.socket, nullptr, nullptr, SOCK_CLOEXEC);
            behave(guest, isOver_);
            ::close(guest);
          }
        }) {}
  ~PlainServer() {
    isOver_ = true;
    thread_.join();
  }

 private:
  Listener listener_;
  std::atomic<bool> isOver_{false};

 public:
  const uint16_t port;

 private:
  std::thread thread_;
};

inline int connectTo(uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket);
    return -1;
  }
  return socket;
}

/** Passes bytes between a client and a server until the test says otherwise. */
class Relay {
 public:
  explicit Relay(uint16_t serverPort)
      : server_([this, serverPort](int client, const std::atomic<bool>& isOver) {
          if (isLed_) return other_(client);
          pass(client, connectTo(serverPort), isOver);
        }),
        port(server_.port) {}

  /** The next client meets this one in the place of the server. */
  void leadTo(std::function<void(int socket)> other) {
    other_ = std::move(other);
    isLed_ = true;
  }
  /** Takes nothing more from either side; both stay connected. */
  void freeze() { isFrozen_ = true; }
  /** Passes so many bytes more to the client, then freezes. */
  void freezeAfter(size_t bytes) { bytesLeftToClient_ = bytes; }
  /** Ends the connection to the client as a crashed host does (RST). */
  void reset() { isReset_ = true; }
  /** Turns one bit of the next bytes to the client. */
  void corrupt() { isCorrupting_ = true; }

 private:
  void pass(int client, int server, const std::atomic<bool>& isOver) {
    char bytes[4096];
    while (!isOver && !isReset_) {
      pollfd ends[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (isFrozen_ || poll(ends, 2, 1) == 0) {
        if (isFrozen_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      const bool isFromClient = ends[0].revents != 0;
      ssize_t count = recv(isFromClient ? client : server, bytes, sizeof bytes, 0);
      if (count <= 0) break;
      if (!isFromClient && static_cast<size_t>(count) > bytesLeftToClient_) {
        count = static_cast<ssize_t>(bytesLeftToClient_);
        freeze();
      }
      if (!isFromClient && isCorrupting_) bytes[count - 1] = static_cast<char>(bytes[count - 1] ^ 1);
      if (send(isFromClient ? server : client, bytes, static_cast<size_t>(count), MSG_NOSIGNAL) != count) break;
    }
    if (isReset_) {
      const linger now = {1, 0};
      setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    ::close(server);
  }

  std::function<void(int socket)> other_;
  std::atomic<bool> isLed_{false};
  std::atomic<bool> isFrozen_{false};
  std::atomic<bool> isReset_{false};
  std::atomic<bool> isCorrupting_{false};
  std::atomic<size_t> bytesLeftToClient_{SIZE_MAX};
  PlainServer server_;

 public:
  const uint16_t port;
};

}  // namespace peers
