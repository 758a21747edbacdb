package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/api/types/versions"

	"coracle.dev/coracle/runtime"
)

// oldestAPI is that of Docker Engine 20.10.
const oldestAPI = "1.41"

// Info also refuses an engine that is too old to be used.
func (e *Engine) Info(ctx context.Context) (runtime.Info, error) {
	var found system.Info
	err := e.do(ctx, readDeadline, "ask the Docker Engine at "+e.client.DaemonHost(), func(ctx context.Context) (err error) {
		found, err = e.client.Info(ctx)
		return err
	})
	if err != nil {
		return runtime.Info{}, err
	}
	if api := e.client.ClientVersion(); versions.LessThan(api, oldestAPI) {
		return runtime.Info{}, unusable(fmt.Sprintf("the Docker Engine at %s is version %s (API %s): coracle needs 20.10 (API %s) or newer",
			e.client.DaemonHost(), found.ServerVersion, api, oldestAPI))
	}
	return info(found), nil
}

func info(i system.Info) runtime.Info {
	rootless := false
	for _, option := range i.SecurityOptions {
		rootless = rootless || option == "rootless" || option == "name=rootless"
	}
	return runtime.Info{
		ID:              i.ID,
		Name:            i.Name,
		EngineName:      "docker",
		EngineVersion:   i.ServerVersion,
		OS:              i.OSType,
		Architecture:    architecture(i.Architecture),
		OperatingSystem: i.OperatingSystem,
		KernelVersion:   i.KernelVersion,
		CPUs:            i.NCPU,
		MemoryBytes:     i.MemTotal,
		Rootless:        rootless,
	}
}

// architecture turns what uname calls a machine into what Go does.
func architecture(machine string) string {
	switch {
	case machine == "x86_64":
		return "amd64"
	case machine == "aarch64":
		return "arm64"
	case strings.HasPrefix(machine, "armv"):
		return "arm"
	}
	return machine
}
