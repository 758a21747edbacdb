package machine

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	away := errors.New("no answer")
	for name, c := range map[string]struct {
		facts Facts
		want  Steps
		err   string
	}{
		"all is there": {facts: Facts{}},
		"fresh Debian, no systemd": {
			facts: Facts{Debian: true, Root: true, Engine: away, Missing: []string{"git"}},
			want:  Steps{Install: []string{"git", "docker.io", "apparmor"}, Start: "dockerd"},
		},
		"stopped, with systemd": {
			facts: Facts{Debian: true, Root: true, Systemd: true, Dockerd: true, Engine: away},
			want:  Steps{Start: "systemctl"},
		},
		"engine answers, a program is missing": {
			facts: Facts{Debian: true, Root: true, Missing: []string{"git"}},
			want:  Steps{Install: []string{"git"}},
		},
		"a user without the right": {
			facts: Facts{Debian: true, Engine: away, Refused: true},
			err:   "this user may not use the Docker Engine: run `sudo usermod -aG docker $USER` and log in again",
		},
		"an engine elsewhere": {
			facts: Facts{Debian: true, Root: true, Engine: away, Elsewhere: "tcp://engine:2376"},
			err:   "no Docker Engine answers at DOCKER_HOST=tcp://engine:2376: start it, or unset DOCKER_HOST",
		},
		"a user, nothing installed": {
			facts: Facts{Debian: true, Engine: away, Missing: []string{"git"}},
			err:   "no Docker Engine answers; missing: git, docker.io, apparmor: run this once as root, which installs and starts it",
		},
		"a user, engine stopped": {
			facts: Facts{Debian: true, Dockerd: true, Engine: away},
			err:   "no Docker Engine answers: run this once as root, which installs and starts it",
		},
		"another system": {
			facts: Facts{Root: true, Engine: away},
			err:   "no Docker Engine answers; missing: docker.io, apparmor, and this is not Debian or Ubuntu: install and start what is missing, then run this again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := plan(c.facts)
			if said := errorText(err); said != c.err {
				t.Errorf("error:\n got %q\nwant %q", said, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
