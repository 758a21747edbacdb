package apiserver

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

func nodeNamed(name, cidr string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if cidr != "" {
		node.Spec.PodCIDR, node.Spec.PodCIDRs = cidr, []string{cidr}
	}
	return node
}

func TestPodCIDRsAreGivenInTurn(t *testing.T) {
	t.Parallel()
	p := newPodCIDRs(netip.MustParsePrefix("10.244.0.0/22"))
	take := func(name, wish, want string) {
		t.Helper()
		node := nodeNamed(name, wish)
		_, err := p.begin(node, false)
		got := node.Spec.PodCIDR
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s, wishing %q: %s; want %s", name, wish, got, want)
		}
	}
	take("a", "", "10.244.0.0/24")
	take("b", "", "10.244.1.0/24")
	p.release("a")
	take("c", "", "10.244.2.0/24") // a's rests
	take("a", "10.244.0.0/24", "10.244.0.0/24")
	take("d", "10.244.1.0/24", `"10.244.1.0/24": it overlaps 10.244.1.0/24 of node b`)
	take("d", "10.244.1.128/25", "it overlaps 10.244.1.0/24 of node b")
	take("d", "10.9.0.0/24", "it is not inside the Pods' network 10.244.0.0/22 (--pod-cidr)")
	take("d", "10.244.0.0/16", "it is not inside the Pods' network")
	take("d", "", "10.244.3.0/24")
	take("e", "", "no /24 is free in the Pods' network 10.244.0.0/22 (--pod-cidr): 4 nodes have one")
	p.release("b")
	take("e", "", "10.244.1.0/24")
}

// Whatever comes and goes, and whichever writes fail: no two nodes overlap, and what failed holds nothing.
func TestPodCIDRsNeverOverlap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newPodCIDRs(netip.MustParsePrefix("10.244.0.0/21"))
		held := map[string]netip.Prefix{}
		for range rapid.IntRange(1, 40).Draw(t, "writes") {
			name := fmt.Sprint("n", rapid.IntRange(0, 11).Draw(t, "node"))
			if _, exists := held[name]; exists {
				p.release(name)
				delete(held, name)
				continue
			}
			wish := rapid.SampledFrom([]string{"", "", "10.244.3.0/24", "10.244.2.0/23"}).Draw(t, "wish")
			node, success := nodeNamed(name, wish), rapid.Bool().Draw(t, "success")
			finish, err := p.begin(node, false)
			if err != nil {
				continue
			}
			finish(context.Background(), success)
			cidr := netip.MustParsePrefix(node.Spec.PodCIDR)
			for other, taken := range held {
				if taken.Overlaps(cidr) {
					t.Fatalf("%s has %s, and %s %s", name, cidr, other, taken)
				}
			}
			if success {
				held[name] = cidr
			}
		}
		if len(p.taken) != len(held) {
			t.Fatalf("%v are taken, but held are %v", p.taken, held)
		}
	})
}

func keepsPodCIDRs(t *testing.T, server *Server) func(*testing.T, *Server) {
	make := func(t *testing.T, server *Server, name, wish string) (string, error) {
		node, err := server.Client().CoreV1().Nodes().Create(t.Context(), nodeNamed(name, wish), metav1.CreateOptions{})
		if err != nil {
			return "", err
		}
		return node.Spec.PodCIDR, nil
	}
	if got, err := make(t, server, "a", "10.244.7.0/24"); got != "10.244.7.0/24" || err != nil {
		t.Errorf("a: %s, %v", got, err)
	}
	if _, err := make(t, server, "b", "10.244.7.0/24"); err == nil || !strings.Contains(err.Error(), "overlaps 10.244.7.0/24 of node a") {
		t.Errorf("b: %v", err)
	}
	if _, err := make(t, server, "a", ""); err == nil { // exists, and keeps what it has
		t.Error("a was made twice")
	}
	return func(t *testing.T, server *Server) {
		if got, err := make(t, server, "b", ""); got != "10.244.8.0/24" || err != nil {
			t.Errorf("b: %s, %v", got, err)
		}
		if err := server.Client().CoreV1().Nodes().Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, err := make(t, server, "c", "10.244.7.0/24"); got != "10.244.7.0/24" || err != nil {
			t.Errorf("c: %s, %v", got, err)
		}
	}
}
