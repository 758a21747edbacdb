package main

import (
	"strings"
	"testing"
)

func TestParseJoinToken(t *testing.T) {
	const bootstrap, secret = "abc123.0123456789abcdef", "0123456789abcdef"
	hash := strings.Repeat("0f", 32)
	for name, c := range map[string]struct{ text, err string }{
		"as printed":           {bootstrap + "." + hash, ""},
		"with its line's end":  {" " + bootstrap + "." + hash + "\n", ""},
		"hash in upper case":   {bootstrap + "." + strings.ToUpper(hash), ""},
		"empty":                {" ", "the token is empty"},
		"kubeadm's":            {bootstrap, "lacks its third part"},
		"secret too short":     {"abc123.0123456789abcde." + hash, "is not as `coracle token create` prints it"},
		"secret in upper case": {"abc123.0123456789ABCDEF." + hash, "is not as `coracle token create` prints it"},
		"no dots":              {hash, "is not as `coracle token create` prints it"},
		"hash cut short":       {bootstrap + "." + hash[:60], "60 characters that should be 64 hex digits"},
		"hash of other digits": {bootstrap + "." + strings.Repeat("0g", 32), "64 characters that should be 64 hex digits"},
		"four parts":           {bootstrap + "." + hash + "." + hash, "is not as"},
	} {
		t.Run(name, func(t *testing.T) {
			gotToken, gotHash, err := parseJoinToken(c.text)
			switch {
			case c.err == "" && (err != nil || gotToken != bootstrap || gotHash != hash):
				t.Errorf("%q, %q, %v", gotToken, gotHash, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q", err, c.err)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}
