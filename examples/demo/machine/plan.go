package machine

import (
	"errors"
	"fmt"
	"strings"
)

// Facts are what matters of a machine.
type Facts struct {
	// Debian says that the machine has apt-get: Debian, Ubuntu and what derives from them.
	Debian bool
	Root   bool
	// Systemd says that systemd runs, and so starts services.
	Systemd bool
	// Dockerd says that the engine is installed.
	Dockerd bool
	// Missing are the Debian packages of programs that are wanted and not there, in order.
	Missing []string
	// Engine is nil if the Docker Engine answers.
	Engine error
	// Refused says that an engine is there and this user may not speak to it.
	Refused bool
	// Elsewhere says that the user has named an engine, by $DOCKER_HOST: it is theirs to start.
	Elsewhere string
}

// Steps are what to do, in the order of the fields.
type Steps struct {
	Install []string // Debian packages
	// Start is how to start the engine: "systemctl", "dockerd", or "" where it runs already.
	Start string
}

// engine is the Docker Engine, and what it needs to confine containers where the kernel has AppArmor.
var engine = []string{"docker.io", "apparmor"}

// plan says what makes a machine ready, or in one line why that is for its owner to do.
func plan(f Facts) (Steps, error) {
	var steps Steps
	steps.Install = append(steps.Install, f.Missing...)
	switch {
	case f.Engine == nil:
	case f.Elsewhere != "":
		return Steps{}, fmt.Errorf("no Docker Engine answers at DOCKER_HOST=%s: start it, or unset DOCKER_HOST", f.Elsewhere)
	case f.Refused:
		return Steps{}, errors.New("this user may not use the Docker Engine: run `sudo usermod -aG docker $USER` and log in again")
	default:
		if !f.Dockerd {
			steps.Install = append(steps.Install, engine...)
		}
		steps.Start = "dockerd"
		if f.Systemd {
			steps.Start = "systemctl"
		}
	}
	switch {
	case len(steps.Install) == 0 && steps.Start == "":
		return steps, nil
	case !f.Debian:
		return Steps{}, fmt.Errorf("%s, and this is not Debian or Ubuntu: install and start what is missing, then run this again", missing(steps))
	case !f.Root:
		return Steps{}, fmt.Errorf("%s: run this once as root, which installs and starts it", missing(steps))
	}
	return steps, nil
}

func missing(steps Steps) string {
	var parts []string
	if steps.Start != "" {
		parts = append(parts, "no Docker Engine answers")
	}
	if len(steps.Install) > 0 {
		parts = append(parts, "missing: "+strings.Join(steps.Install, ", "))
	}
	return strings.Join(parts, "; ")
}
