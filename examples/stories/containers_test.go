package stories

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"coracle.dev/coracle/runtime"
)

// containers is the program that prints the containers of the node $NODE, sorted, a line each: its name in the Pod (POD
// is the sandbox), the Pod, the state, seven digits of the commit or "-", twelve of the id.
func containers() {
	lines, err := containerLines(context.Background(), os.Getenv("NODE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "containers:", err)
		os.Exit(1)
	}
	for _, line := range lines {
		fmt.Print(line)
	}
}

func containerLines(ctx context.Context, node string) ([]string, error) {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	defer docker.Close()
	all, err := list(ctx, docker, node)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, c := range all {
		lines = append(lines, fmt.Sprintf("%s %s %s %.7s %.12s\n", c.Labels["io.kubernetes.container.name"], c.Labels["io.kubernetes.pod.name"],
			c.State, cmp.Or(strings.TrimPrefix(c.Labels[runtime.LabelCommit], "sha256:"), "-"), c.ID))
	}
	slices.Sort(lines)
	return lines, nil
}

// list is all containers that coracle made for the node.
func list(ctx context.Context, docker *client.Client, node string) ([]container.Summary, error) {
	mine := filters.NewArgs(filters.Arg("label", runtime.LabelManaged+"="+node))
	all, err := docker.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		return nil, fmt.Errorf("list containers of %s: %w", node, err)
	}
	return all, nil
}
