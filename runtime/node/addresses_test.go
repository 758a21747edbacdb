package node

import (
	"fmt"
	"testing"
)

func TestAddressesTakeTurns(t *testing.T) {
	a := newAddresses()
	if ip, err := a.take(Key{}); err == nil {
		t.Errorf("an address before there is a network: %s", ip)
	}
	if err := a.use("10.1.0.0/29"); err != nil { // .2 to .6 are for Pods
		t.Fatal(err)
	}
	key := func(i int) Key { return Key{UID: fmt.Sprint(i)} }
	take := func(i int) string {
		ip, err := a.take(key(i))
		if err != nil {
			t.Fatal(err)
		}
		return ip
	}
	a.hold("10.1.0.3", key(9))
	a.hold("192.0.2.7", key(8)) // another network's
	for i, want := range []string{"10.1.0.2", "10.1.0.4", "10.1.0.5"} {
		if got := take(i); got != want {
			t.Errorf("Pod %d has %s, want %s", i, got, want)
		}
	}
	if got := take(0); got != "10.1.0.2" {
		t.Errorf("asked again, Pod 0 has %s", got)
	}
	a.release(key(0))
	if got := take(4); got != "10.1.0.6" {
		t.Errorf("%s: a freed address did not rest", got)
	}
	if got := take(5); got != "10.1.0.2" {
		t.Errorf("%s: in turn, the freed one is next", got)
	}
	if ip, err := a.take(key(6)); err == nil {
		t.Errorf("all are taken, but: %s", ip)
	}
}

func TestAddressesRefuseBadNetworks(t *testing.T) {
	for _, cidr := range []string{"", "10.1.0.0", "10.1.0.0/30", "fd00::/64"} {
		if err := newAddresses().use(cidr); err == nil {
			t.Errorf("%q: no error", cidr)
		}
	}
}
