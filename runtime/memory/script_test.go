package memory

import (
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "anything", true},
		{"web:v1", "web:v1", true},
		{"web:v1", "web:v12", false},
		{"web:*", "web:v1", true},
		{"web:*", "my-web:v1", false},
		{"*web*", "registry/a/my-web:v1", true},
		{"*:v1", "web:v1", true},
		{"*:v1", "web:v1-rc", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c", false},
		{"ab*ba", "aba", false}, // the ends do not overlap
		{"*", "", true},
	} {
		if got := match(test.pattern, test.text); got != test.want {
			t.Errorf("match(%q, %q) is %t, want %t", test.pattern, test.text, got, test.want)
		}
	}
}

func TestTakeUsesUpRulesInOrder(t *testing.T) {
	rules := counting([]Script{{Image: "a", Times: 2, ExitCode: 1}, {Image: "a", ExitCode: 2}, {ExitCode: 3}}, func(s Script) int { return s.Times })
	var got []int
	for _, image := range []string{"a", "b", "a", "a", "a"} {
		got = append(got, take(rules, func(s Script) bool { return s.matches(image, "") }).ExitCode)
	}
	want := []int{1, 3, 1, 2, 2}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if take(rules[:2], func(s Script) bool { return s.matches("b", "") }) != nil {
		t.Error("something matched that should not")
	}
}

func TestReady(t *testing.T) {
	s := Script{ReadyAfter: 2 * time.Second, UnreadyAfter: 5 * time.Second}
	for age, want := range map[time.Duration]bool{0: false, time.Second: false, 2 * time.Second: true, 4 * time.Second: true, 5 * time.Second: false} {
		if got := s.ready(age); got != want {
			t.Errorf("at %s: %t, want %t", age, got, want)
		}
	}
	if !(&Script{}).ready(0) {
		t.Error("the zero script is not ready at once")
	}
}
