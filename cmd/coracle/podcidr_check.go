package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"strings"
)

// checkPodCIDR says whether a Pods' network is in the way of what this machine is connected to.
func checkPodCIDR(text string) error {
	cidr, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("network of the Pods %q: %w", text, err)
	}
	var taken []machineNetwork
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil // not to be known here
	}
	for _, one := range interfaces {
		addresses, _ := one.Addrs()
		for _, address := range addresses {
			if prefix, err := netip.ParsePrefix(address.String()); err == nil {
				taken = append(taken, machineNetwork{prefix.Masked(), one.Name})
			}
		}
	}
	if routes, err := os.Open("/proc/net/route"); err == nil {
		taken = append(taken, readRoutes(routes)...)
		_ = routes.Close()
	}
	if other := inTheWay(cidr, taken); other.device != "" {
		return fmt.Errorf("network of the Pods %s overlaps with %s, which this machine reaches by %s: choose another --pod-cidr for the server", cidr, other.prefix, other.device)
	}
	return nil
}

// machineNetwork is one that a machine reaches without a gateway, by its device.
type machineNetwork struct {
	prefix netip.Prefix
	device string
}

// ownDevices begin the names of the bridges that coracle has engines make.
const ownDevices = "co-"

// inTheWay is a network that overlaps, but for those that coracle made; the zero value is none. Those of other coracles on the engine
// the engine itself keeps apart.
func inTheWay(cidr netip.Prefix, taken []machineNetwork) machineNetwork {
	for _, other := range taken {
		if other.prefix.Overlaps(cidr) && !strings.HasPrefix(other.device, ownDevices) {
			return other
		}
	}
	return machineNetwork{}
}

// readRoutes reads /proc/net/route, without default routes and those by a gateway: of the latter, the way to other nodes' Pods is one.
func readRoutes(file io.Reader) []machineNetwork {
	var routes []machineNetwork
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// Iface Destination Gateway Flags RefCnt Use Metric Mask …, numbers in hex and of this machine's byte order
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		destination, ok := readAddress(fields[1])
		gateway, okGateway := readAddress(fields[2])
		mask, okMask := readAddress(fields[7])
		if !ok || !okGateway || !okMask || mask == [4]byte{} || gateway != [4]byte{} {
			continue
		}
		length := bits.OnesCount32(binary.BigEndian.Uint32(mask[:]))
		routes = append(routes, machineNetwork{netip.PrefixFrom(netip.AddrFrom4(destination), length), fields[0]})
	}
	return routes
}

func readAddress(text string) (address [4]byte, ok bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 4 {
		return address, false
	}
	binary.NativeEndian.PutUint32(address[:], binary.BigEndian.Uint32(raw))
	return address, true
}
