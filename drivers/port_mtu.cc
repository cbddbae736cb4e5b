// SPDX-License-Identifier: Apache-2.0
// See port_mtu.h. Main thread.
#include "drivers/port_mtu.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mediaward::drivers {
namespace {

constexpr std::uint32_t kEthernetBytes = 14 + 4;  // header and CRC, which ethdev takes for a driver that names a frame length only

Error refusal(const PortConfig& port, std::uint32_t most, const std::string& who, const std::string& more) {
  return {ErrorCode::kUnsupported, "port \"" + port.name + "\": mtu " + std::to_string(port.mtu) + ": " + who + " carries at most " +
                                       std::to_string(most) + " bytes of IP packet; nearest valid: mtu = " + std::to_string(most) + more};
}

}  // namespace

Result<void> check_mtu(const PortConfig& port, const MtuLimits& limits) {
  const std::string kind(to_string(port.kind));
  std::uint32_t most = port.mtu;
  std::optional<Error> found;
  const auto compare = [&](const std::optional<std::uint32_t>& limit, const std::string& who, const std::string& more) {
    if (!limit || *limit >= most) return;
    most = *limit;
    found = refusal(port, most, who, more);
  };
  compare(limits.buffers, "a packet buffer of kind \"" + kind + "\"", "");
  compare(limits.driver, "its device (kind \"" + kind + "\")", "");
  compare(limits.interface, "interface " + port.interface,
          ", or raise the interface's: ip link set dev " + port.interface + " mtu " + std::to_string(port.mtu));
  if (found) return tl::unexpected<Error>(*found);
  if (port.is_guard() && limits.interface && *limits.interface > port.mtu)  // its longer frames would arrive cut, or not at all
    return fail(ErrorCode::kUnsupported, "port \"" + port.name + "\": mtu " + std::to_string(port.mtu) +
                                             ": a guard port must take every frame that interface " + port.interface +
                                             " takes; nearest valid: mtu = " + std::to_string(*limits.interface) +
                                             ", or lower the interface's: ip link set dev " + port.interface + " mtu " + std::to_string(port.mtu));
  return {};
}

std::uint32_t driver_mtu(std::uint16_t max_mtu, std::uint32_t max_rx_pktlen) noexcept {
  if (max_mtu != 0xffff && max_rx_pktlen > max_mtu) return max_mtu;
  const std::uint32_t of_frame = max_rx_pktlen > kEthernetBytes ? max_rx_pktlen - kEthernetBytes : 0;
  return of_frame < max_mtu ? of_frame : max_mtu;
}

Result<std::uint32_t> interface_mtu(const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool known = fd >= 0 && ioctl(fd, SIOCGIFMTU, &request) == 0;
  const int code = errno;
  if (fd >= 0) close(fd);
  if (!known) return fail(ErrorCode::kUnavailable, "the MTU of interface " + interface + " cannot be read: " + std::strerror(code));
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

}  // namespace mediaward::drivers
