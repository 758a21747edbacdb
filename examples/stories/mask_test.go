package stories

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mask puts words in the place of what differs from run to run, in this order, so that what kubectl prints can be compared:
// columns and wording stay. Where a column ends depends on what was masked, so runs of spaces are as one.
type mask struct {
	pattern *regexp.Regexp
	word    string
}

// alphabet is that of generated names and hashes: no vowels, so words of a language are rarely among them.
const alphabet = "[bcdfghjklmnpqrstvwxz2456789]"

var masks = []mask{
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "UID"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "DIGEST"},
	{regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}\b`), "IP"},
	// "5s", "2m30s", and of events that came again "5s (x3 over 2m)". What follows "=" is a setting.
	{regexp.MustCompile(`(^|[ (])\d+[smhd](\d+[smh])?( \(x\d+ over \d+[smhd](\d+[smh])?\))?($|[ )])`), "${1}AGE$5"},
	// The end of a generated name; the hash of a ReplicaSet; the commit in a history of rollouts.
	{regexp.MustCompile(`-` + alphabet + `{5}\b`), "-ID"},
	{regexp.MustCompile(`([-=])` + alphabet + `{6,10}\b`), "${1}HASH"},
	{regexp.MustCompile(`^(\d+ +)[0-9a-f]{7} `), "${1}COMMIT "},
	{regexp.MustCompile(`(?m)(\S) {2,}`), "$1   "},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

// masked is the text with the words in their places. Names are what the story has named, by value.
func masked(text string, names []named) string {
	for _, n := range names {
		text = strings.ReplaceAll(text, n.value, n.name)
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		for _, m := range masks {
			line = m.pattern.ReplaceAllString(line, m.word)
		}
		lines[i] = line
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}

// named is a value that a story has given a name.
type named struct{ name, value string }

// namesVariable holds them: NAME=VALUE, a line each.
const namesVariable = "NAMES"

func names() []named {
	var all []named
	for line := range strings.Lines(os.Getenv(namesVariable)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && value != "" {
			all = append(all, named{name, value})
		}
	}
	// The longest first: one may be a part of another.
	slices.SortStableFunc(all, func(a, b named) int { return len(b.value) - len(a.value) })
	return all
}

func TestMasked(t *testing.T) {
	for text, want := range map[string]string{
		"NAME   READY   STATUS    RESTARTS      AGE\nweb    1/1     Running   1 (5s ago)    2m30s\n": "NAME   READY   STATUS   RESTARTS   AGE\nweb   1/1   Running   1 (AGE ago)   AGE\n",
		"web-5d59d67564-x7k2p   1/1":                        "web-HASH-ID   1/1\n",
		"web-654db8889d-x7k2p   10.244.0.7   <none>":        "web-V1-ID   IP   <none>\n",
		"Scaled up replica set web-654db8889d to 3":         "Scaled up replica set web-V1 to 3\n",
		"app=web,pod-template-hash=5d59d67564":              "app=web,pod-template-hash=HASH\n",
		"StartTime:   Sun, 22 Nov 2026 06:00:52 +0000":      "StartTime:   TIME\n",
		"Warning  Failed  3s (x4 over 10s)  kubelet":        "Warning   Failed   AGE   kubelet\n",
		"delay=0s timeout=1s period=10s #success=1":         "delay=0s timeout=1s period=10s #success=1\n",
		"  Progressing    True    ReplicaSetUpdated":        "  Progressing   True   ReplicaSetUpdated\n",
		"deployment.apps/web-canary created":                "deployment.apps/web-canary created\n",
		"Containers:  docker://" + strings.Repeat("0f", 32): "Containers:   docker://DIGEST\n",
	} {
		if got := masked(text, []named{{"V1", "654db8889d"}}); got != want {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
}
