package main

import (
	"net"
	"testing"
)

func TestAPortThatIsTakenIsPassedOver(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	first := taken.Addr().(*net.TCPAddr).Port
	port, err := freePort(first)
	if err != nil {
		t.Fatal(err)
	}
	if port <= first || port >= first+100 {
		t.Errorf("%d is taken: got %d", first, port)
	}
}

func TestTheNextVersionIsAnother(t *testing.T) {
	for manifest, want := range map[string][2]string{
		"  image: web:v1\n": {"v1", "v2"},
		"  image: web:v3\n": {"v3", "v1"},
		"nothing of ours":   {"v3", "v1"},
	} {
		if now, next := versions(manifest); now != want[0] || next != want[1] {
			t.Errorf("%q: %s, then %s; want %s, then %s", manifest, now, next, want[0], want[1])
		}
	}
}
