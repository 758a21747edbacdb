package apiserver

import (
	"net/netip"
	"testing"
)

// TestRestart stops a server and starts another on its data. Each case does something before, and returns what must hold after.
func TestRestart(t *testing.T) {
	t.Parallel()
	options := Options{DataDir: t.TempDir(), PodSubnet: netip.MustParsePrefix("10.244.0.0/16")}
	server, stop := startServer(t, options)
	after := map[string]func(*testing.T, *Server){}
	for name, before := range map[string]func(*testing.T, *Server) func(*testing.T, *Server){
		"objects are kept":               keepsObjects,
		"tokens are good":                keepsTokens,
		"default roles are whole":        completesRoles,
		"Services have their addresses":  keepsServiceAddresses,
		"nodes have their Pods' subnets": keepsPodCIDRs,
	} {
		t.Run("before/"+name, func(t *testing.T) { after[name] = before(t, server) })
	}
	if t.Failed() {
		return
	}
	stop()
	server, _ = startServer(t, options)
	for name, holds := range after {
		t.Run("after/"+name, func(t *testing.T) { holds(t, server) })
	}
}
