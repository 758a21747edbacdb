package apiserver

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCertificatesAreKeptWhileTheyAreGood(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	issue := func(at time.Time, names ...string) (server, client keyPair) {
		t.Helper()
		p, err := openPKI(dir, at)
		if err != nil {
			t.Fatal(err)
		}
		if server, err = p.server(names, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
			t.Fatal(err)
		}
		if client, err = p.client("admin", "admin", "system:masters"); err != nil {
			t.Fatal(err)
		}
		return server, client
	}
	server, client := issue(now, "localhost")
	sameServer, sameClient := issue(now.Add(time.Hour), "localhost")
	if !bytes.Equal(server.certificate, sameServer.certificate) || !bytes.Equal(client.certificate, sameClient.certificate) {
		t.Error("good certificates were made anew")
	}
	renamed, _ := issue(now, "localhost", "shop.example.org")
	if bytes.Equal(server.certificate, renamed.certificate) {
		t.Error("the serving certificate lacks a new name")
	}
	_, renewed := issue(now.Add(certLifetime-renewBefore+time.Hour), "localhost")
	if bytes.Equal(client.certificate, renewed.certificate) {
		t.Error("a certificate in its last year was kept")
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key: mode %v, error %v; want 0600", info.Mode(), err)
	}
}
