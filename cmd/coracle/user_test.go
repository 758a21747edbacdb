package main

import (
	"strings"
	"testing"
	"time"
)

func TestUserOptions(t *testing.T) {
	for name, c := range map[string]struct {
		user    string
		options userOptions
		want    string
	}{
		"view":              {"ada", userOptions{role: "view"}, ""},
		"in a namespace":    {"ada@example.org", userOptions{role: "admin", namespace: "shop"}, ""},
		"by a group":        {"ada", userOptions{groups: []string{"ops"}}, ""},
		"no rights":         {"ada", userOptions{}, "give --role, or --group"},
		"namespace only":    {"ada", userOptions{namespace: "shop"}, "give --role too"},
		"unknown role":      {"ada", userOptions{role: "root"}, "it is one of view, edit, admin, cluster-admin"},
		"Kubernetes' name":  {"system:node:x", userOptions{role: "view"}, "Kubernetes' own"},
		"Kubernetes' group": {"ada", userOptions{groups: []string{"system:masters"}}, "--role cluster-admin"},
		"a path":            {"a/b", userOptions{role: "view"}, "has no /"},
		"too short":         {"ada", userOptions{role: "view", ttl: time.Minute}, "between 10 minutes and a year"},
		"too long":          {"ada", userOptions{role: "view", ttl: 2 * 365 * 24 * time.Hour}, "between 10 minutes and a year"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.options.ttl == 0 {
				c.options.ttl = defaultUserTTL
			}
			err := c.options.validate(c.user)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestPrintTokensAndUsers(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	var tokens, users strings.Builder
	if err := printTokens(&tokens, []listedToken{{ID: "abc123", Expires: &later, Description: "rack\n3"}, {ID: "def456", Expires: &now, Expired: true}, {ID: "ghi789"}}, now); err != nil {
		t.Fatal(err)
	}
	if err := printUsers(&users, []boundUser{{Name: "ada", Role: "view", Since: now.Add(-time.Minute)}, {Name: "eve", Role: "admin", Namespace: "shop", Since: now}}, now); err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		tokens.String(): "ID       EXPIRES   DESCRIPTION\nabc123   in 60m    rack 3\ndef456   expired   \nghi789   never     \n",
		users.String():  "NAME   ROLE    NAMESPACE   AGE\nada    view    (all)       60s\neve    admin   shop        0s\n",
	} {
		if got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	}
}
