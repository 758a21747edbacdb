package gitsource

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLocation(t *testing.T) {
	for raw, want := range map[string]struct {
		location
		text string
	}{
		"https://git.example.org/a/shop.git":         {location{scheme: "https", host: "git.example.org", path: "/a/shop.git"}, "https://git.example.org/a/shop.git"},
		"HTTPS://ada:" + secret + "@h:8443/shop/":    {location{scheme: "https", user: "ada", password: secret, host: "h", port: "8443", path: "/shop"}, "https://h:8443/shop"},
		"https://" + secret + "@github.com/a/b":      {location{scheme: "https", user: secret, host: "github.com", path: "/a/b"}, "https://github.com/a/b"},
		"http://[::1]:80/my%20shop%2fx":              {location{scheme: "http", host: "::1", port: "80", path: "/my%20shop%2fx"}, "http://[::1]:80/my%20shop%2fx"},
		"ssh://git@h:2222/a/shop.git":                {location{scheme: "ssh", user: "git", host: "h", port: "2222", path: "/a/shop.git"}, "ssh://git@h:2222/a/shop.git"},
		"ssh://ada:" + secret + "@h/~ada/it%20s.git": {location{scheme: "ssh", user: "ada", password: secret, host: "h", path: "~ada/it s.git"}, "ada@h:~ada/it s.git"},
		"git@github.com:a/shop.git":                  {location{scheme: "ssh", user: "git", host: "github.com", path: "a/shop.git"}, "git@github.com:a/shop.git"},
		"h:/srv/shop.git":                            {location{scheme: "ssh", host: "h", path: "/srv/shop.git"}, "ssh://h/srv/shop.git"},
		"git@[::1]:shop.git":                         {location{scheme: "ssh", user: "git", host: "::1", path: "shop.git"}, "git@[::1]:shop.git"},
		"h:/srv/a#b c.git":                           {location{scheme: "ssh", host: "h", path: "/srv/a#b c.git"}, "ssh://h/srv/a%23b%20c.git"},
		"file:///srv/my%20shop.git":                  {location{scheme: "file", path: "/srv/my shop.git"}, "/srv/my shop.git"},
		"file://localhost/srv/../shop":               {location{scheme: "file", path: "/shop"}, "/shop"},
		"/srv/a:b.git/":                              {location{scheme: "file", path: "/srv/a:b.git"}, "/srv/a:b.git"},
	} {
		got, err := parseLocation(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if diff := cmp.Diff(want.location, got, cmp.AllowUnexported(location{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
		if got.String() != want.text {
			t.Errorf("%s prints as %s, want %s", raw, got, want.text)
		}
	}
	for _, raw := range []string{
		"", "  ", "https://", "https:///shop.git", "https://host", "https://host/", "ssh://host/", "host:", ":path", "git@:x",
		"ftp://host/x", "git://host/x", "ext::sh -c touch", "file://host/srv/x", "file://", "https://h/x?y=1", "https://h/x#y",
		"ssh://-oProxyCommand=x/y", "-host:path", "host:-path", "https://h/\nx", "https://u:" + secret + "@h:port/x", "http://u:" + secret + "%zz@h/x",
		"https://ada:" + secret + "/x@h:a/shop", "a\xec:/x", "ssh://h/a%0ab", "ssh://a%20b@h/x", "ssh://h%2fx/y", "h#:/x", "https://%68%0a/x",
	} {
		got, err := parseLocation(raw)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%q was taken: %+v, %v", raw, got, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error %q holds the password", raw, err)
		}
	}
}

func FuzzParseLocation(f *testing.F) {
	for _, seed := range []string{"https://u:p@h:1/x", "git@h:x", "[::1]:x", "ssh://h/~u/x", "file:///x", "./x", "a:b@c:d", "http://%/x", "http://h/%2e%2e/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		l, err := parseLocation(raw)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		// What is printed names the same place, without credentials.
		again, err := parseLocation(l.String())
		if err != nil {
			t.Fatalf("%q prints as %q: %v", raw, l, err)
		}
		l.password = ""
		if l.scheme != schemeSSH {
			l.user = ""
		}
		if again.scheme != l.scheme || again.host != l.host || again.String() != l.String() {
			t.Errorf("%q is %+v, which prints as %q, which is %+v", raw, l, l, again)
		}
	})
}
